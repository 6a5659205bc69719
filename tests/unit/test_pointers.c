/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers by headers and by bits in the span, as Go 1.22 and newer keep them:
 * src/runtime/pointers.c. */
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

/* Words [0, words) of a slot repeat a type of stride words with a mask, behind
 * skip words. */
static void expect_tiles(const struct span_objects *o, uint32_t slot,
			 uint64_t skip, uint64_t stride, uint64_t mask)
{
	uint64_t words = o->elemsize / 8;

	ck_assert_ptr_nonnull(o->pointers);
	for (uint64_t i = 0; i < words; i++) {
		uint64_t in = i < skip ? 0 : (i - skip) % stride;
		bool expected = i >= skip && in < 64 && mask >> in & 1;

		ck_assert_msg(bit(o->pointers, slot * words + i) == expected,
			      "slot %u, word %llu", slot,
			      (unsigned long long)i);
	}
}

/* ---- bits in the span ---------------------------------------------------- */

static bool pattern(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15 >> 61 < 3;
}

/* Sets pattern(i) for word i of the span at addr, whose bits end at `end`. */
static void put_span_bits(uint64_t addr, uint64_t npages, uint64_t end)
{
	uint64_t words = npages * FAKE_PAGE / 8;
	uint8_t *bits = fake_at(&f.target, addr + end - words / 8, words / 8);

	for (uint64_t i = 0; i < words; i++)
		if (pattern(i))
			bit_set(bits, i);
}

static void expect_pattern(const struct span_objects *o)
{
	uint64_t words = o->nelems * o->elemsize / 8;

	ck_assert_ptr_nonnull(o->pointers);
	for (uint64_t i = 0; i < words; i++)
		ck_assert_uint_eq(bit(o->pointers, i), pattern(i));
}

/* The bits are the span's last bytes, 1 in 64 of them. */
START_TEST(bits_in_the_span)
{
	struct object_window w;

	add(0, CLASS_8, 1, 1);
	put_span_bits(page(0), 1, FAKE_PAGE);
	add(1, CLASS_48, 1, 1);
	put_span_bits(page(1), 1, FAKE_PAGE);
	add(4, CLASS_512, 3, 1);
	put_span_bits(page(4), 3, 3 * FAKE_PAGE);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	ck_assert_uint_eq(b->count, 3);
	for (size_t i = 0; i < b->count; i++)
		expect_pattern(&b->spans[i]);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/* Before the inline mark bits, where the span has them. */
START_TEST(bits_before_inline_marks)
{
	struct object_window w;
	uint64_t marks;

	restart(FAKE_GO126);
	marks = f.rt.layout.spanInlineMarkBits.struct_size;
	add(0, CLASS_8, 1, 1);
	put_span_bits(page(0), 1, FAKE_PAGE);
	add(1, CLASS_48, 1, 1);
	put_span_bits(page(1), 1, FAKE_PAGE - marks);
	memset(fake_at(&f.target, page(2) - marks, marks), 0xff, marks);
	add(4, CLASS_512, 3, 1);
	put_span_bits(page(4), 3, 3 * FAKE_PAGE - marks);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (size_t i = 0; i < b->count; i++)
		expect_pattern(&b->spans[i]);
}
END_TEST

/* A span whose slot 4 may be in the midst of its allocation: freeIndexForScan
 * says so. */
static uint64_t add_allocating(uint64_t at, uint32_t sweepgen,
			       uint64_t bits_end)
{
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(at),
						   .class = CLASS_48,
						   .freeindex = 5,
						   .allocating = 1,
						   .sweepgen = sweepgen,
					   });

	put_span_bits(page(at), 1, bits_end);
	fake_word(&f, page(at) + 3 * 48, 1);
	fake_word(&f, page(at) + 4 * 48, 1);
	return mspan;
}

/* Slot 4 is without pointers, and 0; slot 3 is whole. */
static void expect_allocating(const struct span_objects *o)
{
	for (uint64_t i = 0; i < 5 * 48 / 8; i++)
		ck_assert_uint_eq(bit(o->pointers, i),
				  i < 4 * 48 / 8 && pattern(i));
	ck_assert_uint_eq(load_le(o->contents + 3 * 48, 8), 1);
	ck_assert_uint_eq(load_le(o->contents + 4 * 48, 8), 0);
	ck_assert_uint_eq(o->allocated_count, 5);
}

static void expect_whole(const struct span_objects *o)
{
	expect_pattern(o);
	ck_assert_uint_eq(load_le(o->contents + 4 * 48, 8), 1);
}

