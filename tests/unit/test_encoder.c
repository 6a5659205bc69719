/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings of the heap dump: src/output/encoder.c, heapdump_objects.c.
 * Objects are read back by hdcheck's reader. */
#include "expect.h"

#include "base/bits.h"
#include "base/cursor.h"
#include "hdcheck/reader.h"
#include "output/encoder.h"
#include "output/heapdump.h"

#include <stdlib.h>

#define BASE UINT64_C(0xc000000000)

/* ---- integers and strings ------------------------------------------------ */

/* Seven bits a byte; each of the ten lengths, with its first and last value. */
START_TEST(integers)
{
	for (unsigned int len = 1; len <= 10; len++) {
		uint64_t first = len == 1 ? 0 : 1ull << (len - 1) * 7;
		uint64_t last = len == 10 ? ~0ull : (1ull << len * 7) - 1;
		const uint64_t values[] = { first, first + 1, last - 1, last };

		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			cleanup(buf_deinit) struct buf b = {};
			struct cursor c;
			uint64_t back;

			expect_ok(encode_uint(&b, values[i]));
			ck_assert_uint_eq(b.len, len);
			cursor_init(&c, "integer", b.v, b.len, 0);
			expect_ok(cursor_uvarint(&c, &back));
			ck_assert_uint_eq(back, values[i]);
			ck_assert_uint_eq(cursor_left(&c), 0);
		}
	}
}
END_TEST

START_TEST(known_bytes)
{
	static const uint8_t expected[] = { 0x00, 0x7f, 0x80, 0x01, 0xac, 0x02,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0x01, 3,	  'a',
					    'b',  'c',	0,    2,    0,	  255 };
	cleanup(buf_deinit) struct buf b = {};

	expect_ok(encode_values(&b, 0, 127, 128, 300, UINT64_MAX));
	expect_ok(encode_string(&b, "abc"));
	expect_ok(encode_string(&b, ""));
	expect_ok(encode_bytes(&b, "\0\377", 2));
	ck_assert_uint_eq(b.len, sizeof(expected));
	ck_assert(!memcmp(b.v, expected, sizeof(expected)));
	expect_ok(encode_bytes(&b, NULL, 0));
	expect_ok(encode_uints(&b, NULL, 0));
	ck_assert_uint_eq(b.len, sizeof(expected) + 1);
}
END_TEST

/* ---- objects ------------------------------------------------------------- */

enum { SPAN = 65536 }; /* bytes of a test's span, at most */

/* A span that a test fills. */
struct fill {
	struct span_objects o;
	uint64_t allocated[16];
	uint64_t pointers[SPAN / 8 / 64];
	uint8_t contents[SPAN];
};

static void fill_init(struct fill *s, uint64_t base, uint64_t elemsize,
		      uint32_t nelems)
{
	memset(s, 0, sizeof(*s));
	s->o = (struct span_objects){
		.base = base,
		.elemsize = elemsize,
		.nelems = nelems,
		.allocated = s->allocated,
		.contents = s->contents,
		.pointers = s->pointers,
	};
	for (size_t i = 0; i < SPAN; i++)
		s->contents[i] = (uint8_t)(i * 31 + i / 256);
}

static void allocate(struct fill *s, uint32_t slot)
{
	s->allocated[slot / 64] |= 1ull << slot % 64;
	s->o.allocated_count++;
}

static void set_pointer(struct fill *s, uint64_t word)
{
	s->pointers[word / 64] |= 1ull << word % 64;
}

static bool is_pointer(const struct span_objects *o, uint64_t word)
{
	return o->pointers && o->pointers[word / 64] >> word % 64 & 1;
}

