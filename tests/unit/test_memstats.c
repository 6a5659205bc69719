/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.MemStats from outside: src/runtime/memstats.c. The expected numbers
 * are worked out by hand. */
#include "fake_lists.h"

#include "runtime/memstats.h"

#include <stdlib.h>

#define MIB (UINT64_C(1) << 20)

static struct fake_runtime f;

/* Shard i of memstats.heapStats. */
static uint64_t shard(uint64_t i)
{
	const struct layout *l = &f.rt.layout;

	return l->var.memstats.addr + l->mstats.heapStats.offset +
	       l->consistentHeapStats.stats.offset +
	       i * l->heapStatsDelta.struct_size;
}

static void set_class(uint64_t i, const struct member *m, enum fake_class class,
		      uint64_t n)
{
	fake_word(&f, shard(i) + m->offset + (uint64_t) class * 8, n);
}

static void set_controller(const struct member *m, uint64_t value)
{
	fake_set(&f, f.rt.layout.var.gcController.addr, m, value);
}

static void set_stat(const struct member *m, uint64_t value)
{
	fake_set(&f, f.rt.layout.var.memstats.addr, m, value);
}

/* A heap whose goal is 4 MiB, by GOGC, and far from any limit. */
static void set_pacer(void)
{
	const struct layout *l = &f.rt.layout;

	set_controller(&l->gcController.memoryLimit, INT64_MAX);
	set_controller(&l->gcController.gcPercentHeapGoal, 4 * MIB);
	set_controller(&l->gcController.triggered, ~0ull);
	set_controller(&l->gcController.mappedReady, 2 * MIB);
}

static void restart(enum fake_release release)
{
	if (f.rt.target)
		fake_runtime_deinit(&f);
	fake_runtime_init(&f, release);
	set_pacer();
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

static struct memstats stats(void)
{
	struct memstats m;

	fake_load(&f);
	expect_ok(memstats_read(&f.rt, &m));
	return m;
}

/* ---- counters ------------------------------------------------------------ */

START_TEST(large_objects)
{
	const struct layout *l = &f.rt.layout;
	struct memstats m;

	for (uint64_t i = 0; i < FAKE_STATS_SHARDS; i++) {
		fake_set(&f, shard(i), &l->heapStatsDelta.largeAlloc,
			 (i + 1) * 100000);
		fake_set(&f, shard(i), &l->heapStatsDelta.largeAllocCount, 2);
		fake_set(&f, shard(i), &l->heapStatsDelta.largeFree, 50000);
		fake_set(&f, shard(i), &l->heapStatsDelta.largeFreeCount, 1);
	}
	m = stats();
	ck_assert_uint_eq(m.total_alloc, 600000);
	ck_assert_uint_eq(m.alloc, 450000);
	ck_assert_uint_eq(m.heap_alloc, 450000);
	ck_assert_uint_eq(m.mallocs, 6);
	ck_assert_uint_eq(m.frees, 3);
	ck_assert_uint_eq(m.heap_objects, 3);
	ck_assert_uint_eq(m.lookups, 0);
}
END_TEST

/* 600 of 48 bytes and 15 of 8 were made, 30 of 48 freed. Class 0 is of no size
 * and counts nothing. */
START_TEST(small_objects)
{
	const struct layout *l = &f.rt.layout;
	const struct member *made = &l->heapStatsDelta.smallAllocCount;
	const struct member *freed = &l->heapStatsDelta.smallFreeCount;
	struct memstats m;

	for (uint64_t i = 0; i < FAKE_STATS_SHARDS; i++) {
		set_class(i, made, CLASS_48, (i + 1) * 100);
		set_class(i, made, CLASS_8, 5);
		set_class(i, freed, CLASS_48, 10);
	}
	m = stats();
	ck_assert_uint_eq(m.total_alloc, 600 * 48 + 15 * 8);
	ck_assert_uint_eq(m.heap_alloc, 570 * 48 + 15 * 8);
	ck_assert_uint_eq(m.mallocs, 615);
	ck_assert_uint_eq(m.frees, 30);
	ck_assert_uint_eq(m.heap_objects, 585);
}
END_TEST

/* The last class counts, too. */
START_TEST(every_class)
{
	const struct layout *l = &f.rt.layout;
	uint64_t bytes = 0;

	for (int c = 1; c < FAKE_CLASSES; c++) {
		set_class(1, &l->heapStatsDelta.smallAllocCount,
			  (enum fake_class)c, 1);
		bytes += fake_class_size[c];
	}
	struct memstats m = stats();
	ck_assert_uint_eq(m.heap_alloc, bytes);
	ck_assert_uint_eq(m.heap_objects, FAKE_CLASSES - 1);
}
END_TEST

/* They count as made and as freed: they are in no count of live objects. */
START_TEST(tiny_allocations)
{
	const struct layout *l = &f.rt.layout;

	for (uint64_t i = 0; i < FAKE_STATS_SHARDS; i++)
		fake_set(&f, shard(i), &l->heapStatsDelta.tinyAllocCount, 7);
	struct memstats m = stats();
	ck_assert_uint_eq(m.mallocs, 21);
	ck_assert_uint_eq(m.frees, 21);
	ck_assert_uint_eq(m.heap_objects, 0);
	ck_assert_uint_eq(m.total_alloc, 0);
}
END_TEST

/* Shards are differences: one may be below 0 where another is above. */
START_TEST(negative_shards)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, shard(0), &l->heapStatsDelta.inStacks, 5000);
	fake_set(&f, shard(2), &l->heapStatsDelta.inStacks, -3000ull);
	set_stat(&l->mstats.stacks_sys, 100);
	struct memstats m = stats();
	ck_assert_uint_eq(m.stack_inuse, 2000);
	ck_assert_uint_eq(m.stack_sys, 2100);
	ck_assert_uint_eq(m.sys, 2100);
}
END_TEST

