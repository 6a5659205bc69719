/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/memstats.h"

#include "runtime/flush.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum {
	MAX_STATS_SHARDS = 16, /* consistentHeapStats keeps three */
	/* The goal stays this far ahead of the trigger:
	 * runtime/mgcpacer.go:heapGoalInternal, minRunway. */
	MIN_RUNWAY = 64 << 10,
};

/* The sum of the heap's statistics. */
struct sums {
	uint64_t in_stacks, in_work_bufs, in_ptr_scalar_bits;
	uint64_t tiny_allocs;
	uint64_t alloc_bytes, alloc_count; /* small and large */
	uint64_t free_bytes, free_count;
};

/* ---- sums ---------------------------------------------------------------- */

static struct err *add_field(struct runtime *rt, uint64_t addr,
			     const struct member *m, uint64_t *sum)
{
	uint64_t value;

	TRY(rt_field(rt, addr, m, &value));
	*sum += value;
	return NULL;
}

/* Adds counts of each size class, an array member of a heapStatsDelta. */
static struct err *add_classes(struct runtime *rt, uint64_t addr,
			       const struct member *m, uint64_t *count,
			       uint64_t *bytes)
{
	const struct span_table *t = &rt->spans;

	for (uint32_t i = 0; i < t->size_classes && i < m->width / 8; i++) {
		uint64_t n;

		TRY(cache_read_uint(&rt->cache, addr + m->offset + i * 8, 8,
				    &n));
		*count += n;
		*bytes += n * t->size_class[i];
	}
	return NULL;
}

/* Follows runtime/mstats.go:(*consistentHeapStats).unsafeRead. */
static struct err *add_shard(struct runtime *rt, uint64_t addr, struct sums *s)
{
	const struct layout *l = &rt->layout;

	const struct {
		const struct member *member;
		uint64_t *sum;
	} fields[] = {
		{ &l->heapStatsDelta.inStacks, &s->in_stacks },
		{ &l->heapStatsDelta.inWorkBufs, &s->in_work_bufs },
		{ &l->heapStatsDelta.inPtrScalarBits, &s->in_ptr_scalar_bits },
		{ &l->heapStatsDelta.tinyAllocCount, &s->tiny_allocs },
		{ &l->heapStatsDelta.largeAlloc, &s->alloc_bytes },
		{ &l->heapStatsDelta.largeAllocCount, &s->alloc_count },
		{ &l->heapStatsDelta.largeFree, &s->free_bytes },
		{ &l->heapStatsDelta.largeFreeCount, &s->free_count },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		TRY(add_field(rt, addr, fields[i].member, fields[i].sum));
	TRY(add_classes(rt, addr, &l->heapStatsDelta.smallAllocCount,
			&s->alloc_count, &s->alloc_bytes));
	return add_classes(rt, addr, &l->heapStatsDelta.smallFreeCount,
			   &s->free_count, &s->free_bytes);
}

static struct err *read_sums(struct runtime *rt, struct sums *s)
{
	const struct layout *l = &rt->layout;
	uint64_t size = l->heapStatsDelta.struct_size;
	uint64_t shards = l->consistentHeapStats.stats.width / size;
	uint64_t at = l->var.memstats.addr + l->mstats.heapStats.offset +
		      l->consistentHeapStats.stats.offset;

	if (shards > MAX_STATS_SHARDS)
		return err_new(ERR_FORMAT, "%" PRIu64 " parts of heapStats",
			       shards);
	for (uint64_t i = 0; i < shards; i++)
		TRY(add_shard(rt, at + i * size, s));
	return NULL;
}

/* ---- the goal of the next collection ------------------------------------- */

/* Members of gcController. */
struct pacer {
	uint64_t memory_limit, goal, sweep_min, triggered, marked;
	uint64_t in_use, released, free, total_alloc, total_free, mapped_ready;
};

static struct err *read_pacer(struct runtime *rt, struct pacer *p)
{
	const struct layout *l = &rt->layout;
	uint64_t at = l->var.gcController.addr;

	const struct {
		const struct member *member;
		uint64_t *to;
	} fields[] = {
		{ &l->gcController.memoryLimit, &p->memory_limit },
		{ &l->gcController.gcPercentHeapGoal, &p->goal },
		{ &l->gcController.sweepDistMinTrigger, &p->sweep_min },
		{ &l->gcController.triggered, &p->triggered },
		{ &l->gcController.heapMarked, &p->marked },
		{ &l->gcController.heapInUse, &p->in_use },
		{ &l->gcController.heapReleased, &p->released },
		{ &l->gcController.heapFree, &p->free },
		{ &l->gcController.totalAlloc, &p->total_alloc },
		{ &l->gcController.totalFree, &p->total_free },
		{ &l->gcController.mappedReady, &p->mapped_ready },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		TRY(rt_field(rt, at, fields[i].member, fields[i].to));
	return NULL;
}

/* Follows runtime/mgcpacer.go:memoryLimitHeapGoal. */
static uint64_t memory_limit_goal(const struct layout *l, const struct pacer *p)
{
	uint64_t least =
		(uint64_t)l->konst.memoryLimitMinHeapGoalHeadroom.value;
	uint64_t percent =
		(uint64_t)l->konst.memoryLimitHeapGoalHeadroomPercent.value;
	uint64_t alloc = p->total_alloc - p->total_free;
	uint64_t non_heap = p->mapped_ready - p->free - alloc;
	uint64_t overage = 0, goal, headroom;

	if (p->mapped_ready > p->memory_limit)
		overage = p->mapped_ready - p->memory_limit;
	if (non_heap + overage >= p->memory_limit)
		return p->marked;
	goal = p->memory_limit - (non_heap + overage);
	headroom = max_u64(goal / 100 * percent, least);
	if (goal < headroom || goal - headroom < headroom)
		goal = headroom;
	else
		goal -= headroom;
	return max_u64(goal, p->marked);
}

/* Follows runtime/mgcpacer.go:heapGoalInternal. */
static uint64_t heap_goal(const struct layout *l, const struct pacer *p)
{
	uint64_t limit = memory_limit_goal(l, p);
	uint64_t goal = p->goal;

	if (limit < goal)
		return limit;
	goal = max_u64(goal, p->sweep_min);
	if (p->triggered != ~0ull)
		goal = max_u64(goal, p->triggered + MIN_RUNWAY);
	return goal;
}

struct err *memstats_heap_alloc(struct runtime *rt, uint64_t *out)
{
	const struct layout *l = &rt->layout;
	uint64_t at = l->var.gcController.addr;
	uint8_t alloc[8], freed[8];

