/* SPDX-License-Identifier: Apache-2.0 */
/* All objects through several threads: src/output/pipeline.c. */
#include "fake_runtime.h"

#include "output/heapdump.h"
#include "output/pipeline.h"

#include <stdlib.h>

enum { MAX_THREADS = 4, OFFSET = 1234567 };

static struct fake_runtime f;
static uint64_t pages; /* of the heap, so far */

static const struct object_wants all = { true, true };

static uint64_t add(enum fake_class class, uint64_t npages, uint64_t freeindex)
{
	uint64_t base = FAKE_HEAP + pages * FAKE_PAGE;
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = base,
						   .class = class,
						   .npages = npages,
						   .freeindex = freeindex,
						   .unmapped = true,
					   });

	pages += npages;
	return mspan;
}

/* A heap of many windows: one mapping, with bytes that tell where they are,
 * and types in headers and mspans. */
static void setup(void)
{
	uint64_t type, words;

	fake_runtime_init(&f, FAKE_GO122);
	pages = 0;
	type = fake_add_type(&f, 3, 5);
	for (uint64_t i = 0; i < 700; i++) {
		add(CLASS_48, 1, i % 171);
		add(CLASS_640, 1, i % 13);
		if (i % 100 != 50)
			continue;
		fake_set(&f, add(CLASS_LARGE, 300, 1),
			 &f.rt.layout.mspan.largeType, type);
		add(CLASS_LARGE, 90, 1);
		add(CLASS_LARGE, 200, 0);
	}
	uint8_t *heap = fake_map(&f.target, FAKE_HEAP, pages * FAKE_PAGE);
	words = pages * FAKE_PAGE / 8;
	for (uint64_t i = 0; i < words; i++)
		memcpy(heap + i * 8, &(uint64_t){ i * 0x9e3779b97f4a7c15 }, 8);
	for (uint64_t i = 0; i < pages; i++)
		for (uint64_t at = 0; at + 640 <= FAKE_PAGE; at += 640)
			memcpy(heap + i * FAKE_PAGE + at, &type, 8);
	fake_load(&f);
}

static void teardown(void)
{
	target_interrupted = 0;
	fake_runtime_deinit(&f);
}

/* What comes out. */
struct sink {
	struct buf bytes;
	uint64_t writes, fail_at; /* a write that fails; 0: none */
	bool interrupt;		  /* asked for by the first write */
	uint64_t done;		  /* progress */
	size_t reports;
};

static struct err *sink_write(void *arg, const uint8_t *data, size_t n)
{
	struct sink *s = arg;

	ck_assert_uint_gt(n, 0);
	/* As aligned as it will be in the file. */
	ck_assert_uint_eq(((uintptr_t)data - OFFSET - s->bytes.len) % 64, 0);
	if (++s->writes == s->fail_at)
		return err_new(ERR_OS, "no more room");
	if (s->interrupt)
		target_interrupted = 1;
	return buf_append(&s->bytes, data, n);
}

static void sink_progress(void *arg, uint64_t done)
{
	struct sink *s = arg;

	ck_assert_uint_ge(done, s->done);
	s->done = done;
	s->reports++;
}

static void sink_deinit(struct sink *s)
{
	buf_deinit(&s->bytes);
}

static struct err *run(struct sink *s, unsigned int threads,
		       struct pipeline_totals *totals)
{
	const struct pipeline_ops ops = {
		.encode = heapdump_encode_objects,
		.write = sink_write,
		.progress = sink_progress,
		.offset = OFFSET,
		.arg = s,
	};

	return pipeline_run(&f.rt, all, threads, &ops, totals);
}

/* ---- what comes out ------------------------------------------------------ */

/* The same bytes, whatever the number of threads. */
START_TEST(threads_make_no_difference)
{
	cleanup(sink_deinit) struct sink expected = {};
	struct pipeline_totals totals = {};

	expect_ok(run(&expected, 1, &totals));
	ck_assert_uint_gt(expected.writes, 20);
	for (unsigned int n = 0; n <= MAX_THREADS + 1; n++) {
		cleanup(sink_deinit) struct sink s = {};
		struct pipeline_totals t = {};

		expect_ok(run(&s, n, &t));
		ck_assert_uint_eq(s.bytes.len, expected.bytes.len);
		ck_assert(!memcmp(s.bytes.v, expected.bytes.v, s.bytes.len));
		ck_assert_uint_eq(t.objects, totals.objects);
		ck_assert_uint_eq(t.object_bytes, totals.object_bytes);
		ck_assert_uint_eq(t.unreadable, totals.unreadable);
		ck_assert_uint_eq(t.untyped, totals.untyped);
		ck_assert_uint_eq(s.writes, expected.writes);
		ck_assert_uint_eq(s.reports, expected.reports);
		ck_assert_uint_eq(s.done, f.rt.spans.bytes);
	}
}
END_TEST

START_TEST(totals_of_the_heap)
{
	cleanup(sink_deinit) struct sink s = {};
	struct pipeline_totals totals;
	uint64_t objects = 0, bytes = 0;

	for (uint64_t i = 0; i < 700; i++) {
		objects += i % 171 + i % 13;
		bytes += i % 171 * 48 + i % 13 * 640;
	}
	expect_ok(run(&s, 2, &totals));
	ck_assert_uint_eq(totals.objects, objects + 14);
	ck_assert_uint_eq(totals.object_bytes, bytes + 7 * 390 * FAKE_PAGE);
	ck_assert_uint_eq(totals.unreadable, 0);
	ck_assert_uint_eq(totals.untyped, 0);
}
END_TEST

