/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"
#include "elf/pclntab.h"
#include "tests/unit/expect.h"

/*
 * 3 steps: 8 until +2, -1 until +202, 8 until +205; the value's delta is
 * zigzag encoded, from -1.
 */
static const uint8_t table[] = { 18, 2, 17, 0xc8, 1, 18, 3, 0 };

static void walk(const uint8_t *bytes, size_t size, uint8_t quantum,
		 struct pcvalue *steps, size_t want)
{
	struct pcvalue_iter it;
	struct cursor c;
	bool more = true;

	cursor_init(&c, "table", bytes, size, 0);
	pcvalue_iter_init(&it, &c, quantum);
	for (size_t i = 0; i < want; i++) {
		expect_ok(pcvalue_next(&it, &steps[i], &more));
		ck_assert(more);
	}
	struct pcvalue last = steps[want - 1];
	struct pcvalue out = last;
	expect_ok(pcvalue_next(&it, &out, &more));
	ck_assert(!more);
	ck_assert_uint_eq(out.end, last.end);
	/* It stays at the end. */
	expect_ok(pcvalue_next(&it, &out, &more));
	ck_assert(!more);
}

static void check_step(const struct pcvalue *s, uint64_t start, uint64_t end,
		       int32_t value)
{
	ck_assert_uint_eq(s->start, start);
	ck_assert_uint_eq(s->end, end);
	ck_assert_int_eq(s->value, value);
}

START_TEST(three_steps)
{
	struct pcvalue s[3];

	walk(table, sizeof(table), 1, s, 3);
	check_step(&s[0], 0, 2, 8);
	check_step(&s[1], 2, 202, -1);
	check_step(&s[2], 202, 205, 8);
}
END_TEST

START_TEST(quantum)
{
	struct pcvalue s[3];

	walk(table, sizeof(table), 4, s, 3);
	check_step(&s[0], 0, 8, 8);
	check_step(&s[1], 8, 808, -1);
	check_step(&s[2], 808, 820, 8);
}
END_TEST

/* A delta of 0 is no end as long as the pc is the entry: the value stays -1. */
START_TEST(first_delta_zero)
{
	static const uint8_t bytes[] = { 0, 0, 0, 5, 2, 1, 0, 0xff, 0xff };
	struct pcvalue s[3];

	walk(bytes + 2, sizeof(bytes) - 2, 1, s, 2);
	check_step(&s[0], 0, 5, -1);
	check_step(&s[1], 5, 6, 0);
	walk(bytes, sizeof(bytes), 1, s, 3);
	check_step(&s[0], 0, 0, -1);
	check_step(&s[1], 0, 5, -1);
	check_step(&s[2], 5, 6, 0);
}
END_TEST

/* The value wraps at 32 bits, as it does in the runtime. */
START_TEST(value_wraps)
{
	static const uint8_t bytes[] = { 0xfe, 0xff, 0xff, 0xff, 0x0f,
					 1,    4,    1,	   0 };
	struct pcvalue s[2];

	walk(bytes, sizeof(bytes), 1, s, 2);
	ck_assert_int_eq(s[0].value, INT32_MAX - 1);
	ck_assert_int_eq(s[1].value, INT32_MIN);
}
END_TEST

