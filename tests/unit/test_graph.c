/* SPDX-License-Identifier: Apache-2.0 */
/* What is reached in the heap: src/runtime/graph.c, heap_index.c. */
#include "fake_runtime.h"

#include "runtime/graph.h"
#include "runtime/heap_index.h"

#include <stdlib.h>

enum { SLOT = 48 }; /* bytes */

static struct fake_runtime f;
static struct graph *graph;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
}

static void teardown(void)
{
	graph_destroy(graph);
	graph = NULL;
	fake_runtime_deinit(&f);
}

/* Spans of 48 bytes, each on a page of its own, all slots allocated; every
 * word but the last is a pointer. */
static uint64_t slot(uint64_t span, uint64_t i)
{
	return FAKE_HEAP + span * FAKE_PAGE + i * SLOT;
}

static void add_spans(uint64_t n)
{
	for (uint64_t s = 0; s < n; s++) {
		uint8_t *bits;

		fake_add_span(&f, &(struct fake_span){
					  .base = slot(s, 0),
					  .class = CLASS_48,
					  .nelems = 167,
					  .freeindex = 167,
				  });
		bits = fake_at(&f.target,
			       slot(s, 0) + FAKE_PAGE - FAKE_PAGE / 64,
			       FAKE_PAGE / 64);
		for (size_t w = 0; w < 167 * SLOT / 8; w++)
			if (w % (SLOT / 8) != SLOT / 8 - 1)
				bit_set(bits, w);
	}
}

static void start(void)
{
	fake_load(&f);
	graph_destroy(graph);
	graph = NULL;
	expect_ok(graph_create(&f.rt, &graph));
}

static void spread(void)
{
	expect_ok(graph_spread(graph));
}

START_TEST(by_pointers)
{
	add_spans(3);
	fake_word(&f, slot(0, 1) + 8, slot(2, 5) + 20); /* into the middle */
	fake_word(&f, slot(2, 5), slot(1, 7));
	fake_word(&f, slot(1, 7) + 32, slot(0, 9));  /* back */
	fake_word(&f, slot(1, 7) + 40, slot(0, 10)); /* no pointer */
	fake_word(&f, slot(1, 8), slot(0, 11));	     /* of one not reached */
	fake_word(&f, slot(0, 9), slot(0, 1));	     /* a circle */
	fake_word(&f, slot(0, 9) + 8, 0x123);	     /* wild */
	start();
	graph_reach(graph, slot(0, 1) + 3);
	graph_reach(graph, 0x1234);
	ck_assert(!graph_reached(graph, slot(2, 5)));
	spread();
	ck_assert(graph_reached(graph, slot(0, 1)));
	ck_assert(graph_reached(graph, slot(2, 5) + 47));
	ck_assert(graph_reached(graph, slot(1, 7)));
	ck_assert(graph_reached(graph, slot(0, 9)));
	ck_assert(!graph_reached(graph, slot(0, 10)));
	ck_assert(!graph_reached(graph, slot(0, 11)));
	ck_assert(!graph_reached(graph, slot(1, 8)));
	ck_assert(!graph_reached(graph, 0x123));
	ck_assert_uint_eq(graph_totals(graph)->objects, 4);
	spread();
	ck_assert_uint_eq(graph_totals(graph)->objects, 4);
}
END_TEST

/* A list that goes from span to span, against their order. */
START_TEST(against_the_order)
{
	enum { SPANS = 40, EACH = 100 };
	uint64_t at = slot(SPANS - 1, 0);

	add_spans(SPANS);
	for (uint64_t i = 1; i < SPANS * EACH; i++) {
		uint64_t next = slot(SPANS - 1 - i % SPANS, i / SPANS);

		fake_word(&f, at, next);
		at = next;
	}
	start();
	graph_reach(graph, slot(SPANS - 1, 0));
	spread();
	ck_assert(graph_reached(graph, at));
	ck_assert_uint_eq(graph_totals(graph)->objects, SPANS * EACH);
}
END_TEST

/* What is cut leads nowhere, until it is opened. */
START_TEST(cut_and_opened)
{
	add_spans(1);
	fake_word(&f, slot(0, 0), slot(0, 1));
	fake_word(&f, slot(0, 1), slot(0, 2));
	start();
	graph_cut(graph, slot(0, 1));
	graph_reach(graph, slot(0, 0));
	spread();
	ck_assert(!graph_reached(graph, slot(0, 2)));
	graph_open(graph, slot(0, 1));
	spread();
	ck_assert(graph_reached(graph, slot(0, 2)));
	graph_open(graph, 0x1234);
	graph_cut(graph, 0x1234);
}
END_TEST

/* Slots that are free lead nowhere; neither does memory without pointers. */
START_TEST(free_and_without_pointers)
{
	uint64_t noscan = FAKE_HEAP + 9 * FAKE_PAGE;

	add_spans(1);
	fake_add_span(&f, &(struct fake_span){
				  .base = FAKE_HEAP + FAKE_PAGE,
				  .class = CLASS_48,
				  .freeindex = 1,
			  });
	fake_add_span(&f, &(struct fake_span){ .base = noscan,
					       .class = CLASS_48,
					       .noscan = true,
					       .freeindex = 10 });
	fake_word(&f, noscan, slot(0, 1));
	fake_word(&f, slot(1, 3), slot(0, 2)); /* free */
	start();
	graph_reach(graph, noscan);
	graph_reach(graph, slot(1, 3));
	spread();
	ck_assert(graph_reached(graph, noscan));
	ck_assert(!graph_reached(graph, slot(0, 1)));
	ck_assert(!graph_reached(graph, slot(0, 2)));
	ck_assert_uint_eq(graph_totals(graph)->windows, 1);
}
END_TEST

