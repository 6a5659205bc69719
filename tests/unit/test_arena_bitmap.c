/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers by the bitmap of an arena, as Go 1.21 keeps them:
 * src/runtime/pointers.c. */
#include "fake_runtime.h"

#include "runtime/object.h"

#include <stdlib.h>

static struct fake_runtime f;
static struct object_reader *reader;
static uint64_t heap_arena;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO121);
	heap_arena = fake_add_arena(&f, 0);
}

static void teardown(void)
{
	object_reader_destroy(reader);
	reader = NULL;
	fake_runtime_deinit(&f);
}

static uint64_t page(uint64_t i)
{
	return FAKE_HEAP + i * FAKE_PAGE;
}

static uint64_t add(uint64_t i, enum fake_class class, uint64_t npages,
		    uint64_t freeindex)
{
	return fake_add_span(&f, &(struct fake_span){
					 .base = page(i),
					 .class = class,
					 .npages = npages,
					 .freeindex = freeindex,
				 });
}

/* ---- the bitmap: of the first arena -------------------------------------- */

static void set_bit(const struct member *m, uint64_t i)
{
	bit_set(fake_at(&f.target, heap_arena + m->offset, m->width), i);
}

/* Sets the bit of a word of the heap. */
static void set_word(uint64_t addr)
{
	set_bit(&f.rt.layout.heapArena.bitmap, (addr - FAKE_HEAP) / 8);
}

/* Says that the object which holds the last of the 64 words about addr has no
 * more pointers behind it. */
static void set_no_more(uint64_t addr)
{
	set_bit(&f.rt.layout.heapArena.noMorePtrs, (addr - FAKE_HEAP) / 512);
}

/* ---- what is expected ---------------------------------------------------- */

static struct object_walk start(void)
{
	const struct object_wants wants = { true, true };

	fake_load(&f);
	object_reader_destroy(reader);
	expect_ok(object_reader_create(&f.rt, wants, &reader));
	return (struct object_walk){ .rt = &f.rt };
}

static const struct object_batch *next(struct object_walk *walk,
				       struct object_window *window)
{
	const struct object_batch *batch;

	ck_assert(object_walk_next(walk, window));
	expect_ok(object_reader_read(reader, window, &batch));
	return batch;
}

static bool bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

/* Pointers are in words [from, to) of a slot, and in no others of it. */
static void expect_range(const struct span_objects *o, uint32_t slot,
			 uint64_t from, uint64_t to)
{
	uint64_t words = o->elemsize / 8;

	ck_assert_ptr_nonnull(o->pointers);
	for (uint64_t i = 0; i < words; i++)
		ck_assert_msg(bit(o->pointers, slot * words + i) ==
				      (i >= from && i < to),
			      "slot %u, word %llu", slot,
			      (unsigned long long)i);
}

/* ---- small objects ------------------------------------------------------- */

