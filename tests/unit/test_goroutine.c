/* SPDX-License-Identifier: Apache-2.0 */
/* Goroutines, defers, panics, threads: src/runtime/goroutine.c; where a running
 * one is: src/runtime/running.c. */
#include "fake_lists.h"
#include "fake_module.h"

#include "runtime/goroutine.h"

#include <stdlib.h>

enum {
	ID_MAIN = 18,	  /* what fake functions have for a FuncID */
	FUNC_SIZE = 32,	  /* bytes of code */
	STACK = 0xc00000, /* an address of stacks */
};

/* In the order of functions. */
enum { F_USER, F_WORKER, F_MAIN, F_FINALIZERS, F_CLEANUPS, F_EVENT, F_COUNT };

static struct fake_runtime f;

static uint64_t pc_of(int function)
{
	return FAKE_TEXT + (uint64_t)function * FUNC_SIZE;
}

static void restart(enum fake_release release)
{
	if (f.rt.target)
		fake_runtime_deinit(&f);
	fake_runtime_init(&f, release);
	const struct layout *l = &f.rt.layout;
	const struct fake_func funcs[F_COUNT] = {
		[F_USER] = { "main.work", FUNC_SIZE, "a.go", 1 },
		[F_WORKER] = { "runtime.bgsweep", FUNC_SIZE, "b.go", 1 },
		[F_MAIN] = { "runtime.main", FUNC_SIZE, "c.go", 1,
			     (uint8_t)l->konst.FuncID_runtime_main.value },
		[F_FINALIZERS] = { "runtime.runFinalizers", FUNC_SIZE, "d.go",
				   1,
				   (uint8_t)l->konst.FuncID_runFinalizers
					   .value },
		[F_CLEANUPS] = { "runtime.runCleanups", FUNC_SIZE, "e.go", 1,
				 (uint8_t)l->konst.FuncID_runCleanups.value },
		[F_EVENT] = { "runtime.handleAsyncEvent", FUNC_SIZE, "f.go", 1,
			      (uint8_t)l->konst.FuncID_handleAsyncEvent.value },
	};
	fake_set_functions(&f, funcs, F_COUNT);
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

/* What a walk has met. */
struct seen {
	struct goroutine g[FAKE_GOROUTINES];
	struct defer defers[8];
	struct panic panics[8];
	struct os_thread threads[8];
	size_t n;
	size_t stop_at; /* an error at that one; 0: none */
};

static struct err *stop(const struct seen *s)
{
	return s->n == s->stop_at ? err_new(ERR_EXISTS, "enough") : NULL;
}

static struct err *see_goroutine(void *arg, const struct goroutine *g)
{
	struct seen *s = arg;

	ck_assert_uint_lt(s->n, ARRAY_SIZE(s->g));
	s->g[s->n++] = *g;
	return stop(s);
}

static struct err *see_defer(void *arg, const struct defer *d)
{
	struct seen *s = arg;

	s->defers[s->n++ % ARRAY_SIZE(s->defers)] = *d;
	return stop(s);
}

static struct err *see_panic(void *arg, const struct panic *p)
{
	struct seen *s = arg;

	s->panics[s->n++ % ARRAY_SIZE(s->panics)] = *p;
	return stop(s);
}

static struct err *see_thread(void *arg, const struct os_thread *t)
{
	struct seen *s = arg;

	s->threads[s->n++ % ARRAY_SIZE(s->threads)] = *t;
	return stop(s);
}

static struct seen walk(void)
{
	struct seen s = {};

	fake_load(&f);
	expect_ok(goroutine_each(&f.rt, see_goroutine, &s));
	return s;
}

/* ---- goroutines ---------------------------------------------------------- */

START_TEST(members)
{
	const struct layout *l = &f.rt.layout;
	uint64_t g = fake_add_goroutine(&f, FAKE_WAITING, 17);
	uint64_t sched = g + l->g.sched.offset, stack = g + l->g.stack.offset;

	fake_set(&f, sched, &l->gobuf.sp, 1001);
	fake_set(&f, sched, &l->gobuf.pc, 1002);
	fake_set(&f, sched, &l->gobuf.ctxt, 1003);
	fake_set(&f, sched, &l->gobuf.lr, 1004);
	fake_set(&f, stack, &l->stack.lo, 1005);
	fake_set(&f, stack, &l->stack.hi, 1006);
	fake_set(&f, g, &l->g.gopc, 1007);
	fake_set(&f, g, &l->g.startpc, pc_of(F_USER));
	fake_set(&f, g, &l->g.waitsince, 1008);
	fake_set(&f, g, &l->g.waitreason, 9);
	fake_set(&f, g, &l->g.m, 1010);
	fake_set(&f, g, &l->g._defer, 1011);
	fake_set(&f, g, &l->g._panic, 1012);
	fake_set(&f, g, &l->g.syscallpc, 1013); /* without sp: nothing */
	struct seen s = walk();
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(s.g[0].addr, g);
	ck_assert_uint_eq(s.g[0].id, 17);
	ck_assert_uint_eq(s.g[0].status, FAKE_WAITING);
	ck_assert_uint_eq(s.g[0].sp, 1001);
	ck_assert_uint_eq(s.g[0].pc, 1002);
	ck_assert_uint_eq(s.g[0].ctxt, 1003);
	ck_assert_uint_eq(s.g[0].lr, 1004);
	ck_assert_uint_eq(s.g[0].stack_lo, 1005);
	ck_assert_uint_eq(s.g[0].stack_hi, 1006);
	ck_assert_uint_eq(s.g[0].gopc, 1007);
	ck_assert_uint_eq(s.g[0].startpc, pc_of(F_USER));
	ck_assert_uint_eq(s.g[0].waitsince, 1008);
	ck_assert_uint_eq(s.g[0].waitreason, 9);
	ck_assert_uint_eq(s.g[0].m, 1010);
	ck_assert_uint_eq(s.g[0].defer, 1011);
	ck_assert_uint_eq(s.g[0].panic, 1012);
	ck_assert_int_eq(s.g[0].place, PLACE_SAVED);
	ck_assert(!s.g[0].in_syscall);
	ck_assert(!s.g[0].system);
}
END_TEST

/* In a system call the stack starts where that was entered. */
START_TEST(a_system_call)
{
	const struct layout *l = &f.rt.layout;
	uint64_t g = fake_add_goroutine(&f, FAKE_SYSCALL, 1);

	fake_set(&f, g + l->g.sched.offset, &l->gobuf.sp, 1);
	fake_set(&f, g + l->g.sched.offset, &l->gobuf.pc, 2);
	fake_set(&f, g + l->g.sched.offset, &l->gobuf.lr, 3);
	fake_set(&f, g, &l->g.syscallsp, 4);
	fake_set(&f, g, &l->g.syscallpc, 5);
	struct seen s = walk();
	ck_assert_uint_eq(s.g[0].sp, 4);
	ck_assert_uint_eq(s.g[0].pc, 5);
	ck_assert_uint_eq(s.g[0].lr, 0);
	ck_assert(s.g[0].in_syscall);
}
END_TEST

/* The dead are left out, the others come in their order, and whether one is
 * being scanned does not matter. */
START_TEST(order_and_status)
{
	static const uint32_t statuses[] = {
		FAKE_IDLE,    FAKE_RUNNABLE,	     FAKE_DEAD,
		FAKE_WAITING, FAKE_COPYSTACK,	     FAKE_SCAN | FAKE_SYSCALL,
		FAKE_RUNNING, FAKE_SCAN | FAKE_DEAD, FAKE_SCAN | FAKE_COPYSTACK,
	};
	static const uint32_t expected[] = { FAKE_RUNNABLE,  FAKE_WAITING,
					     FAKE_COPYSTACK, FAKE_SYSCALL,
					     FAKE_RUNNING,   FAKE_COPYSTACK };
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		fake_add_goroutine(&f, statuses[i], 100 + i);
	struct seen s = walk();
	ck_assert_uint_eq(s.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < s.n; i++) {
		ck_assert_uint_eq(s.g[i].status, expected[i]);
		ck_assert(i == 0 || s.g[i].id > s.g[i - 1].id);
	}
}
END_TEST

/* From Go 1.26 on there is another way to be dead; before, it means nothing. */
START_TEST(dead_extra)
{
	fake_add_goroutine(&f, FAKE_DEADEXTRA, 1);
	ck_assert_uint_eq(walk().n, 1);
	restart(FAKE_GO126);
	fake_add_goroutine(&f, FAKE_DEADEXTRA, 1);
	fake_add_goroutine(&f, FAKE_SCAN | FAKE_DEADEXTRA, 1);
	ck_assert_uint_eq(walk().n, 0);
}
END_TEST

START_TEST(no_goroutines)
{
	ck_assert_uint_eq(walk().n, 0);
}
END_TEST

START_TEST(an_error_ends_the_walk)
{
	struct seen s = { .stop_at = 2 };
	uint64_t second;

	fake_add_goroutine(&f, FAKE_WAITING, 1);
	second = fake_add_goroutine(&f, FAKE_WAITING, 2);
	fake_add_goroutine(&f, FAKE_WAITING, 3);
	fake_load(&f);
	expect_error(goroutine_each(&f.rt, see_goroutine, &s), ERR_EXISTS,
		     "enough");
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.g[1].addr, second);
}
END_TEST

