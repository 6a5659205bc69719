/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/copystack.h"

#include "runtime/runtime.h"
#include "runtime/unwind.h"

#include <string.h>

/* Frames of a system stack that are looked at. */
enum { MAX_FRAMES = 100 };

struct search {
	struct runtime *rt;
	uint64_t copystack; /* address of its _func, once it has been met */
	uint64_t count;
};

static struct err *is_copystack(struct search *s, const struct func *f,
				bool *out)
{
	static const char name[] = "runtime.copystack";
	cleanup(buf_deinit) struct buf met = {};

	*out = f->addr == s->copystack;
	if (s->copystack)
		return NULL;
	TRY(func_name(s->rt, f, &met));
	*out = met.len == strlen(name) && !memcmp(met.v, name, met.len);
	if (*out)
		s->copystack = f->addr;
	return NULL;
}

/* Looks through a system stack. */
static struct err *look_at(struct search *s, const struct goroutine *g0)
{
	struct unwinder u;

	TRY(unwind_start(&u, s->rt, g0));
	for (int i = 0; u.valid && i < MAX_FRAMES; i++) {
		bool found;

		TRY(is_copystack(s, &u.func, &found));
		if (found) {
			s->count++;
			return NULL;
		}
		TRY(unwind_next(&u));
	}
	return NULL;
}

/*
 * The collector shrinks the stack of a goroutine that it has suspended: nothing
 * but its thread being in copystack tells.
 */
static struct err *visit(void *arg, const struct os_thread *m)
{
	struct search *s = arg;
	const struct layout *l = &s->rt->layout;
	const struct target *t = s->rt->target;
	uint64_t g0, stack;
	struct goroutine g = { .place = PLACE_REGISTERS };

	TRY(rt_field(s->rt, m->addr, &l->m.g0, &g0));
	if (!g0)
		return NULL;
	stack = g0 + l->g.stack.offset;
	TRY(rt_field(s->rt, stack, &l->stack.lo, &g.stack_lo));
	TRY(rt_field(s->rt, stack, &l->stack.hi, &g.stack_hi));
	for (size_t i = 0; i < t->thread_count; i++) {
		const struct thread *thread = &t->threads[i];

		if (!thread->have_regs || thread->regs.sp < g.stack_lo ||
		    thread->regs.sp >= g.stack_hi)
			continue;
		g.pc = thread->regs.pc;
		g.sp = thread->regs.sp;
		g.lr = thread->regs.lr;
		return look_at(s, &g);
	}
	return NULL;
}

struct err *copystack_count(struct runtime *rt, uint64_t *out)
{
	struct search s = { .rt = rt };
	uint64_t growing;

	TRY(goroutine_count_copystack(rt, &growing));
	if (!growing && rt->spans.marking)
		TRY(os_thread_each(rt, visit, &s));
	*out = growing + s.count;
	return NULL;
}
