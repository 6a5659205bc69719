/* SPDX-License-Identifier: Apache-2.0 */
/* The heap's arenas and spans: src/runtime/span.c. */
#include "fake_runtime.h"

#include <stdlib.h>

static struct fake_runtime f;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

/* Page i of the heap. */
static uint64_t page(uint64_t i)
{
	return FAKE_HEAP + i * FAKE_PAGE;
}

/* A span of 24-byte slots at page i. */
static uint64_t add_small(uint64_t i)
{
	const struct fake_span s = { .base = page(i), .class = CLASS_24 };

	return fake_add_span(&f, &s);
}

/* ---- the table ----------------------------------------------------------- */

START_TEST(an_empty_heap)
{
	struct heap_address a;

	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.list.len, 0);
	ck_assert_uint_eq(f.rt.spans.arenas.len, 0);
	ck_assert_uint_eq(f.rt.spans.page_size, FAKE_PAGE);
	ck_assert_uint_eq(f.rt.spans.sweepgen, FAKE_SWEEPGEN);
	ck_assert_uint_eq(f.rt.spans.bytes, 0);
	ck_assert(!span_find(&f.rt.spans, FAKE_HEAP, &a));
	ck_assert_uint_eq(span_heap_arena(&f.rt.spans, FAKE_HEAP), 0);
}
END_TEST

START_TEST(members_of_a_span)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(5),
						   .class = CLASS_48,
						   .npages = 2,
						   .nelems = 300,
						   .freeindex = 17,
					   });
	fake_set(&f, mspan, &l->mspan.specials, 1);
	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.list.len, 1);
	const struct span *s = &f.rt.spans.list.v[0];
	ck_assert_uint_eq(s->base, page(5));
	ck_assert_uint_eq(s->mspan, mspan);
	ck_assert_uint_eq(s->npages, 2);
	ck_assert_uint_eq(s->nelems, 300);
	ck_assert_uint_eq(s->freeindex, 17);
	ck_assert_uint_eq(s->flags, SPAN_SPECIALS | SPAN_USER_ARENA);
	ck_assert_uint_eq(
		s->bits,
		fake_get(&f.target, mspan + l->mspan.allocBits.offset, 8));
	ck_assert(!span_noscan(s));
	ck_assert_uint_eq(span_sizeclass(s), CLASS_48);
	ck_assert_uint_eq(span_elemsize(&f.rt.spans, s), 48);
	ck_assert_uint_eq(span_bytes(&f.rt.spans, s), 2 * FAKE_PAGE);
	ck_assert_uint_eq(f.rt.spans.bytes, 2 * FAKE_PAGE);
}
END_TEST

/* A user arena's chunk that was freed has become one without pointers. */
START_TEST(a_freed_chunk)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(5),
						   .noscan = true,
						   .npages = 2,
						   .nelems = 1,
					   });
	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.list.len, 0);
	ck_assert_uint_eq(f.rt.spans.bytes, 0);
}
END_TEST

/* The order of allspans is kept, and what is not in use left out. */
START_TEST(order_and_state)
{
	add_small(9);
	fake_add_span(&f, &(struct fake_span){
				  .base = page(3),
				  .class = CLASS_24,
				  .free = true,
			  });
	add_small(1);
	add_small(4);
	fake_load(&f);
	const struct span *s = f.rt.spans.list.v;
	ck_assert_uint_eq(f.rt.spans.list.len, 3);
	ck_assert_uint_eq(s[0].base, page(9));
	ck_assert_uint_eq(s[1].base, page(1));
	ck_assert_uint_eq(s[2].base, page(4));
	ck_assert_uint_eq(s[0].by_address, 1);
	ck_assert_uint_eq(s[1].by_address, 2);
	ck_assert_uint_eq(s[2].by_address, 0);
}
END_TEST

/* More than are read at once, with neighbours and others. */
START_TEST(many_spans)
{
	enum { COUNT = 1300 };

	for (uint64_t i = 0; i < COUNT; i++) {
		fake_add_span(&f, &(struct fake_span){
					  .base = page(COUNT - i),
					  .class = CLASS_512,
					  .unmapped = true,
					  .freeindex = i % 16,
				  });
		if (i % 7 == 0)
			fake_new(&f, 8);
	}
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.list.len, COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		const struct span *s = &f.rt.spans.list.v[i];
		struct heap_address a;

		ck_assert_uint_eq(s->base, page(COUNT - i));
		ck_assert_uint_eq(s->freeindex, i % 16);
		ck_assert(span_find(&f.rt.spans, s->base + 513, &a));
		ck_assert_ptr_eq(a.span, s);
		ck_assert_uint_eq(a.slot, 1);
	}
}
END_TEST