/* Only where a P allocates; nor is an object meant that the last sweep left. */
START_TEST(slots_being_allocated)
{
	struct object_window w;

	add_allocating(0, FAKE_SWEEPGEN + 3, FAKE_PAGE);
	fake_allocate(&f, add_allocating(1, FAKE_SWEEPGEN + 3, FAKE_PAGE), 4);
	add_allocating(2, FAKE_SWEEPGEN, FAKE_PAGE);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_allocating(&b->spans[0]);
	expect_whole(&b->spans[1]);
	expect_whole(&b->spans[2]);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/* While a collection marks, what is marked has been allocated. */
START_TEST(slots_being_allocated_while_marking)
{
	struct object_window w;

	fake_word(&f, f.rt.layout.var.gcphase.addr, 1);
	add_allocating(0, FAKE_SWEEPGEN + 3, FAKE_PAGE);
	fake_mark(&f, add_allocating(1, FAKE_SWEEPGEN + 3, FAKE_PAGE), 4);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_allocating(&b->spans[0]);
	expect_whole(&b->spans[1]);
}
END_TEST

START_TEST(inline_marks_of_slots_being_allocated)
{
	struct object_window w;
	uint64_t size, at;

	restart(FAKE_GO126);
	size = f.rt.layout.spanInlineMarkBits.struct_size;
	at = FAKE_PAGE - size + f.rt.layout.spanInlineMarkBits.marks.offset;
	fake_word(&f, f.rt.layout.var.gcphase.addr, 1);
	fake_mark(&f, add_allocating(0, FAKE_SWEEPGEN + 3, FAKE_PAGE - size),
		  4);
	add_allocating(1, FAKE_SWEEPGEN + 3, FAKE_PAGE - size);
	*fake_at(&f.target, page(1) + at, 1) = 1 << 4;
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_allocating(&b->spans[0]);
	expect_whole(&b->spans[1]);
}
END_TEST

START_TEST(spans_without_pointers)
{
	struct object_window w;

	fake_add_span(&f, &(struct fake_span){
				  .base = page(0),
				  .class = CLASS_48,
				  .noscan = true,
				  .freeindex = 1,
			  });
	fake_add_span(&f, &(struct fake_span){
				  .base = page(1),
				  .class = CLASS_640,
				  .noscan = true,
				  .freeindex = 1,
			  });
	memset(fake_at(&f.target, page(0), FAKE_PAGE), 0xff, FAKE_PAGE);
	memset(fake_at(&f.target, page(1), FAKE_PAGE), 0xff, FAKE_PAGE);
	add(2, CLASS_48, 1, 0); /* nothing allocated */
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (size_t i = 0; i < 3; i++)
		ck_assert_ptr_null(b->spans[i].pointers);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/* ---- headers ------------------------------------------------------------- */

/* A type a slot: one that tiles it, one that leaves a part of itself beyond
 * the end, one whose pointers stop early, one that just fits, none at all. */
START_TEST(headers)
{
	static const struct {
		uint64_t words, mask;
	} types[] = {
		{ 1, 1 },
		{ 3, 5 },
		{ 2, 1 },
		{ 5, 3 },
		{ 64, 1ull << 63 | 1 },
		{ 65, ~0ull },
		{ 79, 1ull << 62 },
		{ 80, 7 },
		{ 200, ~0ull << 3 },
		{ 4, 0 },
	};
	struct object_window w;

	add(0, CLASS_640, 1, ARRAY_SIZE(types));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fake_word(&f, page(0) + i * 640,
			  fake_add_type(&f, types[i].words, types[i].mask));
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (uint32_t i = 0; i < ARRAY_SIZE(types); i++)
		expect_tiles(&b->spans[0], i, 1, types[i].words, types[i].mask);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/* Spans of one window have bitmaps of their own. */
START_TEST(headers_of_many_spans)
{
	static const enum fake_class classes[] = { CLASS_2048, CLASS_640,
						   CLASS_8192, CLASS_2048 };
	static const uint64_t masks[] = { 1, 2, 4, 6 };
	struct object_window w;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		add(i, classes[i], 1, 1);
		fake_word(&f, page(i), fake_add_type(&f, 3, masks[i]));
	}
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		expect_tiles(&b->spans[i], 0, 1, 3, masks[i]);
}
END_TEST

/* Headers that are no types cost their objects the pointers; an object that is
 * just being made has none yet; slots that are not allocated do not count. */
START_TEST(wild_headers)
{
	const struct layout *l = &f.rt.layout;
	uint64_t good = fake_add_type(&f, 3, 5);
	uint64_t no_size = fake_add_type(&f, 3, 0);
	uint64_t too_many = fake_add_type(&f, 3, 5);
	uint64_t unaligned = fake_add_type(&f, 3, 5);
	uint64_t no_mask = fake_add_type(&f, 3, 5);
	uint64_t program = fake_add_type(&f, 3, 5);
	uint64_t endless = fake_add_type(&f, 3, 5);
	struct object_window w;

	fake_set(&f, no_size, &l->type.Size_, 0);
	fake_set(&f, too_many, &l->type.PtrBytes, 32);
	fake_set(&f, unaligned, &l->type.PtrBytes, 9);
	fake_set(&f, no_mask, &l->type.GCData, 0x1000);
	fake_set(&f, program, &l->type.Kind_, 25 | 64);
	fake_set(&f, endless, &l->type.Size_, 1ull << 39);
	fake_set(&f, endless, &l->type.PtrBytes, 1ull << 39);
	const uint64_t types[] = { good,     0,	      0x1000,  no_size,
				   too_many, good,    no_mask, unaligned,
				   program,  endless, good,    ~0ull };
	add(0, CLASS_640, 1, 11);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fake_word(&f, page(0) + i * 640, types[i]);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	for (uint32_t i = 0; i < 11; i++)
		expect_tiles(&b->spans[0], i, 1, 3, types[i] == good ? 5 : 0);
	ck_assert_uint_eq(b->untyped, 7); /* all but what has none yet */
	ck_assert_uint_eq(b->unreadable, 0);
}
END_TEST

/* ---- large objects ------------------------------------------------------- */

static void set_large_type(uint64_t mspan, uint64_t type)
{
	fake_set(&f, mspan, &f.rt.layout.mspan.largeType, type);
}

/* Their type is in the mspan; they have no header. */
START_TEST(large_types)
{
	struct object_window w;

	set_large_type(add(0, CLASS_LARGE, 5, 1), fake_add_type(&f, 3, 5));
	set_large_type(add(5, CLASS_LARGE, 2, 1), fake_add_type(&f, 1, 1));
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_tiles(&b->spans[0], 0, 0, 3, 5);
	expect_tiles(&b->spans[1], 0, 0, 1, 1);
	ck_assert_uint_eq(b->untyped, 0);
}
END_TEST

/* One that is just being made has no type, and is all 0; one whose type makes
 * no sense has no pointers either, which is said. */
START_TEST(large_objects_without_type)
{
	struct object_window w;

	set_large_type(add(0, CLASS_LARGE, 5, 1), 0);
	fake_word(&f, page(0) + 16, 1);
	set_large_type(add(5, CLASS_LARGE, 2, 1), 0x1000);
	set_large_type(add(7, CLASS_LARGE, 2, 1), fake_add_type(&f, 2, 2));
	add(9, CLASS_LARGE, 2, 1);
	struct object_walk walk = start();
	const struct object_batch *b = next(&walk, &w);
	expect_tiles(&b->spans[0], 0, 0, 1, 0);
	ck_assert_uint_eq(load_le(b->spans[0].contents + 16, 8), 0);
	expect_tiles(&b->spans[1], 0, 0, 1, 0);
	expect_tiles(&b->spans[2], 0, 0, 2, 2);
	ck_assert_uint_eq(b->untyped, 1);

	/* An mspan that can't be read any more. */
	f.rt.spans.list.v[3].mspan = 0x1000;
	walk = (struct object_walk){ .rt = &f.rt };
	b = next(&walk, &w);
	ck_assert_uint_eq(b->untyped, 2);
}
END_TEST

/* All pieces of an object repeat the type from where the piece before ended. */
static void expect_piece_tiles(uint64_t size, uint64_t stride, uint64_t mask)
{
	struct object_walk walk = start();
	struct object_window w;

	while (object_walk_next(&walk, &w)) {
		const struct object_batch *b;

		expect_ok(object_reader_read(reader, &w, &b));
		ck_assert_uint_eq(b->untyped, 0);
		if (w.kind == WINDOW_CONTENTS) {
			ck_assert_ptr_null(b->pointers);
			continue;
		}
		ck_assert_ptr_nonnull(b->pointers);
		for (uint64_t i = 0; i < WINDOW_BYTES / 8; i++) {
			uint64_t word = w.offset / 8 + i;
			uint64_t in = word % stride;
			bool expected = word < size / 8 && i < w.len / 8 &&
					in < 64 && mask >> in & 1;

			ck_assert_msg(bit(b->pointers, i) == expected,
				      "word %llu", (unsigned long long)word);
		}
	}
}

/* A window has 131072 words: 3 and 61 do not divide it. */
START_TEST(tiles_across_pieces)
{
	const uint64_t pages = 2 * WINDOW_BYTES / FAKE_PAGE + 3;
	uint64_t mspan = add(0, CLASS_LARGE, pages, 1);

	set_large_type(mspan, fake_add_type(&f, 3, 5));
	expect_piece_tiles(pages * FAKE_PAGE, 3, 5);
	set_large_type(mspan, fake_add_type(&f, 61, 1ull << 60 | 1));
	expect_piece_tiles(pages * FAKE_PAGE, 61, 1ull << 60 | 1);
	set_large_type(mspan, fake_add_type(&f, pages * 1024, 1ull << 63));
	expect_piece_tiles(pages * FAKE_PAGE, pages * 1024, 1ull << 63);
}
END_TEST

/* A type as large as the object, whose mask has bits in every piece. */
START_TEST(a_mask_across_pieces)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 2;
	const uint64_t words = pages * FAKE_PAGE / 8;
	uint64_t type = fake_add_type(&f, words, 1);
	uint64_t mask = fake_new(&f, words / 8);
	struct object_window w;
	uint64_t seen = 0;

	for (uint64_t i = 0; i < words; i += 1000)
		bit_set(fake_at(&f.target, mask, words / 8), i);
	fake_set(&f, type, &l->type.PtrBytes, words * 8);
	fake_set(&f, type, &l->type.GCData, mask);
	set_large_type(add(0, CLASS_LARGE, pages, 1), type);
	struct object_walk walk = start();
	while (object_walk_next(&walk, &w)) {
		const struct object_batch *b;

		expect_ok(object_reader_read(reader, &w, &b));
		for (uint64_t i = 0; b->pointers && i < w.len / 8; i++) {
			uint64_t word = w.offset / 8 + i;

			ck_assert_uint_eq(bit(b->pointers, i),
					  word % 1000 == 0);
			seen += bit(b->pointers, i);
		}
	}
	ck_assert_uint_eq(seen, (words + 999) / 1000);
}
END_TEST

/* The last words of a chunk of a user arena belong to no object. */
START_TEST(pointers_of_a_user_arena_chunk)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	uint64_t mspan = add(0, CLASS_LARGE, pages, 1);

	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_set(&f, mspan, &l->mspan.elemsize, WINDOW_BYTES + 4000);
	set_large_type(mspan, fake_add_type(&f, 1, 1));
	expect_piece_tiles(WINDOW_BYTES + 4000, 1, 1);
}
END_TEST

