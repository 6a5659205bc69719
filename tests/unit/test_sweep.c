/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep that is yet to come: src/runtime/sweep.c, and what it does to the
 * specials, to the queue of finalizers, and to objects. */
#include "fake_lists.h"

#include "runtime/finalizer_queue.h"
#include "runtime/object.h"
#include "runtime/special.h"

#include <stdlib.h>

enum { MAX_SEEN = 64, SLOT = 48, CODE = 0x401234 };

static struct fake_runtime f;
static uint64_t fn; /* a funcval of CODE */

static void restart(enum fake_release release)
{
	if (f.rt.target)
		fake_runtime_deinit(&f);
	fake_runtime_init(&f, release);
	fn = fake_add_funcval(&f, CODE);
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
	f.rt.target = NULL;
}

static uint64_t page(uint64_t i)
{
	return FAKE_HEAP + i * FAKE_PAGE;
}

/* Page i, of slots of 48 bytes, all of them allocated, none marked. */
static uint64_t add_span(uint64_t i, uint32_t sweepgen)
{
	return fake_add_span(&f, &(struct fake_span){
					 .base = page(i),
					 .class = CLASS_48,
					 .freeindex = 100,
					 .sweepgen = sweepgen,
				 });
}

static uint64_t add_unswept(uint64_t i)
{
	return add_span(i, FAKE_SWEEPGEN - 2);
}

/* A finalizer whose types tell it from others. */
static void add_finalizer(uint64_t mspan, uint64_t offset)
{
	fake_add_finalizer(&f, mspan, offset, fn, offset, offset + 1);
}

/* ---- what is told -------------------------------------------------------- */

struct seen {
	uint64_t objects[MAX_SEEN], fns[MAX_SEEN];
	size_t n;
};

static struct err *see_finalizer(void *arg, const struct finalizer *finalizer)
{
	struct seen *s = arg;

	ck_assert_uint_lt(s->n, MAX_SEEN);
	s->objects[s->n] = finalizer->object;
	s->fns[s->n++] = finalizer->fn;
	ck_assert_uint_eq(finalizer->pc, CODE);
	if (finalizer->object)
		ck_assert_uint_eq(finalizer->ot, finalizer->fint + 1);
	return NULL;
}

static struct err *see_sample(void *arg, const struct alloc_sample *sample)
{
	struct seen *s = arg;

	ck_assert_uint_lt(s->n, MAX_SEEN);
	s->objects[s->n++] = sample->object;
	return NULL;
}

