/* SPDX-License-Identifier: Apache-2.0 */
/* Itabs, specials, queued finalizers, the memory profile: src/runtime/itab.c,
 * special.c, memprof.c. */
#include "fake_lists.h"

#include "runtime/finalizer_queue.h"
#include "runtime/itab.h"
#include "runtime/memprof.h"
#include "runtime/special.h"

#include <stdlib.h>

static struct fake_runtime f;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

enum { MAX_SEEN = 64 };

/* What a walk has met. */
struct seen {
	struct itab itabs[MAX_SEEN];
	struct finalizer finalizers[MAX_SEEN];
	struct alloc_sample samples[MAX_SEEN];
	struct memprof_bucket buckets[MAX_SEEN];
	uint64_t stacks[MAX_SEEN][8];
	size_t n;
	size_t stop_at; /* an error at that one; 0: none */
};

static struct err *next(struct seen *s)
{
	ck_assert_uint_lt(s->n, MAX_SEEN - 1);
	return ++s->n == s->stop_at ? err_new(ERR_EXISTS, "enough") : NULL;
}

static struct err *see_itab(void *arg, const struct itab *it)
{
	struct seen *s = arg;

	s->itabs[s->n] = *it;
	return next(s);
}

static struct err *see_finalizer(void *arg, const struct finalizer *fin)
{
	struct seen *s = arg;

	s->finalizers[s->n] = *fin;
	return next(s);
}

static struct err *see_sample(void *arg, const struct alloc_sample *sample)
{
	struct seen *s = arg;

	s->samples[s->n] = *sample;
	return next(s);
}

static struct err *see_bucket(void *arg, const struct memprof_bucket *b)
{
	struct seen *s = arg;

	s->buckets[s->n] = *b;
	for (uint64_t i = 0; i < b->depth; i++)
		s->stacks[s->n][i] = b->stack[i];
	return next(s);
}

/* ---- itabs --------------------------------------------------------------- */

START_TEST(itabs)
{
	struct seen s = {};
	uint64_t a = fake_add_itab(&f, 6, 1111);
	uint64_t b = fake_add_itab(&f, 1, 2222);
	uint64_t c = fake_add_itab(&f, 0, 1111);

	fake_load(&f);
	expect_ok(itab_each(&f.rt, see_itab, &s));
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.itabs[0].addr, c);
	ck_assert_uint_eq(s.itabs[0].type, 1111);
	ck_assert_uint_eq(s.itabs[1].addr, b);
	ck_assert_uint_eq(s.itabs[1].type, 2222);
	ck_assert_uint_eq(s.itabs[2].addr, a);
	s = (struct seen){ .stop_at = 2 };
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_EXISTS, "enough");
}
END_TEST

START_TEST(damaged_itabs)
{
	const struct layout *l = &f.rt.layout;
	uint64_t itab = fake_add_itab(&f, 6, 1111);
	uint64_t table = fake_get(&f.target, l->var.itabTable.addr, 8);
	struct seen s = {};

	fake_set(&f, table, &l->itabTableType.count, 2);
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FORMAT,
		     "counts 2 entries and has 1");
	fake_set(&f, table, &l->itabTableType.count, 0);
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FORMAT,
		     "counts 0 entries and has 1");
	fake_set(&f, table, &l->itabTableType.count, FAKE_ITABS + 1);
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FORMAT, "9 of 8");
	fake_set(&f, table, &l->itabTableType.size, 1ull << 60);
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FORMAT, "itab table");
	fake_set(&f, table, &l->itabTableType.size, FAKE_ITABS);
	fake_set(&f, table, &l->itabTableType.count, 1);
	fake_word(&f, table + l->itabTableType.entries.offset + 6 * 8, 0x1000);
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FAULT, "");
	fake_set_var(&f, &l->var.itabTable, itab + (1ull << 40));
	fake_load(&f);
	expect_error(itab_each(&f.rt, see_itab, &s), ERR_FAULT, "");
}
END_TEST

/* ---- specials ------------------------------------------------------------ */

static uint64_t add_span(uint64_t i)
{
	return fake_add_span(&f, &(struct fake_span){
					 .base = FAKE_HEAP + i * FAKE_PAGE,
					 .class = CLASS_48,
					 .freeindex = 100,
				 });
}

/* By spans in the order of allspans, in each by its list; of other kinds
 * nothing is told. */
