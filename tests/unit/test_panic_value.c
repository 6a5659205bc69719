/* SPDX-License-Identifier: Apache-2.0 */
/* Values of panics, in words: src/runtime/panic_value.c. */
#include "fake_module.h"

#include "runtime/panic_value.h"

#include <stdlib.h>

static struct fake_runtime f;
static struct fake_types types;

static void restart(enum fake_release release)
{
	if (f.rt.target)
		fake_runtime_deinit(&f);
	fake_runtime_init(&f, release);
	fake_types_init(&types, &f);
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
	f.rt.target = NULL;
}

/* A type of that name; size in bytes. */
static uint64_t add_type(const char *name, int64_t kind, uint64_t size)
{
	uint64_t type = fake_add_module_type(
		&types, &(struct fake_type){ .kind = kind, .string = name });

	fake_set(&f, type, &f.rt.layout.type.Size_, size);
	return type;
}

static void expect_text(uint64_t type, uint64_t data, const char *text)
{
	struct buf out = {};

	fake_load(&f);
	expect_ok(panic_value_append(&f.rt, type, data, &out));
	ck_assert_msg(out.len == strlen(text) && !memcmp(out.v, text, out.len),
		      "%.*s instead of %s", (int)out.len, (char *)out.v, text);
	buf_deinit(&out);
}

static uint64_t new_string(const char *text)
{
	uint64_t s = fake_new(&f, f.rt.layout.string.struct_size);

	fake_string(&f, s, text);
	return s;
}

START_TEST(strings)
{
	int64_t kind = f.rt.layout.konst.KindString.value;

	expect_text(add_type("string", kind, 16), new_string("why"), "why");
	expect_text(add_type("main.T", kind, 16), new_string("why"),
		    "main.T(\"why\")");
	expect_text(add_type("runtime.plainError", kind, 16), new_string("x"),
		    "x");
	expect_text(add_type("runtime.errorString", kind, 16), new_string("x"),
		    "runtime error: x");
	expect_text(0, 0, "nil");
}
END_TEST

START_TEST(lines)
{
	int64_t kind = f.rt.layout.konst.KindString.value;

	expect_text(add_type("string", kind, 16), new_string("a\nb"), "a\nb");
	restart(FAKE_GO126);
	expect_text(add_type("string", kind, 16), new_string("a\nb"), "a\n\tb");
}
END_TEST

START_TEST(numbers)
{
	uint64_t n = fake_new(&f, 16);

	fake_word(&f, n, 0xfffffffffffffffe);
	expect_text(add_type("int", 2, 8), n, "-2");
	expect_text(add_type("int8", 3, 1), n, "-2");
	expect_text(add_type("uint8", 8, 1), n, "254");
	expect_text(add_type("main.N", 7, 8), n,
		    "main.N(18446744073709551614)");
	expect_text(add_type("bool", 1, 1), n, "true");
	fake_word(&f, n, 0xbff8000000000000); /* -1.5 */
	expect_text(add_type("float64", 14, 8), n, "-1.500000e+000");
	fake_word(&f, n, 0x3dcccccd); /* float32(0.1) */
	expect_text(add_type("float32", 13, 4), n, "+1.000000e-001");
	restart(FAKE_GO126);
	n = fake_new(&f, 16);
	fake_word(&f, n, 0x3dcccccd);
	expect_text(add_type("float32", 13, 4), n, "0.1");
	fake_word(&f, n, 0x444b1ae4d6e2ef50); /* 1e21 */
	expect_text(add_type("float64", 14, 8), n, "1e+21");
	fake_word(&f, n, 0x7ff0000000000000);
	expect_text(add_type("float64", 14, 8), n, "+Inf");
}
END_TEST

