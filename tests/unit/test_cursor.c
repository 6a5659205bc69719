/* SPDX-License-Identifier: Apache-2.0 */
/* base: cursor, err, vec, bits. */
#include "base/bits.h"
#include "base/cursor.h"
#include "base/vec.h"
#include "tests/unit/expect.h"

#include <errno.h>

/* ---- bits ---- */

START_TEST(load_and_round)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 0x88 };

	ck_assert_uint_eq(load_le(bytes, 1), 1);
	ck_assert_uint_eq(load_le(bytes, 3), 0x030201);
	ck_assert_uint_eq(load_le(bytes, 8), 0x8807060504030201);
	ck_assert_uint_eq(load_be(bytes, 1), 1);
	ck_assert_uint_eq(load_be(bytes, 2), 0x0102);
	ck_assert_uint_eq(load_be(bytes, 8), 0x0102030405060788);
	ck_assert_uint_eq(load_uint(bytes, 4, true), 0x01020304);
	ck_assert_uint_eq(load_uint(bytes, 4, false), 0x04030201);
	ck_assert_uint_eq(round_up(0, 8), 0);
	ck_assert_uint_eq(round_up(1, 8), 8);
	ck_assert_uint_eq(round_up(8, 8), 8);
	ck_assert_uint_eq(min_u64(1, UINT64_MAX), 1);
	ck_assert_uint_eq(max_u64(1, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(bitmap)
{
	uint8_t bits[2] = {};

	bit_set(bits, 0);
	bit_set(bits, 7);
	bit_set(bits, 9);
	ck_assert_uint_eq(bits[0], 0x81);
	ck_assert_uint_eq(bits[1], 0x02);
	ck_assert(bit_get(bits, 9));
	ck_assert(!bit_get(bits, 8));
}
END_TEST

/* ---- vec ---- */

START_TEST(vector_grows)
{
	VEC(uint64_t) v = {};

	for (uint64_t i = 0; i < 1000; i++)
		expect_ok(vec_push(&v, i * i));
	ck_assert_uint_eq(v.len, 1000);
	ck_assert_uint_ge(v.cap, v.len);
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(v.v[i], i * i);
	vec_deinit(&v);
	ck_assert_ptr_null(v.v);
	ck_assert_uint_eq(v.len + v.cap, 0);
}
END_TEST

START_TEST(vector_too_large)
{
	VEC(uint64_t) v = {};

	expect_ok(vec_push(&v, 7));
	expect_error(vec_reserve(&v, SIZE_MAX), ERR_NOMEM, "");
	ck_assert_uint_eq(v.len, 1);
	ck_assert_uint_eq(v.v[0], 7);
	vec_deinit(&v);
}
END_TEST

/* ---- err ---- */

START_TEST(error_wrapped)
{
	struct err *e = err_os(ENOENT, "open %s", "x");

	ck_assert_int_eq(e->code, ERR_OS);
	ck_assert_int_eq(e->errnum, ENOENT);
	ck_assert_str_eq(e->message, "open x: No such file or directory");
	e = err_hint(err_wrap(e, "reading %d", 1), "look for %s", "it");
	ck_assert_int_eq(e->code, ERR_OS);
	ck_assert_int_eq(e->errnum, ENOENT);
	ck_assert_str_eq(e->message,
			 "reading 1: open x: No such file or directory");
	ck_assert_str_eq(e->hint, "look for it");
	err_free(e);
}
END_TEST

START_TEST(error_fault)
{
	struct err *e = err_fault(0xc000, "span");

	ck_assert_int_eq(e->code, ERR_FAULT);
	ck_assert_uint_eq(e->addr, 0xc000);
	ck_assert_str_eq(e->message, "span: no memory at 0xc000");
	err_free(e);
}
END_TEST

START_TEST(error_null_and_nomem)
{
	ck_assert_ptr_null(err_wrap(NULL, "x"));
	ck_assert_ptr_null(err_hint(NULL, "x"));
	ck_assert_ptr_eq(err_wrap(&err_nomem, "x"), &err_nomem);
	ck_assert_ptr_eq(err_hint(&err_nomem, "x"), &err_nomem);
	err_free(&err_nomem);
	err_free(NULL);
	ck_assert_str_eq(err_nomem.message, "out of memory");
}
END_TEST

/* ---- cursor ---- */

START_TEST(cursor_integers)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8,
					 9, 0, 1, 2, 3, 4, 5 };
	struct cursor c;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	cursor_init(&c, "x", bytes, sizeof(bytes), 0x100);
	expect_ok(cursor_u8(&c, &u8));
	expect_ok(cursor_u16(&c, &u16));
	expect_ok(cursor_u32(&c, &u32));
	expect_ok(cursor_u64(&c, &u64));
	ck_assert_uint_eq(u8, 1);
	ck_assert_uint_eq(u16, 0x0302);
	ck_assert_uint_eq(u32, 0x07060504);
	ck_assert_uint_eq(u64, 0x0504030201000908);
	ck_assert_uint_eq(cursor_left(&c), 0);
	ck_assert_uint_eq(cursor_offset(&c), 0x10f);
	expect_ok(cursor_seek(&c, 1));
	c.big_endian = true;
	expect_ok(cursor_u16(&c, &u16));
	ck_assert_uint_eq(u16, 0x0203);
}
END_TEST