/* ---- sweeping ------------------------------------------------------------ */

/* What a span's sweepgen, relative to the heap's, makes of it. */
START_TEST(sweep_states)
{
	static const struct {
		int delta;
		uint8_t flags;
	} states[] = {
		{ -2, SPAN_UNSWEPT },		   /* needs sweeping */
		{ -1, SPAN_TORN },		   /* is being swept */
		{ 0, 0 },			   /* swept */
		{ 1, SPAN_UNSWEPT | SPAN_CACHED }, /* cached before it */
		{ 3, 0 },			   /* swept, and cached */
	};
	const struct layout *l = &f.rt.layout;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		fake_add_span(&f,
			      &(struct fake_span){
				      .base = page(i),
				      .class = CLASS_24,
				      .sweepgen = (uint32_t)(FAKE_SWEEPGEN +
							     states[i].delta),
			      });
	fake_load(&f);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		const struct span *s = &f.rt.spans.list.v[i];
		const struct member *m = states[i].flags & SPAN_UNSWEPT
						 ? &l->mspan.gcmarkBits
						 : &l->mspan.allocBits;

		ck_assert_uint_eq(s->flags, states[i].flags);
		ck_assert_uint_eq(s->bits,
				  fake_get(&f.target, s->mspan + m->offset, 8));
	}
	ck_assert_uint_eq(f.rt.spans.unswept, 2);
	ck_assert_uint_eq(f.rt.spans.cached, 1);
	ck_assert_uint_eq(f.rt.spans.torn, 1);
}
END_TEST

/*
 * A span in mid-sweep: where the sweep has got to is told by the bits. It is
 * read by its mark bits until those have become its allocBits.
 */
START_TEST(torn_spans)
{
	static const struct {
		uint64_t freeindex, marked, allocated, count;
		bool same, unswept;
	} cases[] = {
		{ 5, 0, 0, 5, false, true },  /* begun */
		{ 0, 1, 2, 1, false, true },  /* counted */
		{ 0, 1, 1, 1, true, false },  /* swapped, */
		{ 0, 0, 2, 2, false, false }, /* and with fresh marks */
		{ 0, 0, 2, 3, false, true },  /* begun: all are dead */
	};
	const struct layout *l = &f.rt.layout;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t mspan = fake_add_span(
			&f, &(struct fake_span){
				    .base = page(i),
				    .class = CLASS_24,
				    .freeindex = cases[i].freeindex,
				    .sweepgen = FAKE_SWEEPGEN - 1,
			    });

		fake_set(&f, mspan, &l->mspan.allocCount, cases[i].count);
		for (uint64_t k = 0; k < cases[i].marked; k++)
			fake_mark(&f, mspan, 70 + k);
		for (uint64_t k = 0; k < cases[i].allocated; k++)
			fake_allocate(&f, mspan, 70 + k);
		if (cases[i].same)
			fake_set(&f, mspan, &l->mspan.allocBits,
				 fake_get(&f.target,
					  mspan + l->mspan.gcmarkBits.offset,
					  8));
	}
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.torn, ARRAY_SIZE(cases));
	ck_assert_uint_eq(f.rt.spans.unswept, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct span *s = &f.rt.spans.list.v[i];
		const struct member *m = cases[i].unswept ? &l->mspan.gcmarkBits
							  : &l->mspan.allocBits;

		ck_assert_uint_eq(
			s->flags,
			SPAN_TORN | (cases[i].unswept ? SPAN_UNSWEPT : 0));
		ck_assert_uint_eq(s->bits,
				  fake_get(&f.target, s->mspan + m->offset, 8));
	}
}
END_TEST

/* The counter wraps: 2^32 - 2 is two before 0. */
START_TEST(sweepgen_wraps)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, l->var.mheap_.addr, &l->mheap.sweepgen, 0);
	fake_add_span(&f, &(struct fake_span){
				  .base = page(0),
				  .class = CLASS_24,
				  .sweepgen = UINT32_MAX - 1,
			  });
	fake_add_span(&f, &(struct fake_span){
				  .base = page(1),
				  .class = CLASS_24,
				  .sweepgen = UINT32_MAX,
			  });
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.list.v[0].flags, SPAN_UNSWEPT);
	ck_assert_uint_eq(f.rt.spans.list.v[1].flags, SPAN_TORN);
}
END_TEST

