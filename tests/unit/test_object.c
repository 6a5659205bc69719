/* SPDX-License-Identifier: Apache-2.0 */
/* Slots and their contents: src/runtime/object.c. Pointers: test_pointers*. */
#include "fake_runtime.h"

#include "runtime/object.h"

#include <stdlib.h>

static struct fake_runtime f;
static struct object_reader *reader;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
}

static void teardown(void)
{
	object_reader_destroy(reader);
	reader = NULL;
	fake_runtime_deinit(&f);
}

static void restart(enum fake_release release)
{
	teardown();
	fake_runtime_init(&f, release);
}

static uint64_t page(uint64_t i)
{
	return FAKE_HEAP + i * FAKE_PAGE;
}

/* Fills a region with bytes that tell where they are. */
static void fill(uint64_t addr, size_t len)
{
	uint8_t *bytes = fake_at(&f.target, addr, len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((addr + i) * 7 + (addr + i) / 509 + 1);
}

static void expect_memory(const uint8_t *bytes, uint64_t addr, size_t len)
{
	ck_assert_ptr_nonnull(bytes);
	ck_assert(!memcmp(bytes, fake_at(&f.target, addr, len), len));
}

static void expect_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(bytes[i], 0);
}

/* Loads the heap, and starts a walk over it. */
static struct object_walk start(bool contents)
{
	const struct object_wants wants = { .contents = contents };

	fake_load(&f);
	object_reader_destroy(reader);
	expect_ok(object_reader_create(&f.rt, wants, &reader));
	return (struct object_walk){ .rt = &f.rt };
}

/* The next window's objects; there must be one. */
static const struct object_batch *next(struct object_walk *walk,
				       struct object_window *window)
{
	const struct object_batch *batch;

	ck_assert(object_walk_next(walk, window));
	expect_ok(object_reader_read(reader, window, &batch));
	ck_assert_ptr_eq(batch->window, window);
	return batch;
}

/* ---- which slots are allocated ------------------------------------------- */

/* The state of slot i of the span numbered `span`, for a test's pattern. */
static bool pattern(uint64_t span, uint64_t i)
{
	uint64_t x = (span * 4099 + i) * 0x9e3779b97f4a7c15;

	return x >> 61 < 3;
}

static void expect_slots(const struct span_objects *o, uint64_t n)
{
	const struct span *s = o->span;
	uint32_t count = 0;

	for (uint32_t i = 0; i < round_up(s->nelems, 64); i++) {
		bool expected =
			i < s->nelems && (i < s->freeindex || pattern(n, i));

		ck_assert_msg((o->allocated[i / 64] >> i % 64 & 1) == expected,
			      "slot %u of %u, free index %u", i, s->nelems,
			      s->freeindex);
		count += expected;
	}
	ck_assert_uint_eq(o->allocated_count, count);
}

/* Every number of slots about a word's boundary, and every free index. Bits
 * behind the last slot are there to be ignored. */
START_TEST(allocated_slots)
{
	static const uint64_t counts[] = { 1,	63,  64,  65,  127,  128,
					   129, 341, 512, 960, 1023, 1024 };
	static const uint64_t indexes[] = { 0,	1,   62,  63,  64,
					    65, 127, 128, 129, 1023 };
	struct object_window w;
	uint64_t n = 0, seen = 0;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (size_t k = 0; k <= ARRAY_SIZE(indexes); k++, n++) {
			uint64_t index = k < ARRAY_SIZE(indexes) ? indexes[k]
								 : counts[i];
			const struct fake_span s = {
				.base = page(n),
				.class = CLASS_8,
				.nelems = counts[i],
				.freeindex = min_u64(index, counts[i]),
				.unmapped = true,
			};
			uint64_t mspan = fake_add_span(&f, &s);

			for (uint64_t b = 0; b < round_up(counts[i], 64); b++)
				if (b >= counts[i] || pattern(n, b))
					fake_allocate(&f, mspan, b);
		}
	struct object_walk walk = start(false);
	while (seen < n) {
		const struct object_batch *b = next(&walk, &w);

		ck_assert_uint_eq(w.first, seen);
		for (size_t i = 0; i < b->count; i++) {
			ck_assert_ptr_null(b->spans[i].contents);
			ck_assert_ptr_null(b->spans[i].pointers);
			expect_slots(&b->spans[i], seen++);
		}
	}
	ck_assert(!object_walk_next(&walk, &w));
}
END_TEST

/* A span of 24-byte slots with allocBits 0 and 2 and mark bits 1 and 70. */
static uint64_t add_marked(uint64_t i, uint32_t sweepgen)
{
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(i),
						   .class = CLASS_24,
						   .freeindex = 1,
						   .sweepgen = sweepgen,
					   });

	fake_allocate(&f, mspan, 2);
	fake_mark(&f, mspan, 1);
	fake_mark(&f, mspan, 70);
	return mspan;
}

