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

static void lock(const struct variable *v, uint64_t key)
{
	fake_set(&f, v->addr, &f.rt.layout.mutex.key, key);
}

static void set_statistics(uint64_t n, const uint64_t *seqs)
{
	const struct layout *l = &f.rt.layout;
	uint64_t ps[8] = {};

	for (uint64_t i = 0; i < n; i++) {
		ps[i] = fake_new(&f, l->p.struct_size);
		fake_set(&f, ps[i], &l->p.statsSeq, seqs[i]);
	}
	/* The last is not there yet. */
	fake_slice(&f, l->var.allp.addr, fake_new_copy(&f, ps, (n + 1) * 8),
		   n + 1);
}

/* Neither a collection nor what it has left to sweep does any harm. */
START_TEST(a_clean_moment)
{
	static const uint64_t even[] = { 2, 0, 100 };
	struct moment m;

	add_span(0, FAKE_SWEEPGEN);
	add_span(1, FAKE_SWEEPGEN + 3);
	add_span(2, FAKE_SWEEPGEN + 1);
	add_span(3, FAKE_SWEEPGEN - 2);
	fake_add_goroutine(&f, FAKE_WAITING, 1);
	fake_set_var(&f, &f.rt.layout.var.gcphase, 1);
	set_sweep_state(1u << 31); /* nobody at work */
	set_statistics(3, even);
	expect_ok(moment_glance(&f.rt, &m));
	ck_assert(moment_clean(&m));
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert(moment_clean(&m));
	ck_assert(m.marking);
	ck_assert_uint_eq(m.unswept, 2);
}
END_TEST

/* A glance sees memory as it is, not as the cache has it. */
START_TEST(glances)
{
	static const uint64_t odd[] = { 2, 7, 8, 9 };
	const struct layout *l = &f.rt.layout;
	struct moment m;

	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert(moment_clean(&m));
	set_sweep_state(1u << 31 | 3);
	set_statistics(4, odd);
	lock(&l->var.finlock, 1);
	lock(&l->var.allglock, 2);
	expect_ok(moment_glance(&f.rt, &m));
	ck_assert(!moment_clean(&m));
	ck_assert_uint_eq(m.sweepers, 3);
	ck_assert_uint_eq(m.statistics, 2);
	ck_assert_uint_eq(m.locks, 2);
	ck_assert_str_eq(m.lock, "finlock");
}
END_TEST