/* Bits are those of the arena, word for word. */
START_TEST(small_objects)
{
	struct object_window w;

	add(3, CLASS_24, 1, 341);
	add(1, CLASS_8, 1, 1024);
	for (uint64_t i = 0; i < 341 * 3; i += 5)
		set_word(page(3) + i * 8);
	for (uint64_t i = 0; i < 1024; i += 3)
		set_word(page(1) + i * 8);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (uint64_t i = 0; i < 341 * 3; i++)
		ck_assert_uint_eq(bit(b->spans[0].pointers, i), i % 5 == 0);
	for (uint64_t i = 0; i < 1024; i++)
		ck_assert_uint_eq(bit(b->spans[1].pointers, i), i % 3 == 0);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/*
 * Objects of 80 words lie across the bitmap's words of 64. Bits that are left
 * from an earlier object behind the end of the pointers do not count.
 */
START_TEST(no_more_pointers)
{
	struct object_window w;

	add(0, CLASS_640, 1, 12);
	for (uint64_t i = 0; i < FAKE_PAGE / 8; i++)
		set_word(page(0) + i * 8);
	set_no_more(page(0));		/* words 0..63: slot 0 */
	set_no_more(page(0) + 2 * 512); /* words 128..191: slot 2 */
	set_no_more(page(0) + 4 * 512); /* words 256..319: slot 3, whole */
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_range(&b->spans[0], 0, 0, 64);
	expect_range(&b->spans[0], 1, 0, 80);
	expect_range(&b->spans[0], 2, 0, 192 - 160);
	expect_range(&b->spans[0], 3, 0, 80);
	expect_range(&b->spans[0], 4, 0, 80);
}
END_TEST

/* The mark holds for the object of the last word alone, and only behind it. */
START_TEST(no_more_for_a_neighbour)
{
	struct object_window w;

	add(0, CLASS_48, 1, 170);
	for (uint64_t i = 0; i < FAKE_PAGE / 8; i++)
		set_word(page(0) + i * 8);
	for (uint64_t at = 0; at < FAKE_PAGE; at += 512)
		set_no_more(page(0) + at);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (uint32_t slot = 0; slot < 170; slot++) {
		uint64_t first = slot * 6, end = round_up(first + 1, 64);

		expect_range(&b->spans[0], slot, 0, min_u64(6, end - first));
	}
}
END_TEST

/* A span whose arena, or its bitmap, is not there costs its own pointers. */
START_TEST(spans_without_bitmap)
{
	const uint64_t far = FAKE_ARENA / FAKE_PAGE;
	struct object_window w;

	add(far, CLASS_640, 1, 3); /* in no arena */
	add(0, CLASS_640, 1, 2);
	set_word(page(0));
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->untyped, 3);
	expect_range(&b->spans[0], 0, 0, 0);
	expect_range(&b->spans[1], 0, 0, 1);

	walk = start();
	f.rt.spans.arenas.v[0].heap_arena = 0x1000;
	b = next(&walk, &w);
	ck_assert_uint_eq(b->untyped, 5);
	expect_range(&b->spans[1], 0, 0, 0);
}
END_TEST

/* Go 1.22 built with GOEXPERIMENT=noallocheaders: the two are in a struct. */
START_TEST(bitmap_in_an_inner_struct)
{
	struct layout *l = &f.rt.layout;
	struct object_window w;

	l->heapArenaPtrScalar.bitmap = l->heapArena.bitmap;
	l->heapArenaPtrScalar.noMorePtrs = l->heapArena.noMorePtrs;
	l->heapArenaPtrScalar.bitmap.offset -= 8;
	l->heapArenaPtrScalar.noMorePtrs.offset -= 8;
	l->heapArenaPtrScalar.struct_present = true;
	l->heapArena.heapArenaPtrScalar = (struct member){ 8, 8, true };
	add(0, CLASS_640, 1, 1);
	set_word(page(0));
	set_word(page(0) + 512);
	set_no_more(page(0));
	l->heapArena.bitmap.present = l->heapArena.noMorePtrs.present = false;
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_range(&b->spans[0], 0, 0, 1);
}
END_TEST

/* ---- large objects ------------------------------------------------------- */

START_TEST(a_large_object_in_one_piece)
{
	struct object_window w;

	add(2, CLASS_LARGE, 4, 1);
	for (uint64_t i = 0; i < 4 * FAKE_PAGE / 8; i++)
		set_word(page(2) + i * 8);
	set_no_more(page(3));
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_range(&b->spans[0], 0, 0, FAKE_PAGE / 8 + 64);
}
END_TEST

/* Checks all pieces: every word before `end` is a pointer, none behind. */
static void expect_pieces(uint64_t end)
{
	struct object_walk walk = start();
	struct object_window w;
	uint64_t seen = 0;

	while (object_walk_next(&walk, &w)) {
		const struct object_batch *b;

		expect_ok(object_reader_read(reader, &w, &b));
		ck_assert_uint_eq(b->untyped, 0);
		if (w.kind != WINDOW_POINTERS)
			continue;
		ck_assert_ptr_nonnull(b->pointers);
		for (uint64_t i = 0; i < WINDOW_BYTES / 8; i++) {
			bool expected = i < w.len / 8 && seen + i < end;

			ck_assert_msg(bit(b->pointers, i) == expected,
				      "word %llu",
				      (unsigned long long)(seen + i));
		}
		seen += w.len / 8;
	}
	ck_assert_uint_gt(seen, 0);
}

/* The end of the pointers in the second piece, then in the first, and what
 * there is behind it does not count. */
