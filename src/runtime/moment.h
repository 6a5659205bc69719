/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the moment of the stop is one at which the heap can be told exactly:
 * no collection running, everything swept, no stack being moved.
 */
#ifndef HD_RUNTIME_MOMENT_H
#define HD_RUNTIME_MOMENT_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct moment {
	uint64_t gcphase;   /* 0: off */
	uint64_t sweepers;  /* at work */
	uint64_t torn;	    /* spans in mid-sweep */
	uint64_t unswept;   /* spans */
	uint64_t copystack; /* goroutines whose stack is being moved */
};

/*
 * What a few words tell, before anything is loaded: gcphase and sweepers.
 * Reads past the cache, for it may hold an earlier stop's memory.
 */
struct err *moment_glance(struct runtime *rt, struct moment *out) must_check;

/* All of it, of a loaded runtime. */
struct err *moment_check(struct runtime *rt, struct moment *out) must_check;

static inline bool moment_clean(const struct moment *m)
{
	return !m->gcphase && !m->sweepers && !m->torn && !m->unswept &&
	       !m->copystack;
}

enum { MOMENT_TEXT = 160 };

/* Says what is not clean: "collection running, 3 spans not swept". */
void moment_describe(const struct moment *m, char text[MOMENT_TEXT]);

#endif