START_TEST(damaged_goroutines)
{
	const struct layout *l = &f.rt.layout;
	struct seen s = {};

	fake_add_goroutine(&f, FAKE_WAITING, 1);
	fake_set_var(&f, &l->var.allglen, 2); /* the second is at 0 */
	fake_load(&f);
	expect_error(goroutine_each(&f.rt, see_goroutine, &s), ERR_FAULT,
		     "goroutine at 0");
	fake_set_var(&f, &l->var.allglen, 1ull << 40);
	fake_load(&f);
	expect_error(goroutine_each(&f.rt, see_goroutine, &s), ERR_FORMAT,
		     "1099511627776 goroutines");
	fake_set_var(&f, &l->var.allglen, 1);
	fake_set_var(&f, &l->var.allgptr, 0x1000);
	fake_load(&f);
	expect_error(goroutine_each(&f.rt, see_goroutine, &s), ERR_FAULT, "");
}
END_TEST

/* ---- whose they are ------------------------------------------------------ */

static void expect_system(uint64_t startpc, bool expected)
{
	const struct layout *l = &f.rt.layout;
	uint64_t g = fake_add_goroutine(&f, FAKE_WAITING, 1);

	fake_set(&f, g, &l->g.startpc, startpc);
	struct seen s = walk();
	ck_assert_uint_eq(s.g[s.n - 1].system, expected);
}