/* ---- what is mapped ------------------------------------------------------ */

START_TEST(mapped_memory)
{
	const struct layout *l = &f.rt.layout;

	set_controller(&l->gcController.heapInUse, 1000000);
	set_controller(&l->gcController.heapReleased, 200000);
	set_controller(&l->gcController.heapFree, 30000);
	fake_set(&f, shard(0), &l->heapStatsDelta.inStacks, 4000);
	fake_set(&f, shard(1), &l->heapStatsDelta.inWorkBufs, 500);
	fake_set(&f, shard(2), &l->heapStatsDelta.inPtrScalarBits, 60);
	set_stat(&l->mstats.stacks_sys, 1);
	set_stat(&l->mstats.mspan_sys, 2);
	set_stat(&l->mstats.mcache_sys, 3);
	set_stat(&l->mstats.buckhash_sys, 4);
	set_stat(&l->mstats.gcMiscSys, 5);
	set_stat(&l->mstats.other_sys, 6);
	fake_set(&f, l->var.mheap_.addr + l->mheap.spanalloc.offset,
		 &l->fixalloc.inuse, 77);
	fake_set(&f, l->var.mheap_.addr + l->mheap.cachealloc.offset,
		 &l->fixalloc.inuse, 88);
	struct memstats m = stats();
	ck_assert_uint_eq(m.heap_inuse, 1000000);
	ck_assert_uint_eq(m.heap_released, 200000);
	ck_assert_uint_eq(m.heap_idle, 230000);
	ck_assert_uint_eq(m.heap_sys, 1230000);
	ck_assert_uint_eq(m.stack_inuse, 4000);
	ck_assert_uint_eq(m.stack_sys, 4001);
	ck_assert_uint_eq(m.mspan_inuse, 77);
	ck_assert_uint_eq(m.mspan_sys, 2);
	ck_assert_uint_eq(m.mcache_inuse, 88);
	ck_assert_uint_eq(m.mcache_sys, 3);
	ck_assert_uint_eq(m.buckhash_sys, 4);
	ck_assert_uint_eq(m.gc_sys, 565);
	ck_assert_uint_eq(m.other_sys, 6);
	ck_assert_uint_eq(m.sys, 1230000 + 4001 + 2 + 3 + 4 + 565 + 6);
}
END_TEST