/* What the sweep will leave is what is marked, whatever the free index. */
START_TEST(unswept_spans)
{
	struct object_window w;

	add_marked(0, FAKE_SWEEPGEN);
	add_marked(1, FAKE_SWEEPGEN - 2);
	add_marked(2, FAKE_SWEEPGEN + 1);
	add_marked(3, FAKE_SWEEPGEN + 3);
	add_marked(4, FAKE_SWEEPGEN - 1); /* torn, and not swapped yet */
	struct object_walk walk = start(false);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->count, 5);
	for (size_t i = 0; i < b->count; i++) {
		bool unswept = i == 1 || i == 2 || i == 4;

		ck_assert_uint_eq(b->spans[i].allocated_count, 2);
		ck_assert_uint_eq(b->spans[i].allocated[0], unswept ? 2 : 5);
		ck_assert_uint_eq(b->spans[i].allocated[1],
				  unswept ? 1 << 6 : 0);
	}
}
END_TEST

/* Green tea keeps marks in the span until the sweep merges them. */
START_TEST(inline_marks)
{
	const struct layout *l = &f.rt.layout;
	struct object_window w;
	uint64_t marks;

	restart(FAKE_GO126);
	for (uint64_t i = 0; i < 2; i++) {
		add_marked(i, i ? FAKE_SWEEPGEN : FAKE_SWEEPGEN - 2);
		marks = page(i + 1) - l->spanInlineMarkBits.struct_size +
			l->spanInlineMarkBits.marks.offset;
		fake_word(&f, marks, 1 << 5);
		fake_word(&f, marks + 8, 1 << 7);
		fake_word(&f, marks + FAKE_INLINE_MARKS - 8, ~0ull);
	}
	struct object_walk walk = start(false);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->spans[0].allocated[0], 1 << 1 | 1 << 5);
	ck_assert_uint_eq(b->spans[0].allocated[1], 1 << 6 | 1 << 7);
	ck_assert_uint_eq(b->spans[0].allocated_count, 4);
	ck_assert_uint_eq(b->spans[1].allocated[0], 5);
	ck_assert_uint_eq(b->spans[1].allocated_count, 2);
}
END_TEST

/* ---- windows ------------------------------------------------------------- */

static void add_pages(uint64_t *at, enum fake_class class, uint64_t npages)
{
	fake_add_span(&f, &(struct fake_span){
				  .base = page(*at),
				  .class = class,
				  .npages = npages,
				  .unmapped = true,
			  });
	*at += npages;
}

static void expect_window(struct object_walk *walk, enum window_kind kind,
			  size_t first, size_t count, uint64_t offset,
			  uint64_t len)
{
	struct object_window w;

	ck_assert(object_walk_next(walk, &w));
	ck_assert_int_eq(w.kind, kind);
	ck_assert_uint_eq(w.first, first);
	ck_assert_uint_eq(w.count, count);
	ck_assert_uint_eq(w.offset, offset);
	ck_assert_uint_eq(w.len, len);
}

static void expect_end(struct object_walk *walk)
{
	struct object_window w;

	ck_assert(!object_walk_next(walk, &w));
	ck_assert(!object_walk_next(walk, &w));
}

START_TEST(no_windows)
{
	struct object_walk walk = start(false);

	expect_end(&walk);
}
END_TEST

START_TEST(windows_of_small_spans)
{
	uint64_t at = 0;

	for (int i = 0; i < WINDOW_SPANS + 1; i++)
		add_pages(&at, CLASS_512, 1);
	struct object_walk walk = start(false);
	expect_window(&walk, WINDOW_OBJECTS, 0, WINDOW_SPANS, 0, 0);
	expect_window(&walk, WINDOW_OBJECTS, WINDOW_SPANS, 1, 0, 0);
	expect_end(&walk);
}
END_TEST

/* A window is full to the last byte; one page more does not fit. */
START_TEST(full_windows)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE;
	uint64_t at = 0;

	for (int i = 0; i < 5; i++)
		add_pages(&at, CLASS_LARGE, pages / 4);
	add_pages(&at, CLASS_LARGE, pages / 4 * 3);
	add_pages(&at, CLASS_LARGE, 1);
	add_pages(&at, CLASS_LARGE, pages);
	struct object_walk walk = start(false);
	expect_window(&walk, WINDOW_OBJECTS, 0, 4, 0, 0);
	expect_window(&walk, WINDOW_OBJECTS, 4, 2, 0, 0);
	expect_window(&walk, WINDOW_OBJECTS, 6, 1, 0, 0);
	expect_window(&walk, WINDOW_OBJECTS, 7, 1, 0, 0);
	expect_end(&walk);
}
END_TEST

