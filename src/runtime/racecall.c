/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/racecall.h"

#include "base/cleanup.h"
#include "runtime/runtime.h"

#include <string.h>

enum {
	C_STACK = 64 << 10, /* bytes below racecall that are searched */
	ALIGNMENT = 16,	    /* of SP, for C */
};

static struct err *in_racecall(struct runtime *rt, uint64_t pc, bool *out)
{
	static const char racecall[] = "racecall";
	cleanup(buf_deinit) struct buf name = {};
	struct func f;

	*out = false;
	TRY(func_find(rt, pc, &f));
	if (!f.addr)
		return NULL;
	TRY(func_name(rt, &f, &name));
	*out = name.len == sizeof(racecall) - 1 &&
	       !memcmp(name.v, racecall, name.len);
	return NULL;
}

/* Whether sp can be what racecall has saved: a return address lies there. */
static struct err *is_saved_sp(struct runtime *rt, const struct goroutine *g,
			       uint64_t sp, uint64_t *pc, bool *out)
{
	struct func f;

	*out = false;
	if (sp % rt->arch->ptr_size || sp < g->stack_lo || sp >= g->stack_hi)
		return NULL;
	TRY(rt_ptr(rt, sp, pc));
	TRY(func_find(rt, *pc, &f));
	*out = f.addr && *pc > f.entry;
	return NULL;
}

/*
 * The register has it still, or a word of C's: the outermost function that
 * needed the register has saved it, and so the search is from the outside in.
 */
static struct err *search(struct runtime *rt, const struct goroutine *g,
			  const struct regs *regs, uint64_t top, uint64_t *pc,
			  uint64_t *sp, bool *found)
{
	const unsigned int width = rt->arch->ptr_size;

	*sp = regs->general[rt->arch->race_sp];
	TRY(is_saved_sp(rt, g, *sp, pc, found));
	for (uint64_t at = top; at > regs->sp && !*found; at -= width) {
		TRY(rt_ptr(rt, at - width, sp));
		TRY(is_saved_sp(rt, g, *sp, pc, found));
	}
	return NULL;
}

static struct err *find(struct runtime *rt, const struct machine *mach,
			const struct goroutine *g, const struct regs *regs,
			uint64_t *pc, uint64_t *sp, bool *found)
{
	const struct layout *l = &rt->layout;
	uint64_t top, caller = 0;
	bool there;

	TRY(rt_field(rt, mach->g0 + l->g.sched.offset, &l->gobuf.sp, &top));
	top &= ~(uint64_t)(ALIGNMENT - 1);
	if (regs->sp % rt->arch->ptr_size || regs->sp > top ||
	    top - regs->sp > C_STACK)
		return NULL;
	/* It may not have called yet, or be back. */
	TRY(in_racecall(rt, regs->pc, &there));
	if (!there && regs->sp < top) {
		TRY(rt_ptr(rt, top - rt->arch->ptr_size, &caller));
		TRY(in_racecall(rt, caller, &there));
	}
	return there ? search(rt, g, regs, top, pc, sp, found) : NULL;
}

/* What can't be read is not what we look for. */
struct err *racecall_find(struct runtime *rt, const struct machine *mach,
			  const struct goroutine *g, const struct regs *regs,
			  uint64_t *pc, uint64_t *sp, bool *found)
{
	*found = false;
	if (rt->arch->has_link_register || !mach->g0)
		return NULL;
	struct err *e = find(rt, mach, g, regs, pc, sp, found);
	if (e && e->code != ERR_FAULT)
		return e;
	*found = *found && !e;
	*sp += rt->arch->ptr_size;
	err_free(e);
	return NULL;
}