/* Of a spinning mutex the lowest bit counts, of others any. */
START_TEST(locks)
{
	static const struct {
		enum fake_release release;
		uint64_t key;
		bool locked;
	} keys[] = {
		{ FAKE_GO122, 0, false },     { FAKE_GO122, 1, true },
		{ FAKE_GO122, 2, true },      { FAKE_GO126, 0, false },
		{ FAKE_GO126, 1, true },      { FAKE_GO126, 2, false },
		{ FAKE_GO126, 0x102, false }, { FAKE_GO126, 0xc000003, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct moment m;

		fake_runtime_deinit(&f);
		fake_runtime_init(&f, keys[i].release);
		const struct layout *l = &f.rt.layout;
		fake_set(&f, l->var.mheap_.addr + l->mheap.lock.offset,
			 &l->mutex.key, keys[i].key);
		expect_ok(moment_glance(&f.rt, &m));
		ck_assert_uint_eq(m.locks, keys[i].locked);
		ck_assert(moment_clean(&m) != keys[i].locked);
	}
}
END_TEST

/* A goroutine of that status, and its M. */
static void add_machine(uint32_t status)
{
	const struct layout *l = &f.rt.layout;
	uint64_t m = fake_add_thread(&f, 1, 77);
	uint64_t g = fake_add_goroutine(&f, status, 1);

	fake_set(&f, m, &l->m.curg, g);
	fake_set(&f, g, &l->g.m, m);
}

/* When the spans are known, so is whether any is in mid-sweep. */
START_TEST(everything_at_once)
{
	struct moment m;
	char text[MOMENT_TEXT];

	lock(&f.rt.layout.var.profMemActiveLock, 1);
	set_sweep_state(1);
	add_span(0, FAKE_SWEEPGEN - 2);
	add_span(1, FAKE_SWEEPGEN - 1);
	add_span(2, FAKE_SWEEPGEN - 1);
	add_machine(FAKE_COPYSTACK);
	add_machine(FAKE_SCAN | FAKE_COPYSTACK);
	add_machine(FAKE_RUNNING); /* no thread is to be seen */
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert(!moment_clean(&m));
	moment_describe(&m, text);
	ck_assert_str_eq(text, "profMemActiveLock held, 2 spans in mid-sweep, "
			       "2 stacks being moved, 1 thread between two "
			       "stacks");
}
END_TEST

/* Each of them makes a moment unfit. */
START_TEST(one_at_a_time)
{
	static const struct {
		struct moment m;
		const char *text;
	} moments[] = {
		{ { .locks = 1, .lock = "allglock" }, "allglock held" },
		{ { .statistics = 1 }, "1 P updates its statistics" },
		{ { .sweepers = 2 }, "2 sweepers at work" },
		{ { .torn = 3 }, "3 spans in mid-sweep" },
		{ { .leaving = 1 }, "1 span being given back" },
		{ { .copystack = 1 }, "1 stack being moved" },
		{ { .gaps = 5 }, "5 threads between two stacks" },
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
	const struct moment m = {
		.locks = ~0ull,
		.lock = "profMemActiveLock",
		.statistics = ~0ull,
		.sweepers = ~0ull,
		.torn = ~0ull,
		.leaving = ~0ull,
		.copystack = ~0ull,
		.gaps = ~0ull,
	};
	char text[MOMENT_TEXT + 8];

	memset(text, 'x', sizeof(text));
	moment_describe(&m, text);
	ck_assert_uint_lt(strlen(text), MOMENT_TEXT);
	for (size_t i = MOMENT_TEXT; i < sizeof(text); i++)
		ck_assert_int_eq(text[i], 'x');
}
END_TEST

/* A P that looks for another span has the old one in its cache meanwhile. */
START_TEST(a_span_that_leaves)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mspan, mcache, p;
	struct moment m;

	add_span(0, FAKE_SWEEPGEN + 3);
	mspan = fake_get(&f.target, FAKE_ALLSPANS, 8);
	mcache = fake_new(&f, l->mcache.struct_size);
	fake_word(&f, mcache + l->mcache.alloc.offset, mspan);
	fake_word(&f, mcache + l->mcache.alloc.offset + 8,
		  l->var.emptymspan.addr);
	p = fake_new(&f, l->p.struct_size);
	fake_set(&f, p, &l->p.mcache, mcache);
	fake_slice(&f, l->var.allp.addr, fake_new_copy(&f, &p, 8), 1);
	fake_set_var(&f, &l->var.gomaxprocs, 1);
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert(moment_clean(&m));
	fake_set(&f, mspan, &l->mspan.sweepgen, FAKE_SWEEPGEN);
	fake_load(&f);
	expect_ok(moment_check(&f.rt, &m));
	ck_assert_uint_eq(m.leaving, 1);
	ck_assert(!moment_clean(&m));
}
END_TEST

START_TEST(damaged_lists)
{
	struct moment m;

	fake_slice(&f, f.rt.layout.var.allp.addr, 0, ~0ull);
	expect_error(moment_glance(&f.rt, &m), ERR_FORMAT, "Ps");
	fake_slice(&f, f.rt.layout.var.allp.addr, 0x1000, 1);
	expect_error(moment_glance(&f.rt, &m), ERR_FAULT, "");
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
	tcase_add_test(tc, locks);
	tcase_add_test(tc, everything_at_once);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, a_long_description);
	tcase_add_test(tc, a_span_that_leaves);
	tcase_add_test(tc, damaged_lists);
	tcase_add_test(tc, an_unreadable_moment);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