START_TEST(specials)
{
	const struct layout *l = &f.rt.layout;
	uint64_t fn = fake_add_funcval(&f, 0x401234);
	uint64_t first = add_span(3), second = add_span(1), weak;
	struct seen s = {};

	fake_add_sample(&f, first, 96, 0xb1);
	weak = fake_add_sample(&f, first, 96, 0xb2);
	fake_set(&f, weak, &l->special.kind, 9);
	fake_add_finalizer(&f, first, 56, fn, 0xf1, 0xf2);
	fake_add_sample(&f, first, 48, 0xb3);
	fake_add_finalizer(&f, second, 0, fn, 0xf3, 0xf4);
	fake_load(&f);
	expect_ok(finalizer_each(&f.rt, see_finalizer, &s));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.finalizers[0].object,
			  FAKE_HEAP + 3 * FAKE_PAGE + 56);
	ck_assert_uint_eq(s.finalizers[0].fn, fn);
	ck_assert_uint_eq(s.finalizers[0].pc, 0x401234);
	ck_assert_uint_eq(s.finalizers[0].fint, 0xf1);
	ck_assert_uint_eq(s.finalizers[0].ot, 0xf2);
	ck_assert_uint_eq(s.finalizers[1].object, FAKE_HEAP + FAKE_PAGE);
	s.n = 0;
	expect_ok(alloc_sample_each(&f.rt, see_sample, &s));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.samples[0].object, FAKE_HEAP + 3 * FAKE_PAGE + 48);
	ck_assert_uint_eq(s.samples[0].bucket, 0xb3);
	ck_assert_uint_eq(s.samples[1].object, FAKE_HEAP + 3 * FAKE_PAGE + 96);
	ck_assert_uint_eq(s.samples[1].bucket, 0xb1);
	s = (struct seen){ .stop_at = 1 };
	expect_error(alloc_sample_each(&f.rt, see_sample, &s), ERR_EXISTS,
		     "enough");
}
END_TEST

START_TEST(damaged_specials)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = add_span(3), special;
	struct seen s = {};

	special = fake_add_sample(&f, mspan, 48, 0xb1);
	fake_set(&f, special, &l->special.next, special);
	fake_load(&f);
	expect_error(alloc_sample_each(&f.rt, see_sample, &s), ERR_FORMAT,
		     "do not end");
	fake_set(&f, special, &l->special.next, 0);
	fake_set(&f, special, &l->special.offset, FAKE_PAGE);
	fake_load(&f);
	expect_error(finalizer_each(&f.rt, see_finalizer, &s), ERR_FORMAT,
		     "lies outside it");
	fake_set(&f, mspan, &l->mspan.specials, 0x1000);
	fake_load(&f);
	expect_error(alloc_sample_each(&f.rt, see_sample, &s), ERR_FAULT, "");
	fake_add_finalizer(&f, mspan, 0, 0x1000, 1, 2); /* no such funcval */
	fake_load(&f);
	expect_error(finalizer_each(&f.rt, see_finalizer, &s), ERR_FAULT, "");
}
END_TEST

/* ---- queued finalizers --------------------------------------------------- */

START_TEST(queued_finalizers)
{
	const struct layout *l = &f.rt.layout;
	uint64_t fn = fake_add_funcval(&f, 0x401234);
	uint64_t old = fake_add_block(&f), empty = fake_add_block(&f);
	uint64_t new = fake_add_block(&f);
	struct seen s = {};

	for (uint64_t i = 0; i < FAKE_FINALIZERS; i++)
		fake_queue_finalizer(&f, old, i, 100 + i, fn, 200 + i, 300 + i);
	fake_set(&f, old, &l->finBlock.cnt, FAKE_FINALIZERS);
	fake_queue_finalizer(&f, empty, 0, 1, 2, 3, 4); /* not counted */
	fake_queue_finalizer(&f, new, 0, 99, fn, 199, 299);
	fake_queue_finalizer(&f, new, 1, 1, 2, 3, 4);
	fake_set(&f, new, &l->finBlock.cnt, 1);
	fake_load(&f);
	expect_ok(queued_finalizer_each(&f.rt, see_finalizer, &s));
	ck_assert_uint_eq(s.n, 1 + FAKE_FINALIZERS);
	for (size_t i = 0; i < s.n; i++) {
		ck_assert_uint_eq(s.finalizers[i].object, 99 + i);
		ck_assert_uint_eq(s.finalizers[i].fn, fn);
		ck_assert_uint_eq(s.finalizers[i].pc, 0x401234);
		ck_assert_uint_eq(s.finalizers[i].fint, 199 + i);
		ck_assert_uint_eq(s.finalizers[i].ot, 299 + i);
	}
}
END_TEST

