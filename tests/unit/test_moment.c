/* SPDX-License-Identifier: Apache-2.0 */
/* Moments that are fit to be dumped: src/runtime/moment.c. */
#include "fake_lists.h"

#include "runtime/moment.h"

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

static void set_sweep_state(uint64_t state)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, l->var.sweep.addr + l->sweepdata.active.offset,
		 &l->activeSweep.state, state);
}

static void add_span(uint64_t i, uint32_t sweepgen)
{
	fake_add_span(&f, &(struct fake_span){
				  .base = FAKE_HEAP + i * FAKE_PAGE,
				  .class = CLASS_48,
				  .sweepgen = sweepgen,
			  });
}

START_TEST(a_clean_moment)
{
	struct moment m;

	add_span(0, FAKE_SWEEPGEN);
	add_span(1, FAKE_SWEEPGEN + 3);
	fake_add_goroutine(&f, FAKE_WAITING, 1);
	set_sweep_state(1u << 31); /* all swept, nobody at work */
	expect_ok(moment_glance(&f.rt, &m));
	ck_assert(moment_clean(&m));
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert(moment_clean(&m));
}
END_TEST

/* A glance sees memory as it is, not as the cache has it. */
START_TEST(glances)
{
	struct moment m;

	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	fake_set_var(&f, &f.rt.layout.var.gcphase, 2);
	set_sweep_state(1u << 31 | 3);
	expect_ok(moment_glance(&f.rt, &m));
	ck_assert_uint_eq(m.gcphase, 2);
	ck_assert_uint_eq(m.sweepers, 3);
	ck_assert_uint_eq(m.torn + m.unswept + m.copystack, 0);
	ck_assert(!moment_clean(&m));
}
END_TEST

START_TEST(everything_at_once)
{
	struct moment m;
	char text[MOMENT_TEXT];

	fake_set_var(&f, &f.rt.layout.var.gcphase, 1);
	set_sweep_state(1);
	add_span(0, FAKE_SWEEPGEN - 2);
	add_span(1, FAKE_SWEEPGEN - 1);
	add_span(2, FAKE_SWEEPGEN - 1);
	add_span(3, FAKE_SWEEPGEN + 1);
	add_span(4, FAKE_SWEEPGEN - 2);
	fake_add_goroutine(&f, FAKE_COPYSTACK, 1);
	fake_add_goroutine(&f, FAKE_SCAN | FAKE_COPYSTACK, 1);
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert_uint_eq(m.gcphase, 1);
	ck_assert_uint_eq(m.sweepers, 1);
	ck_assert_uint_eq(m.torn, 2);
	ck_assert_uint_eq(m.unswept, 3);
	ck_assert_uint_eq(m.copystack, 2);
	moment_describe(&m, text);
	ck_assert_str_eq(text, "garbage collection running, 1 sweepers at "
			       "work, 2 spans in mid-sweep, 3 spans not swept, "
			       "2 stacks being moved");
}
END_TEST

/* Each of the five makes a moment unfit. */
START_TEST(one_at_a_time)
{
	static const struct {
		struct moment m;
		const char *text;
	} moments[] = {
		{ { .gcphase = 1 }, "garbage collection running" },
		{ { .sweepers = 2 }, "2 sweepers at work" },
		{ { .torn = 3 }, "3 spans in mid-sweep" },
		{ { .unswept = 4 }, "4 spans not swept" },
		{ { .copystack = 5 }, "5 stacks being moved" },
	};
	char text[MOMENT_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		ck_assert(!moment_clean(&moments[i].m));
		moment_describe(&moments[i].m, text);
		ck_assert_str_eq(text, moments[i].text);
	}
	ck_assert(moment_clean(&(struct moment){}));
	moment_describe(&(struct moment){}, text);
	ck_assert_str_eq(text, "");
}
END_TEST

/* The largest numbers do not overflow the text. */
START_TEST(a_long_description)
{
	const struct moment m = { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull };
	char text[MOMENT_TEXT + 8];

	memset(text, 'x', sizeof(text));
	moment_describe(&m, text);
	ck_assert_uint_lt(strlen(text), MOMENT_TEXT);
	for (size_t i = MOMENT_TEXT; i < sizeof(text); i++)
		ck_assert_int_eq(text[i], 'x');
}
END_TEST

START_TEST(an_unreadable_moment)
{
	struct moment m;

	fake_unmap(&f.target, FAKE_VARS);
	expect_error(moment_glance(&f.rt, &m), ERR_FAULT, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("moment");
	TCase *tc = tcase_create("moment");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_clean_moment);
	tcase_add_test(tc, glances);
	tcase_add_test(tc, everything_at_once);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, a_long_description);
	tcase_add_test(tc, an_unreadable_moment);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