START_TEST(bounds)
{
	const struct layout *l = &f.rt.layout;
	uint64_t e = fake_new(&f, l->boundsError.struct_size), type;

	type = add_type("runtime.boundsError", 0, l->boundsError.struct_size);
	fake_string(&f, l->var.boundsErrorFmts.addr + l->string.struct_size,
		    "%x of %y");
	fake_string(&f, l->var.boundsNegErrorFmts.addr + l->string.struct_size,
		    "just %x");
	fake_set(&f, e, &l->boundsError.x, 5);
	fake_set(&f, e, &l->boundsError.y, 3);
	fake_set(&f, e, &l->boundsError.code, 1);
	fake_set(&f, e, &l->boundsError.is_signed, 1);
	expect_text(type, e, "runtime error: 5 of 3");
	fake_set(&f, e, &l->boundsError.x, (uint64_t)-5);
	expect_text(type, e, "runtime error: just -5");
	/* A code that there is no format for. */
	struct buf out = {};
	fake_set(&f, e, &l->boundsError.code, 2);
	fake_load(&f);
	expect_error(panic_value_append(&f.rt, type, e, &out), ERR_FORMAT,
		     "no such bounds error: 2");
	buf_deinit(&out);
}
END_TEST

/* Errors in errors, and one that contains itself. */
START_TEST(wrapped)
{
	const struct layout *l = &f.rt.layout;
	uint64_t ptr = (uint64_t)l->konst.KindPointer.value;
	uint64_t path = fake_new(&f, 64), itab, inner;

	inner = fake_new(&f, l->itab.struct_size);
	itab = fake_new(&f, l->itab.struct_size);
	fake_set(&f, inner, &l->itab.Type,
		 add_type("*errors.errorString", (int64_t)ptr, 8));
	uint64_t outer = add_type("*fs.PathError", (int64_t)ptr, 8);
	fake_set(&f, itab, &l->itab.Type, outer);
	fake_string(&f, path, "open");
	fake_string(&f, path + l->string.struct_size, "/tmp");
	uint64_t err = path + 2u * l->string.struct_size;
	fake_word(&f, err, inner);
	fake_word(&f, err + 8, new_string("not there"));
	expect_text(outer, path, "open /tmp: not there");
	fake_word(&f, err, itab);
	fake_word(&f, err + 8, path);
	struct buf out = {};
	fake_load(&f);
	expect_ok(panic_value_append(&f.rt, outer, path, &out));
	ck_assert_uint_lt(out.len, 1000);
	ck_assert_msg(!memcmp(out.v + out.len - 3, "...", 3), "no end");
	buf_deinit(&out);
}
END_TEST

/* A type of the program's own: its name and address, and the string that it
 * begins with. */
START_TEST(unknown)
{
	const struct layout *l = &f.rt.layout;
	uint64_t string = add_type("string", l->konst.KindString.value, 16);
	uint64_t type = add_type("main.E", l->konst.KindStruct.value, 16);
	uint64_t value = new_string("why"), fields;
	char text[64];

	snprintf(text, sizeof(text), "(main.E) 0x%llx",
		 (unsigned long long)value);
	expect_text(type, value, text);
	fields = fake_new(&f, l->structfield.struct_size);
	fake_set(&f, fields, &l->structfield.Typ, string);
	fake_slice(&f, type + l->structtype.Fields.offset, fields, 1);
	snprintf(text, sizeof(text), "(main.E) 0x%llx {\"why\", ...}",
		 (unsigned long long)value);
	expect_text(type, value, text);
}
END_TEST

START_TEST(wild)
{
	struct buf out = {};

	fake_load(&f);
	expect_error(panic_value_append(&f.rt, 0x123450, 0, &out), ERR_FAULT,
		     "");
	expect_error(panic_value_append(
			     &f.rt,
			     add_type("string",
				      f.rt.layout.konst.KindString.value, 16),
			     0x123450, &out),
		     ERR_FAULT, "");
	buf_deinit(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("panic value");
	TCase *tc = tcase_create("panic value");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, lines);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, wrapped);
	tcase_add_test(tc, unknown);
	tcase_add_test(tc, wild);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
