/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/verify.h"

#include "base/bits.h"
#include "dump_encoder.h"
#include "expect.h"
#include "hdcheck/json.h"
#include "hdcheck/object_index.h"
#include "hdcheck/release.h"
#include "hdcheck/utf8.h"

#include <stdlib.h>

static const struct verify_options plain = { .max_problems = 20 };
static const struct verify_options strict = { .strict = true,
					      .max_problems = 20 };
static const struct verify_options counters = { .counters = true,
						.max_problems = 20 };

static void verify_encoded(const struct encoder *e,
			   const struct verify_options *o, struct verdict *out)
{
	struct dump_file f = encoder_file(e);

	expect_ok(verify(&f, o, out));
}

static bool has_problem(const struct verdict *v, const char *text)
{
	for (size_t i = 0; i < v->problems.list.len; i++)
		if (strstr(v->problems.list.v[i].text, text))
			return true;
	return false;
}

static void show(const struct verdict *v)
{
	for (size_t i = 0; i < v->problems.list.len; i++)
		fprintf(stderr, "  %s\n", v->problems.list.v[i].text);
}

/* The dump has exactly count problems, one of them with that text. */
static void expect_problem(const struct sample_dump *d,
			   const struct verify_options *o, uint64_t count,
			   const char *text)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };

	sample_encode(d, &e);
	verify_encoded(&e, o, &v);
	if (v.problems.count != count || (text && !has_problem(&v, text)))
		show(&v);
	ck_assert_uint_eq(v.problems.count, count);
	ck_assert_msg(!text || has_problem(&v, text), "no problem \"%s\"",
		      text);
}

START_TEST(test_sample)
{
	struct sample_dump d;

	sample_init(&d);
	expect_problem(&d, &plain, 0, NULL);
	expect_problem(&d, &strict, 0, NULL);
	expect_problem(&d, &counters, 0, NULL);
}
END_TEST

/* ---- one thing wrong ----------------------------------------------------- */

/*
 * A statement that damages the sample d, and the problems that it makes: how
 * many, and the text of one.
 */
#define DAMAGE(name, count, text, ...)                                         \
	static void name(struct sample_dump *d)                                \
	{                                                                      \
		__VA_ARGS__                                                    \
	}
#include "verify_damages.def"
#undef DAMAGE

static const struct damage {
	const char *name;
	void (*apply)(struct sample_dump *d);
	uint64_t count;
	const char *text;
} damages[] = {
#define DAMAGE(name, count, text, ...) { #name, name, count, text },
#include "verify_damages.def"
#undef DAMAGE
};

START_TEST(test_damage)
{
	const struct damage *damage = &damages[_i];
	struct sample_dump d;

	sample_init(&d);
	damage->apply(&d);
	expect_problem(&d, &plain, damage->count, damage->text);
}
END_TEST

/* ---- what is right, though odd ------------------------------------------- */

START_TEST(test_repeated_type)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };
	struct sample_dump d;

	sample_init(&d);
	/* Type, its itab, and again the type with another itab. */
	sample_insert(&d, S_NODE, &d.r[S_TYPE]);
	sample_insert(&d, S_NODE + 1, &d.r[S_ITAB]);
	d.r[S_NODE + 1].itab.addr = 0x600080;
	sample_encode(&d, &e);
	verify_encoded(&e, &plain, &v);
	ck_assert_uint_eq(v.problems.count, 0);
	ck_assert_uint_eq(v.summary.repeated_types, 1);
}
END_TEST

/* A machine with a link register repeats a field where it has no map. */
START_TEST(test_repeated_field)
{
	struct sample_dump d;

	sample_init(&d);
	d.r[S_FRAME2].frame.fields.raw = STR("\1\10\1\10");
	expect_problem(&d, &plain, 1, "is not behind the one before");
	d.r[S_PARAMS].params.arch = STR("arm64");
	expect_problem(&d, &plain, 0, NULL);
	d.r[S_NODE].memory.fields.raw = STR("\1\10\1\10");
	expect_problem(&d, &plain, 1, "is not behind the one before");
}
END_TEST

