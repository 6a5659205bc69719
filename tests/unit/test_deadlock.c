/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be woken, and who can't: src/runtime/deadlock.c, roots.c. */
#include "fake_module.h"
#include "fake_waits.h"

#include "runtime/deadlock.h"

#include <stdlib.h>

enum { R_RECEIVE, R_FOREVER, R_OTHER }; /* wait reasons */

enum { SLOT = 512, SLOTS = 16 }; /* of the heap: every word is a pointer */

static struct fake_runtime f;
static struct wait_table t;
static struct deadlocks d;
static uint64_t mspan;

/* ---- a heap of channels -------------------------------------------------- */

static uint64_t slot(uint64_t i)
{
	return FAKE_HEAP + i * SLOT;
}

static void setup(void)
{
	const struct layout *l = &f.rt.layout;

	fake_runtime_init(&f, FAKE_GO122);
	ck_assert_uint_le(l->hchan.struct_size, SLOT);
	fake_set_wait_reasons(&f, (const char *const[]){ "chan receive",
							 "select (no cases)",
							 "GC sweep wait" });
	mspan = fake_add_span(&f, &(struct fake_span){ .base = FAKE_HEAP,
						       .class = CLASS_512,
						       .npages = 3,
						       .nelems = SLOTS,
						       .freeindex = SLOTS });
	memset(fake_at(&f.target,
		       FAKE_HEAP + 3 * FAKE_PAGE - 3 * FAKE_PAGE / 64,
		       3 * FAKE_PAGE / 64),
	       0xff, 3 * FAKE_PAGE / 64);
	fake_set_bss(&f, 64, 1); /* one pointer */
}

static void teardown(void)
{
	deadlocks_deinit(&d);
	wait_table_deinit(&t);
	fake_runtime_deinit(&f);
}

/* A goroutine that waits for the channel in a slot. */
static uint64_t receiver(uint64_t id, uint64_t i)
{
	uint64_t g = fake_add_waiting(&f, id, R_RECEIVE);

	fake_wait_for(&f, g, slot(i), &f.rt.layout.hchan.recvq);
	return g;
}

/* One that goes on by itself. */
static uint64_t other(uint64_t id)
{
	return fake_add_waiting(&f, id, R_OTHER);
}

/* Looks for deadlocks, and expects so many groups. */
static void find(size_t groups)
{
	deadlocks_deinit(&d);
	wait_table_deinit(&t);
	fake_load(&f);
	expect_ok(wait_table_load(&f.rt, &t));
	expect_ok(wait_table_refer(&f.rt, &t));
	expect_ok(deadlocks_find(&f.rt, &t, &d));
	ck_assert_uint_eq(d.damaged, 0);
	ck_assert_uint_eq(d.groups.len, groups);
}

static uint64_t member(size_t group, size_t i)
{
	ck_assert_uint_lt(i, d.groups.v[group].count);
	return t.list.v[d.members.v[d.groups.v[group].first + i]].g.id;
}

/* ---- out of reach -------------------------------------------------------- */

START_TEST(nobody_has_it)
{
	receiver(10, 1);
	other(11);
	find(1);
	ck_assert_int_eq(d.groups.v[0].kind, DEADLOCK_UNREACHABLE);
	ck_assert_uint_eq(member(0, 0), 10);
	ck_assert_uint_eq(d.blocked, 1);
	ck_assert_uint_eq(d.woken, 0);
}
END_TEST

START_TEST(by_a_stack)
{
	uint64_t g = other(11);

	receiver(10, 1);
	fake_put_on_stack(&f, g, 7, slot(1) + 8);
	find(0);
	ck_assert_uint_eq(d.woken, 1);
	fake_put_on_stack(&f, g, 7, 0);
	find(1);
}
END_TEST

START_TEST(by_the_heap)
{
	uint64_t g = other(11);

	receiver(10, 1);
	fake_put_on_stack(&f, g, 0, slot(2));
	fake_word(&f, slot(2) + 504, slot(3));
	fake_word(&f, slot(3), slot(1));
	find(0);
	fake_word(&f, slot(3), slot(4));
	find(1);
}
END_TEST

START_TEST(by_a_variable)
{
	receiver(10, 1);
	other(11);
	fake_word(&f, FAKE_BSS, slot(1));
	find(0);
	fake_word(&f, FAKE_BSS, 0);
	fake_word(&f, FAKE_BSS + 8, slot(1)); /* no pointer */
	find(1);
}
END_TEST