START_TEST(system_goroutines)
{
	const struct layout *l = &f.rt.layout;

	expect_system(pc_of(F_USER), false);
	expect_system(pc_of(F_WORKER), true);
	expect_system(pc_of(F_WORKER), true); /* it is remembered */
	expect_system(pc_of(F_MAIN), false);
	expect_system(pc_of(F_EVENT), false);
	expect_system(0, false);
	expect_system(0x1000, false);
	/* Finalizers are the runtime's own until one is run. */
	expect_system(pc_of(F_FINALIZERS), true);
	fake_set_var(&f, &l->var.fingStatus, 3);
	expect_system(pc_of(F_FINALIZERS), true);
	fake_set_var(&f, &l->var.fingStatus, 7);
	expect_system(pc_of(F_FINALIZERS), false);
}
END_TEST

/* Each of those that run cleanups is the runtime's own unless it runs one. */
START_TEST(cleanups)
{
	const struct layout *l = &f.rt.layout;
	struct seen s;

	restart(FAKE_GO126);
	for (int i = 0; i < 3; i++) {
		uint64_t g = fake_add_goroutine(&f, FAKE_WAITING, 1);

		fake_set(&f, g, &l->g.startpc, pc_of(F_CLEANUPS));
		fake_set(&f, g, &l->g.runningCleanups, i == 1);
	}
	s = walk();
	ck_assert(s.g[0].system && !s.g[1].system && s.g[2].system);
	/* Older releases have none: it is a function of that name. */
	restart(FAKE_GO122);
	expect_system(pc_of(F_CLEANUPS), true);
}
END_TEST