/* Newer releases do not count bits of GC programs. */
START_TEST(without_pointer_bits)
{
	const struct layout *l = &f.rt.layout;

	restart(FAKE_GO126);
	fake_set(&f, shard(1), &l->heapStatsDelta.inWorkBufs, 500);
	fake_put(&f.target, shard(2) + l->heapStatsDelta.inPtrScalarBits.offset,
		 8, 60);
	ck_assert_uint_eq(stats().gc_sys, 500);
}
END_TEST

START_TEST(collections)
{
	const struct layout *l = &f.rt.layout;

	set_stat(&l->mstats.numgc, 1000);
	set_stat(&l->mstats.last_gc_unix, 1700000000000000000);
	set_stat(&l->mstats.pause_total_ns, 123456);
	for (uint64_t i = 0; i < MEMSTATS_PAUSES; i++)
		fake_word(&f,
			  l->var.memstats.addr + l->mstats.pause_ns.offset +
				  i * 8,
			  i * i);
	struct memstats m = stats();
	ck_assert_uint_eq(m.num_gc, 1000);
	ck_assert_uint_eq(m.last_gc, 1700000000000000000);
	ck_assert_uint_eq(m.pause_total_ns, 123456);
	for (uint64_t i = 0; i < MEMSTATS_PAUSES; i++)
		ck_assert_uint_eq(m.pause_ns[i], i * i);
}
END_TEST

/* ---- caches -------------------------------------------------------------- */

/* An mspan of 48-byte slots that gave out `now - before` since it was cached.
 */
static uint64_t add_cached(uint64_t before, uint64_t now)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_new(&f, l->mspan.struct_size);

	fake_set(&f, mspan, &l->mspan.sweepgen, FAKE_SWEEPGEN + 3);
	fake_set(&f, mspan, &l->mspan.allocCountBeforeCache, before);
	fake_set(&f, mspan, &l->mspan.allocCount, now);
	fake_set(&f, mspan, &l->mspan.elemsize, 48);
	return mspan;
}

/* A P whose mcache has n entries, from the last one down; the others are the
 * empty span. */
static uint64_t add_p(const uint64_t *mspans, uint64_t n, uint64_t tiny)
{
	const struct layout *l = &f.rt.layout;
	uint64_t p = fake_new(&f, l->p.struct_size);
	uint64_t cache = fake_new(&f, l->mcache.struct_size);
	uint64_t count = l->mcache.alloc.width / 8;

	fake_set(&f, p, &l->p.mcache, cache);
	fake_set(&f, cache, &l->mcache.tinyAllocs, tiny);
	for (uint64_t i = 0; i < count; i++)
		fake_word(&f, cache + l->mcache.alloc.offset + i * 8,
			  count - 1 - i < n ? mspans[count - 1 - i]
					    : l->var.emptymspan.addr);
	return p;
}

static void set_ps(const uint64_t *ps, uint64_t n, uint64_t procs)
{
	const struct layout *l = &f.rt.layout;

	fake_slice(&f, l->var.allp.addr, fake_new_copy(&f, ps, n * 8), n);
	fake_set_var(&f, &l->var.gomaxprocs, procs);
}

/* What is cached counts as flushed, for the Ps that are in use alone; but for a
 * span that has been given back, and counted. */