START_TEST(test_no_headers)
{
	struct sample_dump d;

	sample_init(&d);
	d.r[S_PARAMS].params.version = STR("go1.21.13");
	/* The finalizer and the sample that are 8 bytes inside. */
	expect_problem(&d, &plain, 2, "0xc000004008 is no object");
	d.r[S_PARAMS].params.version = STR("go1.22.12 X:noallocheaders");
	expect_problem(&d, &plain, 2, "0xc000004008 is no object");
	d.r[S_PARAMS].params.version = STR("devel go1.28-abc");
	expect_problem(&d, &plain, 0, NULL);
}
END_TEST

START_TEST(test_dangling)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };
	struct sample_dump d;

	sample_init(&d);
	d.node[1] = SAMPLE_HEAP + 96; /* behind the last one */
	d.data[1] = 0x20;	      /* 0xc000000000 + ..., a free page */
	d.data[4] = 0xc0;
	d.data[2] = 0x90;
	d.frame[2] = SAMPLE_HEAP - 1; /* outside the heap: anything */
	sample_encode(&d, &e);
	verify_encoded(&e, &plain, &v);
	ck_assert_uint_eq(v.problems.count, 0);
	ck_assert_uint_eq(v.summary.pointers.dangling, 2);
	ck_assert_uint_eq(v.summary.pointers.objects, 3);
	ck_assert_uint_eq(v.summary.pointers.stacks, 1);
	expect_problem(&d, &strict, 2,
		       "Object: 0xc000000000: the pointer at 8, 0xc000000060, "
		       "leads to nothing");
}
END_TEST

/* Expects so many pointers to nothing, and of those so many guessed ones. */
static void expect_dangling(const struct sample_dump *d, uint64_t exact,
			    uint64_t guessed)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };

	sample_encode(d, &e);
	verify_encoded(&e, &strict, &v);
	ck_assert_uint_eq(v.summary.pointers.dangling, exact);
	ck_assert_uint_eq(v.summary.pointers.guessed, guessed);
	ck_assert_uint_eq(v.problems.count, exact);
}

/* What was below the innermost frame is of the stack, for its own frames. */
START_TEST(test_frames_left)
{
	struct sample_dump d;

	sample_init(&d);
	d.frame2[1] = SAMPLE_STACK - 512;
	expect_dangling(&d, 0, 0);
	d.frame2[1] = SAMPLE_STACK - 520;
	expect_dangling(&d, 1, 0);
	d.frame2[1] = 0;
	d.node[1] = SAMPLE_STACK - 512;
	expect_dangling(&d, 1, 0);
}
END_TEST

/* Where a running goroutine is, and where one was preempted. */
START_TEST(test_conservative_frames)
{
	struct sample_dump d;

	sample_init(&d);
	d.frame[2] = d.frame2[1] = SAMPLE_HEAP + 96;
	expect_dangling(&d, 2, 0);
	d.r[S_GOROUTINE].goroutine.status = 2;
	expect_dangling(&d, 1, 1);
	d.r[S_GOROUTINE].goroutine.status = 1;
	d.r[S_FRAME].frame.function = STR("runtime.asyncPreempt.abi0");
	expect_dangling(&d, 0, 2);
	d.r[S_FRAME].frame.function = STR("main.f");
	d.r[S_FRAME2].frame.function = STR("runtime.asyncPreempt");
	expect_dangling(&d, 1, 1);
	/* It says nothing of another goroutine. */
	d.frame2[1] = 0;
	d.other_frame[0] = SAMPLE_HEAP + 96;
	d.r[S_OTHER_FRAME].frame.fields = (struct field_list){ STR("\1\0"), 1 };
	expect_dangling(&d, 2, 0);
}
END_TEST

