/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MemStats: what follows from how the runtime computes it
 * (runtime/mstats.go:readmemstats_m).
 */
#include "hdcheck/verifier.h"

/* a RELATION b, or a problem that shows both. */
#define RELATION(v, r, a, relation, b, what)                                   \
	do {                                                                   \
		uint64_t left_ = (a), right_ = (b);                            \
		EXPECT(v, r, left_ relation right_, "%s: %llu and %llu", what, \
		       (ull)left_, (ull)right_);                               \
	} while (0)

static struct err *check_sizes(struct verifier *v, const struct record *r)
{
	const struct mem_stats_record *s = &r->stats;

	RELATION(v, r, s->heap_alloc, ==, s->alloc, "HeapAlloc is not Alloc");
	RELATION(v, r, s->alloc, <=, s->total_alloc,
		 "Alloc exceeds TotalAlloc");
	RELATION(v, r, s->heap_alloc, <=, s->heap_inuse,
		 "HeapAlloc exceeds HeapInuse");
	RELATION(v, r, s->heap_sys, ==, s->heap_inuse + s->heap_idle,
		 "HeapSys is not HeapInuse + HeapIdle");
	RELATION(v, r, s->heap_released, <=, s->heap_idle,
		 "HeapReleased exceeds HeapIdle");
	RELATION(v, r, s->stack_inuse, <=, s->stack_sys,
		 "StackInuse exceeds StackSys");
	RELATION(v, r, s->mspan_inuse, <=, s->mspan_sys,
		 "MSpanInuse exceeds MSpanSys");
	RELATION(v, r, s->mcache_inuse, <=, s->mcache_sys,
		 "MCacheInuse exceeds MCacheSys");
	RELATION(v, r, s->sys, ==,
		 s->heap_sys + s->stack_sys + s->mspan_sys + s->mcache_sys +
			 s->buck_hash_sys + s->gc_sys + s->other_sys,
		 "Sys is not the sum of its parts");
	return NULL;
}

static struct err *check_objects(struct verifier *v, const struct record *r)
{
	const struct mem_stats_record *s = &r->stats;

	RELATION(v, r, s->frees, <=, s->mallocs, "Frees exceed Mallocs");
	RELATION(v, r, s->heap_objects, ==, s->mallocs - s->frees,
		 "HeapObjects is not Mallocs - Frees");
	RELATION(v, r, s->lookups, ==, 0, "Lookups is always 0");
	return NULL;
}

/* The ring of pauses: of the last 256 collections. */
static struct err *check_pauses(struct verifier *v, const struct record *r)
{
	const struct mem_stats_record *s = &r->stats;
	uint64_t sum = 0, later = 0;

	for (size_t i = 0; i < PAUSE_COUNT; i++) {
		sum += s->pause_ns[i];
		if (i >= s->num_gc)
			later |= s->pause_ns[i];
	}
	RELATION(v, r, sum, <=, s->pause_total_ns,
		 "PauseNs exceeds PauseTotalNs");
	if (s->num_gc <= PAUSE_COUNT)
		RELATION(v, r, sum, ==, s->pause_total_ns,
			 "PauseNs is not PauseTotalNs");
	EXPECT(v, r, !later, "PauseNs has more pauses than NumGC, %llu",
	       (ull)s->num_gc);
	EXPECT(v, r, s->num_gc <= UINT32_MAX, "NumGC is %llu", (ull)s->num_gc);
	return NULL;
}

struct err *check_stats(struct verifier *v, const struct record *r)
{
	TRY(check_sizes(v, r));
	TRY(check_objects(v, r));
	return check_pauses(v, r);
}