START_TEST(by_a_finalizer)
{
	receiver(10, 1);
	other(11);
	fake_word(&f, slot(2), slot(1));
	fake_add_finalizer(&f, mspan, 2 * SLOT, fake_add_funcval(&f, 1), 0, 0);
	find(0);
}
END_TEST

/* One that can be woken can wake the next. */
START_TEST(by_one_another)
{
	uint64_t g = other(11), next;

	receiver(10, 1);
	next = receiver(12, 2);
	fake_put_on_stack(&f, next, 5, slot(1));
	find(1); /* a group of two: the one has what the other waits for */
	ck_assert_uint_eq(d.groups.v[0].count, 2);
	ck_assert_uint_eq(member(0, 0), 10);
	ck_assert_uint_eq(member(0, 1), 12);
	fake_put_on_stack(&f, g, 5, slot(2));
	find(0);
}
END_TEST

/* Neither its own g nor its sudog can wake anybody, whoever leads to them. */
START_TEST(by_itself)
{
	uint64_t g = receiver(10, 1);

	fake_put_on_stack(&f, other(11), 0, g);
	fake_put_on_stack(&f, g, 3, slot(1));
	find(1);
}
END_TEST

START_TEST(groups)
{
	other(1);
	for (uint64_t i = 0; i < 3; i++)
		receiver(10 + i, 5);
	receiver(20, 6);
	find(2);
	ck_assert_uint_eq(d.groups.v[0].count, 3);
	ck_assert_uint_eq(member(1, 0), 20);
}
END_TEST

/* main may mean to wait; others not. */
START_TEST(for_ever)
{
	fake_add_waiting(&f, 1, R_FOREVER);
	other(2);
	find(0);
	fake_add_waiting(&f, 3, R_FOREVER);
	find(1);
	ck_assert_uint_eq(member(0, 0), 3);
}
END_TEST

/* What can't be read is not said to be lost. */
START_TEST(damaged_waits)
{
	uint64_t g = receiver(10, 1);

	other(11);
	fake_set(&f, g, &f.rt.layout.g.waiting, 0x123450);
	find(0);
	ck_assert_uint_eq(t.damaged, 1);
}
END_TEST

/* ---- asleep -------------------------------------------------------------- */

START_TEST(nobody_is_left)
{
	receiver(10, 1);
	receiver(11, 1);
	fake_word(&f, FAKE_BSS, slot(1));
	find(1);
	ck_assert_int_eq(d.groups.v[0].kind, DEADLOCK_ASLEEP);
	ck_assert_uint_eq(d.groups.v[0].count, 2);
	other(12);
	find(0);
}
END_TEST

START_TEST(a_timer_is_left)
{
	const struct layout *l = &f.rt.layout;
	uint64_t p = fake_new(&f, l->p.struct_size);
	uint64_t allp = fake_new_copy(&f, &(uint64_t){ htole64(p) }, 8);

	receiver(10, 1);
	fake_word(&f, FAKE_BSS, slot(1));
	fake_slice(&f, l->var.allp.addr, allp, 1);
	find(1);
	fake_slice(&f, p + l->p.timers.offset, 0, 1);
	find(0);
	ck_assert_uint_eq(d.timers, 1);
}
END_TEST

/* Who waits for a signal can be woken by one. */
START_TEST(a_signal_is_left)
{
	const struct layout *l = &f.rt.layout;

	receiver(10, 1);
	receiver(11, 2);
	fake_word(&f, FAKE_BSS, slot(3));
	fake_word(&f, slot(3), slot(1));
	fake_word(&f, slot(3) + 8, slot(2));
	find(2);
	fake_word(&f, l->var.signal_handlers.addr + 8, slot(2));
	find(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadlock");
	TCase *tc = tcase_create("deadlock");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nobody_has_it);
	tcase_add_test(tc, by_a_stack);
	tcase_add_test(tc, by_the_heap);
	tcase_add_test(tc, by_a_variable);
	tcase_add_test(tc, by_a_finalizer);
	tcase_add_test(tc, by_one_another);
	tcase_add_test(tc, by_itself);
	tcase_add_test(tc, groups);
	tcase_add_test(tc, for_ever);
	tcase_add_test(tc, damaged_waits);
	tcase_add_test(tc, nobody_is_left);
	tcase_add_test(tc, a_timer_is_left);
	tcase_add_test(tc, a_signal_is_left);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
