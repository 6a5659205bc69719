/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that are being moved: src/runtime/copystack.c. */
#include "fake_lists.h"
#include "fake_module.h"

#include "runtime/copystack.h"

#include <stdlib.h>

enum {
	FUNC_SIZE = 32,	   /* bytes of code */
	FRAME = 8,	   /* bytes that a function takes off its stack */
	STACK = 0xc00000,  /* the system stack */
	STACK_SIZE = 4096, /* bytes */
};

/* In the order of functions. */
enum { F_ADJUST, F_COPYSTACK, F_SCANSTACK, F_SCHEDULE, F_MSTART, F_COUNT };

static struct fake_runtime f;
static struct thread threads[2];

static uint64_t pc_of(int function)
{
	return FAKE_TEXT + (uint64_t)function * FUNC_SIZE + 9;
}

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
	const struct layout *l = &f.rt.layout;
	const struct fake_func funcs[F_COUNT] = {
		[F_ADJUST] = { "runtime.adjustframe", FUNC_SIZE, "stack.go", 1,
			       .delta = FRAME },
		[F_COPYSTACK] = { "runtime.copystack", FUNC_SIZE, "stack.go", 1,
				  .delta = FRAME },
		[F_SCANSTACK] = { "runtime.scanstack", FUNC_SIZE, "mgcmark.go",
				  1, .delta = FRAME },
		[F_SCHEDULE] = { "runtime.schedule", FUNC_SIZE, "proc.go", 1,
				 .delta = FRAME },
		[F_MSTART] = { "runtime.mstart", FUNC_SIZE, "asm.s", 1,
			       .flag = (uint8_t)l->konst.FuncFlagTopFrame.value,
			       .delta = FRAME },
	};
	fake_set_functions(&f, funcs, F_COUNT);
	fake_map(&f.target, STACK, STACK_SIZE);
	fake_set_var(&f, &l->var.gcphase, 1);
	f.target.base.threads = threads;
}

static void teardown(void)
{
	f.target.base.threads = NULL; /* they are the test's */
	f.target.base.thread_count = 0;
	fake_runtime_deinit(&f);
}

/* A thread whose system stack has these functions, innermost first. */
static void add_thread(const int *functions, size_t n)
{
	const struct layout *l = &f.rt.layout;
	uint64_t m = fake_add_thread(&f, 1, 77), sp = STACK + 1024;
	uint64_t g0 = fake_new(&f, l->g.struct_size);

	fake_set(&f, m, &l->m.g0, g0);
	fake_set(&f, g0 + l->g.stack.offset, &l->stack.lo, STACK);
	fake_set(&f, g0 + l->g.stack.offset, &l->stack.hi, STACK + STACK_SIZE);
	threads[f.target.base.thread_count++] = (struct thread){
		.ns_tid = 77,
		.have_regs = true,
		.regs = { .pc = pc_of(functions[0]), .sp = sp },
	};
	for (size_t i = 1; i < n; i++) {
		sp += FRAME;
		fake_word(&f, sp, pc_of(functions[i]));
		sp += 8;
	}
}

static uint64_t count(void)
{
	uint64_t n;

	fake_load(&f);
	expect_ok(copystack_count(&f.rt, &n));
	return n;
}

START_TEST(by_status)
{
	ck_assert_uint_eq(count(), 0);
	fake_add_goroutine(&f, FAKE_RUNNING, 1);
	ck_assert_uint_eq(count(), 0);
	fake_add_goroutine(&f, FAKE_COPYSTACK, 2);
	fake_add_goroutine(&f, FAKE_SCAN | FAKE_COPYSTACK, 3);
	ck_assert_uint_eq(count(), 2);
}
END_TEST

START_TEST(by_the_collector)
{
	static const int moving[] = { F_ADJUST, F_COPYSTACK, F_SCANSTACK,
				      F_MSTART };

	add_thread(moving, ARRAY_SIZE(moving));
	ck_assert_uint_eq(count(), 1);
	/* Outside a collection nobody shrinks stacks. */
	fake_set_var(&f, &f.rt.layout.var.gcphase, 0);
	ck_assert_uint_eq(count(), 0);
}
END_TEST

/* What lies below the stack's end, from earlier calls, does not count. */
START_TEST(not_now)
{
	static const int idle[] = { F_SCHEDULE, F_MSTART };
	static const int scanning[] = { F_SCANSTACK, F_MSTART };

	add_thread(idle, ARRAY_SIZE(idle));
	add_thread(scanning, ARRAY_SIZE(scanning));
	fake_word(&f, STACK + 1024 - 8, pc_of(F_COPYSTACK));
	fake_word(&f, STACK + 1024, pc_of(F_COPYSTACK)); /* a local */
	ck_assert_uint_eq(count(), 0);
}
END_TEST

/* A thread that is elsewhere, and an M that has no stack yet. */
START_TEST(other_stacks)
{
	static const int moving[] = { F_COPYSTACK, F_MSTART };

	add_thread(moving, ARRAY_SIZE(moving));
	threads[0].regs.sp = STACK + STACK_SIZE;
	fake_add_thread(&f, 2, 78);
	ck_assert_uint_eq(count(), 0);
	threads[0].regs.sp = STACK + 1024;
	threads[0].have_regs = false;
	ck_assert_uint_eq(count(), 0);
	threads[0].have_regs = true;
	ck_assert_uint_eq(count(), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("copystack");
	TCase *tc = tcase_create("copystack");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, by_status);
	tcase_add_test(tc, by_the_collector);
	tcase_add_test(tc, not_now);
	tcase_add_test(tc, other_stacks);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
