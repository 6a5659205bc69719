/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unwind.h"

#include "runtime/runtime.h"
#include "runtime/unwind_lib.h"

#include <string.h>

const char *stack_end_text(enum stack_end end)
{
	static const char *const texts[STACK_ENDS] = {
		[STACK_WHOLE] = "whole",
		[STACK_NOWHERE] = "not known where it runs",
		[STACK_MOVING] = "its stack is being moved",
		[STACK_NO_FUNCTION] = "a pc of no Go function",
		[STACK_NO_CALLER] = "a function without a caller",
		[STACK_SWITCH] = "a function that changes stacks",
		[STACK_OUTSIDE] = "a frame outside the stack",
		[STACK_STUCK] = "a frame that is its own caller",
		[STACK_UNREADABLE] = "memory or tables that make no sense",
		[STACK_NO_MAP] = "a frame whose pointers are not known",
	};

	return texts[end];
}

static void finish(struct unwinder *u, enum stack_end end)
{
	u->valid = false;
	if (u->end == STACK_WHOLE)
		u->end = end;
}

/* What damaged memory and tables give ends the stack, and is no error. */
static struct err *tolerate(struct unwinder *u, struct err *e)
{
	if (e && e->code != ERR_FAULT && e->code != ERR_FORMAT)
		return e;
	err_free(e);
	finish(u, STACK_UNREADABLE);
	return NULL;
}

static bool is_outermost(const struct unwinder *u)
{
	return u->func.flag & u->rt->layout.konst.FuncFlagTopFrame.value;
}

/*
 * Whether the function may have left its stack, so that nothing says where its
 * caller is. Not cgocallback, whose frame is valid on both of its stacks. Not
 * the innermost one: a system call's entry was saved before it wrote to SP,
 * and where a thread's own registers say that it is on the goroutine's stack,
 * then it is still there, or there again; so is the caller of that one.
 */
static bool may_switch(const struct unwinder *u)
{
	const struct layout *l = &u->rt->layout;

	if (u->func.id == l->konst.FuncID_cgocallback.value || !u->depth ||
	    (u->depth == 1 && u->g->place == PLACE_REGISTERS))
		return false;
	return u->func.flag & l->konst.FuncFlagSPWrite.value;
}

/* libunwind gives the return address and the end of the frame at once. */
static struct err *step_by_lib(struct unwinder *u)
{
	uint64_t sp;

	TRY(lib_unwinder_step(u->rt->lib, &u->lr, &sp));
	if (u->lr)
		u->fp = sp;
	return NULL;
}

/* Finds the return address: on the stack, or still in the link register. */
static struct err *find_return(struct unwinder *u)
{
	const struct arch *arch = u->rt->arch;

	if (is_outermost(u) || may_switch(u)) {
		u->lr = 0;
		return NULL;
	}
	if (u->by_lib)
		return step_by_lib(u);
	if (!arch->has_link_register)
		return rt_ptr(u->rt, u->fp - arch->ptr_size, &u->lr);
	if ((!u->depth && u->sp < u->fp) || !u->lr)
		return rt_ptr(u->rt, u->sp, &u->lr);
	return NULL;
}

/* A frame whose callee is sigpanic goes on at its deferred calls, or never. */
static uint64_t continuation(const struct unwinder *u)
{
	if (!u->depth ||
	    u->callee_id != u->rt->layout.konst.FuncID_sigpanic.value)
		return u->pc;
	return u->func.deferreturn ? u->func.entry + u->func.deferreturn + 1
				   : 0;
}

/* Whether the frame lies in its stack. */
static bool in_stack(const struct unwinder *u)
{
	return u->sp >= u->g->stack_lo && u->fp >= u->sp &&
	       u->fp <= u->g->stack_hi;
}

/* Stacks are in one piece: a frame whose end is there is there as a whole. */
static struct err *check_readable(const struct unwinder *u)
{
	uint64_t size = u->rt->arch->ptr_size, word;

	return u->fp - u->sp < size ? NULL : rt_ptr(u->rt, u->fp - size, &word);
}

/* Fills in the frame of u->func at u->pc and u->sp.
 * Follows runtime/traceback.go:(*unwinder).resolveInternal. */
static struct err *resolve(struct unwinder *u)
{
	const struct arch *arch = u->rt->arch;
	int32_t delta;

