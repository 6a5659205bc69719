/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines that are right: src/options.c. The others end the program, and
 * are for tests/usage.sh. */
#include "options.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>

enum { MAX_ARGS = 8 };

/* Parses a command line: words between blanks. */
static struct options parse(const char *line)
{
	static char text[256];
	char *argv[MAX_ARGS + 1] = { text };
	struct options o;
	char *save;
	int argc = 0;

	ck_assert_int_lt(snprintf(text, sizeof(text), "hdattach %s", line),
			 (int)sizeof(text));
	for (char *w = strtok_r(text, " ", &save); w;
	     w = strtok_r(NULL, " ", &save)) {
		ck_assert_int_lt(argc, MAX_ARGS);
		argv[argc++] = w;
	}
	options_parse(argc, argv, &o);
	return o;
}

START_TEST(defaults)
{
	struct options o = parse("1234");

	ck_assert_int_eq(o.pid, 1234);
	ck_assert_ptr_null(o.output);
	ck_assert(!o.force && !o.summary && !o.no_contents && !o.extra_roots &&
		  !o.no_libunwind);
	ck_assert_uint_eq(o.max_size, 0);
	ck_assert_uint_eq(o.capture.max_wait, 2000);
	ck_assert_int_eq(o.compress.kind, COMPRESS_NONE);
	ck_assert_int_eq(o.level, LOG_NORMAL);
}
END_TEST

/* Before the process and behind it, short and long. */
START_TEST(output)
{
	ck_assert_str_eq(parse("-o x 1").output, "x");
	ck_assert_str_eq(parse("1 -ox").output, "x");
	ck_assert_str_eq(parse("--output=x 1").output, "x");
	ck_assert_str_eq(parse("1 -o -").output, "-");
	ck_assert(parse("--force 1").force);
	ck_assert_int_eq(parse("-f heapdump 7").pid, 7);
	ck_assert_int_eq(parse("-- 7").pid, 7);
	ck_assert_int_eq(parse("2147483647").pid, INT_MAX);
}
END_TEST

START_TEST(switches)
{
	ck_assert(parse("--summary 1").summary);
	ck_assert(parse("--no-contents 1").no_contents);
	ck_assert(parse("--extra-roots 1").extra_roots);
	ck_assert(parse("--unwind=rules 1").no_libunwind);
	ck_assert(!parse("--unwind=rules --unwind=libunwind 1").no_libunwind);
	ck_assert_int_eq(parse("-q 1").level, LOG_QUIET);
	ck_assert_int_eq(parse("--verbose 1").level, LOG_VERBOSE);
	ck_assert_uint_eq(parse("--max-wait 0 1").capture.max_wait, 0);
	ck_assert_uint_eq(parse("--max-wait=60000 1").capture.max_wait, 60000);
}
END_TEST

START_TEST(kinds)
{
	ck_assert_uint_eq(parse("1").kinds, 1 << OUTPUT_HEAPDUMP);
	ck_assert_uint_eq(parse("-f stacks 1").kinds, 1 << OUTPUT_STACKS);
	ck_assert_uint_eq(parse("-f heapdump,stacks 1").kinds,
			  1 << OUTPUT_HEAPDUMP | 1 << OUTPUT_STACKS);
	ck_assert_uint_eq(parse("-f stacks -f heapdump 1").kinds,
			  1 << OUTPUT_HEAPDUMP | 1 << OUTPUT_STACKS);
	ck_assert_uint_eq(parse("--summary 1").kinds, 1 << OUTPUT_SUMMARY);
}
END_TEST

START_TEST(stacks)
{
	ck_assert(parse("-f stacks --group 1").group);
	ck_assert(parse("-f stacks --json 1").json);
	ck_assert(parse("-f stacks --system 1").system);
	ck_assert(parse("-f stacks --all-frames 1").all_frames);
	ck_assert_uint_eq(parse("-f stacks --goroutine=18 1").goroutine, 18);
	ck_assert_str_eq(parse("-f stacks -o x 1").output, "x");
}
END_TEST

START_TEST(compression)
{
	struct options o = parse("-z gzip 1");

	ck_assert_int_eq(o.compress.kind, COMPRESS_GZIP);
	ck_assert_int_eq(o.compress.level, 0);
	o = parse("-z zstd:7 1");
	ck_assert_int_eq(o.compress.kind, COMPRESS_ZSTD);
	ck_assert_int_eq(o.compress.level, 7);
}
END_TEST

START_TEST(sizes)
{
	ck_assert_uint_eq(parse("--max-size=1 1").max_size, 1);
	ck_assert_uint_eq(parse("--max-size=20K 1").max_size, 20480);
	ck_assert_uint_eq(parse("--max-size=3M 1").max_size, 3 << 20);
	ck_assert_uint_eq(parse("--max-size=5G 1").max_size, 5ull << 30);
	ck_assert_uint_eq(parse("--max-size=1T 1").max_size, 1ull << 40);
	ck_assert_uint_eq(parse("--max-size=18446744073709551615 1").max_size,
			  UINT64_MAX);
	ck_assert_uint_eq(parse("--max-size=16777215T 1").max_size,
			  0xffffffull << 40);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, output);
	tcase_add_test(tc, switches);
	tcase_add_test(tc, kinds);
	tcase_add_test(tc, stacks);
	tcase_add_test(tc, compression);
	tcase_add_test(tc, sizes);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
