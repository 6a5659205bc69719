/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stops PID N: stops a Go program N times, at random moments, and looks at the
 * stacks of all its goroutines each time: whole, but for those of goroutines
 * that are between two stacks, or whose stack is being moved. It prints what
 * it has seen, and ends with status 1 if a stack was not, or if many of those
 * that run were between two stacks, where few instructions are.
 */
#include "stack_check.h"

#include "base/log.h"
#include "runtime/running.h"
#include "target/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LONGEST_RUN = 4000000 /* ns between two stops */ };

struct figures {
	uint64_t stops, goroutines, running, frames, registers;
	uint64_t gaps, stops_with_gaps;
	uint64_t ends[STACK_ENDS];
	uint64_t failures;
};

struct look {
	struct runtime *rt;
	struct stack stack;
	struct figures *figures;
};

static bool is_gap(enum stack_end end)
{
	return end == STACK_NOWHERE || end == STACK_MOVING;
}

static struct err *look_at(void *arg, const struct goroutine *g)
{
	struct look *l = arg;
	struct figures *f = l->figures;
	bool sound;

	TRY(stack_read(l->rt, g, &l->stack, &sound));
	f->goroutines++;
	f->running += g->status == 2;
	f->registers += g->place == PLACE_REGISTERS;
	f->frames += l->stack.frames.len;
	f->ends[l->stack.end]++;
	if (l->stack.end == STACK_NOWHERE)
		printf("stop %" PRIu64 ": goroutine %" PRIu64 ": %s\n",
		       f->stops, g->id, g->why);
	if (is_gap(l->stack.end) || (l->stack.end == STACK_WHOLE && sound))
		return NULL;
	f->failures++;
	printf("stop %" PRIu64 ": ", f->stops);
	stack_print(l->rt, g, &l->stack);
	return NULL;
}

static struct err *stop_once(struct runtime *rt, struct figures *f)
{
	struct look l = { .rt = rt, .figures = f };
	struct running_gaps gaps;

	TRY(target_stop(rt->target));
	f->stops++;
	TRY(runtime_load(rt));
	TRY(running_gaps(rt, &gaps));
	f->gaps += gaps.unknown + gaps.moving;
	f->stops_with_gaps += gaps.unknown || gaps.moving;
	struct err *e = goroutine_each(rt, look_at, &l);
	stack_deinit(&l.stack);
	runtime_unload(rt);
	TRY(e);
	return target_resume(rt->target);
}

/* A list that is being changed looks damaged: such a stop does not count. */
static struct err *stop_at_random(struct runtime *rt, struct figures *f)
{
	struct timespec run = { 0, random() % LONGEST_RUN };

	nanosleep(&run, NULL);
	struct err *e = stop_once(rt, f);
	if (!e || (e->code != ERR_FORMAT && e->code != ERR_FAULT))
		return e;
	printf("stop %" PRIu64 ": %s\n", f->stops, e->message);
	err_free(e);
	return target_resume(rt->target);
}

static struct err *run(pid_t pid, uint64_t n, struct figures *f)
{
	cleanup_target struct target *target = NULL;
	cleanup_runtime struct runtime *rt = NULL;

	TRY(live_open(pid, &target));
	TRY(runtime_open(target, &rt));
	for (uint64_t i = 0; i < n; i++)
		TRY(stop_at_random(rt, f));
	return NULL;
}

static bool too_many_gaps(const struct figures *f)
{
	bool yes = f->ends[STACK_NOWHERE] * 100 > f->running + 100;

	if (yes)
		printf("too many are not known where they run\n");
	return yes;
}

int main(int argc, char **argv)
{
	struct figures f = {};

	if (argc != 3) {
		fprintf(stderr, "Usage: stops PID N\n");
		return 99;
	}
	log_init("stops", LOG_NORMAL);
	srandom((unsigned int)time(NULL));
	struct err *e = run(atoi(argv[1]), strtoull(argv[2], NULL, 10), &f);
	if (e) {
		log_err(e);
		err_free(e);
		return 99;
	}
	printf("%" PRIu64 " stops, %" PRIu64 " goroutines (%" PRIu64
	       " running, %" PRIu64 " by registers), %" PRIu64 " frames; "
	       "gaps: %" PRIu64 " in %" PRIu64 " stops; broken: %" PRIu64 "\n",
	       f.stops, f.goroutines, f.running, f.registers, f.frames, f.gaps,
	       f.stops_with_gaps, f.failures);
	for (int i = 0; i < STACK_ENDS; i++)
		if (f.ends[i])
			printf("  %s: %" PRIu64 "\n",
			       stack_end_text((enum stack_end)i), f.ends[i]);
	return f.failures || too_many_gaps(&f) ? 1 : 0;
}