START_TEST(cursor_ends)
{
	static const uint8_t bytes[3] = {};
	const uint8_t *p;
	struct cursor c;
	uint32_t u32 = 5;

	cursor_init(&c, "file", bytes, sizeof(bytes), 16);
	expect_ok(cursor_skip(&c, 1));
	expect_error(cursor_u32(&c, &u32), ERR_FORMAT, "file: offset 17: ");
	ck_assert_uint_eq(u32, 5);
	ck_assert_uint_eq(cursor_offset(&c), 17);
	expect_error(cursor_skip(&c, UINT64_MAX), ERR_FORMAT, "");
	expect_error(cursor_bytes(&c, 3, &p), ERR_FORMAT, "");
	expect_error(cursor_seek(&c, 4), ERR_FORMAT, "");
	ck_assert_uint_eq(cursor_offset(&c), 17);
	expect_ok(cursor_seek(&c, 3));
	expect_ok(cursor_skip(&c, 0));
	expect_ok(cursor_bytes(&c, 0, &p));
}
END_TEST

START_TEST(cursor_varints)
{
	static const struct {
		uint8_t bytes[11];
		size_t size;
		uint64_t value;
		bool fails;
	} cases[] = {
		{ { 0 }, 1, 0, false },
		{ { 0x7f }, 1, 127, false },
		{ { 0x80, 1 }, 2, 128, false },
		{ { 0xe5, 0x8e, 0x26 }, 3, 624485, false },
		{ { 0x80, 0x80, 0 }, 3, 0, false },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 },
		  10,
		  UINT64_MAX,
		  false },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 },
		  10,
		  0,
		  true },
		{ { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		    0 },
		  11,
		  0,
		  true },
		{ { 0x80 }, 1, 0, true },
		{ { 0 }, 0, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 99;
		struct cursor c;

		cursor_init(&c, "x", cases[i].bytes, cases[i].size, 0);
		if (cases[i].fails) {
			expect_error(cursor_uvarint(&c, &value), ERR_FORMAT,
				     "");
			ck_assert_uint_eq(value, 99);
			ck_assert_ptr_eq(c.pos, c.begin);
		} else {
			expect_ok(cursor_uvarint(&c, &value));
			ck_assert_uint_eq(value, cases[i].value);
			ck_assert_uint_eq(cursor_left(&c), 0);
		}
	}
}
END_TEST

START_TEST(cursor_strings)
{
	static const char bytes[] = { 'a', 'b', 0, 0, 'c' };
	const char *s = NULL;
	struct cursor c;

	cursor_init(&c, "x", bytes, sizeof(bytes), 0);
	expect_ok(cursor_cstr(&c, &s));
	ck_assert_str_eq(s, "ab");
	expect_ok(cursor_cstr(&c, &s));
	ck_assert_str_eq(s, "");
	expect_error(cursor_cstr(&c, &s), ERR_FORMAT, "");
	ck_assert_uint_eq(cursor_offset(&c), 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tc = tcase_create("base");

	tcase_add_test(tc, load_and_round);
	tcase_add_test(tc, bitmap);
	tcase_add_test(tc, vector_grows);
	tcase_add_test(tc, vector_too_large);
	tcase_add_test(tc, error_wrapped);
	tcase_add_test(tc, error_fault);
	tcase_add_test(tc, error_null_and_nomem);
	tcase_add_test(tc, cursor_integers);
	tcase_add_test(tc, cursor_ends);
	tcase_add_test(tc, cursor_varints);
	tcase_add_test(tc, cursor_strings);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
