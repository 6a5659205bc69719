/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/running.h"

#include "runtime/runtime.h"

/* The thread that runs the M at addr, or NULL. */
static struct err *thread_of(struct runtime *rt, uint64_t m,
			     const struct thread **out)
{
	const struct target *t = rt->target;
	uint64_t procid;

	*out = NULL;
	if (!m)
		return NULL;
	TRY(rt_field(rt, m, &rt->layout.m.procid, &procid));
	for (size_t i = 0; i < t->thread_count; i++)
		if (t->threads[i].have_regs &&
		    (uint64_t)t->threads[i].ns_tid == procid)
			*out = &t->threads[i];
	return NULL;
}

static bool on_stack(const struct goroutine *g, uint64_t sp)
{
	return sp >= g->stack_lo && sp <= g->stack_hi;
}

/*
 * On its own stack, in Go code: the registers count. On its thread's system
 * stack: what systemstack or mcall saved (runtime/asm_amd64.s). Elsewhere (in
 * C, in the vdso, in a signal handler) it is not known.
 */
struct err *goroutine_place(struct runtime *rt, struct goroutine *g)
{
	const struct thread *thread;
	struct func f;

	if (g->status != rt->layout.konst.Grunning.value || g->in_syscall)
		return NULL;
	g->place = PLACE_UNKNOWN;
	TRY(thread_of(rt, g->m, &thread));
	if (!thread)
		return NULL;
	if (!on_stack(g, thread->regs.sp)) {
		if (g->pc && on_stack(g, g->sp))
			g->place = PLACE_SAVED;
		return NULL;
	}
	TRY(func_find(rt, thread->regs.pc, &f));
	if (!f.addr)
		return NULL;
	g->pc = thread->regs.pc;
	g->sp = thread->regs.sp;
	g->lr = thread->regs.lr;
	g->place = PLACE_REGISTERS;
	return NULL;
}
