/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it would change in the statistics if every P gave back what it has
 * cached, as ReadMemStats has them do first: the counts of allocations, spans
 * that are swept on the way back, stacks. Follows
 * runtime/mstats.go:flushallmcaches.
 */
#ifndef HD_RUNTIME_FLUSH_H
#define HD_RUNTIME_FLUSH_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct flush {
	uint64_t tiny_allocs;
	uint64_t alloc_count, alloc_bytes; /* from cached spans */
	uint64_t free_count, free_bytes;   /* swept out of them */
	/* Of memory that the heap gets back: */
	uint64_t span_bytes;  /* spans that held objects */
	uint64_t stack_bytes; /* spans that held stacks */
};

struct err *flush_read(struct runtime *rt, struct flush *out) must_check;

#endif
