/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep that is yet to come, as if the world had been stopped and swept:
 * what it does beyond freeing what is not marked (SPAN_UNSWEPT). An object
 * that is not marked but has a finalizer stays, and the finalizer is queued;
 * of one that goes, cleanups are queued; the weak handles of both are cleared.
 *
 * It is found out once, when the runtime is loaded, and only read afterwards,
 * by any thread. It takes memory for each such exception, and none for the
 * spans. Follows runtime/mgcsweep.go:(*sweepLocked).sweep and
 * runtime/mheap.go:freeSpecial.
 */
#ifndef HD_RUNTIME_SWEEP_H
#define HD_RUNTIME_SWEEP_H

#include "runtime/special.h"

#include <stddef.h>

/* An object that only its finalizer keeps. */
struct revived {
	uint32_t span; /* index in the table */
	uint32_t slot;
};

struct sweep {
	VEC(struct revived) revived; /* by span and slot */
	VEC(uint64_t) cells;	     /* of cleared weak handles, by address */
	/* What the sweep queues, in its order; cleanups among them where the
	 * release has one queue for both (1.24): object 0. */
	VEC(struct finalizer) queue;
	uint64_t finalizers, cleanups; /* queued */
};

/* Of loaded spans. */
struct err *sweep_load(struct runtime *rt) must_check;
void sweep_deinit(struct sweep *s);

/*
 * Decides which specials of an unswept span the sweep frees, and fills in
 * `allocated` and `revived`.
 */
struct err *sweep_specials(struct runtime *rt, const struct span *s,
			   struct special_list *l) must_check;

/* How many objects a span has once it is swept. */
struct err *sweep_count(struct runtime *rt, const struct span *s,
			uint64_t *out) must_check;

/* Sets the bits of a span's revived slots, as many as the result says. */
uint32_t sweep_revive(const struct sweep *sweep, size_t span, uint64_t *bits);

/* Clears the cells of weak handles in contents, the len bytes at addr. */
void sweep_clear_cells(const struct sweep *sweep, uint64_t addr, uint64_t len,
		       uint8_t *contents);

#endif