	if (!u->func.pcsp) {
		finish(u, STACK_NO_CALLER); /* external code */
		return NULL;
	}
	TRY(func_pcvalue(u->rt, &u->func, u->func.pcsp, u->pc, &delta));
	u->fp = u->sp + (uint64_t)(int64_t)delta;
	if (!arch->has_link_register)
		u->fp += arch->ptr_size;
	if (delta >= 0 && in_stack(u))
		TRY(find_return(u));
	if (delta < 0 || !in_stack(u)) {
		finish(u, STACK_OUTSIDE);
		return NULL;
	}
	TRY(check_readable(u));
	u->varp = u->fp;
	if (!arch->has_link_register)
		u->varp -= arch->ptr_size;
	if (u->varp > u->sp && arch->frame_pointers)
		u->varp -= arch->ptr_size;
	u->argp = u->fp + arch->min_frame_size;
	u->continpc = continuation(u);
	u->valid = true;
	return NULL;
}

/* Follows runtime/traceback.go:(*unwinder).initAt. */
static struct err *start(struct unwinder *u)
{
	const struct arch *arch = u->rt->arch;

	u->pc = u->g->pc;
	u->sp = u->g->sp;
	u->lr = u->g->lr;
	if (!u->pc) { /* a call of a nil function */
		TRY(rt_ptr(u->rt, u->sp, &u->pc));
		u->lr = 0;
		if (!arch->has_link_register)
			u->sp += arch->ptr_size;
	}
	TRY(func_find(u->rt, u->pc, &u->func));
	if (!u->func.addr) {
		finish(u, STACK_NO_FUNCTION);
		return NULL;
	}
	u->by_lib = u->rt->lib != NULL;
	if (u->by_lib)
		TRY(lib_unwinder_start(u->rt->lib, u->pc, u->sp));
	return resolve(u);
}

struct err *unwind_start(struct unwinder *u, struct runtime *rt,
			 const struct goroutine *g)
{
	*u = (struct unwinder){ .rt = rt, .g = g };
	if (g->place == PLACE_UNKNOWN) {
		finish(u, STACK_NOWHERE);
		return NULL;
	}
	if (g->place == PLACE_MOVING)
		u->end = STACK_MOVING;
	struct err *e = start(u);
	return e ? tolerate(u, e) : NULL;
}

struct err *unwind_is_injected(struct runtime *rt, const struct func *f,
			       bool *out)
{
	static const char sigpanic0[] = "runtime.sigpanic0";
	const struct layout *l = &rt->layout;
	cleanup(buf_deinit) struct buf name = {};

	*out = true;
	if (f->id == l->konst.FuncID_sigpanic.value ||
	    f->id == l->konst.FuncID_asyncPreempt.value ||
	    f->id == l->konst.FuncID_debugCallV2.value)
		return NULL;
	/* It goes on to sigpanic, and has no id of its own. */
	TRY(func_name(rt, f, &name));
	*out = name.len == sizeof(sigpanic0) - 1 &&
	       !memcmp(name.v, sigpanic0, name.len);
	return NULL;
}

/*
 * On machines with a link register, an injected call has saved the interrupted
 * one on the stack; where the function has no frame yet, it is its return
 * address.
 */
static struct err *after_injected(struct unwinder *u)
{
	const struct arch *arch = u->rt->arch;
	uint64_t saved;
	int32_t delta;

	TRY(rt_ptr(u->rt, u->sp, &saved));
	u->sp += round_up(arch->min_frame_size, 16); /* sys.StackAlign */
	TRY(func_pcvalue(u->rt, &u->func, u->func.pcsp, u->pc, &delta));
	if (delta == 0)
		u->lr = saved;
	return NULL;
}

/* Follows runtime/traceback.go:(*unwinder).next. */
static struct err *next(struct unwinder *u)
{
	struct func caller;
	bool injected = false;

	if (!u->lr) {
		finish(u, is_outermost(u) ? STACK_WHOLE
			  : may_switch(u) ? STACK_SWITCH
					  : STACK_NO_CALLER);
		return NULL;
	}
	TRY(func_find(u->rt, u->lr, &caller));
	if (!caller.addr || (u->pc == u->lr && u->sp == u->fp)) {
		finish(u, caller.addr ? STACK_STUCK : STACK_NO_FUNCTION);
		return NULL;
	}
	if (u->rt->arch->has_link_register)
		TRY(unwind_is_injected(u->rt, &u->func, &injected));
	u->depth++;
	u->callee_id = u->func.id;
	u->func = caller;
	u->pc = u->lr;
	u->lr = 0;
	u->sp = u->fp;
	if (injected)
		TRY(after_injected(u));
	return resolve(u);
}

struct err *unwind_next(struct unwinder *u)
{
	struct err *e = next(u);
	return e ? tolerate(u, e) : NULL;
}