/* Larger spans come in pieces, each twice, between the others. */
START_TEST(pieces)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE;
	uint64_t at = 0;

	add_pages(&at, CLASS_512, 1);
	add_pages(&at, CLASS_LARGE, pages + 1);
	add_pages(&at, CLASS_LARGE, 2 * pages);
	add_pages(&at, CLASS_512, 1);
	struct object_walk walk = start(false);
	expect_window(&walk, WINDOW_OBJECTS, 0, 1, 0, 0);
	for (enum window_kind k = WINDOW_CONTENTS; k <= WINDOW_POINTERS; k++) {
		expect_window(&walk, k, 1, 1, 0, WINDOW_BYTES);
		expect_window(&walk, k, 1, 1, WINDOW_BYTES, FAKE_PAGE);
	}
	for (enum window_kind k = WINDOW_CONTENTS; k <= WINDOW_POINTERS; k++) {
		expect_window(&walk, k, 2, 1, 0, WINDOW_BYTES);
		expect_window(&walk, k, 2, 1, WINDOW_BYTES, WINDOW_BYTES);
	}
	expect_window(&walk, WINDOW_OBJECTS, 3, 1, 0, 0);
	expect_end(&walk);
}
END_TEST

/* ---- contents ------------------------------------------------------------ */

static uint64_t add_filled(uint64_t i, enum fake_class class, uint64_t npages,
			   uint64_t freeindex)
{
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(i),
						   .class = class,
						   .npages = npages,
						   .freeindex = freeindex,
					   });

	fill(page(i), npages * FAKE_PAGE);
	return mspan;
}

/* A span without objects is not read, others as a whole. */
START_TEST(contents)
{
	struct object_window w;

	add_filled(0, CLASS_640, 1, 3);
	add_filled(1, CLASS_640, 1, 0);
	add_filled(4, CLASS_LARGE, 2, 1);
	struct object_walk walk = start(true);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->count, 3);
	ck_assert_uint_eq(b->unreadable, 0);
	ck_assert_uint_eq(b->untyped, 0);
	ck_assert_uint_eq(b->spans[0].base, page(0));
	ck_assert_uint_eq(b->spans[0].elemsize, 640);
	ck_assert_uint_eq(b->spans[0].nelems, 12);
	expect_memory(b->spans[0].contents, page(0), FAKE_PAGE);
	ck_assert_ptr_null(b->spans[1].contents);
	ck_assert_uint_eq(b->spans[2].elemsize, 2 * FAKE_PAGE);
	ck_assert_uint_eq(b->spans[2].nelems, 1);
	expect_memory(b->spans[2].contents, page(4), 2 * FAKE_PAGE);
}
END_TEST

/* A span that can't be read costs its own bytes and no others; the next
 * window is whole again. */
START_TEST(unreadable_spans)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE;
	struct object_window w;

	add_filled(0, CLASS_640, 1, 3);
	add_filled(1, CLASS_LARGE, 2, 1);
	add_filled(3, CLASS_48, 1, 1);
	add_filled(4, CLASS_LARGE, pages, 1);
	fake_unmap(&f.target, page(1));
	struct object_walk walk = start(true);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->unreadable, 2 * FAKE_PAGE);
	expect_memory(b->spans[0].contents, page(0), FAKE_PAGE);
	ck_assert_uint_eq(b->spans[1].allocated_count, 1);
	expect_zero(b->spans[1].contents, 2 * FAKE_PAGE);
	expect_memory(b->spans[2].contents, page(3), FAKE_PAGE);
	b = next(&walk, &w);
	ck_assert_uint_eq(b->unreadable, 0);
	expect_memory(b->spans[0].contents, page(4), WINDOW_BYTES);
}
END_TEST

/* Without its bitmap a span has what lies below the free index. */
START_TEST(unreadable_bitmaps)
{
	const struct layout *l = &f.rt.layout;
	struct object_window w;
	uint64_t mspan = add_filled(0, CLASS_48, 1, 3);

	add_filled(1, CLASS_48, 1, 2);
	fake_set(&f, mspan, &l->mspan.allocBits, 0x1000);
	struct object_walk walk = start(true);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->unreadable, (170 + 63) / 64 * 8);
	ck_assert_uint_eq(b->spans[0].allocated_count, 3);
	ck_assert_uint_eq(b->spans[0].allocated[0], 7);
	expect_memory(b->spans[0].contents, page(0), FAKE_PAGE);
	ck_assert_uint_eq(b->spans[1].allocated_count, 2);
}
END_TEST