/* An object of several windows, whose type has a pointer in every other word:
 * the last of them leads on. */
START_TEST(large_objects)
{
	enum { PAGES = 300 };
	uint64_t large = FAKE_HEAP + 20 * FAKE_PAGE, mspan;
	uint64_t end = large + PAGES * FAKE_PAGE;

	add_spans(1);
	mspan = fake_add_span(&f, &(struct fake_span){
					  .base = large,
					  .npages = PAGES,
					  .freeindex = 1,
				  });
	fake_set(&f, mspan, &f.rt.layout.mspan.largeType,
		 fake_add_type(&f, 2, 1));
	fake_word(&f, end - 16, slot(0, 3));
	fake_word(&f, end - 8, slot(0, 4));
	start();
	graph_reach(graph, large + 12345);
	spread();
	ck_assert(graph_reached(graph, slot(0, 3)));
	ck_assert(!graph_reached(graph, slot(0, 4)));
}
END_TEST

/* Of an object whose type is not known, every word may be a pointer. */
START_TEST(untyped)
{
	uint64_t large = FAKE_HEAP + 20 * FAKE_PAGE, mspan;

	add_spans(1);
	mspan = fake_add_span(
		&f, &(struct fake_span){ .base = large, .freeindex = 1 });
	fake_set(&f, mspan, &f.rt.layout.mspan.largeType, 0x123450);
	fake_word(&f, large + 800, slot(0, 3));
	start();
	graph_reach(graph, large);
	spread();
	ck_assert_uint_eq(graph_totals(graph)->untyped, 1);
	ck_assert(graph_reached(graph, slot(0, 3)));
}
END_TEST

START_TEST(unreadable)
{
	fake_add_span(&f, &(struct fake_span){ .base = slot(0, 0),
					       .class = CLASS_48,
					       .freeindex = 10,
					       .unmapped = true });
	start();
	graph_reach(graph, slot(0, 0));
	spread();
	ck_assert_uint_gt(graph_totals(graph)->unreadable, 0);
}
END_TEST

/* A lock at the start of a slot of the tiny allocator is reached by words that
 * lead to it; one that is not, by any: it may be the second part of an object.
 */
START_TEST(shared_slots)
{
	uint64_t tiny = FAKE_HEAP;

	fake_add_span(&f, &(struct fake_span){ .base = tiny,
					       .class = CLASS_16,
					       .noscan = true,
					       .freeindex = 10 });
	start();
	for (uint64_t i = 0; i < 4; i++) {
		expect_ok(graph_watch(graph, tiny + 16 * i));
		expect_ok(graph_watch(graph, tiny + 16 * i + 8));
	}
	expect_ok(graph_watch(graph, 0x1234));
	graph_reach(graph, tiny + 2);
	graph_reach(graph, tiny + 16 + 4);
	graph_reach(graph, tiny + 32 + 8);
	ck_assert(graph_reached(graph, tiny));
	ck_assert(graph_reached(graph, tiny + 8));
	ck_assert(graph_reached(graph, tiny + 16));
	ck_assert(graph_reached(graph, tiny + 16 + 8));
	ck_assert(!graph_reached(graph, tiny + 32));
	ck_assert(graph_reached(graph, tiny + 32 + 8));
	ck_assert(!graph_reached(graph, tiny + 48));
	/* Who is not watched has the slot's mark. */
	graph_reach(graph, tiny + 64);
	ck_assert(graph_reached(graph, tiny + 64 + 8));
}
END_TEST

START_TEST(numbers_of_slots)
{
	struct heap_index x;
	struct heap_slot at;

	add_spans(2);
	fake_add_span(&f, &(struct fake_span){
				  .base = FAKE_HEAP + 40 * FAKE_PAGE,
				  .npages = 2,
			  });
	fake_load(&f);
	expect_ok(heap_index_init(&x, &f.rt));
	ck_assert_uint_eq(heap_index_slots(&x), 167 * 2 + 1);
	ck_assert(heap_index_find(&x, slot(1, 2) + 47, &at));
	ck_assert_uint_eq(at.span, 1);
	ck_assert_uint_eq(at.slot, 2);
	ck_assert_uint_eq(at.number, 169);
	ck_assert(heap_index_find(&x, FAKE_HEAP + 42 * FAKE_PAGE - 1, &at));
	ck_assert_uint_eq(at.number, 334);
	/* Behind the last slot; between spans; before and behind all. */
	ck_assert(!heap_index_find(&x, slot(0, 167), &at));
	ck_assert(!heap_index_find(&x, FAKE_HEAP + 5 * FAKE_PAGE, &at));
	ck_assert(!heap_index_find(&x, FAKE_HEAP - 1, &at));
	ck_assert(!heap_index_find(&x, FAKE_HEAP + 42 * FAKE_PAGE, &at));
	/* Without a table of pages, the same. */
	x.pages = 0;
	ck_assert(heap_index_find(&x, slot(1, 2), &at));
	ck_assert_uint_eq(at.number, 169);
	ck_assert(!heap_index_find(&x, slot(0, 167), &at));
	heap_index_deinit(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("graph");
	TCase *tc = tcase_create("graph");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, by_pointers);
	tcase_add_test(tc, against_the_order);
	tcase_add_test(tc, cut_and_opened);
	tcase_add_test(tc, free_and_without_pointers);
	tcase_add_test(tc, large_objects);
	tcase_add_test(tc, untyped);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, shared_slots);
	tcase_add_test(tc, numbers_of_slots);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
