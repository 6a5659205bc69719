/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of waiting goroutines, sound and damaged: src/runtime/sudog.c. */
#include "fake_lists.h"

#include "runtime/sudog.h"

#include <stdlib.h>

enum { WILD = 0x123450 }; /* an address where nothing is */

static struct fake_runtime f;

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

static uint64_t add(uint64_t g, uint64_t elem)
{
	const struct layout *l = &f.rt.layout;
	uint64_t s = fake_new(&f, l->sudog.struct_size);

	fake_set(&f, s, &l->sudog.g, g);
	fake_word(&f, s + l->sudog.elem.offset, elem);
	return s;
}

static void link_to(uint64_t s, const struct member *m, uint64_t to)
{
	fake_set(&f, s, m, to);
}

static void set_root(uint64_t i, uint64_t s)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, l->var.semtable.addr + i * 64, &l->semaRoot.treap, s);
}

/* Sums, so that neither order nor number needs a list. */
struct seen {
	uint64_t count, g, elem;
};

static struct err *see(void *arg, const struct sudog *s)
{
	struct seen *seen = arg;

	seen->count++;
	seen->g += s->g;
	seen->elem += s->elem;
	return NULL;
}

static struct seen semaphores(uint64_t damaged)
{
	struct seen seen = {};
	uint64_t n = 0;

	fake_load(&f);
	expect_ok(sudog_each_semaphore(&f.rt, see, &seen, &n));
	ck_assert_uint_eq(n, damaged);
	return seen;
}

/* A tree of three semaphores, for one of which three are in line, and a second
 * tree. */
START_TEST(trees)
{
	const struct layout *l = &f.rt.layout;
	uint64_t top = add(1, 0x100), left = add(10, 0x200);
	uint64_t right = add(100, 0x300), second = add(1000, 0x100);
	uint64_t third = add(10000, 0x100);

	ck_assert(sudog_known(&f.rt));
	link_to(top, &l->sudog.prev, left);
	link_to(top, &l->sudog.next, right);
	link_to(top, &l->sudog.waitlink, second);
	link_to(second, &l->sudog.waitlink, third);
	set_root(0, top);
	set_root(2, add(100000, 0x400));
	struct seen seen = semaphores(0);
	ck_assert_uint_eq(seen.count, 6);
	ck_assert_uint_eq(seen.g, 111111);
	ck_assert_uint_eq(seen.elem, 0x100 * 3 + 0x200 + 0x300 + 0x400);
}
END_TEST

/* The word of a pointer that the collector is kept from is the second one. */
START_TEST(hidden_pointers)
{
	const struct layout *l = &f.rt.layout;
	struct sudog s;
	uint64_t addr;

	teardown();
	fake_runtime_init(&f, FAKE_GO126);
	addr = add(1, 0);
	fake_set(&f, addr + l->sudog.elem.offset, &l->maybeTraceablePtr.vu, 77);
	fake_set(&f, addr + l->sudog.c.offset, &l->maybeTraceablePtr.vu, 88);
	fake_load(&f);
	expect_ok(sudog_read(&f.rt, addr, &s));
	ck_assert_uint_eq(s.elem, 77);
	ck_assert_uint_eq(s.c, 88);
}
END_TEST

START_TEST(trees_that_circle)
{
	const struct layout *l = &f.rt.layout;
	uint64_t top = add(1, 0x100), left = add(10, 0x200);

	link_to(top, &l->sudog.prev, left);
	link_to(top, &l->sudog.next, left); /* twice */
	link_to(left, &l->sudog.prev, top); /* back */
	set_root(0, top);
	set_root(1, top); /* in two trees */
	struct seen seen = semaphores(3);
	ck_assert_uint_eq(seen.count, 2);
}
END_TEST

START_TEST(lines_that_circle)
{
	const struct layout *l = &f.rt.layout;
	uint64_t top = add(1, 0x100), second = add(10, 0x100);

	link_to(top, &l->sudog.waitlink, second);
	link_to(second, &l->sudog.waitlink, top);
	set_root(0, top);
	set_root(1, add(100, 0x100));
	struct seen seen = semaphores(1);
	ck_assert_uint_eq(seen.count, 3);
}
END_TEST

/* What can't be read costs what hangs below it, and nothing else. */
START_TEST(wild_pointers)
{
	const struct layout *l = &f.rt.layout;
	uint64_t top = add(1, 0x100), right = add(10, 0x200);

	link_to(top, &l->sudog.prev, WILD);
	link_to(top, &l->sudog.next, right);
	link_to(right, &l->sudog.waitlink, WILD);
	set_root(0, top);
	set_root(1, WILD);
	set_root(2, add(100, 0x300));
	struct seen seen = semaphores(3);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_uint_eq(seen.g, 111);
}
END_TEST

START_TEST(lists)
{
	const struct layout *l = &f.rt.layout;
	uint64_t a = add(1, 5), b = add(10, 6);
	struct seen seen = {};

	link_to(a, &l->sudog.waitlink, b);
	fake_load(&f);
	expect_ok(sudog_each_case(&f.rt, a, see, &seen));
	ck_assert_uint_eq(seen.count, 2);
	expect_ok(sudog_each_queued(&f.rt, a, see, &seen)); /* it alone */
	ck_assert_uint_eq(seen.count, 3);
	link_to(b, &l->sudog.waitlink, a);
	link_to(a, &l->sudog.next, a);
	fake_load(&f);
	expect_error(sudog_each_case(&f.rt, a, see, &seen), ERR_FORMAT,
		     "do not end");
	expect_error(sudog_each_queued(&f.rt, a, see, &seen), ERR_FORMAT,
		     "do not end");
	expect_error(sudog_each_case(&f.rt, WILD, see, &seen), ERR_FAULT, "");
	expect_ok(sudog_each_case(&f.rt, 0, see, &seen));
}
END_TEST

/* A program whose layout does not have them is not asked for them. */
START_TEST(without_a_layout)
{
	set_root(0, add(1, 0x100));
	f.rt.layout.var.semtable.present = false;
	ck_assert_uint_eq(semaphores(0).count, 0);
	f.rt.layout.var.semtable.present = true;
	f.rt.layout.sudog.struct_present = false;
	ck_assert(!sudog_known(&f.rt));
	ck_assert_uint_eq(semaphores(0).count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sudog");
	TCase *tc = tcase_create("sudog");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, trees);
	tcase_add_test(tc, hidden_pointers);
	tcase_add_test(tc, trees_that_circle);
	tcase_add_test(tc, lines_that_circle);
	tcase_add_test(tc, wild_pointers);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, without_a_layout);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
