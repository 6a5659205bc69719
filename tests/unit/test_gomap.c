/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of both kinds: src/runtime/gomap.c. */
#include "expect.h"
#include "fake_target.h"
#include "runtime/gomap.h"
#include "runtime/runtime.h"

#include <stdlib.h>

#define MAP 0x1000ull
#define OLD 0x4000ull
#define NEW 0x8000ull
#define OVERFLOW 0xa000ull

enum { MIN_TOP_HASH = 5, SAME_SIZE = 8, EVACUATED = 2 };

/* map[int32]unsafe.Pointer: tophash or control bytes, then slots. */
static const struct gomap_shape shape = {
	.size = 8 + 8 * 16 + 8,
	.keys = 8,
	.key_stride = 16,
	.values = 16,
	.value_stride = 16,
};

static struct fake_target f;
static struct runtime rt;

/* What was found: the sum of the values of each key. */
static uint64_t sum[64];
static unsigned int count;

static void setup(void)
{
	fake_target_init(&f);
	fake_map(&f, 0x1000, 0x10000);
	rt = (struct runtime){ .target = &f.base, .arch = f.base.arch };
	expect_ok(read_cache_init(&rt.cache, &f.base));
	memset(sum, 0, sizeof(sum));
	count = 0;
}

static void teardown(void)
{
	read_cache_deinit(&rt.cache);
	fake_target_deinit(&f);
}

#define AT(offset_, width_)                                                    \
	(struct member)                                                        \
	{                                                                      \
		.offset = offset_, .width = width_, .present = true            \
	}

static void with_buckets(void)
{
	struct layout *l = &rt.layout;

	l->hmap.struct_present = true;
	l->hmap.flags = AT(8, 1);
	l->hmap.B = AT(9, 1);
	l->hmap.buckets = AT(16, 8);
	l->hmap.oldbuckets = AT(24, 8);
	l->konst.minTopHash = (struct constant){ MIN_TOP_HASH, true };
	l->konst.sameSizeGrow = (struct constant){ SAME_SIZE, true };
}

static void with_groups(void)
{
	struct layout *l = &rt.layout;

	l->swissMap.struct_present = true;
	l->swissMap.dirPtr = AT(16, 8);
	l->swissMap.dirLen = AT(24, 8);
	l->swissTable.struct_present = true;
	l->swissTable.groups = AT(8, 16);
	l->swissGroups.struct_present = true;
	l->swissGroups.data = AT(0, 8);
	l->swissGroups.lengthMask = AT(8, 8);
}

static void put_hmap(uint64_t log, uint64_t flags, uint64_t old)
{
	fake_put(&f, MAP + 8, 1, flags);
	fake_put(&f, MAP + 9, 1, log);
	fake_put(&f, MAP + 16, 8, NEW);
	fake_put(&f, MAP + 24, 8, old);
}

/* An entry of the bucket or group at addr; mark is its first byte's. */
static void put(uint64_t addr, unsigned int slot, uint8_t mark, uint32_t key,
		uint64_t value)
{
	fake_put(&f, addr + slot, 1, mark);
	fake_put(&f, addr + shape.keys + slot * shape.key_stride, 4, key);
	fake_put(&f, addr + shape.values + slot * shape.value_stride, 8, value);
}

static struct err *found(void *arg, uint64_t key, uint64_t value)
{
	ck_assert_ptr_eq(arg, &count);
	count++;
	sum[fake_get(&f, key, 4)] += fake_get(&f, value, 8);
	return NULL;
}

static struct err *walk(void)
{
	return gomap_each(&rt, MAP, &shape, found, &count);
}