/* Small spans with pointers or without have inline marks, from 16 bytes to
 * where headers begin: in releases with green tea. */
START_TEST(inline_marks_by_size)
{
	static const struct {
		enum fake_class class;
		bool marks;
	} sizes[] = {
		{ CLASS_8, false },   { CLASS_16, true },
		{ CLASS_48, true },   { CLASS_512, true },
		{ CLASS_640, false }, { CLASS_LARGE, false },
	};

	teardown();
	fake_runtime_init(&f, FAKE_GO126);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		fake_add_span(&f, &(struct fake_span){
					  .base = page(i),
					  .class = sizes[i].class,
				  });
	fake_load(&f);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ck_assert_uint_eq(f.rt.spans.list.v[i].flags,
				  sizes[i].marks ? SPAN_INLINE_MARKS : 0);
}
END_TEST

/* ---- damage -------------------------------------------------------------- */

/* Loads a heap of one span of 640-byte slots, one member of which is changed.
 */
static void expect_damage(const struct member *m, uint64_t value,
			  const char *message)
{
	uint64_t mspan;

	teardown();
	setup();
	mspan = fake_add_span(&f, &(struct fake_span){
					  .base = page(2),
					  .class = CLASS_640,
				  });
	fake_load(&f);
	fake_set(&f, mspan, m, value);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, message);
}

START_TEST(damaged_spans)
{
	const struct layout *l = &f.rt.layout;

	expect_damage(&l->mspan.startAddr, page(2) + 8, "no memory");
	expect_damage(&l->mspan.startAddr, 0, "no memory");
	expect_damage(&l->mspan.npages, 0, "no memory");
	expect_damage(&l->mspan.spanclass, FAKE_CLASSES << 1, "size class");
	expect_damage(&l->mspan.spanclass, 255, "size class");
	expect_damage(&l->mspan.elemsize, 0, "more slots than memory");
	expect_damage(&l->mspan.elemsize, ~0ull, "more slots than memory");
	expect_damage(&l->mspan.elemsize, 648, "not of its class");
	expect_damage(&l->mspan.elemsize, 16, "not of its class");
	expect_damage(&l->mspan.nelems, 13, "more slots than memory");
	expect_damage(&l->mspan.nelems, 65535, "impossible counts");
	expect_damage(&l->mspan.npages, 33, "more memory than its class");
	expect_damage(&l->mspan.npages, 0x10000, "more memory than its class");
	expect_damage(&l->mspan.freeindex, 13, "impossible counts");
	expect_damage(&l->mspan.freeindex, 65535, "impossible counts");
}
END_TEST

/* A large span holds one object, whatever its mspan says. */
START_TEST(large_spans_have_one_slot)
{
	fake_add_span(&f, &(struct fake_span){
				  .base = page(0),
				  .class = CLASS_LARGE,
				  .elemsize = 16,
				  .nelems = 2,
			  });
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "more slots than memory");
}
END_TEST

/* It is as large as its span; in a user arena, somewhat smaller. */
START_TEST(sizes_of_large_spans)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_add_span(&f, &(struct fake_span){
						   .base = page(0),
						   .class = CLASS_LARGE,
						   .npages = 4,
					   });

	fake_set(&f, mspan, &l->mspan.npages, 5);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "not its object's");
	fake_set(&f, mspan, &l->mspan.npages, 0xff000004);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "not its object's");
	fake_set(&f, mspan, &l->mspan.npages, 5);
	fake_set(&f, mspan, &l->mspan.isUserArenaChunk, 1);
	fake_load(&f);
	fake_set(&f, mspan, &l->mspan.npages, 8);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "not its object's");
}
END_TEST

/* No class has more slots than the bitmaps of a reader. */
START_TEST(too_many_slots)
{
	fake_add_span(&f, &(struct fake_span){
				  .base = page(0),
				  .class = CLASS_8,
				  .npages = 2,
			  });
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "impossible counts");
}
END_TEST