START_TEST(cached_spans)
{
	const uint64_t given_back = add_cached(0, 170);
	const uint64_t first[] = { add_cached(20, 50), add_cached(7, 7),
				   given_back };
	const uint64_t second[] = { add_cached(0, 1) };
	const uint64_t idle[] = { add_cached(0, 100) };
	uint64_t ps[] = { add_p(first, 3, 4), 0, add_p(second, 1, 5),
			  fake_new(&f, f.rt.layout.p.struct_size),
			  add_p(idle, 1, 6) };
	struct memstats m;

	set_ps(ps, 5, 4); /* the second is nil, the fourth without cache */
	fake_set(&f, given_back, &f.rt.layout.mspan.sweepgen, FAKE_SWEEPGEN);
	fake_set(&f, f.rt.layout.var.emptymspan.addr,
		 &f.rt.layout.mspan.allocCount, 999);
	m = stats();
	ck_assert_uint_eq(m.total_alloc, 31 * 48);
	ck_assert_uint_eq(m.heap_alloc, 31 * 48);
	ck_assert_uint_eq(m.mallocs, 31 + 9);
	ck_assert_uint_eq(m.frees, 9);
	ck_assert_uint_eq(m.heap_objects, 31);
}
END_TEST

/* A span of 48-byte slots, cached since before the sweep began, of which
 * `marked` are marked, and one more has a finalizer if revived is set. */
static uint64_t add_stale(uint64_t page, uint64_t before, uint64_t now,
			  uint64_t marked, bool revived)
{
	uint64_t mspan =
		fake_add_span(&f, &(struct fake_span){
					  .base = FAKE_HEAP + page * FAKE_PAGE,
					  .class = CLASS_48,
					  .freeindex = now,
					  .sweepgen = FAKE_SWEEPGEN + 1,
				  });
	const struct layout *l = &f.rt.layout;

	fake_set(&f, mspan, &l->mspan.allocCountBeforeCache, before);
	fake_set(&f, mspan, &l->mspan.allocCount, now);
	for (uint64_t i = 0; i < marked; i++)
		fake_mark(&f, mspan, i);
	if (revived)
		fake_add_finalizer(&f, mspan, marked * 48,
				   fake_add_funcval(&f, 1), 2, 3);
	return mspan;
}

/* They are swept on their way back, and given up where nothing is left. */
START_TEST(stale_spans)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t spans[] = { add_stale(0, 10, 30, 5, false),
				   add_stale(1, 0, 7, 0, true),
				   add_stale(2, 4, 4, 0, false) };
	const uint64_t ps[] = { add_p(spans, 3, 0) };
	struct memstats m;

	set_ps(ps, 1, 1);
	set_controller(&l->gcController.heapInUse, 10 * FAKE_PAGE);
	set_controller(&l->gcController.heapFree, FAKE_PAGE);
	m = stats();
	ck_assert_uint_eq(m.mallocs, 20 + 7);
	ck_assert_uint_eq(m.frees, 25 + 6 + 4);
	ck_assert_uint_eq(m.total_alloc, 27 * 48);
	ck_assert_uint_eq(m.heap_alloc, (uint64_t)(27 - 35) * 48);
	ck_assert_uint_eq(m.heap_inuse, 9 * FAKE_PAGE);
	ck_assert_uint_eq(m.heap_idle, 2 * FAKE_PAGE);
	ck_assert_uint_eq(m.heap_sys, 11 * FAKE_PAGE);
}
END_TEST

/* Page i of the heap as one of stacks, of which `used` are in use or cached. */
static void add_stack_span(uint64_t arena, uint64_t i, uint64_t used)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_new(&f, l->mspan.struct_size);
	uint64_t page = FAKE_HEAP / FAKE_PAGE + i;

	fake_set(&f, mspan, &l->mspan.allocCount, used);
	fake_set(&f, mspan, &l->mspan.npages, 1);
	fake_word(&f,
		  arena + l->heapArena.spans.offset +
			  page % (FAKE_ARENA / FAKE_PAGE) * 8,
		  mspan);
}

/* Puts the stack at addr into an mcache's list of an order. */
static void cache_stack(uint64_t p, uint64_t order, uint64_t addr)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mcache = fake_get(&f.target, p + l->p.mcache.offset, 8);
	uint64_t list = mcache + l->mcache.stackcache.offset +
			order * l->stackfreelist.struct_size +
			l->stackfreelist.list.offset;

	fake_word(&f, addr, fake_get(&f.target, list, 8));
	fake_word(&f, list, addr);
}