START_TEST(pieces)
{
	const uint64_t pages = 2 * WINDOW_BYTES / FAKE_PAGE + 1;
	const uint64_t words = pages * FAKE_PAGE / 8;

	add(0, CLASS_LARGE, pages, 1);
	for (uint64_t i = 0; i < words; i++)
		set_word(page(0) + i * 8);
	expect_pieces(words);
	set_no_more(page(0) + WINDOW_BYTES + 512);
	expect_pieces(WINDOW_BYTES / 8 + 128);
	set_no_more(page(0) + WINDOW_BYTES - 512);
	expect_pieces(WINDOW_BYTES / 8);
	set_no_more(page(0));
	expect_pieces(64);
}
END_TEST

/* Two objects, one after the other, have ends of their own. */
START_TEST(pieces_of_two_objects)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	const uint64_t words = pages * FAKE_PAGE / 8;
	struct object_window w;
	uint64_t seen[2] = { 0, 0 };

	for (uint64_t i = 0; i < 2; i++)
		add(i * pages, CLASS_LARGE, pages, 1);
	for (uint64_t i = 0; i < 2 * words; i++)
		set_word(page(0) + i * 8);
	set_no_more(page(0) + 512);
	struct object_walk walk = start();
	while (object_walk_next(&walk, &w)) {
		const struct object_batch *b;

		expect_ok(object_reader_read(reader, &w, &b));
		for (uint64_t i = 0; b->pointers && i < w.len / 8; i++)
			seen[w.first] += bit(b->pointers, i);
	}
	ck_assert_uint_eq(seen[0], 128);
	ck_assert_uint_eq(seen[1], words);
}
END_TEST

/* An object that begins in one arena and ends in the next. */
START_TEST(pieces_of_two_arenas)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	const uint64_t first = FAKE_ARENA / FAKE_PAGE - 1;
	const struct member *m = &f.rt.layout.heapArena.bitmap;
	uint64_t second = fake_add_arena(&f, 1);

	add(first, CLASS_LARGE, pages, 1);
	for (uint64_t i = 0; i < FAKE_PAGE / 8; i++)
		set_word(page(first) + i * 8);
	memset(fake_at(&f.target, second + m->offset, m->width), 0xff,
	       (pages - 1) * FAKE_PAGE / 64);
	expect_pieces(pages * FAKE_PAGE / 8);
}
END_TEST

/* If it can't be told where its pointers end, an object has none, in
 * whichever order its pieces are read. */
START_TEST(pieces_without_bitmap)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	const uint64_t first = FAKE_ARENA / FAKE_PAGE - 1;
	const struct object_wants wants = { true, true };
	const struct object_batch *b;
	struct object_window w[4];

	add(first, CLASS_LARGE, pages, 1); /* the second arena is not known */
	set_word(page(first));
	struct object_walk walk = start();
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		ck_assert(object_walk_next(&walk, &w[i]));
	for (size_t i = 0; i < 4; i++) {
		/* Those of the pointers: 2, 3; then, with a new reader, 3, 2.
		 */
		if (i == 2) {
			object_reader_destroy(reader);
			expect_ok(object_reader_create(&f.rt, wants, &reader));
		}
		expect_ok(object_reader_read(reader, &w[i < 2 ? 2 + i : 5 - i],
					     &b));
		ck_assert_uint_eq(b->untyped, 1);
		ck_assert_ptr_nonnull(b->pointers);
		for (uint64_t k = 0; k < WINDOW_BYTES / 8; k++)
			ck_assert(!bit(b->pointers, k));
	}
}
END_TEST

/* User arenas: what lies behind the object's end has no pointers. */
START_TEST(a_user_arena_chunk)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	uint64_t mspan = add(0, CLASS_LARGE, pages, 1);

	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_set(&f, mspan, &l->mspan.elemsize, WINDOW_BYTES + 4000);
	for (uint64_t i = 0; i < pages * FAKE_PAGE / 8; i++)
		set_word(page(0) + i * 8);
	expect_pieces((WINDOW_BYTES + 4000) / 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arena_bitmap");
	TCase *tc = tcase_create("arena_bitmap");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, small_objects);
	tcase_add_test(tc, no_more_pointers);
	tcase_add_test(tc, no_more_for_a_neighbour);
	tcase_add_test(tc, spans_without_bitmap);
	tcase_add_test(tc, bitmap_in_an_inner_struct);
	tcase_add_test(tc, a_large_object_in_one_piece);
	tcase_add_test(tc, pieces);
	tcase_add_test(tc, pieces_of_two_objects);
	tcase_add_test(tc, pieces_of_two_arenas);
	tcase_add_test(tc, pieces_without_bitmap);
	tcase_add_test(tc, a_user_arena_chunk);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