/* Releases before 1.22 count in words of 8 bytes. */
START_TEST(wide_counts)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan;

	teardown();
	fake_runtime_init(&f, FAKE_GO121);
	mspan = add_small(0);
	fake_load(&f);
	fake_set(&f, mspan, &l->mspan.freeindex, 0x10000);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "impossible counts");
	fake_set(&f, mspan, &l->mspan.freeindex, 0);
	fake_set(&f, mspan, &l->mspan.nelems, 0x10000);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "impossible counts");
	fake_set(&f, mspan, &l->mspan.nelems, 3);
	fake_set(&f, mspan, &l->mspan.npages, 0x100000001);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "no memory");
	fake_set(&f, mspan, &l->mspan.npages, 1);
	fake_set(&f, mspan, &l->mspan.startAddr, page(0) | 1ull << 48);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "no memory");
}
END_TEST

START_TEST(overlapping_spans)
{
	add_small(4);
	fake_add_span(&f, &(struct fake_span){
				  .base = page(2),
				  .class = CLASS_LARGE,
				  .npages = 2,
			  });
	fake_load(&f); /* they touch */
	fake_add_span(&f, &(struct fake_span){
				  .base = page(3),
				  .class = CLASS_24,
				  .unmapped = true,
			  });
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "memory of another's");
}
END_TEST

START_TEST(the_same_span_twice)
{
	uint64_t mspan = add_small(4);

	add_small(5);
	fake_word(&f, FAKE_ALLSPANS + 8, mspan);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "memory of another's");
}
END_TEST

START_TEST(an_unreadable_mspan)
{
	add_small(4);
	fake_word(&f, FAKE_ALLSPANS, 0x1000);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "mspan");
}
END_TEST

START_TEST(an_impossible_table)
{
	const struct layout *l = &f.rt.layout;
	uint64_t table = l->var.mheap_.addr + l->mheap.allspans.offset;

	fake_slice(&f, table, FAKE_ALLSPANS, 1ull << 40);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "elements");
	fake_slice(&f, table, 0x1000, 1);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "");
}
END_TEST

START_TEST(damaged_size_classes)
{
	struct layout *l = &f.rt.layout;
	uint64_t at = l->var.class_to_size.addr;

	fake_put(&f.target, at + 4, 2, 8); /* 8, 8 */
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "size class 2");
	fake_put(&f.target, at + 4, 2, 20); /* no multiple of a word */
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "size class 2");
	l->var.class_to_size.size = 2;
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "1 size classes");
	l->var.class_to_size.size = 1024;
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "512 size classes");
}
END_TEST

/* ---- addresses ----------------------------------------------------------- */

static void expect_found(uint64_t addr, uint64_t base, uint64_t span,
			 uint32_t slot)
{
	struct heap_address a;

	ck_assert_msg(span_find(&f.rt.spans, addr, &a), "%#llx",
		      (unsigned long long)addr);
	ck_assert_uint_eq(a.span->base, span);
	ck_assert_uint_eq(a.slot, slot);
	ck_assert_uint_eq(a.base, base);
}

static void expect_nothing(uint64_t addr)
{
	struct heap_address a;

	ck_assert_msg(!span_find(&f.rt.spans, addr, &a), "%#llx",
		      (unsigned long long)addr);
}

START_TEST(boundaries)
{
	uint64_t slots = FAKE_PAGE / 640; /* 12, and 512 bytes are left */

	fake_add_span(&f, &(struct fake_span){
				  .base = page(6),
				  .class = CLASS_LARGE,
				  .npages = 3,
			  });
	fake_add_span(&f, &(struct fake_span){
				  .base = page(2),
				  .class = CLASS_640,
			  });
	add_small(3);
	fake_load(&f);
	expect_nothing(0);
	expect_nothing(page(2) - 1);
	expect_found(page(2), page(2), page(2), 0);
	expect_found(page(2) + 639, page(2), page(2), 0);
	expect_found(page(2) + 640, page(2) + 640, page(2), 1);
	expect_found(page(2) + slots * 640 - 1, page(2) + (slots - 1) * 640,
		     page(2), (uint32_t)slots - 1);
	expect_nothing(page(2) + slots * 640);
	expect_nothing(page(3) - 1);
	expect_found(page(3), page(3), page(3), 0);
	expect_found(page(3) + 341 * 24 - 1, page(3) + 340 * 24, page(3), 340);
	expect_nothing(page(4) - 1);
	expect_nothing(page(4));
	expect_nothing(page(6) - 1);
	expect_found(page(6), page(6), page(6), 0);
	expect_found(page(9) - 1, page(6), page(6), 0);
	expect_nothing(page(9));
	expect_nothing(UINT64_MAX);
}
END_TEST

