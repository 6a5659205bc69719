/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/flush.h"

#include "runtime/list_guard.h"
#include "runtime/mcache.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdlib.h>

struct flusher {
	struct flush sum;
	VEC(uint64_t) stacks; /* the mspan of each that is cached */
};

static void flusher_deinit(struct flusher *f)
{
	vec_deinit(&f->stacks);
}

/* ---- spans of objects ---------------------------------------------------- */

/*
 * A span cached since before the sweep began is swept when it comes back.
 * Follows runtime/mcentral.go:uncacheSpan.
 */
static struct err *sweep_cached(struct runtime *rt, const struct span *s,
				void *arg)
{
	struct flusher *f = arg;
	uint64_t before, freed, now;

	if (!(s->flags & SPAN_CACHED))
		return NULL;
	TRY(rt_field(rt, s->mspan, &rt->layout.mspan.allocCount, &before));
	TRY(sweep_count(rt, s, &now));
	freed = before > now ? before - now : 0;
	f->sum.free_count += freed;
	f->sum.free_bytes += freed * span_elemsize(&rt->spans, s);
	if (!now)
		f->sum.span_bytes += span_bytes(&rt->spans, s);
	return NULL;
}

/*
 * What a cached span has given out since it was cached. Follows
 * runtime/mcache.go:(*mcache).releaseAll. While a P looks for the next span,
 * its cache has the full one, which is back with the heap and has been counted
 * (refill): its sweepgen is H.
 */
static struct err *add_cached(struct runtime *rt, uint64_t mspan, void *arg)
{
	const struct layout *l = &rt->layout;
	struct flusher *f = arg;
	uint64_t sweepgen, now, before, elemsize, used;

	TRY(rt_field(rt, mspan, &l->mspan.sweepgen, &sweepgen));
	if (sweepgen == rt->spans.sweepgen)
		return NULL;
	TRY(rt_field(rt, mspan, &l->mspan.allocCount, &now));
	TRY(rt_field(rt, mspan, &l->mspan.allocCountBeforeCache, &before));
	TRY(rt_field(rt, mspan, &l->mspan.elemsize, &elemsize));
	used = now - before;
	f->sum.alloc_count += used;
	f->sum.alloc_bytes += used * elemsize;
	return NULL;
}

/* ---- stacks -------------------------------------------------------------- */

/* The mspan of the page at addr, or 0. Follows runtime/mheap.go:spanOf. */
static struct err *mspan_of(struct runtime *rt, uint64_t addr, uint64_t *out)
{
	const struct span_table *t = &rt->spans;
	const struct member *spans = &rt->layout.heapArena.spans;
	uint64_t arena = span_heap_arena(t, addr);
	uint64_t pages = t->arena_size / t->page_size;
	uint64_t word = rt->arch->ptr_size;

	*out = 0;
	if (!arena || spans->width < pages * word)
		return NULL;
	return rt_ptr(
		rt, arena + spans->offset + addr / t->page_size % pages * word,
		out);
}

static struct err *count_stack(struct runtime *rt, struct flusher *f,
			       uint64_t stack)
{
	uint64_t mspan;

	TRY(mspan_of(rt, stack, &mspan));
	if (!mspan)
		return err_new(ERR_FORMAT,
			       "the free stack at %#" PRIx64 " has no span",
			       stack);
	return vec_push(&f->stacks, mspan);
}

/* The lists of free stacks of each order. Follows
 * runtime/stack.go:stackcache_clear. */
static struct err *add_stacks(struct runtime *rt, uint64_t mcache,
			      struct flusher *f)
{
	const struct layout *l = &rt->layout;
	uint64_t size = l->stackfreelist.struct_size;
	uint64_t orders = size ? l->mcache.stackcache.width / size : 0;

	for (uint64_t i = 0; i < orders; i++) {
		struct list_guard guard = {};
		uint64_t stack;

		TRY(rt_field(rt,
			     mcache + l->mcache.stackcache.offset + i * size,
			     &l->stackfreelist.list, &stack));
		while (stack) {
			if (list_circles(&guard, stack))
				return err_new(ERR_FORMAT,
					       "a list of free stacks does "
					       "not end");
			TRY(count_stack(rt, f, stack));
			/* runtime/malloc.go:gclink, its only member */
			TRY(rt_ptr(rt, stack, &stack));
		}
	}
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * A span goes back to the heap with its last stack, unless a collection is
 * running. Follows runtime/stack.go:stackpoolfree.
 */
static struct err *free_stack_spans(struct runtime *rt, struct flusher *f)
{
	const struct layout *l = &rt->layout;
	const uint64_t *mspans = f->stacks.v;
	uint64_t used, npages;

	if (rt->spans.marking || !f->stacks.len)
		return NULL;
	qsort(f->stacks.v, f->stacks.len, sizeof(*mspans), by_address);
	for (size_t i = 0, end; i < f->stacks.len; i = end) {
		for (end = i; end < f->stacks.len; end++)
			if (mspans[end] != mspans[i])
				break;
		TRY(rt_field(rt, mspans[i], &l->mspan.allocCount, &used));
		TRY(rt_field(rt, mspans[i], &l->mspan.npages, &npages));
		if (used == end - i)
			f->sum.stack_bytes += npages * rt->spans.page_size;
	}
	return NULL;
}

/* ---- all Ps -------------------------------------------------------------- */

static struct err *add_mcache(struct runtime *rt, uint64_t mcache, void *arg)
{
	struct flusher *f = arg;
	uint64_t tiny;

	TRY(rt_field(rt, mcache, &rt->layout.mcache.tinyAllocs, &tiny));
	f->sum.tiny_allocs += tiny;
	TRY(mcache_each_mspan(rt, mcache, add_cached, f));
	return add_stacks(rt, mcache, f);
}

struct err *flush_read(struct runtime *rt, struct flush *out)
{
	cleanup(flusher_deinit) struct flusher f = {};

	TRY(mcache_each(rt, add_mcache, &f));
	if (rt->spans.cached)
		TRY(mcache_each_span(rt, sweep_cached, &f));
	TRY(free_stack_spans(rt, &f));
	*out = f.sum;
	return NULL;
}