/* A span of stacks goes back with its last one, whichever P has it. */
START_TEST(free_stacks)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t ps[] = { add_p(NULL, 0, 0), add_p(NULL, 0, 0) };
	uint64_t arena = fake_add_arena(&f, 0);
	struct memstats m;

	set_ps(ps, 2, 2);
	fake_map(&f.target, FAKE_HEAP, 3 * FAKE_PAGE);
	add_stack_span(arena, 0, 3);
	add_stack_span(arena, 1, 2);
	add_stack_span(arena, 2, 1);
	for (uint64_t i = 0; i < 3; i++)
		cache_stack(ps[i % 2], 0, FAKE_HEAP + i * 2048);
	cache_stack(ps[0], 1, FAKE_HEAP + FAKE_PAGE); /* one of two */
	cache_stack(ps[1], 1, FAKE_HEAP + 2 * FAKE_PAGE);
	fake_set(&f, shard(0), &l->heapStatsDelta.inStacks, 8 * FAKE_PAGE);
	set_controller(&l->gcController.heapFree, FAKE_PAGE);
	m = stats();
	ck_assert_uint_eq(m.stack_inuse, 6 * FAKE_PAGE);
	ck_assert_uint_eq(m.heap_idle, 3 * FAKE_PAGE);
	/* A collection keeps them. */
	fake_set_var(&f, &l->var.gcphase, 1);
	m = stats();
	ck_assert_uint_eq(m.stack_inuse, 8 * FAKE_PAGE);
	ck_assert_uint_eq(m.heap_idle, FAKE_PAGE);
	/* Stacks of no span, and a list that leads into itself. */
	cache_stack(ps[0], 0, FAKE_STRUCTS + FAKE_STRUCTS_SIZE - 64);
	fake_load(&f);
	expect_error(memstats_read(&f.rt, &m), ERR_FORMAT, "has no span");
	cache_stack(ps[0], 0, FAKE_HEAP);
	fake_word(&f, FAKE_HEAP, FAKE_HEAP);
	fake_load(&f);
	expect_error(memstats_read(&f.rt, &m), ERR_FORMAT, "does not end");
}
END_TEST

/* ---- the next goal ------------------------------------------------------- */

START_TEST(goal_by_percent)
{
	const struct layout *l = &f.rt.layout;

	ck_assert_uint_eq(stats().next_gc, 4 * MIB);
	/* The sweep needs room. */
	set_controller(&l->gcController.sweepDistMinTrigger, 4 * MIB + 1);
	ck_assert_uint_eq(stats().next_gc, 4 * MIB + 1);
	/* A cycle that has begun stays ahead of its trigger. */
	set_controller(&l->gcController.triggered, 4 * MIB);
	ck_assert_uint_eq(stats().next_gc, 4 * MIB + 65536);
	set_controller(&l->gcController.triggered, 3 * MIB);
	ck_assert_uint_eq(stats().next_gc, 4 * MIB + 1);
}
END_TEST

/* GOGC=off and a limit of 100 MiB. */
static void set_limit(uint64_t mapped, uint64_t marked)
{
	const struct layout *l = &f.rt.layout;

	set_controller(&l->gcController.gcPercentHeapGoal, ~0ull);
	set_controller(&l->gcController.memoryLimit, 100 * MIB);
	set_controller(&l->gcController.mappedReady, mapped);
	set_controller(&l->gcController.heapFree, MIB);
	set_controller(&l->gcController.totalAlloc, 70 * MIB);
	set_controller(&l->gcController.totalFree, 30 * MIB);
	set_controller(&l->gcController.heapMarked, marked);
}

