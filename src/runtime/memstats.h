/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.MemStats, computed from outside as runtime.ReadMemStats would at
 * this moment: what it does first, flushing every P's cache of spans, is added
 * up instead. Follows runtime/mstats.go:readmemstats_m.
 */
#ifndef HD_RUNTIME_MEMSTATS_H
#define HD_RUNTIME_MEMSTATS_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

enum { MEMSTATS_PAUSES = 256 };

/* In bytes, but for what counts something or is a time. */
struct memstats {
	uint64_t alloc, total_alloc, sys, lookups, mallocs, frees;
	uint64_t heap_alloc, heap_sys, heap_idle, heap_inuse, heap_released;
	uint64_t heap_objects;
	uint64_t stack_inuse, stack_sys, mspan_inuse, mspan_sys;
	uint64_t mcache_inuse, mcache_sys, buckhash_sys, gc_sys, other_sys;
	uint64_t next_gc, last_gc, pause_total_ns;
	uint64_t pause_ns[MEMSTATS_PAUSES];
	uint64_t num_gc;
};

/*
 * HeapAlloc as far as gcController has been told, of a target that may be
 * running and a runtime that need not be loaded: for an estimate.
 */
struct err *memstats_heap_alloc(struct runtime *rt, uint64_t *out) must_check;

struct err *memstats_read(struct runtime *rt, struct memstats *out) must_check;

#endif
