/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of small reads: src/target/cache.c; and target.c's dispatch. */
#include "expect.h"

#include "target/cache.h"

#include <stdlib.h>

enum {
	BASE = 0x10000,		 /* of the fake target's memory */
	SIZE = 0x800000,	 /* more than the cache holds */
	END = BASE + SIZE - 100, /* no end of a block */
};

/* A target made of nothing, which counts what is read of it. */
struct fake {
	struct target base;
	uint8_t change; /* added to every byte */
	size_t reads, bytes;
	bool gone, closed;
	enum err_code stop_error;
};

static uint8_t pattern(uint64_t addr)
{
	return (uint8_t)(addr * 7 + addr / 4096);
}

static size_t fake_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	struct fake *f = (struct fake *)t;
	uint8_t *to = buf;
	size_t n = 0;

	f->reads++;
	for (; !f->gone && n < len && addr + n >= BASE && addr + n < END; n++)
		to[n] = (uint8_t)(pattern(addr + n) + f->change);
	f->bytes += n;
	return n;
}

static void fake_read_many(struct target *t, struct read_range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r[i].ok =
			fake_read(t, r[i].addr, r[i].buf, r[i].len) == r[i].len;
}

static struct err *fake_stop(struct target *t)
{
	struct fake *f = (struct fake *)t;

	clock_gettime(CLOCK_MONOTONIC, &t->stop_began);
	t->mappings = calloc(1, sizeof(*t->mappings));
	t->mapping_count = 1;
	t->mappings[0].path = strdup("");
	t->threads = calloc(1, sizeof(*t->threads));
	t->thread_count = 1;
	return f->stop_error ? err_new(f->stop_error, "no stop") : NULL;
}

static struct err *fake_resume(struct target *t)
{
	return t->pid ? NULL : err_new(ERR_UNSUPPORTED, "a core");
}

static bool fake_gone(struct target *t)
{
	return ((struct fake *)t)->gone;
}

static void fake_close(struct target *t)
{
	((struct fake *)t)->closed = true;
}

static const struct target_ops fake_ops = {
	.stop = fake_stop,
	.resume = fake_resume,
	.read = fake_read,
	.read_many = fake_read_many,
	.gone = fake_gone,
	.close = fake_close,
};

static struct fake make_fake(void)
{
	return (struct fake){
		.base = { .ops = &fake_ops, .arch = &arch_amd64, .pid = 1 },
	};
}

static bool holds_pattern(const uint8_t *buf, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != pattern(addr + i))
			return false;
	return true;
}

/* ---- the cache
 * ---------------------------------------------------------------- */

START_TEST(reads_once)
{
	struct fake f = make_fake();
	struct read_cache c;
	uint8_t buf[100];

	expect_ok(read_cache_init(&c, &f.base));
	for (uint64_t a = BASE; a < BASE + 3 * READ_CACHE_BLOCK - 100; a += 3) {
		expect_ok(cache_read(&c, a, buf, 100));
		ck_assert(holds_pattern(buf, a, 100));
	}
	ck_assert_uint_eq(f.reads, 3);
	ck_assert_uint_eq(f.bytes, 3 * READ_CACHE_BLOCK);
	expect_ok(cache_read(&c, BASE, buf, 0));
	ck_assert_uint_eq(f.reads, 3);
	read_cache_deinit(&c);
}
END_TEST

/* Any address and size, with many addresses to a place of the cache. */
START_TEST(agrees_with_memory)
{
	struct fake f = make_fake();
	struct read_cache c;
	static uint8_t buf[3 * READ_CACHE_BLOCK];
	unsigned int seed = 1;

	expect_ok(read_cache_init(&c, &f.base));
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand_r(&seed) % (i % 50 ? 64 : 12288);
		uint64_t a = BASE + (uint64_t)rand_r(&seed) % (SIZE + 1000);
		bool there = len == 0 || a + len <= END;
		struct err *e = cache_read(&c, a, buf, len);

		if (there)
			expect_ok(e);
		else
			expect_error(e, ERR_FAULT, "");
		if (there)
			ck_assert(holds_pattern(buf, a, len));
	}
	read_cache_deinit(&c);
}
END_TEST

START_TEST(large_reads_bypass)
{
	struct fake f = make_fake();
	struct read_cache c;
	static uint8_t buf[2 * READ_CACHE_BLOCK];

	expect_ok(read_cache_init(&c, &f.base));
	expect_ok(cache_read(&c, BASE + 5, buf, sizeof(buf)));
	ck_assert(holds_pattern(buf, BASE + 5, sizeof(buf)));
	ck_assert_uint_eq(f.reads, 1);
	ck_assert_uint_eq(f.bytes, sizeof(buf));
	read_cache_deinit(&c);
}
END_TEST

START_TEST(reset_forgets)
{
	struct fake f = make_fake();
	struct read_cache c;
	uint8_t byte;

	expect_ok(read_cache_init(&c, &f.base));
	expect_ok(cache_read(&c, BASE, &byte, 1));
	f.change = 1;
	expect_ok(cache_read(&c, BASE, &byte, 1));
	ck_assert_uint_eq(byte, pattern(BASE)); /* as of the first read */
	read_cache_reset(&c);
	expect_ok(cache_read(&c, BASE, &byte, 1));
	ck_assert_uint_eq(byte, (uint8_t)(pattern(BASE) + 1));
	read_cache_deinit(&c);
}
END_TEST

