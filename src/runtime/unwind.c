/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unwind.h"

#include "runtime/runtime.h"
#include "runtime/unwind_lib.h"

/* Ends the stack; where it ends there is something wrong. */
static void end_broken(struct unwinder *u)
{
	u->valid = false;
	u->broken = true;
}

/* What damaged memory and tables give ends the stack, and is no error. */
static struct err *tolerate(struct unwinder *u, struct err *e)
{
	if (e && e->code != ERR_FAULT && e->code != ERR_FORMAT)
		return e;
	err_free(e);
	end_broken(u);
	return NULL;
}

/*
 * Whether nothing says where the caller is: it is the outermost function, or
 * one that switches stacks.
 */
static bool ends_stack(const struct unwinder *u, bool innermost)
{
	const struct layout *l = &u->rt->layout;

	if (u->func.flag & l->konst.FuncFlagTopFrame.value)
		return true;
	/* cgocallback's frame is valid on both of its stacks; a system call's
	 * entry was saved before the function wrote to SP. */
	if (u->func.id == l->konst.FuncID_cgocallback.value || innermost)
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
static struct err *find_return(struct unwinder *u, bool innermost)
{
	const struct arch *arch = u->rt->arch;

	if (ends_stack(u, innermost)) {
		u->lr = 0;
		return NULL;
	}
	if (u->by_lib)
		return step_by_lib(u);
	if (!arch->has_link_register)
		return rt_ptr(u->rt, u->fp - arch->ptr_size, &u->lr);
	if ((innermost && u->sp < u->fp) || !u->lr)
		return rt_ptr(u->rt, u->sp, &u->lr);
	return NULL;
}

/* A frame whose callee is sigpanic goes on at its deferred calls, or never. */
static uint64_t continuation(const struct unwinder *u)
{
	if (!u->has_callee ||
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
static struct err *resolve(struct unwinder *u, bool innermost)
{
	const struct arch *arch = u->rt->arch;
	int32_t delta;

	if (!u->func.pcsp) {
		u->valid = false; /* no frame information: external code */
		return NULL;
	}
	TRY(func_pcvalue(u->rt, &u->func, u->func.pcsp, u->pc, &delta));
	u->fp = u->sp + (uint64_t)(int64_t)delta;
	if (!arch->has_link_register)
		u->fp += arch->ptr_size;
	if (delta >= 0 && in_stack(u))
		TRY(find_return(u, innermost));
	if (delta < 0 || !in_stack(u)) {
		end_broken(u);
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
		end_broken(u);
		return NULL;
	}
	u->by_lib = u->rt->lib != NULL;
	if (u->by_lib)
		TRY(lib_unwinder_start(u->rt->lib, u->pc, u->sp));
	return resolve(u, true);
}

struct err *unwind_start(struct unwinder *u, struct runtime *rt,
			 const struct goroutine *g)
{
	*u = (struct unwinder){ .rt = rt, .g = g };
	if (g->place == PLACE_UNKNOWN) {
		end_broken(u);
		return NULL;
	}
	struct err *e = start(u);
	return e ? tolerate(u, e) : NULL;
}

bool unwind_is_injected(const struct runtime *rt, uint8_t id)
{
	const struct layout *l = &rt->layout;

	return id == l->konst.FuncID_sigpanic.value ||
	       id == l->konst.FuncID_asyncPreempt.value ||
	       id == l->konst.FuncID_debugCallV2.value;
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
	bool injected = unwind_is_injected(u->rt, u->func.id);

	if (!u->lr) {
		u->valid = false;
		return NULL;
	}
	TRY(func_find(u->rt, u->lr, &caller));
	if (!caller.addr || (u->pc == u->lr && u->sp == u->fp)) {
		end_broken(u);
		return NULL;
	}
	u->has_callee = true;
	u->callee_id = u->func.id;
	u->func = caller;
	u->pc = u->lr;
	u->lr = 0;
	u->sp = u->fp;
	if (u->rt->arch->has_link_register && injected)
		TRY(after_injected(u));
	return resolve(u, false);
}

struct err *unwind_next(struct unwinder *u)
{
	struct err *e = next(u);
	return e ? tolerate(u, e) : NULL;
}