START_TEST(test_counters)
{
	struct sample_dump d;

	sample_init(&d);
	sample_remove(&d, S_LARGE);
	expect_problem(&d, &plain, 0, NULL);
	expect_problem(&d, &counters, 2, "4 objects, but HeapObjects is 5");
	expect_problem(&d, &counters, 2,
		       "752 bytes of objects, but HeapAlloc is 25328");
}
END_TEST

START_TEST(test_big_endian)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };
	struct sample_dump d;

	sample_init(&d);
	d.r[S_PARAMS].params.arch = STR("s390x");
	d.r[S_PARAMS].params.big_endian = 1;
	d.node[0] = htobe64(SAMPLE_HEAP + 48);
	d.node[1] = htobe64(SAMPLE_HEAP + 4096);
	sample_encode(&d, &e);
	verify_encoded(&e, &plain, &v);
	ck_assert_uint_eq(v.problems.count, 0);
	ck_assert_uint_eq(v.summary.pointers.objects, 2);
	ck_assert_uint_eq(v.summary.pointers.dangling, 1);
}
END_TEST

/* ---- many things wrong --------------------------------------------------- */

START_TEST(test_limit)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };
	struct verify_options o = { .max_problems = 3 };
	struct sample_dump d;

	sample_init(&d);
	for (size_t i = S_NODE; i <= S_LARGE; i++)
		d.r[i].memory.fields.raw = STR("\1\1");
	sample_encode(&d, &e);
	verify_encoded(&e, &o, &v);
	ck_assert_uint_eq(v.problems.count, 5);
	ck_assert_uint_eq(v.problems.list.len, 3);
}
END_TEST

START_TEST(test_truncated)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;

	sample_init(&d);
	d.r[S_LARGE].memory.contents.size = 8192;
	sample_encode(&d, &e);
	for (size_t size = 0; size < e.len; size++) {
		cleanup_verdict struct verdict v = { 0 };
		struct dump_file f;

		dump_file_init(&f, "test", e.v, size);
		expect_ok(verify(&f, &plain, &v));
		ck_assert_uint_ge(v.problems.count, 1);
		ck_assert(!v.summary.whole);
	}
}
END_TEST

/* The same numbers on every run (xorshift64). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * Whatever the bytes, there is a verdict, with as many problems as it says,
 * and both ways to write it down work.
 */
START_TEST(test_random_damage)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_free uint8_t *copy = NULL;
	FILE *null = fopen("/dev/null", "w");
	uint64_t state = 0x9e3779b97f4a7c15, found = 0;
	struct sample_dump d;

	ck_assert_ptr_nonnull(null);
	sample_init(&d);
	d.r[S_LARGE].memory.contents.size = 128;
	d.r[S_STATS].stats.heap_alloc = d.r[S_STATS].stats.alloc = 1000;
	sample_encode(&d, &e);
	copy = malloc(e.len);
	for (int i = 0; i < 3000; i++) {
		cleanup_verdict struct verdict v = { 0 };
		uint64_t flips = 1 + next_random(&state) % 6;
		struct dump_file f;

		memcpy(copy, e.v, e.len);
		for (uint64_t j = 0; j < flips; j++)
			copy[next_random(&state) % e.len] ^=
				(uint8_t)(1u << next_random(&state) % 8);
		dump_file_init(&f, "test", copy, e.len);
		expect_ok(verify(&f, &strict, &v));
		ck_assert_uint_le(v.problems.list.len, v.problems.count);
		expect_ok(json_verdict(&v, "test", &f, null));
		summary_print(&v.summary, "test", null);
		found += v.problems.count > 0;
	}
	fclose(null);
	/* Most flips hit something that is checked. */
	ck_assert_uint_gt(found, 1000);
}
END_TEST

/* ---- the parts ----------------------------------------------------------- */

static enum object_fit insert(struct object_index *ix, uint64_t addr,
			      uint64_t size)
{
	enum object_fit fit;
	uint64_t other;

	expect_ok(object_index_insert(ix, addr, size, &fit, &other));
	return fit;
}