/* A failed block leaves no half of itself behind. */
START_TEST(failures_are_not_cached)
{
	struct fake f = make_fake();
	struct read_cache c;
	uint8_t buf[8];
	uint64_t far = BASE + (uint64_t)READ_CACHE_BLOCK * READ_CACHE_BLOCKS;

	expect_ok(read_cache_init(&c, &f.base));
	expect_ok(cache_read(&c, BASE, buf, 8));
	f.gone = true;
	expect_error(cache_read(&c, far, buf, 8), ERR_GONE, "has ended");
	f.gone = false;
	f.change = 1; /* so that it shows where a byte comes from */
	expect_ok(cache_read(&c, far, buf, 1));
	ck_assert_uint_eq(buf[0], (uint8_t)(pattern(far) + 1));
	expect_ok(cache_read(&c, BASE, buf, 1));
	ck_assert_uint_eq(buf[0], (uint8_t)(pattern(BASE) + 1));
	expect_error(cache_read(&c, UINT64_MAX - 3, buf, 8), ERR_FAULT, "");
	expect_error(cache_read(&c, UINT64_MAX - 7, buf, 8), ERR_FAULT, "");
	read_cache_deinit(&c);
}
END_TEST

/* The last, incomplete block: what is there can be read. */
START_TEST(the_end_of_memory)
{
	struct fake f = make_fake();
	struct read_cache c;
	uint8_t buf[16];

	expect_ok(read_cache_init(&c, &f.base));
	expect_ok(cache_read(&c, END - 16, buf, 16));
	ck_assert(holds_pattern(buf, END - 16, 16));
	struct err *e = cache_read(&c, END - 15, buf, 16);
	ck_assert(e && e->code == ERR_FAULT);
	ck_assert_uint_eq(e->addr, END);
	err_free(e);
	read_cache_deinit(&c);
}
END_TEST

START_TEST(integers)
{
	struct arch big = arch_amd64;
	struct fake f = make_fake();
	struct read_cache c;
	uint64_t little, value;

	big.big_endian = true;
	expect_ok(read_cache_init(&c, &f.base));
	for (unsigned int width = 1; width <= 8; width++) {
		uint64_t a = BASE + READ_CACHE_BLOCK - width / 2;
		uint64_t want = 0;

		for (unsigned int i = width; i-- > 0;)
			want = want << 8 | pattern(a + i);
		f.base.arch = &arch_amd64;
		expect_ok(cache_read_uint(&c, a, width, &little));
		ck_assert_uint_eq(little, want);
		f.base.arch = &big;
		expect_ok(cache_read_uint(&c, a, width, &value));
		ck_assert_uint_eq(value, __builtin_bswap64(little) >>
						 (64 - 8 * width));
	}
	value = 42;
	expect_error(cache_read_uint(&c, 0, 8, &value), ERR_FAULT, "");
	ck_assert_uint_eq(value, 42);
	read_cache_deinit(&c);
}
END_TEST

/* ---- the dispatch
 * ---------------------------------------------------------------- */

START_TEST(stop_and_resume)
{
	struct fake f = make_fake();
	struct target *t = &f.base;

	expect_ok(target_resume(t)); /* nothing to do */
	expect_ok(target_stop(t));
	ck_assert(t->stopped);
	ck_assert_uint_eq(t->thread_count, 1);
	expect_ok(target_resume(t));
	ck_assert(!t->stopped);
	ck_assert_ptr_null(t->mappings);
	ck_assert_ptr_null(t->threads);
	uint64_t pause = t->pause_ns;
	ck_assert_uint_gt(pause, 0);

	/* A stop that fails counts as a pause, and leaves nothing. */
	f.stop_error = ERR_TIMEOUT;
	expect_error(target_stop(t), ERR_TIMEOUT, "no stop");
	ck_assert(!t->stopped);
	ck_assert_ptr_null(t->mappings);
	ck_assert_ptr_null(t->threads);
	ck_assert_uint_gt(t->pause_ns, pause);
	target_close(t);
	ck_assert(f.closed);
}
END_TEST

/* A core: stopped for ever, and closed all the same. */
START_TEST(what_cannot_resume)
{
	struct fake f = make_fake();
	struct target *t = &f.base;

	t->pid = 0;
	expect_ok(target_stop(t));
	expect_error(target_resume(t), ERR_UNSUPPORTED, "a core");
	ck_assert(t->stopped);
	ck_assert_uint_eq(t->mapping_count, 1);
	t->exe_path = strdup("x");
	t->exe_name = strdup("x");
	target_close(t);
	ck_assert(f.closed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reads_once);
	tcase_add_test(tc, agrees_with_memory);
	tcase_add_test(tc, large_reads_bypass);
	tcase_add_test(tc, reset_forgets);
	tcase_add_test(tc, failures_are_not_cached);
	tcase_add_test(tc, the_end_of_memory);
	tcase_add_test(tc, integers);
	tcase_add_test(tc, stop_and_resume);
	tcase_add_test(tc, what_cannot_resume);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
