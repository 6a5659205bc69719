/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions about struct err, for tests that use check. */
#ifndef HD_TESTS_EXPECT_H
#define HD_TESTS_EXPECT_H

#include "base/err.h"

#include <check.h>
#include <string.h>

/* Fails the test unless e is NULL, and says what e says. */
static inline void expect_ok(struct err *e)
{
	ck_assert_msg(!e, "%s", e ? e->message : "");
}

/* Fails the test unless e is of that code and says part; frees e. */
static inline void expect_error(struct err *e, enum err_code code,
				const char *part)
{
	ck_assert_msg(e != NULL, "no error, but expected: %s", part);
	ck_assert_msg(e->code == code && strstr(e->message, part),
		      "error %d: %s", e->code, e->message);
	err_free(e);
}

/* The same, and its hint says what is in hint. */
static inline void expect_hint(struct err *e, enum err_code code,
			       const char *part, const char *hint)
{
	ck_assert_msg(e && e->hint && strstr(e->hint, hint), "hint: %s",
		      e && e->hint ? e->hint : "none");
	expect_error(e, code, part);
}

#endif