START_TEST(wait_reasons)
{
	static const char *const reasons[] = { "", "GC assist marking",
					       "select" };
	static const char *const expected[] = { "", "GC assist marking",
						"select",
						"unknown wait reason" };
	struct goroutine g = {};

	fake_set_wait_reasons(&f, reasons);
	fake_load(&f);
	for (uint8_t i = 0; i < 4; i++) {
		cleanup(buf_deinit) struct buf text = {};

		g.waitreason = i;
		expect_ok(goroutine_waitreason(&f.rt, &g, &text));
		ck_assert_uint_eq(text.len, strlen(expected[i]));
		ck_assert(!text.len || !memcmp(text.v, expected[i], text.len));
	}
}
END_TEST

/* ---- where a running one is ---------------------------------------------- */

static struct thread threads[2];

/* A goroutine on a thread whose registers are given, with words it saved. */
static struct goroutine place(uint64_t status, uint64_t pc, uint64_t sp)
{
	const struct layout *l = &f.rt.layout;
	struct target *t = &f.target.base;
	uint64_t g = fake_add_goroutine(&f, (uint32_t)status, 1);
	uint64_t m = fake_add_thread(&f, 0, 77);

	fake_set(&f, g, &l->g.m, m);
	fake_set(&f, m, &l->m.curg, g);
	fake_set(&f, g + l->g.stack.offset, &l->stack.lo, STACK);
	fake_set(&f, g + l->g.stack.offset, &l->stack.hi, STACK + 0x1000);
	fake_set(&f, g + l->g.sched.offset, &l->gobuf.sp, STACK + 0x800);
	fake_set(&f, g + l->g.sched.offset, &l->gobuf.pc, pc_of(F_WORKER) + 2);
	threads[0] = (struct thread){ .ns_tid = 76, .have_regs = true };
	threads[1] = (struct thread){
		.ns_tid = 77,
		.have_regs = true,
		.regs = { .pc = pc, .sp = sp, .lr = 5 },
	};
	t->threads = threads;
	t->thread_count = 2;
	struct seen s = walk();
	t->threads = NULL; /* they are the test's */
	t->thread_count = 0;
	return s.g[s.n - 1];
}

START_TEST(running_goroutines)
{
	const uint64_t pc = pc_of(F_USER) + 7, sp = STACK + 0x40;
	struct goroutine g = place(FAKE_RUNNING, pc, sp);

	ck_assert_int_eq(g.place, PLACE_REGISTERS);
	ck_assert_uint_eq(g.pc, pc);
	ck_assert_uint_eq(g.sp, sp);
	ck_assert_uint_eq(g.lr, 5);
	/* On the system stack: where it switched. */
	g = place(FAKE_RUNNING, pc, 0x1000);
	ck_assert_int_eq(g.place, PLACE_SAVED);
	ck_assert_uint_eq(g.pc, pc_of(F_WORKER) + 2);
	ck_assert_uint_eq(g.sp, STACK + 0x800);
	/* On its stack, but in no Go code. */
	g = place(FAKE_RUNNING, 0x2000, sp);
	ck_assert_int_eq(g.place, PLACE_UNKNOWN);
	/* Registers of those that wait do not matter. */
	g = place(FAKE_WAITING, pc, sp);
	ck_assert_int_eq(g.place, PLACE_SAVED);
	ck_assert_uint_eq(g.sp, STACK + 0x800);
}
END_TEST

/* ---- defers, panics, threads --------------------------------------------- */

START_TEST(defers)
{
	uint64_t addr = fake_add_goroutine(&f, FAKE_WAITING, 1);
	uint64_t fn = fake_add_funcval(&f, pc_of(F_USER));
	uint64_t open_coded = fake_add_defer(&f, addr, 0);
	uint64_t newest = fake_add_defer(&f, addr, fn);
	struct seen all = walk(), s = {};

	expect_ok(defer_each(&f.rt, &all.g[0], see_defer, &s));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.defers[0].addr, newest);
	ck_assert_uint_eq(s.defers[0].goroutine, addr);
	ck_assert_uint_eq(s.defers[0].sp, newest + 1);
	ck_assert_uint_eq(s.defers[0].pc, newest + 2);
	ck_assert_uint_eq(s.defers[0].fn, fn);
	ck_assert_uint_eq(s.defers[0].code, pc_of(F_USER));
	ck_assert_uint_eq(s.defers[0].link, open_coded);
	ck_assert_uint_eq(s.defers[1].addr, open_coded);
	ck_assert_uint_eq(s.defers[1].fn, 0);
	ck_assert_uint_eq(s.defers[1].code, 0);
	ck_assert_uint_eq(s.defers[1].link, 0);
	s = (struct seen){ .stop_at = 1 };
	expect_error(defer_each(&f.rt, &all.g[0], see_defer, &s), ERR_EXISTS,
		     "enough");
}
END_TEST

