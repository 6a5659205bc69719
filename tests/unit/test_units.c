/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people: src/units.c. */
#include "units.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

struct expected {
	uint64_t n;
	const char *text;
};

static void expect(const char *(*format)(char *, uint64_t),
		   const struct expected *cases, size_t n)
{
	char out[UNITS_MAX];

	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_eq(format(out, cases[i].n), out);
		ck_assert_msg(!strcmp(out, cases[i].text),
			      "%" PRIu64 " is %s, not %s", cases[i].n, out,
			      cases[i].text);
	}
}

#define EXPECT(format, cases)                                                  \
	expect(format, cases, sizeof(cases) / sizeof(cases[0]))

/* Three digits, but of what is counted in bytes. */
START_TEST(bytes)
{
	static const struct expected cases[] = {
		{ 0, "0 bytes" },
		{ 999, "999 bytes" },
		{ 1000, "1.00 kB" },
		{ 1234, "1.23 kB" },
		{ 9994, "9.99 kB" },
		{ 9996, "10.0 kB" },
		{ 12345, "12.3 kB" },
		{ 99949, "99.9 kB" },
		{ 99951, "100 kB" },
		{ 123456, "123 kB" },
		{ 999499, "999 kB" },
		{ 999500, "1.00 MB" },
		{ 1299999999, "1.30 GB" },
		{ 5000000000000, "5.00 TB" },
		{ 7000000000000000, "7.00 PB" },
		{ UINT64_MAX, "18.4 EB" },
	};

	EXPECT(format_bytes, cases);
}
END_TEST

START_TEST(counts)
{
	static const struct expected cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 12345, "12,345" },
		{ 7654321, "7,654,321" },
		{ 100000000, "100,000,000" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" },
	};

	EXPECT(format_count, cases);
}
END_TEST

START_TEST(durations)
{
	static const struct expected cases[] = {
		{ 0, "0 us" },
		{ 999, "0 us" },
		{ 340000, "340 us" },
		{ 999999, "999 us" },
		{ 1000000, "1.0 ms" },
		{ 12345678, "12.3 ms" },
		{ 999900000, "999.9 ms" },
		{ 999990000, "1.00 s" },
		{ 4560000000, "4.56 s" },
		{ 59990000000, "59.99 s" },
		{ 59999000000, "1 min 00 s" },
		{ 60000000000, "1 min 00 s" },
		{ 119400000000, "1 min 59 s" },
		{ 119600000000, "2 min 00 s" },
		{ 125000000000, "2 min 05 s" },
		{ UINT64_MAX, "307445734 min 34 s" },
	};

	EXPECT(format_duration, cases);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("units");
	TCase *tc = tcase_create("units");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, bytes);
	tcase_add_test(tc, counts);
	tcase_add_test(tc, durations);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
