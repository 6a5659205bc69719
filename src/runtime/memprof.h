/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets of the memory profile. Follows runtime/mprof.go:iterate_memprof.
 */
#ifndef HD_RUNTIME_MEMPROF_H
#define HD_RUNTIME_MEMPROF_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct memprof_bucket {
	uint64_t addr;
	uint64_t size;	       /* of the objects counted here, bytes */
	const uint64_t *stack; /* return addresses, leaf first; valid during
				* the call */
	uint64_t depth;
	uint64_t allocs, frees; /* of the published cycle */
};

/* Every bucket, newest first. */
struct err *memprof_each(struct runtime *rt,
			 struct err *(*fn)(void *,
					   const struct memprof_bucket *),
			 void *arg) must_check;

#endif
