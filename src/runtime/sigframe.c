/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sigframe.h"

#include "base/cleanup.h"
#include "runtime/runtime.h"

/* Of a stack, more than this is not looked at. Bytes. */
enum { SIGNAL_STACK = 256 << 10 };

/*
 * A signal's handler that sigreturn is about to end has left the return
 * address, which lies right below the ucontext, so the search begins at sp.
 */
struct err *sigframe_find(struct runtime *rt, uint64_t sp, uint64_t limit,
			  struct regs *out, uint64_t *addr)
{
	const size_t size = rt->arch->ucontext_size;
	const struct mapping *m = target_mapping(rt->target, sp);
	cleanup_free uint8_t *stack = NULL;

	*addr = 0;
	sp = round_up(sp, 8);
	if (m && limit > m->end)
		limit = m->end;
	if (limit > sp + SIGNAL_STACK)
		limit = sp + SIGNAL_STACK;
	if (limit < sp || limit - sp < size)
		return NULL;
	stack = malloc(limit - sp);
	if (!stack)
		return &err_nomem;
	struct err *e = target_read(rt->target, sp, stack, limit - sp);
	if (e && e->code == ERR_FAULT) {
		err_free(e); /* no stack is there */
		return NULL;
	}
	TRY(e);
	for (uint64_t at = 0; at + size <= limit - sp && !*addr; at += 8)
		if (rt->arch->decode_ucontext(stack + at, sp + at, out))
			*addr = sp + at;
	return NULL;
}