START_TEST(value_at)
{
	static const struct {
		uint64_t offset;
		int32_t value;
	} cases[] = { { 0, 8 },	   { 1, 8 },   { 2, -1 },
		      { 201, -1 }, { 202, 8 }, { 204, 8 } };
	struct cursor c;
	int32_t value = 0;

	cursor_init(&c, "table", table, sizeof(table), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_ok(pcvalue_at(&c, 1, cases[i].offset, &value));
		ck_assert_int_eq(value, cases[i].value);
	}
	value = 77;
	expect_error(pcvalue_at(&c, 1, 205, &value), ERR_FORMAT, "+0xcd");
	expect_error(pcvalue_at(&c, 1, UINT64_MAX, &value), ERR_FORMAT, "");
	ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(table_truncated)
{
	for (size_t size = 0; size < sizeof(table); size++) {
		/* Exactly as large as it may be read. */
		cleanup_free uint8_t *copy = malloc(size ? size : 1);
		struct cursor c;
		int32_t value;

		memcpy(copy, table, size);
		cursor_init(&c, "table", copy, size, 1000);
		expect_error(pcvalue_at(&c, 1, 1000, &value), ERR_FORMAT,
			     "table: offset 100");
	}
}
END_TEST

/* Every bit flipped: an answer or an error, within the bounds. */
START_TEST(table_flipped)
{
	for (size_t bit = 0; bit < 8 * sizeof(table); bit++) {
		cleanup_free uint8_t *copy = malloc(sizeof(table));
		struct pcvalue_iter it;
		struct pcvalue step;
		struct cursor c;
		size_t steps = 0;
		bool more = true;

		memcpy(copy, table, sizeof(table));
		copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		cursor_init(&c, "table", copy, sizeof(table), 0);
		pcvalue_iter_init(&it, &c, 1);
		while (more) {
			struct err *e = pcvalue_next(&it, &step, &more);

			if (e) {
				ck_assert_int_eq(e->code, ERR_FORMAT);
				err_free(e);
				break;
			}
			/* A step takes two bytes at least. */
			ck_assert_uint_le(++steps, sizeof(table) / 2 + 1);
		}
	}
}
END_TEST

START_TEST(delta_too_large)
{
	static const uint8_t bytes[] = { 18, 0x80, 0x80, 0x80, 0x80, 0x10, 0 };
	struct cursor c;
	int32_t value;

	cursor_init(&c, "table", bytes, sizeof(bytes), 0);
	expect_error(pcvalue_at(&c, 1, 0, &value), ERR_FORMAT,
		     "table: offset 1: ");
}
END_TEST

START_TEST(header)
{
	static const struct {
		uint8_t bytes[8];
		const char *message; /* NULL: good */
	} cases[] = {
		{ { 0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8 }, NULL },
		{ { 0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8 }, NULL },
		{ { 0xfa, 0xff, 0xff, 0xff, 0, 0, 1, 8 }, "1.17 or older" },
		{ { 0xfb, 0xff, 0xff, 0xff, 0, 0, 1, 8 }, "1.17 or older" },
		{ { 0xff, 0xff, 0xff, 0xf1, 0, 0, 1, 8 }, "not a pclntab" },
		{ { 0xf1, 0xff, 0xff, 0xff, 1, 0, 1, 8 }, "padding" },
		{ { 0xf1, 0xff, 0xff, 0xff, 0, 1, 1, 8 }, "padding" },
		{ { 0xf1, 0xff, 0xff, 0xff, 0, 0, 4, 8 }, "quantum" },
		{ { 0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 4 }, "pointer size" },
	};
	struct cursor c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cursor_init(&c, "x", cases[i].bytes, 8, 0);
		if (cases[i].message) {
			expect_error(pclntab_check_header(&c, 1, 8), ERR_FORMAT,
				     cases[i].message);
			ck_assert_ptr_eq(c.pos, c.begin);
		} else {
			expect_ok(pclntab_check_header(&c, 1, 8));
			ck_assert_uint_eq(cursor_left(&c), 0);
		}
	}
	for (size_t size = 0; size < 8; size++) {
		cursor_init(&c, "x", cases[0].bytes, size, 0);
		expect_error(pclntab_check_header(&c, 1, 8), ERR_FORMAT, "");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pclntab");
	TCase *tc = tcase_create("pclntab");

	tcase_add_test(tc, three_steps);
	tcase_add_test(tc, quantum);
	tcase_add_test(tc, first_delta_zero);
	tcase_add_test(tc, value_wraps);
	tcase_add_test(tc, value_at);
	tcase_add_test(tc, table_truncated);
	tcase_add_test(tc, table_flipped);
	tcase_add_test(tc, delta_too_large);
	tcase_add_test(tc, header);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