static void expect_found(const struct object_index *ix, uint64_t addr,
			 uint64_t want_start, uint64_t want_size)
{
	uint64_t start, size;

	ck_assert(object_index_find(ix, addr, &start, &size));
	ck_assert_uint_eq(start, want_start);
	ck_assert_uint_eq(size, want_size);
}

/* A span of class 6144: four slots in three pages; and its neighbours. */
START_TEST(test_index_pages)
{
	const uint64_t base = SAMPLE_HEAP;
	struct object_index ix;
	uint64_t start, size;

	expect_ok(object_index_init(&ix, base, base + (1 << 27)));
	ck_assert_int_eq(insert(&ix, base + 6144, 6144), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, base + 18432, 6144), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, base + 12288, 6144), OBJECT_FITS);
	ck_assert(!object_index_find(&ix, base, &start, &size));
	expect_found(&ix, base + 8191, base + 6144, 6144);
	expect_found(&ix, base + 8192, base + 6144, 6144);
	expect_found(&ix, base + 12287, base + 6144, 6144);
	expect_found(&ix, base + 12288, base + 12288, 6144);
	expect_found(&ix, base + 18431, base + 12288, 6144);
	expect_found(&ix, base + 24575, base + 18432, 6144);
	ck_assert(!object_index_find(&ix, base + 24576, &start, &size));
	ck_assert_int_eq(insert(&ix, base, 6144), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, base, 6144), OBJECT_DUPLICATE);
	ck_assert_int_eq(insert(&ix, base + 6152, 6144), OBJECT_OVERLAPS);
	ck_assert_int_eq(insert(&ix, base + 8192, 64), OBJECT_OVERLAPS);
	ck_assert_int_eq(insert(&ix, base + 24512, 64), OBJECT_MIXED);
	ck_assert_int_eq(insert(&ix, base + 24576, 64), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, base + 24640, 48), OBJECT_MIXED);
	object_index_deinit(&ix);
}
END_TEST

/* An object of many pages, over the end of an arena. */
START_TEST(test_index_large)
{
	const uint64_t base = SAMPLE_HEAP, arena = 64 << 20;
	const uint64_t addr = base + arena - 3 * 8192, large = 6 * 8192 + 8;
	struct object_index ix;
	uint64_t start, size;

	expect_ok(object_index_init(&ix, base, base + 2 * arena));
	ck_assert_int_eq(insert(&ix, base + arena, 16), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, addr, large), OBJECT_OVERLAPS);
	/* What did not fit is not there. */
	ck_assert(!object_index_find(&ix, addr, &start, &size));
	ck_assert_int_eq(insert(&ix, addr + arena / 2, large), OBJECT_FITS);
	expect_found(&ix, addr + arena / 2 + large - 1, addr + arena / 2,
		     large);
	ck_assert(!object_index_find(&ix, addr + arena / 2 + large, &start,
				     &size));
	ck_assert_int_eq(insert(&ix, addr + arena / 2 + 8192, 8192),
			 OBJECT_OVERLAPS);
	ck_assert_int_eq(insert(&ix, base + 2 * arena - 16, 16), OBJECT_FITS);
	ck_assert_int_eq(insert(&ix, base + 2 * arena - 8, 16), OBJECT_OUTSIDE);
	ck_assert_int_eq(insert(&ix, base - 8, 16), OBJECT_OUTSIDE);
	ck_assert_int_eq(insert(&ix, base + 8192, UINT64_MAX - 7),
			 OBJECT_OUTSIDE);
	object_index_deinit(&ix);
}
END_TEST

