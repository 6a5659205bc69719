/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Ps' caches of spans. Follows runtime/mcache.go.
 */
#ifndef HD_RUNTIME_MCACHE_H
#define HD_RUNTIME_MCACHE_H

#include "base/err.h"

#include <stdint.h>

struct runtime;
struct span;

/* The mcache of each P in use, in the order of the Ps. */
struct err *mcache_each(struct runtime *rt,
			struct err *(*fn)(struct runtime *, uint64_t mcache,
					  void *arg),
			void *arg) must_check;

/* The mspans that an mcache holds, in its order: by class. */
struct err *mcache_each_mspan(struct runtime *rt, uint64_t mcache,
			      struct err *(*fn)(struct runtime *,
						uint64_t mspan, void *arg),
			      void *arg) must_check;

/* The spans in use that they all hold, in the order in which
 * runtime/mstats.go:flushallmcaches gives them back. */
struct err *mcache_each_span(struct runtime *rt,
			     struct err *(*fn)(struct runtime *,
					       const struct span *, void *arg),
			     void *arg) must_check;

/*
 * Spans that are in a cache and are back with the heap as well: their P is in
 * the midst of refill or releaseAll, and what it has counted of them can't be
 * told.
 */
struct err *mcache_count_leaving(struct runtime *rt, uint64_t *out) must_check;

#endif
