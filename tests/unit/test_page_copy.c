/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that are kept of a stop, and what is read when the target runs again:
 * src/target/page_copy.c, and the cache in front of it. */
#include "expect.h"

#include "base/bits.h"
#include "target/cache.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BASE = 0x10000,
	PAGES = 6000,
	HOLE = BASE + 9 * COPY_PAGE,	  /* a page that is not there */
	CONSTANT = BASE + 32 * COPY_PAGE, /* from here on nobody writes */
};

/* Memory whose bytes change when `age` does. */
struct fake {
	struct target base;
	uint8_t age;
	bool ended;
	atomic_size_t calls, ranges;
};

static uint8_t pattern(uint64_t addr, uint8_t age)
{
	return (uint8_t)(addr * 7 + addr / COPY_PAGE +
			 (addr < CONSTANT ? age : 0));
}

static size_t fake_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	const struct fake *f = (const struct fake *)t;
	uint8_t *to = buf;
	size_t n = 0;

	for (; !f->ended && n < len && addr + n >= BASE &&
	       addr + n < BASE + PAGES * COPY_PAGE &&
	       (addr + n < HOLE || addr + n >= HOLE + COPY_PAGE);
	     n++)
		to[n] = pattern(addr + n, f->age);
	return n;
}

static void fake_read_many(struct target *t, struct read_range *r, size_t n)
{
	struct fake *f = (struct fake *)t;

	f->calls++;
	f->ranges += n;
	for (size_t i = 0; i < n; i++)
		r[i].ok =
			fake_read(t, r[i].addr, r[i].buf, r[i].len) == r[i].len;
}

static bool fake_gone(struct target *t)
{
	return ((const struct fake *)t)->ended;
}

static const struct target_ops fake_ops = {
	.read = fake_read,
	.read_many = fake_read_many,
	.gone = fake_gone,
};

static struct mapping mappings[] = {
	{ .start = BASE, .end = CONSTANT, .read = true, .write = true },
	{ .start = CONSTANT, .end = BASE + PAGES * COPY_PAGE, .read = true },
};

static struct fake fake;
static struct page_copy copy;
static struct read_cache cache;

static void setup(void)
{
	fake = (struct fake){
		.base = { .ops = &fake_ops,
			  .arch = &arch_amd64,
			  .stopped = true,
			  .mappings = mappings,
			  .mapping_count = 2 },
	};
	expect_ok(page_copy_init(&copy, &fake.base, 16 * COPY_PAGE,
				 4 * COPY_PAGE));
	expect_ok(read_cache_init(&cache, &fake.base));
	cache.copy = &copy;
}

static void teardown(void)
{
	read_cache_deinit(&cache);
	page_copy_deinit(&copy);
}

/* len bytes at addr are those of that age. */
static void expect_bytes(uint64_t addr, size_t len, uint8_t age)
{
	uint8_t *bytes = malloc(len);

	expect_ok(cache_read(&cache, addr, bytes, len));
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(bytes[i], pattern(addr + i, age));
	free(bytes);
}

static void expect_none(uint64_t addr)
{
	uint8_t byte;

	expect_error(cache_read(&cache, addr, &byte, 1), ERR_FAULT, "");
}

/* Seals the copy, and the target changes. */
static void run_on(void)
{
	expect_ok(page_copy_seal(&copy, NULL, 0));
	read_cache_reset(&cache);
	fake.age++;
}

/* Areas in any order, overlapping and side by side, take few reads. */
START_TEST(areas)
{
	struct area a[] = {
		{ BASE + 4 * COPY_PAGE + 100, BASE + 4 * COPY_PAGE + 101 },
		{ BASE + 10, BASE + 20 },
		{ BASE + COPY_PAGE - 1, BASE + COPY_PAGE + 1 },
		{ BASE + 15, BASE + 16 },
		{ BASE + 2 * COPY_PAGE, BASE + 3 * COPY_PAGE },
		{ BASE + 7 * COPY_PAGE, BASE + 7 * COPY_PAGE }, /* empty */
	};

	expect_ok(page_copy_add(&copy, a, ARRAY_SIZE(a)));
	ck_assert_uint_eq(copy.count, 4);
	ck_assert_uint_eq(fake.calls, 1);
	ck_assert_uint_eq(fake.ranges, 2);
	expect_ok(page_copy_add(&copy, a, ARRAY_SIZE(a)));
	ck_assert_uint_eq(copy.count, 4); /* they are there */
	run_on();
	expect_bytes(BASE, 3 * COPY_PAGE, 0);
	expect_bytes(BASE + 4 * COPY_PAGE, COPY_PAGE, 0);
	expect_none(BASE + 3 * COPY_PAGE);
	expect_none(BASE + 7 * COPY_PAGE);
}
END_TEST

/* What is read at the stop is there later; what is not, is not. */
START_TEST(kept)
{
	expect_bytes(BASE + 5 * COPY_PAGE + 8, 16, 0);
	copy.state = COPY_PASS;
	expect_bytes(BASE + 6 * COPY_PAGE, 8, 0);
	run_on();
	expect_bytes(BASE + 5 * COPY_PAGE, COPY_PAGE, 0);
	expect_none(BASE + 6 * COPY_PAGE);
}
END_TEST