START_TEST(damaged_queues)
{
	const struct layout *l = &f.rt.layout;
	uint64_t block = fake_add_block(&f);
	struct seen s = {};

	fake_set(&f, block, &l->finBlock.cnt, FAKE_FINALIZERS + 1);
	fake_load(&f);
	expect_error(queued_finalizer_each(&f.rt, see_finalizer, &s),
		     ERR_FORMAT, "a block of 4 finalizers counts 5");
	fake_set(&f, block, &l->finBlock.cnt, 0);
	fake_set(&f, block, &l->finBlock.alllink, block);
	fake_load(&f);
	expect_error(queued_finalizer_each(&f.rt, see_finalizer, &s),
		     ERR_FORMAT, "does not end");
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

/* ---- memory profile ------------------------------------------------------ */

START_TEST(buckets)
{
	static const uint64_t pcs[] = { 0x401001, 0x401002, 0x401003 };
	uint64_t a = fake_add_bucket(&f, 48, pcs, 3, 10, 4);
	uint64_t b = fake_add_bucket(&f, 16, pcs, 1, 1ull << 40, 0);
	uint64_t c = fake_add_bucket(&f, 8, NULL, 0, 0, 0);
	struct seen s = {};

	fake_load(&f);
	expect_ok(memprof_each(&f.rt, see_bucket, &s));
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.buckets[0].addr, c);
	ck_assert_uint_eq(s.buckets[0].depth, 0);
	ck_assert_uint_eq(s.buckets[1].addr, b);
	ck_assert_uint_eq(s.buckets[1].size, 16);
	ck_assert_uint_eq(s.buckets[1].allocs, 1ull << 40);
	ck_assert_uint_eq(s.buckets[2].addr, a);
	ck_assert_uint_eq(s.buckets[2].size, 48);
	ck_assert_uint_eq(s.buckets[2].depth, 3);
	ck_assert_uint_eq(s.buckets[2].allocs, 10);
	ck_assert_uint_eq(s.buckets[2].frees, 4);
	ck_assert(!memcmp(s.stacks[2], pcs, sizeof(pcs)));
	s = (struct seen){ .stop_at = 3 };
	expect_error(memprof_each(&f.rt, see_bucket, &s), ERR_EXISTS, "enough");
}
END_TEST

START_TEST(damaged_buckets)
{
	const struct layout *l = &f.rt.layout;
	uint64_t pc = 0x401001, b = fake_add_bucket(&f, 48, &pc, 1, 10, 4);
	struct seen s = {};

	fake_set(&f, b, &l->bucket.nstk, 1ull << 40);
	fake_load(&f);
	expect_error(memprof_each(&f.rt, see_bucket, &s), ERR_FORMAT,
		     "1099511627776 frames");
	fake_set(&f, b, &l->bucket.nstk, 1);
	fake_set(&f, b, &l->bucket.allnext, b);
	fake_load(&f);
	expect_error(memprof_each(&f.rt, see_bucket, &s), ERR_FORMAT,
		     "does not end");
	fake_set(&f, b, &l->bucket.allnext, 0x1000);
	fake_load(&f);
	expect_error(memprof_each(&f.rt, see_bucket, &s), ERR_FAULT,
		     "bucket at 0x1000");
}
END_TEST

START_TEST(nothing)
{
	const struct layout *l = &f.rt.layout;
	struct seen s = {};

	fake_set_var(&f, &l->var.itabTable,
		     fake_new(&f, l->itabTableType.struct_size));
	fake_load(&f);
	expect_ok(itab_each(&f.rt, see_itab, &s));
	expect_ok(finalizer_each(&f.rt, see_finalizer, &s));
	expect_ok(queued_finalizer_each(&f.rt, see_finalizer, &s));
	expect_ok(alloc_sample_each(&f.rt, see_sample, &s));
	expect_ok(memprof_each(&f.rt, see_bucket, &s));
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tables");
	TCase *tc = tcase_create("tables");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, itabs);
	tcase_add_test(tc, damaged_itabs);
	tcase_add_test(tc, specials);
	tcase_add_test(tc, damaged_specials);
	tcase_add_test(tc, queued_finalizers);
	tcase_add_test(tc, damaged_queues);
	tcase_add_test(tc, buckets);
	tcase_add_test(tc, damaged_buckets);
	tcase_add_test(tc, nothing);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