/* Opens the records in b: a header is put before them, an end behind. */
static void open_dump(struct buf *b, struct buf *whole, struct dump_file *file,
		      struct reader *reader)
{
	expect_ok(buf_append(whole, DUMP_HEADER, strlen(DUMP_HEADER)));
	expect_ok(buf_append(whole, b->v, b->len));
	expect_ok(encode_uint(whole, TAG_EOF));
	dump_file_init(file, "test", whole->v, whole->len);
	expect_ok(reader_init(reader, file));
}

static void expect_end(struct reader *reader)
{
	struct record r;
	bool more;

	expect_ok(reader_next(reader, &r, &more));
	ck_assert(!more);
}

/* The next record is that of a slot. */
static void expect_object(struct reader *reader, const struct span_objects *o,
			  uint32_t slot)
{
	uint64_t words = o->elemsize / 8;
	const uint8_t *contents = o->contents + slot * o->elemsize;
	struct record r;
	struct field at;
	bool more;

	expect_ok(reader_next(reader, &r, &more));
	ck_assert(more);
	ck_assert_int_eq(r.kind, RECORD_OBJECT);
	ck_assert_uint_eq(r.memory.addr, o->base + slot * o->elemsize);
	ck_assert_uint_eq(r.memory.contents.size, o->elemsize);
	ck_assert(!memcmp(r.memory.contents.data, contents, o->elemsize));
	for (uint64_t i = 0; i < words; i++) {
		if (!is_pointer(o, slot * words + i))
			continue;
		ck_assert(field_take(&r.memory.fields, &at));
		ck_assert_uint_eq(at.kind, FIELD_POINTER);
		ck_assert_uint_eq(at.offset, i * 8);
	}
	ck_assert(!field_take(&r.memory.fields, &at));
}

/* Encodes a batch of spans, and reads every object of it back, in order. */
static void expect_spans(struct fill *const *spans, size_t n)
{
	static struct object_batch batch;
	const struct object_window window = { .count = n };
	cleanup(buf_deinit) struct buf b = {}, whole = {};
	struct dump_file file;
	struct reader reader;

	batch.window = &window;
	batch.count = n;
	for (size_t i = 0; i < n; i++)
		batch.spans[i] = spans[i]->o;
	expect_ok(heapdump_encode_objects(&batch, &b));
	open_dump(&b, &whole, &file, &reader);
	for (size_t i = 0; i < n; i++)
		for (uint32_t slot = 0; slot < spans[i]->o.nelems; slot++)
			if (spans[i]->allocated[slot / 64] >> slot % 64 & 1)
				expect_object(&reader, &spans[i]->o, slot);
	expect_end(&reader);
}

static struct fill first, second;
static struct fill *const both[] = { &first, &second };

START_TEST(no_objects)
{
	fill_init(&first, BASE, 48, 170);
	set_pointer(&first, 3); /* of no object */
	first.o.contents = NULL;
	fill_init(&second, BASE + 8192, 8, 1024);
	expect_spans(both, 2);
}
END_TEST

/* The first and last of the slots, and those about a word of the bitmap. */
START_TEST(slots_at_boundaries)
{
	static const uint32_t slots[] = { 0, 1, 63, 64, 127, 128, 169 };

	fill_init(&first, BASE, 48, 170);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		allocate(&first, slots[i]);
	fill_init(&second, BASE + 8192, 8, 1024);
	for (uint32_t i = 0; i < 1024; i++)
		allocate(&second, i);
	second.o.pointers = NULL;
	expect_spans(both, 2);
}
END_TEST

/* Objects of every size that is a multiple of a word, with fields at random:
 * their bits lie across the words of the bitmap in every way. */
START_TEST(fields)
{
	unsigned int seed = 1;

	for (uint64_t words = 1; words <= 200; words++) {
		uint32_t nelems = (uint32_t)(8192 / 8 / words);

		fill_init(&first, BASE, words * 8, nelems);
		fill_init(&second, BASE + 8192, words * 8, nelems);
		for (uint32_t i = 0; i < nelems; i++) {
			if (rand_r(&seed) % 3)
				allocate(&first, i);
			allocate(&second, i);
		}
		for (uint64_t i = 0; i < 1024; i++) {
			if (rand_r(&seed) % 2)
				set_pointer(&first, i);
			set_pointer(&second, i); /* all are */
		}
		expect_spans(both, 2);
	}
}
END_TEST

