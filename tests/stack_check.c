/* SPDX-License-Identifier: Apache-2.0 */
#include "stack_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void stack_deinit(struct stack *s)
{
	vec_deinit(&s->frames);
}

static struct err *keep(void *arg, const struct frame *f)
{
	const struct unwinder *at = f->at;
	struct stack *s = arg;

	return vec_push(&s->frames, (struct stack_frame){
					    .entry = at->func.entry,
					    .pc = at->pc,
					    .sp = at->sp,
					    .fp = at->fp,
				    });
}

static bool equal(const struct stack *a, const struct stack *b)
{
	if (a->end != b->end || a->frames.len != b->frames.len)
		return false;
	return !a->frames.len || !memcmp(a->frames.v, b->frames.v,
					 a->frames.len * sizeof(*a->frames.v));
}

static bool named(struct runtime *rt, uint64_t pc, const char *name)
{
	cleanup(buf_deinit) struct buf text = {};
	struct func f;
	bool same = false;

	struct err *e = func_find(rt, pc, &f);
	if (!e && f.addr)
		e = func_name(rt, &f, &text);
	if (!e)
		same = text.len == strlen(name) &&
		       !memcmp(text.v, name, text.len);
	err_free(e);
	return same;
}

/* Whether the instruction before a return address is a call (amd64). */
static bool behind_call(struct runtime *rt, uint64_t pc)
{
	uint8_t b[8];

	struct err *e = rt_read(rt, pc - sizeof(b), b, sizeof(b));
	if (e) {
		err_free(e);
		return false;
	}
	if (b[3] == 0xe8) /* call rel32 */
		return true;
	/* call of a register or of memory: ff /2, with or without more */
	for (int at = 1; at <= 6; at++)
		if (b[at] == 0xff && (b[at + 1] & 0x38) == 0x10)
			return true;
	return false;
}

static bool injected(struct runtime *rt, uint64_t pc)
{
	struct func f;
	bool yes = false;

	struct err *e = func_find(rt, pc, &f);
	if (!e && f.addr)
		e = unwind_is_injected(rt, &f, &yes);
	err_free(e);
	return yes;
}

/*
 * Frames but the innermost stand behind a call. Nobody has called goexit, which
 * is there as if; nor what a signal has interrupted; nor systemstack_switch,
 * which is there for systemstack, and for C that has called back.
 */
static bool plausible(struct runtime *rt, const struct stack *s, size_t i)
{
	const struct stack_frame *f = &s->frames.v[i];

	return !i || injected(rt, s->frames.v[i - 1].pc) ||
	       behind_call(rt, f->pc) || named(rt, f->pc, "runtime.goexit") ||
	       named(rt, f->pc, "runtime.systemstack_switch");
}

static struct err *read_by_rules(struct runtime *rt, const struct goroutine *g,
				 struct stack *out)
{
	struct lib_unwinder *lib = rt->lib;

	rt->lib = NULL;
	struct err *e = frame_each(rt, g, keep, out, &out->end);
	rt->lib = lib;
	return e;
}

struct err *stack_read(struct runtime *rt, const struct goroutine *g,
		       struct stack *out, bool *sound)
{
	cleanup(stack_deinit) struct stack by_rules = {};

	out->frames.len = 0;
	TRY(frame_each(rt, g, keep, out, &out->end));
	TRY(read_by_rules(rt, g, &by_rules));
	*sound = equal(out, &by_rules);
	if (!*sound) {
		printf("libunwind and the rules differ; by the rules:\n");
		stack_print(rt, g, &by_rules);
	}
	for (size_t i = 0; i < out->frames.len && *sound; i++) {
		*sound = plausible(rt, out, i);
		if (!*sound)
			printf("frame %zu is behind no call\n", i);
	}
	return NULL;
}

void stack_print(struct runtime *rt, const struct goroutine *g,
		 const struct stack *s)
{
	printf("goroutine %" PRIu64 ", status %u, place %d, stack %#" PRIx64
	       "-%#" PRIx64 ": %s\n",
	       g->id, g->status, (int)g->place, g->stack_lo, g->stack_hi,
	       stack_end_text(s->end));
	for (size_t i = 0; i < s->frames.len; i++) {
		const struct stack_frame *f = &s->frames.v[i];
		cleanup(buf_deinit) struct buf name = {};
		struct func func;

		struct err *e = func_find(rt, f->pc, &func);
		if (!e)
			e = func_name(rt, &func, &name);
		printf("  %#" PRIx64 " %.*s+%#" PRIx64 "\n", f->sp,
		       (int)name.len, (const char *)name.v, f->pc - f->entry);
		err_free(e);
	}
}