/* What nobody writes to comes from the target; what is told to be so, too. */
START_TEST(constant)
{
	const struct area told = { BASE + 20 * COPY_PAGE + 16,
				   BASE + 20 * COPY_PAGE + 32 };

	expect_ok(page_copy_seal(&copy, &told, 1));
	expect_bytes(CONSTANT, 5 * COPY_PAGE, 0);
	expect_bytes(told.start, 16, 0);
	expect_none(told.start - 1);
	expect_none(told.end);
	expect_none(CONSTANT - 1);
}
END_TEST

/* A range with a page that can't be read costs that range, and no other. */
START_TEST(unreadable)
{
	struct area a[] = {
		{ BASE, BASE + COPY_PAGE },
		{ HOLE, HOLE + 2 * COPY_PAGE },
	};

	expect_ok(page_copy_add(&copy, a, ARRAY_SIZE(a)));
	run_on();
	expect_bytes(BASE, COPY_PAGE, 0);
	expect_none(HOLE);
}
END_TEST

/* Of pages no more than what is asked for, and what is between two parts. */
START_TEST(parts)
{
	struct area a[] = {
		{ BASE + 2048 + 8, BASE + COPY_PAGE },
		{ BASE + 100, BASE + 200 },
		{ BASE + 120, BASE + 130 },
		{ BASE + 2 * COPY_PAGE + 50, BASE + 3 * COPY_PAGE + 60 },
	};

	expect_ok(page_copy_add_bytes(&copy, a, ARRAY_SIZE(a)));
	ck_assert_uint_eq(copy.count, 3);
	ck_assert_uint_eq(fake.ranges, 2);
	run_on();
	expect_bytes(BASE + 100, COPY_PAGE - 100, 0);
	expect_bytes(a[3].start, a[3].end - a[3].start, 0);
	expect_none(BASE + 99);
	expect_none(a[3].start - 1);
	expect_none(a[3].end);
}
END_TEST

/* Pages of which a part is there, and more is wanted. */
START_TEST(widened)
{
	struct area a[] = {
		{ BASE + 100, BASE + 200 },
		{ BASE + COPY_PAGE + 8, BASE + COPY_PAGE + 16 },
	};
	struct area more = { BASE + 90, BASE + 110 };

	expect_ok(page_copy_add_bytes(&copy, a, ARRAY_SIZE(a)));
	expect_ok(page_copy_add_bytes(&copy, &more, 1));
	expect_bytes(BASE + COPY_PAGE, 8, 0); /* through the cache */
	ck_assert_uint_eq(copy.count, 2);
	run_on();
	expect_bytes(BASE, 2 * COPY_PAGE, 0);
}
END_TEST

/* So many that they are read by several threads; each is in its place. */
START_TEST(many)
{
	static struct area a[2900];

	page_copy_deinit(&copy);
	expect_ok(page_copy_init(&copy, &fake.base, PAGES * COPY_PAGE, 0));
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		a[i].start = BASE + (2 * i + 20) * COPY_PAGE + i % 4000;
		a[i].end = a[i].start + 64;
	}
	expect_ok(page_copy_add_bytes(&copy, a, ARRAY_SIZE(a)));
	ck_assert_uint_eq(fake.ranges, ARRAY_SIZE(a));
	ck_assert_uint_eq(fake.calls, 3);
	copy.state = COPY_ONLY;
	fake.age++;
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		expect_bytes(a[i].start, 64, 0);
}
END_TEST

/* Of a target that has ended, what nobody writes to is had elsewhere. */
START_TEST(ended)
{
	const uint64_t in_file = CONSTANT + 8 * COPY_PAGE;
	char path[] = "/tmp/test_page_copy.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");

	ck_assert_ptr_nonnull(f);
	fputs("what is before", f);
	long offset = ftell(f);
	for (size_t i = 0; i < COPY_PAGE; i++)
		fputc(pattern(in_file + i, 0), f);
	fclose(f);
	expect_ok(backing_add_copy(&copy.backing, &fake.base, CONSTANT,
				   CONSTANT + 100));
	expect_ok(backing_add_copy(&copy.backing, &fake.base, HOLE, HOLE + 8));
	expect_ok(backing_add_file(&copy.backing, in_file, in_file + COPY_PAGE,
				   path, (uint64_t)offset));
	ck_assert_uint_eq(copy.backing.parts.len, 2);
	ck_assert_int_eq(remove(path), 0);
	run_on();
	fake.ended = true;
	expect_bytes(CONSTANT + 40, 60, 0);
	expect_bytes(in_file, COPY_PAGE, 0);
	expect_bytes(in_file + 10, 100, 0);
	uint8_t byte;
	expect_error(cache_read(&cache, CONSTANT + 100, &byte, 1), ERR_GONE,
		     "");
}
END_TEST

/* Without room for all, it is said so, and nothing of it is wrong. */
START_TEST(full)
{
	struct area a = { BASE + 10 * COPY_PAGE, BASE + 30 * COPY_PAGE };

	ck_assert(!copy.full);
	expect_ok(page_copy_add(&copy, &a, 1));
	ck_assert(copy.full);
	ck_assert_uint_eq(copy.count, 16);
	expect_bytes(a.start, 20 * COPY_PAGE, 0);
	page_copy_reset(&copy);
	ck_assert(!copy.full);
	ck_assert_ptr_null(page_copy_find(&copy, a.start, 0, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("page_copy");
	TCase *tc = tcase_create("page_copy");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, areas);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, widened);
	tcase_add_test(tc, many);
	tcase_add_test(tc, ended);
	tcase_add_test(tc, kept);
	tcase_add_test(tc, constant);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, full);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