/* Offsets of two and three bytes. */
START_TEST(far_fields)
{
	fill_init(&first, BASE, SPAN, 1);
	allocate(&first, 0);
	for (uint64_t i = 0; i < SPAN / 8; i += 15)
		set_pointer(&first, i);
	set_pointer(&first, SPAN / 8 - 1);
	expect_spans(both, 1);
}
END_TEST

/* ---- large objects, in pieces -------------------------------------------- */

enum { PIECE = 4096 };

/* Encodes one window of an object of size bytes. */
static void encode_piece(struct buf *b, enum window_kind kind, uint64_t offset,
			 uint64_t size, bool last, bool allocated)
{
	static struct object_batch batch;
	const struct object_window window = { .kind = kind,
					      .offset = offset,
					      .len = PIECE };

	batch = (struct object_batch){
		.window = &window,
		.count = 1,
		.spans[0] = { .base = BASE, .elemsize = size },
		.size = size,
		.len = offset < size ? min_u64(PIECE, size - offset) : 0,
		.allocated = allocated,
		.last = last,
	};
	if (batch.len && kind == WINDOW_CONTENTS)
		batch.piece = first.contents + offset;
	if (batch.len && kind == WINDOW_POINTERS && first.o.pointers)
		batch.pointers = first.pointers + offset / 8 / 64;
	expect_ok(heapdump_encode_objects(&batch, b));
}

/* An object in four pieces is one record; it may end in the last or before. */
static void expect_pieces(uint64_t size)
{
	cleanup(buf_deinit) struct buf b = {}, whole = {};
	struct dump_file file;
	struct reader reader;

	first.o.elemsize = size;
	for (int i = 0; i < 4; i++)
		encode_piece(&b, WINDOW_CONTENTS, (uint64_t)i * PIECE, size,
			     i == 3, true);
	for (int i = 0; i < 4; i++)
		encode_piece(&b, WINDOW_POINTERS, (uint64_t)i * PIECE, size,
			     i == 3, true);
	open_dump(&b, &whole, &file, &reader);
	expect_object(&reader, &first.o, 0);
	expect_end(&reader);
}

START_TEST(pieces)
{
	unsigned int seed = 1;

	fill_init(&first, BASE, 4 * PIECE, 1);
	for (uint64_t i = 0; i < 4 * PIECE / 8; i++)
		if (rand_r(&seed) % 2)
			set_pointer(&first, i);
	expect_pieces(4 * PIECE);
	expect_pieces(3 * PIECE + 8);
	expect_pieces(3 * PIECE);
	expect_pieces(8);
	first.o.pointers = NULL;
	expect_pieces(4 * PIECE);
}
END_TEST

START_TEST(pieces_of_no_object)
{
	cleanup(buf_deinit) struct buf b = {};

	fill_init(&first, BASE, 4 * PIECE, 1);
	for (int i = 0; i < 4; i++) {
		encode_piece(&b, WINDOW_CONTENTS, (uint64_t)i * PIECE,
			     4 * PIECE, i == 3, false);
		encode_piece(&b, WINDOW_POINTERS, (uint64_t)i * PIECE,
			     4 * PIECE, i == 3, false);
	}
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("encoder");
	TCase *tc = tcase_create("encoder");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, integers);
	tcase_add_test(tc, known_bytes);
	tcase_add_test(tc, no_objects);
	tcase_add_test(tc, slots_at_boundaries);
	tcase_add_test(tc, fields);
	tcase_add_test(tc, far_fields);
	tcase_add_test(tc, pieces);
	tcase_add_test(tc, pieces_of_no_object);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