	TRY(target_read(rt->target, at + l->gcController.totalAlloc.offset,
			alloc, sizeof(alloc)));
	TRY(target_read(rt->target, at + l->gcController.totalFree.offset,
			freed, sizeof(freed)));
	*out = load_le(alloc, 8) - load_le(freed, 8);
	return NULL;
}

/* ---- the whole ----------------------------------------------------------- */

/* Members of memstats that are told as they are. */
static struct err *read_plain(struct runtime *rt, struct memstats *out)
{
	const struct layout *l = &rt->layout;
	uint64_t at = l->var.memstats.addr;

	const struct {
		const struct member *member;
		uint64_t *to;
	} fields[] = {
		{ &l->mstats.stacks_sys, &out->stack_sys },
		{ &l->mstats.mspan_sys, &out->mspan_sys },
		{ &l->mstats.mcache_sys, &out->mcache_sys },
		{ &l->mstats.buckhash_sys, &out->buckhash_sys },
		{ &l->mstats.gcMiscSys, &out->gc_sys },
		{ &l->mstats.other_sys, &out->other_sys },
		{ &l->mstats.last_gc_unix, &out->last_gc },
		{ &l->mstats.pause_total_ns, &out->pause_total_ns },
		{ &l->mstats.numgc, &out->num_gc },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		TRY(rt_field(rt, at, fields[i].member, fields[i].to));
	for (uint32_t i = 0; i < MEMSTATS_PAUSES; i++)
		TRY(cache_read_uint(&rt->cache,
				    at + l->mstats.pause_ns.offset + i * 8, 8,
				    &out->pause_ns[i]));
	at = l->var.mheap_.addr;
	TRY(rt_field(rt, at + l->mheap.spanalloc.offset, &l->fixalloc.inuse,
		     &out->mspan_inuse));
	return rt_field(rt, at + l->mheap.cachealloc.offset, &l->fixalloc.inuse,
			&out->mcache_inuse);
}

/* As if all Ps had given back what they have cached. */
static void add_flush(const struct flush *f, struct sums *s, struct pacer *p)
{
	s->tiny_allocs += f->tiny_allocs;
	s->alloc_count += f->alloc_count;
	s->alloc_bytes += f->alloc_bytes;
	s->free_count += f->free_count;
	s->free_bytes += f->free_bytes;
	s->in_stacks -= f->stack_bytes;
	p->total_alloc += f->alloc_bytes;
	p->total_free += f->free_bytes;
	p->in_use -= f->span_bytes;
	p->free += f->span_bytes + f->stack_bytes;
}

struct err *memstats_read(struct runtime *rt, struct memstats *out)
{
	struct memstats m = {};
	struct flush flush;
	struct pacer p;
	struct sums s = {};

	if (rt->layout.mstats.pause_ns.width != 8 * MEMSTATS_PAUSES)
		return err_new(ERR_FORMAT, "memstats.pause_ns has %u bytes",
			       rt->layout.mstats.pause_ns.width);
	TRY(read_sums(rt, &s));
	TRY(read_pacer(rt, &p));
	TRY(read_plain(rt, &m));
	TRY(flush_read(rt, &flush));
	add_flush(&flush, &s, &p);
	m.total_alloc = s.alloc_bytes;
	m.alloc = m.heap_alloc = s.alloc_bytes - s.free_bytes;
	/* Tiny allocations count as made and as freed. */
	m.mallocs = s.alloc_count + s.tiny_allocs;
	m.frees = s.free_count + s.tiny_allocs;
	m.heap_objects = m.mallocs - m.frees;
	m.heap_inuse = p.in_use;
	m.heap_released = p.released;
	m.heap_idle = p.free + p.released;
	m.heap_sys = p.in_use + p.free + p.released;
	m.stack_inuse = s.in_stacks;
	m.stack_sys += s.in_stacks;
	m.gc_sys += s.in_work_bufs + s.in_ptr_scalar_bits;
	m.sys = m.heap_sys + m.stack_sys + m.mspan_sys + m.mcache_sys +
		m.buckhash_sys + m.gc_sys + m.other_sys;
	m.next_gc = heap_goal(&rt->layout, &p);
	*out = m;
	return NULL;
}