static void expect_objects(const struct seen *s, const uint64_t *objects,
			   size_t n)
{
	ck_assert_uint_eq(s->n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(s->objects[i], objects[i]);
}

#define EXPECT_OBJECTS(s, ...)                                                 \
	expect_objects(s, (const uint64_t[]){ __VA_ARGS__ },                   \
		       sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

static struct seen finalizers(void)
{
	struct seen s = {};

	expect_ok(finalizer_each(&f.rt, see_finalizer, &s));
	return s;
}

static struct seen queued(void)
{
	struct seen s = {};

	expect_ok(queued_finalizer_each(&f.rt, see_finalizer, &s));
	return s;
}

static struct seen samples(void)
{
	struct seen s = {};

	expect_ok(alloc_sample_each(&f.rt, see_sample, &s));
	return s;
}

/* The first 64 slots of the first span, by the reader of objects. */
static uint64_t allocated(void)
{
	struct object_walk walk = { .rt = &f.rt };
	const struct object_batch *b;
	struct object_reader *reader;
	struct object_window w;
	uint64_t bits;

	expect_ok(object_reader_create(&f.rt, (struct object_wants){ 0 },
				       &reader));
	ck_assert(object_walk_next(&walk, &w));
	expect_ok(object_reader_read(reader, &w, &b));
	bits = b->spans[0].allocated[0];
	ck_assert_uint_eq(b->spans[0].allocated_count,
			  __builtin_popcountll(bits));
	object_reader_destroy(reader);
	return bits;
}

/* ---- one span ------------------------------------------------------------ */

/*
 * Slots of one span, the specials of each in the order of their kinds: 0 is
 * marked; 1 has a finalizer, 2 has none, 3 has two, inside of it. Specials are
 * pushed: the last comes first.
 */
static void add_all_sorts(uint64_t mspan, uint64_t cells)
{
	fake_mark(&f, mspan, 0);
	add_finalizer(mspan, 3 * SLOT + 16);
	add_finalizer(mspan, 3 * SLOT);
	fake_add_cleanup(&f, mspan, 2 * SLOT, fn);
	fake_add_sample(&f, mspan, 2 * SLOT, 0xb2);
	fake_add_weak_handle(&f, mspan, 2 * SLOT, cells + 32);
	fake_add_cleanup(&f, mspan, SLOT, fn);
	fake_add_sample(&f, mspan, SLOT, 0xb1);
	fake_add_weak_handle(&f, mspan, SLOT, cells + 16);
	add_finalizer(mspan, SLOT);
	fake_add_cleanup(&f, mspan, 0, fn);
	fake_add_sample(&f, mspan, 0, 0xb0);
	fake_add_weak_handle(&f, mspan, 0, cells);
	add_finalizer(mspan, 0);
}

START_TEST(all_sorts)
{
	struct seen s;

	add_all_sorts(add_unswept(1), 0x9000);
	fake_load(&f);
	s = finalizers();
	EXPECT_OBJECTS(&s, page(1));
	/* In the order of the list; the cleanup is of no object. */
	s = queued();
	EXPECT_OBJECTS(&s, page(1) + SLOT, 0, page(1) + 3 * SLOT,
		       page(1) + 3 * SLOT + 16);
	s = samples();
	EXPECT_OBJECTS(&s, page(1), page(1) + SLOT);
	ck_assert_uint_eq(allocated(), 1 | 1 << 1 | 1 << 3);
	ck_assert_uint_eq(f.rt.sweep.finalizers, 3);
	ck_assert_uint_eq(f.rt.sweep.cleanups, 1);
	ck_assert_uint_eq(f.rt.sweep.revived.len, 2);
	ck_assert_uint_eq(f.rt.sweep.cells.len, 2);
	ck_assert_uint_eq(f.rt.sweep.cells.v[0], 0x9010);
	ck_assert_uint_eq(f.rt.sweep.cells.v[1], 0x9020);
}
END_TEST

/* A queue of their own has the cleanups from Go 1.25 on; it is not told. */
START_TEST(cleanups_apart)
{
	struct seen s;

	restart(FAKE_GO126);
	add_all_sorts(add_unswept(1), 0x9000);
	fake_load(&f);
	s = queued();
	EXPECT_OBJECTS(&s, page(1) + SLOT, page(1) + 3 * SLOT,
		       page(1) + 3 * SLOT + 16);
	ck_assert_uint_eq(f.rt.sweep.finalizers, 3);
	ck_assert_uint_eq(f.rt.sweep.cleanups, 1);
}
END_TEST

/* Nothing is swept that has been, in a cache or not. */
START_TEST(swept)
{
	struct seen s;

	add_all_sorts(add_span(1, FAKE_SWEEPGEN), 0x9000);
	add_all_sorts(add_span(2, FAKE_SWEEPGEN + 3), 0x9000);
	fake_load(&f);
	s = finalizers();
	ck_assert_uint_eq(s.n, 8);
	ck_assert_uint_eq(queued().n, 0);
	ck_assert_uint_eq(samples().n, 6);
	ck_assert_uint_eq(f.rt.sweep.cells.len, 0);
	ck_assert_uint_eq(f.rt.sweep.revived.len, 0);
}
END_TEST

/* Forgotten when the target runs on. */
START_TEST(loaded_again)
{
	uint64_t mspan = add_unswept(1);

	add_all_sorts(mspan, 0x9000);
	fake_load(&f);
	ck_assert_uint_eq(queued().n, 4);
	fake_load(&f);
	ck_assert_uint_eq(queued().n, 4);
	fake_set(&f, mspan, &f.rt.layout.mspan.sweepgen, FAKE_SWEEPGEN);
	fake_load(&f);
	ck_assert_uint_eq(queued().n, 0);
	ck_assert_uint_eq(finalizers().n, 4);
}
END_TEST

/* Behind the header of its type, an object's address is not its slot's. */
START_TEST(behind_a_header)
{
	uint64_t mspan =
		fake_add_span(&f, &(struct fake_span){
					  .base = page(1),
					  .class = CLASS_640,
					  .freeindex = 3,
					  .sweepgen = FAKE_SWEEPGEN - 2,
				  });
	struct seen s;

	add_finalizer(mspan, 2 * 640 + 8);
	fake_load(&f);
	s = queued();
	EXPECT_OBJECTS(&s, page(1) + 2 * 640 + 8);
	ck_assert_uint_eq(allocated(), 4);
}
END_TEST

/* Marks that lie in the span count. */
START_TEST(inline_marks)
{
	const struct layout *l = &f.rt.layout;
	struct seen s;

	restart(FAKE_GO126);
	uint64_t mspan = add_unswept(1);
	add_finalizer(mspan, 9 * SLOT);
	add_finalizer(mspan, 8 * SLOT);
	fake_put(&f.target,
		 page(2) - l->spanInlineMarkBits.struct_size +
			 l->spanInlineMarkBits.marks.offset + 1,
		 1, 1);
	fake_load(&f);
	s = queued();
	EXPECT_OBJECTS(&s, page(1) + 9 * SLOT);
	s = finalizers();
	EXPECT_OBJECTS(&s, page(1) + 8 * SLOT);
	ck_assert_uint_eq(allocated(), 1 << 8 | 1 << 9);
}
END_TEST

/* A single address is looked up to the same end. */
START_TEST(addresses)
{
	static const bool there[] = { true, true, false, true, false };

	add_all_sorts(add_unswept(1), 0x9000);
	fake_load(&f);
	for (uint64_t i = 0; i < ARRAY_SIZE(there); i++) {
		struct heap_address at;
		bool is;

		ck_assert(span_find(&f.rt.spans, page(1) + i * SLOT + 5, &at));
		expect_ok(span_slot_allocated(&f.rt, &at, &is));
		ck_assert_int_eq(is, there[i]);
	}
}
END_TEST

/* ---- many spans ---------------------------------------------------------- */

/* Spans in caches come first, P by P, then all others as they are. */
START_TEST(order)
{
	const struct layout *l = &f.rt.layout;
	uint64_t a = add_unswept(5), b = add_span(4, FAKE_SWEEPGEN + 1);
	uint64_t c = add_unswept(3), d = add_span(2, FAKE_SWEEPGEN + 1);
	uint64_t ps[2];
	struct seen s;

	for (int i = 0; i < 2; i++) {
		uint64_t cache = fake_new(&f, l->mcache.struct_size);

		ps[i] = fake_new(&f, l->p.struct_size);
		fake_set(&f, ps[i], &l->p.mcache, cache);
		fake_word(&f, cache + l->mcache.alloc.offset + 8 * i,
			  i ? b : d);
	}
	fake_slice(&f, l->var.allp.addr, fake_new_copy(&f, ps, sizeof(ps)), 2);
	fake_set_var(&f, &l->var.gomaxprocs, 2);
	add_finalizer(a, 0);
	add_finalizer(b, 0);
	add_finalizer(c, 0);
	add_finalizer(d, 0);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.unswept, 4);
	ck_assert_uint_eq(f.rt.spans.cached, 2);
	s = queued();
	EXPECT_OBJECTS(&s, page(2), page(4), page(5), page(3));
	/* By their place in the table. */
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(f.rt.sweep.revived.v[i].span, i);
}
END_TEST

/* More spans than are read side by side, with lists of all lengths. */
START_TEST(many_spans)
{
	enum { SPANS = 150 };
	uint64_t sum = 0;

	for (uint64_t i = 0; i < SPANS; i++) {
		uint64_t mspan = fake_add_span(
			&f, &(struct fake_span){ .base = page(i),
						 .class = CLASS_48,
						 .sweepgen = FAKE_SWEEPGEN - 2,
						 .unmapped = true });

		for (uint64_t k = 0; k < i % 7; k++)
			fake_add_sample(&f, mspan, k * SLOT, 0xb0 + k);
		if (i % 3)
			add_finalizer(mspan, 0);
		sum += i % 3 != 0;
	}
	fake_load(&f);
	ck_assert_uint_eq(f.rt.sweep.finalizers, sum);
	ck_assert_uint_eq(f.rt.sweep.revived.len, sum);
	for (size_t i = 0; i < sum; i++)
		ck_assert_uint_eq(f.rt.sweep.queue.v[i].object,
				  page(i / 2 * 3 + i % 2 + 1));
}
END_TEST

/* ---- weak handles -------------------------------------------------------- */

START_TEST(cleared_cells)
{
	uint64_t cell[] = { 0x1000, 0x2008, 0x2010, 0x3ff8, 0x4000 };
	struct sweep s = { .cells = { cell, ARRAY_SIZE(cell), 0 } };
	uint8_t contents[0x2000];

	memset(contents, 0xff, sizeof(contents));
	sweep_clear_cells(&s, 0x2000, sizeof(contents), contents);
	for (size_t i = 0; i < sizeof(contents); i++) {
		bool cleared = (i >= 8 && i < 24) || i >= 0x1ff8;

		ck_assert_uint_eq(contents[i], cleared ? 0 : 0xff);
	}
	/* Not what is only begun. */
	memset(contents, 0xff, sizeof(contents));
	sweep_clear_cells(&s, 0x2000, 12, contents);
	ck_assert_uint_eq(contents[8], 0xff);
	sweep_clear_cells(&(struct sweep){}, 0, sizeof(contents), contents);
}
END_TEST

/* The cell is an object of its own, whose contents say that it is cleared. */
START_TEST(a_cleared_handle)
{
	struct object_walk walk = { .rt = &f.rt };
	uint64_t mspan = add_span(1, FAKE_SWEEPGEN);
	const struct object_batch *b;
	struct object_reader *reader;
	struct object_window w;

	ck_assert_uint_ne(mspan, 0);
	for (uint64_t i = 0; i < 3; i++)
		fake_word(&f, page(1) + i * 16, page(2) + i * SLOT);
	add_all_sorts(add_unswept(2), page(1));
	fake_load(&f);
	expect_ok(object_reader_create(
		&f.rt, (struct object_wants){ .contents = true }, &reader));
	ck_assert(object_walk_next(&walk, &w));
	expect_ok(object_reader_read(reader, &w, &b));
	ck_assert_uint_eq(load_le(b->spans[0].contents, 8), page(2));
	ck_assert_uint_eq(load_le(b->spans[0].contents + 16, 8), 0);
	ck_assert_uint_eq(load_le(b->spans[0].contents + 32, 8), 0);
	object_reader_destroy(reader);
}
END_TEST

/* ---- the queue ----------------------------------------------------------- */

/* n entries of a block, numbered from `from` on. */
static uint64_t add_block(uint64_t from, uint64_t n)
{
	uint64_t block = fake_add_block(&f);

	for (uint64_t i = 0; i < n; i++)
		fake_queue_finalizer(&f, block, i, from + i, fn, 1, 2);
	fake_set(&f, block, &f.rt.layout.finBlock.cnt, n);
	return block;
}

/* n dead objects with finalizers, in the slots of page 1. */
static void add_dead(uint64_t n)
{
	uint64_t mspan = add_unswept(1);

	while (n--)
		add_finalizer(mspan, n * SLOT);
}

static uint64_t dead(uint64_t i)
{
	return page(1) + i * SLOT;
}

/* Into the head's room, then spare blocks, then new ones, which come before
 * all; a block has four entries. */
START_TEST(dealt_out)
{
	const struct layout *l = &f.rt.layout;
	uint64_t spare2 = add_block(0, 0), taken = add_block(60, 1);
	uint64_t head = add_block(70, 3), spare = add_block(0, 0);
	struct seen s;

	ck_assert_uint_ne(taken, 0);
	fake_set_var(&f, &l->var.finq, head);
	fake_set_var(&f, &l->var.finc, spare);
	fake_set(&f, spare, &l->finBlock.next, spare2);
	add_dead(15);
	fake_load(&f);
	s = queued();
	EXPECT_OBJECTS(&s, dead(13), dead(14), /* new, the latest first */
		       dead(9), dead(10), dead(11), dead(12), /* new */
		       dead(1), dead(2), dead(3), dead(4),    /* spare */
		       70, 71, 72, dead(0),		      /* head */
		       60, /* taken by the goroutine */
		       dead(5), dead(6), dead(7), dead(8) /* spare2 */);
}
END_TEST

START_TEST(dealt_to_nobody)
{
	struct seen s;

	add_dead(5);
	fake_load(&f);
	s = queued();
	EXPECT_OBJECTS(&s, dead(4), dead(0), dead(1), dead(2), dead(3));
}
END_TEST

START_TEST(damaged)
{
	const struct layout *l = &f.rt.layout;
	uint64_t block = add_block(70, 0), mspan = add_unswept(2);
	struct seen s = {};

	add_dead(9);
	fake_set_var(&f, &l->var.finc, block);
	fake_set(&f, block, &l->finBlock.next, block);
	fake_load(&f);
	expect_error(queued_finalizer_each(&f.rt, see_finalizer, &s),
		     ERR_FORMAT, "spare blocks");
	fake_set(&f, block, &l->finBlock.next, 0);
	fake_set(&f, block, &l->finBlock.cnt, 5);
	fake_load(&f);
	expect_error(queued_finalizer_each(&f.rt, see_finalizer, &s),
		     ERR_FORMAT, "counts 5");
	fake_set(&f, mspan, &l->mspan.specials, 0x1000);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "to be swept");
	fake_set(&f, mspan, &l->mspan.specials, 0);
	fake_set(&f, mspan, &l->mspan.gcmarkBits, 0x1000);
	fake_add_sample(&f, mspan, 0, 0xb0);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "to be swept");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sweep");
	TCase *tc = tcase_create("sweep");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_sorts);
	tcase_add_test(tc, cleanups_apart);
	tcase_add_test(tc, swept);
	tcase_add_test(tc, loaded_again);
	tcase_add_test(tc, behind_a_header);
	tcase_add_test(tc, inline_marks);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, order);
	tcase_add_test(tc, many_spans);
	tcase_add_test(tc, cleared_cells);
	tcase_add_test(tc, a_cleared_handle);
	tcase_add_test(tc, dealt_out);
	tcase_add_test(tc, dealt_to_nobody);
	tcase_add_test(tc, damaged);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