START_TEST(goal_by_limit)
{
	const struct layout *l = &f.rt.layout;

	/* 60 - 1 - 40 MiB are no heap; 3 % of the other 81 MiB are spared. */
	set_limit(60 * MIB, 0);
	ck_assert_uint_eq(stats().next_gc, 81 * MIB - 849346 * 3);
	/* Never below what is live. */
	set_limit(60 * MIB, 90 * MIB);
	ck_assert_uint_eq(stats().next_gc, 90 * MIB);
	/* 1 MiB more than the limit is mapped, and counts twice. */
	set_limit(101 * MIB, 0);
	ck_assert_uint_eq(stats().next_gc,
			  100 * MIB - 60 * MIB - MIB - (39 * MIB / 100 * 3));
	/* Of 3, 2 and 1 MiB at least 1 MiB is spared, but as much is left. */
	set_limit(119 * MIB, 0);
	ck_assert_uint_eq(stats().next_gc, 2 * MIB);
	set_limit(119 * MIB + MIB / 2, 0);
	ck_assert_uint_eq(stats().next_gc, MIB);
	set_limit(120 * MIB, 0);
	ck_assert_uint_eq(stats().next_gc, MIB);
	/* No room at all: what is live. */
	set_limit(130 * MIB, 12345);
	ck_assert_uint_eq(stats().next_gc, 12345);
	/* The smaller of the two goals counts, and alone. */
	set_limit(60 * MIB, 0);
	set_controller(&l->gcController.gcPercentHeapGoal, 4 * MIB);
	set_controller(&l->gcController.sweepDistMinTrigger, 5 * MIB);
	ck_assert_uint_eq(stats().next_gc, 5 * MIB);
	set_controller(&l->gcController.gcPercentHeapGoal, ~0ull);
	set_controller(&l->gcController.sweepDistMinTrigger, 95 * MIB);
	ck_assert_uint_eq(stats().next_gc, 81 * MIB - 849346 * 3);
}
END_TEST

/* A flush of the caches would add to what is allocated, and so to the goal. */
START_TEST(goal_with_caches)
{
	const uint64_t cached[] = { add_cached(0, 100) };
	uint64_t p = add_p(cached, 1, 0), goal = 81 * MIB + 4800;

	set_ps(&p, 1, 1);
	set_limit(60 * MIB, 0);
	ck_assert_uint_eq(stats().next_gc, goal - goal / 100 * 3);
}
END_TEST

/* ---- damage -------------------------------------------------------------- */

START_TEST(damage)
{
	struct layout *l = &f.rt.layout;
	uint64_t p = 0x1000;
	struct memstats m;

	set_ps(&p, 1, 2);
	fake_load(&f);
	expect_error(memstats_read(&f.rt, &m), ERR_FORMAT,
		     "GOMAXPROCS is 2 of 1");
	set_ps(&p, 1, 1);
	fake_load(&f);
	expect_error(memstats_read(&f.rt, &m), ERR_FAULT, "");
	fake_slice(&f, l->var.allp.addr, 0, ~0ull);
	fake_load(&f);
	expect_error(memstats_read(&f.rt, &m), ERR_FORMAT, "elements");
	l->mstats.pause_ns.width = 8;
	expect_error(memstats_read(&f.rt, &m), ERR_FORMAT, "has 8 bytes");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memstats");
	TCase *tc = tcase_create("memstats");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, large_objects);
	tcase_add_test(tc, small_objects);
	tcase_add_test(tc, every_class);
	tcase_add_test(tc, tiny_allocations);
	tcase_add_test(tc, negative_shards);
	tcase_add_test(tc, mapped_memory);
	tcase_add_test(tc, without_pointer_bits);
	tcase_add_test(tc, collections);
	tcase_add_test(tc, cached_spans);
	tcase_add_test(tc, stale_spans);
	tcase_add_test(tc, free_stacks);
	tcase_add_test(tc, goal_by_percent);
	tcase_add_test(tc, goal_by_limit);
	tcase_add_test(tc, goal_with_caches);
	tcase_add_test(tc, damage);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
