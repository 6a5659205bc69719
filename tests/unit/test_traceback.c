/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions a traceback shows, and by which names:
 * src/runtime/traceback.c. Stacks as a whole are for tests/stacks.sh. */
#include "expect.h"
#include "fake_layout.h"

#include "runtime/runtime.h"
#include "runtime/traceback.h"

#include <stdlib.h>

static struct runtime rt;

static void use(enum fake_release release, bool before_1_27)
{
	rt = (struct runtime){};
	fake_layout_init(&rt.layout, release);
	rt.layout.moduledata.typelinks.present = before_1_27;
}

static void expect_name(const char *name, const char *want)
{
	cleanup(buf_deinit) struct buf out = {};

	expect_ok(trace_name(&rt, name, &out));
	expect_ok(buf_append(&out, "", 1));
	ck_assert_str_eq((const char *)out.v, want);
}

START_TEST(names)
{
	use(FAKE_GO126, true);
	expect_name("main.main", "main.main");
	expect_name("runtime.gopanic", "panic");
	expect_name("main.f[go.shape.int]", "main.f[...]");
	expect_name("main.f[go.shape.[]int]", "main.f[...]");
	expect_name("main.(*l[go.shape.int]).each", "main.(*l[...]).each");
	expect_name("main.f[go.shape.int].func1", "main.f[...].func1");
	expect_name("main.x]y[", "main.x]y[");
	expect_name("main.x[", "main.x[");
	expect_name("", "");
	/* A generic method of a generic type: from 1.27 on. */
	expect_name("main.(*l[int]).map[string]", "main.(*l[...]");
	use(FAKE_GO126, false);
	expect_name("main.(*l[int]).map[string]", "main.(*l[...]).map[...]");
	expect_name("main.(*l[a[b]]).map[c[d]].func1",
		    "main.(*l[...]).map[...].func1");
	expect_name("main.f[a[b]]", "main.f[...]");
}
END_TEST

/* The runtime's own functions are not shown, but for exported ones. */
START_TEST(shown)
{
	use(FAKE_GO126, true);
	ck_assert(trace_shows(&rt, "main.main", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.Gosched", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.(*Func).Entry", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.Frames.Next", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime/debug.FreeOSMemory", 0, true, 0));
	ck_assert(!trace_shows(&rt, "runtime.(*Func).entry", 0, true, 0));
	ck_assert(!trace_shows(&rt, "runtime.(*mheap).Alloc", 0, true, 0));
	ck_assert(!trace_shows(&rt, "runtime.gopark", 0, true, 0));
	ck_assert(!trace_shows(&rt, "gosave_systemstack_switch", 0, true, 0));
	ck_assert(!trace_shows(&rt, "runtime.gopanic", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.gopanic", 0, false, 0));
	/* Up to 1.22 methods do not count as exported. */
	use(FAKE_GO122, true);
	ck_assert(!trace_shows(&rt, "runtime.(*Func).Entry", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.Frames.next", 0, true, 0));
	ck_assert(trace_shows(&rt, "runtime.GC", 0, true, 0));
}
END_TEST

START_TEST(by_id)
{
	use(FAKE_GO126, true);
	const struct layout *l = &rt.layout;
	uint8_t wrapper = (uint8_t)l->konst.FuncID_wrapper.value;
	uint8_t gopanic = (uint8_t)l->konst.FuncID_gopanic.value;
	uint8_t finalizers = (uint8_t)l->konst.FuncID_runFinalizers.value;

	ck_assert(!trace_shows(&rt, "main.(*t).f", wrapper, true, 0));
	ck_assert(trace_shows(&rt, "main.(*t).f", wrapper, true, gopanic));
	ck_assert(
		trace_shows(&rt, "runtime.runFinalizers", finalizers, true, 0));
	use(FAKE_GO122, true);
	ck_assert(!trace_shows(
		&rt, "runtime.runfinq",
		(uint8_t)rt.layout.konst.FuncID_runFinalizers.value, true, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("traceback");
	TCase *tc = tcase_create("traceback");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, names);
	tcase_add_test(tc, shown);
	tcase_add_test(tc, by_id);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