START_TEST(panics)
{
	uint64_t addr = fake_add_goroutine(&f, FAKE_WAITING, 1);
	uint64_t older = fake_add_panic(&f, addr, 11, 12);
	uint64_t newer = fake_add_panic(&f, addr, 13, 14);
	struct seen all = walk(), s = {};

	expect_ok(panic_each(&f.rt, &all.g[0], see_panic, &s));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.panics[0].addr, newer);
	ck_assert_uint_eq(s.panics[0].goroutine, addr);
	ck_assert_uint_eq(s.panics[0].type, 13);
	ck_assert_uint_eq(s.panics[0].data, 14);
	ck_assert_uint_eq(s.panics[0].link, older);
	ck_assert_uint_eq(s.panics[1].type, 11);
	ck_assert_uint_eq(s.panics[1].link, 0);
}
END_TEST

START_TEST(os_threads)
{
	struct seen s = {};
	uint64_t m0 = fake_add_thread(&f, 0, 4000);
	uint64_t m1 = fake_add_thread(&f, 1, 4001);

	fake_load(&f);
	expect_ok(os_thread_each(&f.rt, see_thread, &s));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.threads[0].addr, m1);
	ck_assert_uint_eq(s.threads[0].id, 1);
	ck_assert_uint_eq(s.threads[0].procid, 4001);
	ck_assert_uint_eq(s.threads[1].addr, m0);
}
END_TEST

/* Circles: of one element, of some behind some that are not in it. */
START_TEST(circles)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_goroutine(&f, FAKE_WAITING, 1);
	uint64_t d = fake_add_defer(&f, addr, 0), first;
	uint64_t p = fake_add_panic(&f, addr, 1, 2);
	uint64_t m = fake_add_thread(&f, 0, 4000);
	struct seen all, s = {};

	fake_set(&f, d, &l->_defer.link, d);
	fake_set(&f, p, &l->_panic.link, p);
	fake_set(&f, m, &l->m.alllink, m);
	all = walk();
	expect_error(defer_each(&f.rt, &all.g[0], see_defer, &s), ERR_FORMAT,
		     "do not end");
	expect_error(panic_each(&f.rt, &all.g[0], see_panic, &s), ERR_FORMAT,
		     "do not end");
	expect_error(os_thread_each(&f.rt, see_thread, &s), ERR_FORMAT,
		     "do not end");
	for (int i = 0; i < 5; i++)
		first = fake_add_defer(&f, addr, 0);
	fake_set(&f, d, &l->_defer.link, first);
	for (int i = 0; i < 3; i++)
		fake_add_defer(&f, addr, 0);
	all = walk();
	s.n = 0;
	expect_error(defer_each(&f.rt, &all.g[0], see_defer, &s), ERR_FORMAT,
		     "do not end");
	ck_assert_uint_le(s.n, 27);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("goroutine");
	TCase *tc = tcase_create("goroutine");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, members);
	tcase_add_test(tc, a_system_call);
	tcase_add_test(tc, order_and_status);
	tcase_add_test(tc, dead_extra);
	tcase_add_test(tc, no_goroutines);
	tcase_add_test(tc, an_error_ends_the_walk);
	tcase_add_test(tc, damaged_goroutines);
	tcase_add_test(tc, system_goroutines);
	tcase_add_test(tc, cleanups);
	tcase_add_test(tc, wait_reasons);
	tcase_add_test(tc, running_goroutines);
	tcase_add_test(tc, defers);
	tcase_add_test(tc, panics);
	tcase_add_test(tc, os_threads);
	tcase_add_test(tc, circles);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