/* A large object, in three pieces of pointers, is one of no type. */
START_TEST(totals_of_what_is_missing)
{
	const struct layout *l = &f.rt.layout;
	cleanup(sink_deinit) struct sink s = {};
	struct pipeline_totals totals;

	fake_runtime_deinit(&f);
	fake_runtime_init(&f, FAKE_GO122);
	pages = 0;
	fake_set(&f, add(CLASS_LARGE, 300, 1), &l->mspan.largeType, 0x1000);
	add(CLASS_640, 1, 3);
	add(CLASS_48, 1, 0);
	fake_map(&f.target, FAKE_HEAP, 128 * FAKE_PAGE);
	fake_load(&f);
	expect_ok(run(&s, 2, &totals));
	ck_assert_uint_eq(totals.objects, 4);
	/* The second and third piece, and the page of small ones. */
	ck_assert_uint_eq(totals.unreadable, (128 + 44 + 1) * FAKE_PAGE);
	ck_assert_uint_eq(totals.untyped, 1);
}
END_TEST

START_TEST(an_empty_heap)
{
	struct pipeline_totals totals, none = {};

	fake_runtime_deinit(&f);
	fake_runtime_init(&f, FAKE_GO122);
	fake_load(&f);
	for (unsigned int n = 1; n <= MAX_THREADS; n++) {
		cleanup(sink_deinit) struct sink s = {};

		expect_ok(run(&s, n, &totals));
		ck_assert_uint_eq(s.writes, 0);
		ck_assert(!memcmp(&totals, &none, sizeof(none)));
	}
}
END_TEST

/* ---- errors -------------------------------------------------------------- */

/* A write that fails ends all threads; nothing is written behind it, and what
 * was written before is the beginning of the whole. */
START_TEST(a_write_fails)
{
	cleanup(sink_deinit) struct sink expected = {};
	struct pipeline_totals totals;

	expect_ok(run(&expected, 1, &totals));
	for (unsigned int n = 1; n <= MAX_THREADS; n++) {
		for (uint64_t at = 1; at <= expected.writes; at += 5) {
			cleanup(sink_deinit) struct sink s = { .fail_at = at };

			expect_error(run(&s, n, &totals), ERR_OS,
				     "no more room");
			ck_assert_uint_eq(s.writes, at);
			ck_assert_uint_lt(s.bytes.len, expected.bytes.len);
			ck_assert(!s.bytes.len ||
				  !memcmp(s.bytes.v, expected.bytes.v,
					  s.bytes.len));
		}
	}
}
END_TEST

static struct err *encode_badly(const struct object_batch *batch,
				struct buf *out)
{
	if (batch->window->kind == WINDOW_POINTERS)
		return err_new(ERR_FORMAT, "can't encode");
	return heapdump_encode_objects(batch, out);
}

START_TEST(an_encoder_fails)
{
	struct pipeline_totals totals;

	for (unsigned int n = 1; n <= MAX_THREADS; n++) {
		cleanup(sink_deinit) struct sink s = {};
		const struct pipeline_ops ops = {
			.encode = encode_badly,
			.write = sink_write,
			.offset = OFFSET,
			.arg = &s,
		};

		expect_error(pipeline_run(&f.rt, all, n, &ops, &totals),
			     ERR_FORMAT, "can't encode");
	}
}
END_TEST

static struct err *leave(const struct object_batch *batch, struct buf *out)
{
	(void)batch;
	(void)out;
	f.target.gone = true;
	return NULL;
}

START_TEST(the_process_ends)
{
	struct pipeline_totals totals;
	cleanup(sink_deinit) struct sink s = {};
	const struct pipeline_ops ops = {
		.encode = leave,
		.write = sink_write,
		.offset = OFFSET,
		.arg = &s,
	};

	expect_error(pipeline_run(&f.rt, all, 1, &ops, &totals), ERR_GONE,
		     "ended");
	expect_error(pipeline_run(&f.rt, all, 3, &ops, &totals), ERR_GONE,
		     "ended");
	ck_assert_uint_eq(s.writes, 0);
}
END_TEST

/* A signal asks to end: at once, or in the middle. */
START_TEST(interrupted)
{
	struct pipeline_totals totals;

	for (unsigned int n = 1; n <= MAX_THREADS; n++) {
		cleanup(sink_deinit) struct sink s = { .interrupt = true };

		target_interrupted = 1;
		expect_error(run(&s, n, &totals), ERR_INTERRUPTED,
			     "interrupted");
		ck_assert_uint_eq(s.writes, 0);
		target_interrupted = 0;
		expect_error(run(&s, n, &totals), ERR_INTERRUPTED,
			     "interrupted");
		ck_assert_uint_ge(s.writes, 1);
		ck_assert_uint_le(s.writes, n);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tc = tcase_create("pipeline");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, threads_make_no_difference);
	tcase_add_test(tc, totals_of_the_heap);
	tcase_add_test(tc, totals_of_what_is_missing);
	tcase_add_test(tc, an_empty_heap);
	tcase_add_test(tc, a_write_fails);
	tcase_add_test(tc, an_encoder_fails);
	tcase_add_test(tc, the_process_ends);
	tcase_add_test(tc, interrupted);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