/* ---- arenas -------------------------------------------------------------- */

/* Out of order, and so far apart that their entries are in different tables. */
START_TEST(arenas)
{
	uint64_t ha[3];
	const struct span_table *t = &f.rt.spans;

	ha[1] = fake_add_arena(&f, 1);
	ha[2] = fake_add_arena(&f, 4);
	ha[0] = fake_add_arena(&f, 0);
	fake_load(&f);
	ck_assert_uint_eq(t->arenas.len, 3);
	ck_assert_uint_eq(t->arenas.v[0].base, FAKE_HEAP);
	ck_assert_uint_eq(t->arenas.v[1].base, FAKE_HEAP + FAKE_ARENA);
	ck_assert_uint_eq(t->arenas.v[2].base, FAKE_HEAP + 4 * FAKE_ARENA);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP - 1), 0);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP), ha[0]);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP + FAKE_ARENA - 1),
			  ha[0]);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP + FAKE_ARENA), ha[1]);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP + 2 * FAKE_ARENA), 0);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP + 4 * FAKE_ARENA),
			  ha[2]);
	ck_assert_uint_eq(span_heap_arena(t, FAKE_HEAP + 5 * FAKE_ARENA), 0);
}
END_TEST

/* From Go 1.25 on those of user arenas are in a list of their own. */
START_TEST(user_arenas)
{
	const struct layout *l = &f.rt.layout;
	uint64_t heap, index;

	teardown();
	fake_runtime_init(&f, FAKE_GO126);
	heap = l->var.mheap_.addr;
	fake_add_arena(&f, 0);
	fake_add_arena(&f, 1);
	index = fake_new(&f, 8);
	fake_word(&f, index, FAKE_ARENA_INDEX + 1);
	fake_slice(&f, heap + l->mheap.userArenaArenas.offset, index, 1);
	fake_slice(&f, heap + l->mheap.heapArenas.offset,
		   fake_get(&f.target,
			    heap + l->mheap.heapArenas.offset +
				    l->slice.array.offset,
			    8),
		   1);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.arenas.len, 2);
	ck_assert_uint_eq(f.rt.spans.arenas.v[1].base, FAKE_HEAP + FAKE_ARENA);
}
END_TEST

START_TEST(damaged_arenas)
{
	const struct layout *l = &f.rt.layout;
	uint64_t list = l->var.mheap_.addr + l->mheap.heapArenas.offset;
	uint64_t index = fake_new(&f, 8);

	fake_add_arena(&f, 0);
	fake_slice(&f, list, index, 1);
	fake_word(&f, index, FAKE_L1 << FAKE_L2_BITS);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "no arena has index 16");
	fake_word(&f, index, UINT64_MAX);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "no arena has index");
	/* An index whose second level, or whose arena, is not there. */
	fake_word(&f, index, 3 << FAKE_L2_BITS);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "");
	fake_word(&f, index, FAKE_ARENA_INDEX + 1);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.spans.arenas.len, 0);
	fake_slice(&f, list, index, 1ull << 40);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "elements");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("span");
	TCase *tc = tcase_create("span");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, an_empty_heap);
	tcase_add_test(tc, members_of_a_span);
	tcase_add_test(tc, a_freed_chunk);
	tcase_add_test(tc, order_and_state);
	tcase_add_test(tc, many_spans);
	tcase_add_test(tc, sweep_states);
	tcase_add_test(tc, torn_spans);
	tcase_add_test(tc, sweepgen_wraps);
	tcase_add_test(tc, inline_marks_by_size);
	tcase_add_test(tc, damaged_spans);
	tcase_add_test(tc, large_spans_have_one_slot);
	tcase_add_test(tc, sizes_of_large_spans);
	tcase_add_test(tc, too_many_slots);
	tcase_add_test(tc, wide_counts);
	tcase_add_test(tc, overlapping_spans);
	tcase_add_test(tc, the_same_span_twice);
	tcase_add_test(tc, an_unreadable_mspan);
	tcase_add_test(tc, an_impossible_table);
	tcase_add_test(tc, damaged_size_classes);
	tcase_add_test(tc, boundaries);
	tcase_add_test(tc, arenas);
	tcase_add_test(tc, user_arenas);
	tcase_add_test(tc, damaged_arenas);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
