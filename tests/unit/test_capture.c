/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping at a moment that is fit: src/capture.c. */
#include "fake_lists.h"

#include "capture.h"

#include <stdlib.h>

enum { LONG = 60000 }; /* ms: nothing here takes it */

static struct fake_runtime f;

static void add_span(void)
{
	fake_add_span(&f, &(struct fake_span){
				  .base = FAKE_HEAP,
				  .class = CLASS_48,
			  });
}

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
	add_span();
}

static void teardown(void)
{
	target_interrupted = 0;
	fake_runtime_deinit(&f);
}

static void hold_lock(bool held)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, l->var.mheap_.addr + l->mheap.lock.offset, &l->mutex.key,
		 held);
}

static struct err *capture(unsigned int max_wait, struct capture *out)
{
	const struct capture_options options = { .max_wait = max_wait };

	return capture_stop(&f.target.base, &f.rt, &options, out);
}

/* The target is stopped and the runtime there. */
static void expect_stopped(unsigned int stops)
{
	ck_assert(f.target.base.stopped);
	ck_assert_uint_eq(f.target.stops, stops);
	ck_assert_uint_eq(f.rt.spans.list.len, 1);
}

/* The target runs, and nothing of the runtime is kept. */
static void expect_running(unsigned int stops)
{
	ck_assert(!f.target.base.stopped);
	ck_assert_uint_eq(f.target.stops, stops);
	ck_assert_uint_eq(f.rt.spans.list.len, 0);
	ck_assert_uint_eq(f.rt.modules.list.len, 0);
}

START_TEST(fit_at_once)
{
	struct capture c;

	expect_ok(capture(0, &c));
	ck_assert(c.clean);
	ck_assert_uint_eq(c.tries, 1);
	expect_stopped(1);
}
END_TEST

/* Three stops fall into changes. */
static void change_things(struct fake_target *t)
{
	const struct layout *l = &f.rt.layout;

	hold_lock(t->stops == 1);
	fake_set(&f, l->var.sweep.addr + l->sweepdata.active.offset,
		 &l->activeSweep.state, t->stops == 2);
	fake_set(&f, l->var.mheap_.addr, &l->mheap.sweepgen,
		 FAKE_SWEEPGEN + (t->stops == 3 ? 1 : 0));
}

START_TEST(fit_later)
{
	struct capture c;

	f.target.on_stop = change_things;
	expect_ok(capture(LONG, &c));
	ck_assert(c.clean);
	ck_assert(moment_clean(&c.moment));
	ck_assert_uint_eq(c.tries, 4);
	expect_stopped(4);
}
END_TEST

/* With no time left the moment is taken as it is. */
START_TEST(never_fit)
{
	struct capture c;

	hold_lock(true);
	expect_ok(capture(0, &c));
	ck_assert(!c.clean);
	ck_assert_uint_eq(c.moment.locks, 1);
	ck_assert_uint_eq(c.tries, 1);
	expect_stopped(1);
}
END_TEST

START_TEST(not_fit_for_a_while)
{
	struct capture c;

	hold_lock(true);
	expect_ok(capture(20, &c));
	ck_assert(!c.clean);
	ck_assert_uint_gt(c.tries, 1);
	expect_stopped(c.tries);
}
END_TEST

/* What looks damaged while it is being changed does not at the next stop. */
static void change_list(struct fake_target *t)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_get(t, FAKE_ALLSPANS, 8);

	fake_set(&f, mspan, &l->mspan.npages, t->stops == 1 ? 0 : 1);
	fake_slice(&f, l->var.mheap_.addr + l->mheap.allspans.offset,
		   t->stops == 2 ? 0x1000 : FAKE_ALLSPANS, 1);
}

START_TEST(half_done_changes)
{
	struct capture c;

	f.target.on_stop = change_list;
	expect_ok(capture(LONG, &c));
	ck_assert(c.clean);
	ck_assert_uint_eq(c.tries, 3);
	expect_stopped(3);
}
END_TEST

START_TEST(damage)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan = fake_get(&f.target, FAKE_ALLSPANS, 8);
	struct capture c;

	fake_set(&f, mspan, &l->mspan.npages, 0);
	expect_error(capture(0, &c), ERR_FORMAT, "no memory");
	expect_running(1);
}
END_TEST

/* Whether there is time left or not. */
START_TEST(the_process_ends)
{
	struct capture c;

	f.target.gone = true;
	expect_error(capture(0, &c), ERR_GONE, "ended");
	expect_running(1);
	expect_error(capture(LONG, &c), ERR_GONE, "ended");
	expect_running(2);
}
END_TEST

START_TEST(no_stop)
{
	struct capture c;

	f.target.stop_error = err_new(ERR_TIMEOUT, "thread 7 does not stop");
	expect_error(capture(LONG, &c), ERR_TIMEOUT, "thread 7");
	expect_running(1);
}
END_TEST

static void interrupt(struct fake_target *t)
{
	(void)t;
	target_interrupted = 1;
}

START_TEST(interrupted)
{
	struct capture c;

	hold_lock(true);
	f.target.on_stop = interrupt;
	expect_error(capture(LONG, &c), ERR_INTERRUPTED, "interrupted");
	expect_running(1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tc = tcase_create("capture");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, fit_at_once);
	tcase_add_test(tc, fit_later);
	tcase_add_test(tc, never_fit);
	tcase_add_test(tc, not_fit_for_a_while);
	tcase_add_test(tc, half_done_changes);
	tcase_add_test(tc, damage);
	tcase_add_test(tc, the_process_ends);
	tcase_add_test(tc, no_stop);
	tcase_add_test(tc, interrupted);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