/* When the process is gone nothing is taken for 0. */
START_TEST(the_process_ends)
{
	struct object_window w;
	const struct object_batch *b;

	add_filled(0, CLASS_640, 1, 3);
	struct object_walk walk = start(true);
	ck_assert(object_walk_next(&walk, &w));
	f.target.gone = true;
	expect_error(object_reader_read(reader, &w, &b), ERR_GONE, "ended");
}
END_TEST

/* ---- large objects ------------------------------------------------------- */

/* The four windows of an object of a window and a page. */
static void expect_pieces(struct object_walk *walk, uint64_t size,
			  bool allocated)
{
	for (int i = 0; i < 4; i++) {
		struct object_window w;
		const struct object_batch *b = next(walk, &w);
		uint64_t len =
			w.offset < size ? min_u64(size - w.offset, w.len) : 0;

		ck_assert_uint_eq(b->count, 1);
		ck_assert_uint_eq(b->size, size);
		ck_assert_uint_eq(b->allocated, allocated);
		ck_assert_uint_eq(b->spans[0].allocated_count, allocated);
		ck_assert_uint_eq(b->last, i % 2);
		ck_assert_uint_eq(b->len, len);
		ck_assert_ptr_null(b->pointers);
		if (allocated && w.kind == WINDOW_CONTENTS && len)
			expect_memory(b->piece, page(0) + w.offset, len);
		else
			ck_assert_ptr_null(b->piece);
	}
}

START_TEST(a_large_object)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	struct object_window w;

	add_filled(0, CLASS_LARGE, pages, 1);
	struct object_walk walk = start(true);
	expect_pieces(&walk, pages * FAKE_PAGE, true);
	ck_assert(!object_walk_next(&walk, &w));
}
END_TEST

START_TEST(a_large_span_without_object)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;

	add_filled(0, CLASS_LARGE, pages, 0);
	struct object_walk walk = start(true);
	expect_pieces(&walk, pages * FAKE_PAGE, false);
}
END_TEST

/* The second piece can't be read: it is 0, and only it. */
START_TEST(an_unreadable_piece)
{
	const struct object_batch *b;
	struct object_window w;

	fake_add_span(&f, &(struct fake_span){
				  .base = page(0),
				  .class = CLASS_LARGE,
				  .npages = WINDOW_BYTES / FAKE_PAGE + 1,
				  .freeindex = 1,
				  .unmapped = true,
			  });
	fake_map(&f.target, page(0), WINDOW_BYTES);
	fill(page(0), WINDOW_BYTES);
	struct object_walk walk = start(true);
	b = next(&walk, &w);
	ck_assert_uint_eq(b->unreadable, 0);
	expect_memory(b->piece, page(0), WINDOW_BYTES);
	b = next(&walk, &w);
	ck_assert_uint_eq(b->unreadable, FAKE_PAGE);
	expect_zero(b->piece, FAKE_PAGE);
}
END_TEST

/* A chunk of a user arena ends before its span: by a few bytes, or so early
 * that the last piece has nothing of it. */
START_TEST(user_arena_chunks)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	static const uint64_t sizes[] = { WINDOW_BYTES + 4096, WINDOW_BYTES,
					  WINDOW_BYTES - 8 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t mspan;

		restart(FAKE_GO122);
		mspan = add_filled(0, CLASS_LARGE, pages, 1);
		fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
		fake_set(&f, mspan, &l->mspan.elemsize, sizes[i]);
		struct object_walk walk = start(true);
		expect_pieces(&walk, sizes[i], true);
	}
}
END_TEST

START_TEST(a_small_user_arena_chunk)
{
	const struct layout *l = &f.rt.layout;
	struct object_window w;
	uint64_t mspan = add_filled(0, CLASS_LARGE, 3, 1);

	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_set(&f, mspan, &l->mspan.elemsize, 3 * FAKE_PAGE - 384);
	struct object_walk walk = start(true);
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->spans[0].elemsize, 3 * FAKE_PAGE - 384);
	expect_memory(b->spans[0].contents, page(0), 3 * FAKE_PAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("object");
	TCase *tc = tcase_create("object");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, allocated_slots);
	tcase_add_test(tc, unswept_spans);
	tcase_add_test(tc, inline_marks);
	tcase_add_test(tc, no_windows);
	tcase_add_test(tc, windows_of_small_spans);
	tcase_add_test(tc, full_windows);
	tcase_add_test(tc, pieces);
	tcase_add_test(tc, contents);
	tcase_add_test(tc, unreadable_spans);
	tcase_add_test(tc, unreadable_bitmaps);
	tcase_add_test(tc, the_process_ends);
	tcase_add_test(tc, a_large_object);
	tcase_add_test(tc, a_large_span_without_object);
	tcase_add_test(tc, an_unreadable_piece);
	tcase_add_test(tc, user_arena_chunks);
	tcase_add_test(tc, a_small_user_arena_chunk);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