START_TEST(nil)
{
	expect_ok(gomap_each(&rt, 0, &shape, found, &count));
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(unknown_kind)
{
	expect_error(walk(), ERR_UNSUPPORTED, "unknown kind");
}
END_TEST

/* ---- buckets ------------------------------------------------------------- */

START_TEST(buckets_and_overflow)
{
	with_buckets();
	put_hmap(1, 0, 0);
	put(NEW, 0, MIN_TOP_HASH, 1, 10);
	put(NEW, 7, 255, 2, 20);
	put(NEW, 3, 1, 3, 30); /* emptyOne */
	put(NEW + shape.size, 1, 9, 4, 40);
	fake_put(&f, NEW + 2 * shape.size - 8, 8, OVERFLOW);
	put(OVERFLOW, 5, 77, 5, 50);
	expect_ok(walk());
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(sum[1], 10);
	ck_assert_uint_eq(sum[2], 20);
	ck_assert_uint_eq(sum[4], 40);
	ck_assert_uint_eq(sum[5], 50);
}
END_TEST

/* One of two old buckets has been moved, the other one not. */
START_TEST(growing)
{
	with_buckets();
	put_hmap(2, 0, OLD);
	put(OLD, 0, EVACUATED, 1, 10);
	put(OLD + shape.size, 0, 200, 2, 20);
	put(OLD + 2 * shape.size, 0, 200, 3, 30); /* behind the end */
	put(NEW + 2 * shape.size, 0, 200, 1, 10);
	expect_ok(walk());
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(sum[1], 10);
	ck_assert_uint_eq(sum[2], 20);
}
END_TEST

START_TEST(growing_to_the_same_size)
{
	with_buckets();
	put_hmap(1, SAME_SIZE, OLD);
	put(OLD + shape.size, 0, 200, 2, 20);
	expect_ok(walk());
	ck_assert_uint_eq(sum[2], 20);
}
END_TEST

START_TEST(damaged_buckets)
{
	with_buckets();
	put_hmap(63, 0, 0);
	expect_error(walk(), ERR_FORMAT, "2^63 buckets");
	read_cache_deinit(&rt.cache);
	expect_ok(read_cache_init(&rt.cache, &f.base));
	put_hmap(0, 0, 0);
	fake_put(&f, NEW + shape.size - 8, 8, OVERFLOW);
	fake_put(&f, OVERFLOW + shape.size - 8, 8, NEW);
	expect_error(walk(), ERR_FORMAT, "do not end");
}
END_TEST

/* ---- groups -------------------------------------------------------------- */

START_TEST(one_group)
{
	with_groups();
	fake_put(&f, MAP + 16, 8, NEW);
	for (unsigned int i = 0; i < GOMAP_ENTRIES; i++)
		put(NEW, i, 0x80, i, 1); /* ctrlEmpty */
	put(NEW, 1, 0x00, 11, 10);
	put(NEW, 6, 0x7f, 12, 20);
	put(NEW, 7, 0xfe, 13, 30); /* ctrlDeleted */
	expect_ok(walk());
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(sum[11], 10);
	ck_assert_uint_eq(sum[12], 20);
}
END_TEST

/* Two tables, of which the first fills half of the directory. */
START_TEST(tables)
{
	const uint64_t first = 0x2000, second = 0x2100, dir = 0x2200;

	with_groups();
	fake_put(&f, MAP + 16, 8, dir);
	fake_put(&f, MAP + 24, 8, 4);
	for (unsigned int i = 0; i < 4; i++)
		fake_put(&f, dir + i * 8, 8, i < 2 ? first : second);
	fake_put(&f, first + 8, 8, NEW);
	fake_put(&f, first + 16, 8, 1); /* two groups */
	fake_put(&f, second + 8, 8, OLD);
	memset(fake_at(&f, NEW, 1), 0x80, 8);
	memset(fake_at(&f, NEW + shape.size, 1), 0x80, 8);
	memset(fake_at(&f, OLD, 1), 0x80, 8);
	put(NEW, 0, 1, 1, 10);
	put(NEW + shape.size, 0, 1, 2, 20);
	put(OLD, 0, 1, 3, 30);
	expect_ok(walk());
	/* The table of two entries is not walked twice, nor the last one. */
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(sum[2], 20);
	ck_assert_uint_eq(sum[3], 30);
}
END_TEST

START_TEST(damaged_groups)
{
	with_groups();
	fake_put(&f, MAP + 16, 8, 0x2200);
	fake_put(&f, MAP + 24, 8, 1ull << 40);
	expect_error(walk(), ERR_FORMAT, "tables");
	read_cache_deinit(&rt.cache);
	expect_ok(read_cache_init(&rt.cache, &f.base));
	fake_put(&f, MAP + 24, 8, 1);
	fake_put(&f, 0x2200, 8, 0x2000);
	fake_put(&f, 0x2000 + 16, 8, 5);
	expect_error(walk(), ERR_FORMAT, "groups");
	read_cache_deinit(&rt.cache);
	expect_ok(read_cache_init(&rt.cache, &f.base));
	fake_put(&f, 0x2000 + 8, 8, 0xdead0000);
	fake_put(&f, 0x2000 + 16, 8, 0);
	expect_error(walk(), ERR_FAULT, "map at 0x1000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gomap");
	TCase *tc = tcase_create("gomap");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nil);
	tcase_add_test(tc, unknown_kind);
	tcase_add_test(tc, buckets_and_overflow);
	tcase_add_test(tc, growing);
	tcase_add_test(tc, growing_to_the_same_size);
	tcase_add_test(tc, damaged_buckets);
	tcase_add_test(tc, one_group);
	tcase_add_test(tc, tables);
	tcase_add_test(tc, damaged_groups);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
