/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include "base/log.h"
#include "runtime/lend.h"
#include "target/deadline.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

enum {
	FIRST_WAIT = 1, /* ms between two stops; doubled each time */
	LONGEST_WAIT = 64,
	MAX_REFUSALS = 4, /* stops for one kind of snapshot */
};

static uint64_t now_ms(void)
{
	return monotonic_ns() / 1000000;
}

static void wait_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR && !target_interrupted)
		;
}

/*
 * The target waits for us: as long as it does, we go first, where we may.
 * Returns the priority to come back to.
 */
static int hurry(void)
{
	int before = getpriority(PRIO_PROCESS, 0);

	setpriority(PRIO_PROCESS, 0, -20);
	return before;
}

static void calm_down(int before)
{
	setpriority(PRIO_PROCESS, 0, before);
}

/* Adds the time since *from to *sum, and moves *from on. */
static void lap(uint64_t *from, uint64_t *sum)
{
	uint64_t now = monotonic_ns();

	*sum += now - *from;
	*from = now;
}

/* ---- one stop ------------------------------------------------------------ */

static struct err *load(struct capture *c)
{
	TRY(runtime_load(c->rt));
	TRY(moment_check(c->rt, &c->moment));
	c->clean = moment_clean(&c->moment);
	return NULL;
}

/* Has rt read a snapshot, and the target run on. */
static struct err *take(struct capture *c, uint64_t *clock)
{
	struct target *snapshot;

	TRY(snapshot_take(c->maker, &snapshot));
	c->kind = snapshot_kind(c->maker);
	lap(clock, &c->times.snapshot);
	if (snapshot == c->target)
		return NULL;
	c->snapshot = snapshot;
	runtime_retarget(c->rt, snapshot);
	struct err *e = target_resume(c->target);
	lap(clock, &c->times.resume);
	return e;
}

/*
 * A glance spares what takes long at a moment that is not fit anyhow, unless
 * it is the last one. The rest of the look comes before the snapshot only
 * where that needs it.
 */
static struct err *look_and_take(struct capture *c, bool last)
{
	uint64_t clock = monotonic_ns();

	c->times = (struct capture_times){};
	c->times.stop = clock - timespec_ns(&c->target->stop_began);
	c->clean = false;
	TRY(moment_glance(c->rt, &c->moment));
	if (!last && !moment_clean(&c->moment))
		return NULL;
	if (!snapshot_needs_model(c->maker)) {
		lap(&clock, &c->times.look);
		TRY(take(c, &clock));
		return load(c);
	}
	TRY(load(c));
	lap(&clock, &c->times.look);
	return c->clean || last ? take(c, &clock) : NULL;
}

/* The snapshot goes, and the target runs. */
static struct err *let_go(struct capture *c)
{
	struct target *snapshot = c->snapshot;

	runtime_retarget(c->rt, c->target);
	c->snapshot = NULL;
	struct err *e = target_resume(c->target);
	snapshot_drop(c->maker, snapshot);
	return e;
}

/* ---- until one is fit ---------------------------------------------------- */

static bool is_refusal(const struct err *e)
{
	return e->code == ERR_UNSUPPORTED || e->code == ERR_LIMIT;
}

/*
 * A list that is being changed can look damaged, and no thread be idle for a
 * fork; at another moment it will be otherwise. Takes e; what it returns is
 * final.
 */
static struct err *tolerate(struct capture *c, bool refused, bool last,
			    struct err *e)
{
	bool passes = refused || e->code == ERR_FORMAT || e->code == ERR_FAULT;

	if (last || !passes)
		return e;
	log_verbose("stop %u: %s", c->tries, e->message);
	err_free(e);
	return target_check(c->target);
}

static void tell(const struct capture *c, unsigned int wait)
{
	char text[MOMENT_TEXT];

	moment_describe(&c->moment, text);
	log_verbose("stop %u: %s; again in %u ms", c->tries,
		    *text ? text : "half-done changes", wait);
}

/* One stop, and what comes of it. On an error, and where the moment is not fit
 * (but for the last), nothing is left of it, and the target runs. */
static struct err *try_once(struct capture *c, bool last, bool *refused)
{
	int priority = hurry();
	struct err *e = target_stop(c->target);

	*refused = false;
	if (!e) {
		c->tries++;
		e = look_and_take(c, last);
		*refused = e && !c->snapshot && is_refusal(e);
		if (e || (!c->clean && !last)) {
			runtime_unload(c->rt);
			struct err *resumed = let_go(c);

			if (e)
				err_free(resumed);
			else
				e = resumed;
		}
	}
	calm_down(priority);
	return e;
}

static struct err *try_until_fit(struct capture *c, unsigned int max_wait)
{
	uint64_t deadline = now_ms() + max_wait;
	unsigned int wait = FIRST_WAIT, refusals = 0;

	for (;;) {
		bool last = now_ms() + wait > deadline, refused;
		struct err *e = try_once(c, last, &refused);

		if (!e && (c->clean || last))
			return NULL;
		if (refused && (last || e->code != ERR_LIMIT ||
				++refusals == MAX_REFUSALS)) {
			TRY(snapshot_fall_back(c->maker, e));
			continue; /* at once */
		}
		if (e)
			TRY(tolerate(c, refused, last, e));
		tell(c, wait);
		wait_ms(wait);
		if (target_interrupted)
			return err_new(ERR_INTERRUPTED, "interrupted");
		wait = wait * 2 < LONGEST_WAIT ? wait * 2 : LONGEST_WAIT;
	}
}

/*
 * What comes now is no hurry of the target's, which runs: it keeps its share
 * of the processors. Threads that are started later inherit this.
 */
static void be_nice(const struct capture *c, int increment)
{
	if (c->snapshot && increment && nice(increment) < 0)
		log_verbose("can't change the priority");
}

struct err *capture_stop(struct target *target, struct runtime *rt,
			 const struct capture_options *options,
			 struct capture *out)
{
	const struct snapshot_options how = { options->snapshot,
					      options->max_pause };
	struct capture c = { .target = target, .rt = rt };
	struct snapshot_wants wants;

	runtime_snapshot_wants(rt, &wants);
	TRY(snapshot_prepare(target, &wants, &how, &c.maker));
	struct err *e = try_until_fit(&c, options->max_wait);
	if (e) {
		snapshot_finish(c.maker);
		return e;
	}
	be_nice(&c, options->nice);
	*out = c;
	return NULL;
}

struct err *capture_end(struct capture *c)
{
	if (!c->maker)
		return NULL;
	struct err *e = let_go(c);
	snapshot_finish(c->maker);
	c->maker = NULL;
	return e;
}