START_TEST(a_piece_of_no_type)
{
	const uint64_t pages = WINDOW_BYTES / FAKE_PAGE + 1;
	uint64_t mspan = add(0, CLASS_LARGE, pages, 1);
	struct object_window w;

	expect_piece_tiles(pages * FAKE_PAGE, 1, 0); /* not yet */
	set_large_type(mspan, 0x1000);
	struct object_walk walk = start();
	while (object_walk_next(&walk, &w)) {
		const struct object_batch *b;

		expect_ok(object_reader_read(reader, &w, &b));
		ck_assert_uint_eq(b->untyped, w.kind == WINDOW_POINTERS);
	}
}
END_TEST

/* A release that keeps its bits in none of the known ways. */
START_TEST(an_unknown_shape)
{
	const struct object_wants wants = { true, true };

	f.rt.layout.mspan.largeType.present = false;
	fake_load(&f);
	expect_error(object_reader_create(&f.rt, wants, &reader), ERR_MISSING,
		     "pointer bits");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pointers");
	TCase *tc = tcase_create("pointers");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bits_in_the_span);
	tcase_add_test(tc, bits_before_inline_marks);
	tcase_add_test(tc, slots_being_allocated);
	tcase_add_test(tc, slots_being_allocated_while_marking);
	tcase_add_test(tc, inline_marks_of_slots_being_allocated);
	tcase_add_test(tc, spans_without_pointers);
	tcase_add_test(tc, headers);
	tcase_add_test(tc, headers_of_many_spans);
	tcase_add_test(tc, wild_headers);
	tcase_add_test(tc, large_types);
	tcase_add_test(tc, large_objects_without_type);
	tcase_add_test(tc, tiles_across_pieces);
	tcase_add_test(tc, a_mask_across_pieces);
	tcase_add_test(tc, pointers_of_a_user_arena_chunk);
	tcase_add_test(tc, a_piece_of_no_type);
	tcase_add_test(tc, an_unknown_shape);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
