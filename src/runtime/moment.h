/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the moment of the stop is one at which the heap can be told exactly.
 * Threads stop at any instruction; what some of them are in the midst of
 * changing is torn, and a little later it is not.
 *
 * A collection that marks, spans that are not swept and objects that are being
 * allocated make no moment unfit: what they come to is known.
 */
#ifndef HD_RUNTIME_MOMENT_H
#define HD_RUNTIME_MOMENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct runtime;

struct moment {
	/* Half done; any of them makes the moment unfit. */
	uint64_t locks;	     /* of lists, held by a thread */
	const char *lock;    /* one of them; NULL without */
	uint64_t statistics; /* Ps that update theirs */
	uint64_t sweepers;   /* at work, perhaps on a span; a glance alone */
	uint64_t torn;	     /* spans in mid-sweep */
	uint64_t leaving;    /* spans that are being given back by their P */
	uint64_t copystack;  /* goroutines whose stack is being moved */
	uint64_t gaps;	     /* threads between two stacks */

	/* For information. */
	bool marking;
	uint64_t unswept; /* spans */
};

/*
 * What a few words tell, before anything is loaded: locks, statistics and
 * sweepers. Reads past the cache, for it may hold an earlier stop's memory.
 */
struct err *moment_glance(struct runtime *rt, struct moment *out) must_check;

/* All of it, of a loaded runtime. */
struct err *moment_check(struct runtime *rt, struct moment *out) must_check;

static inline bool moment_clean(const struct moment *m)
{
	return !m->locks && !m->statistics && !m->sweepers && !m->torn &&
	       !m->leaving && !m->copystack && !m->gaps;
}

enum { MOMENT_TEXT = 240 };

/* Says what is not clean: "mheap_.lock held, 3 spans in mid-sweep". */
void moment_describe(const struct moment *m, char text[MOMENT_TEXT]);

#endif
