/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when a linked list of the target leads back into itself, as damaged
 * and torn ones do; in at most three times as many steps as it has elements
 * (Brent's algorithm).
 *
 *	struct list_guard guard = {};
 *	for (addr = head; addr; addr = next(addr))
 *		if (list_circles(&guard, addr))
 *			return err_new(ERR_FORMAT, ...);
 */
#ifndef HD_RUNTIME_LIST_GUARD_H
#define HD_RUNTIME_LIST_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct list_guard {
	uint64_t seen; /* an element: that of the latest step 2^n - 1 */
	uint64_t steps, next;
};

/* Called with each element, none of which is 0. */
static inline bool list_circles(struct list_guard *g, uint64_t addr)
{
	if (addr == g->seen)
		return true;
	if (g->steps++ == g->next) {
		g->seen = addr;
		g->next = g->next * 2 + 1;
	}
	return false;
}

#endif