START_TEST(test_release)
{
	struct release r;

	ck_assert(release_parse(STR("go1.21.13"), &r));
	ck_assert(!r.headers && r.reserve == 0 && r.minor == 21);
	ck_assert(release_parse(STR("go1.22rc1"), &r));
	ck_assert(r.headers && r.reserve == 128);
	ck_assert(release_parse(STR("go1.22.1 X:a,noallocheaders"), &r));
	ck_assert(!r.headers && r.reserve == 0);
	ck_assert(release_parse(STR("go1.25.5 X:greenteagc"), &r));
	ck_assert_uint_eq(r.reserve, 256);
	ck_assert(release_parse(STR("go1.25.5 X:nogreenteagc"), &r));
	ck_assert_uint_eq(r.reserve, 128);
	ck_assert(release_parse(STR("go1.26.6"), &r));
	ck_assert_uint_eq(r.reserve, 256);
	ck_assert(release_parse(STR("go1.26.6 X:nogreenteagc"), &r));
	ck_assert_uint_eq(r.reserve, 128);
	ck_assert(release_parse(STR("go1.27.3-X:a,nogreenteagc"), &r));
	ck_assert_uint_eq(r.reserve, 128);
	ck_assert(release_parse(STR("devel go1.28-1234 Mon"), &r));
	ck_assert_uint_eq(r.minor, 28);
	ck_assert(!release_parse(STR("devel +abcdef"), &r));
	ck_assert(!release_parse(STR(""), &r));
}
END_TEST

START_TEST(test_utf8)
{
	static const struct {
		struct bytes text;
		bool valid;
	} cases[] = {
		{ STR(""), true },
		{ STR("main.T[go.shape.int]"), true },
		{ STR("\303\244\342\202\254\360\237\230\200"), true },
		{ STR("\303"), false },		/* ends early */
		{ STR("\244"), false },		/* no first byte */
		{ STR("\300\200"), false },	/* not the shortest form */
		{ STR("\355\240\200"), false }, /* half of a surrogate pair */
		{ STR("\364\220\200\200"), false }, /* beyond U+10FFFF */
		{ STR("\377"), false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert(utf8_valid(cases[i].text.data, cases[i].text.size) ==
			  cases[i].valid);
}
END_TEST

START_TEST(test_summary)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_verdict struct verdict v = { 0 };
	struct sample_dump d;
	struct size_row row;
	size_t i = 0;
	char buf[NUMBER_SIZE];

	sample_init(&d);
	sample_encode(&d, &e);
	verify_encoded(&e, &plain, &v);
	ck_assert(v.summary.whole && v.summary.have_pointers);
	ck_assert_uint_eq(v.summary.count[RECORD_OBJECT], 5);
	ck_assert_uint_eq(v.summary.object_bytes, 25328);
	ck_assert_uint_eq(v.summary.goroutines.len, 2);
	ck_assert(summary_size_row(&v.summary, &i, &row));
	ck_assert_uint_eq(row.first, 16);
	ck_assert(summary_size_row(&v.summary, &i, &row));
	ck_assert_uint_eq(row.count, 2);
	ck_assert_uint_eq(row.bytes, 96);
	ck_assert_str_eq(number_format(999, buf), "999");
	ck_assert_str_eq(number_format(1000, buf), "1,000");
	ck_assert_str_eq(number_format(UINT64_MAX, buf),
			 "18,446,744,073,709,551,615");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("verify");
	TCase *tcase = tcase_create("verify");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_sample);
	tcase_add_loop_test(tcase, test_damage, 0, ARRAY_SIZE(damages));
	tcase_add_test(tcase, test_repeated_type);
	tcase_add_test(tcase, test_repeated_field);
	tcase_add_test(tcase, test_no_headers);
	tcase_add_test(tcase, test_dangling);
	tcase_add_test(tcase, test_frames_left);
	tcase_add_test(tcase, test_conservative_frames);
	tcase_add_test(tcase, test_counters);
	tcase_add_test(tcase, test_big_endian);
	tcase_add_test(tcase, test_limit);
	tcase_add_test(tcase, test_truncated);
	tcase_add_test(tcase, test_random_damage);
	tcase_add_test(tcase, test_index_pages);
	tcase_add_test(tcase, test_index_large);
	tcase_add_test(tcase, test_release);
	tcase_add_test(tcase, test_utf8);
	tcase_add_test(tcase, test_summary);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
