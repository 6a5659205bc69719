/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comparison as a table for people: records by kind, and what each rule
 * excused. The differences themselves are not in it.
 */
#ifndef HD_HDCHECK_COMPARE_TEXT_H
#define HD_HDCHECK_COMPARE_TEXT_H

#include "hdcheck/compare.h"

#include <stdio.h>

/* ignore: the rules that held; each is named with its count, 0 too. */
void comparison_print(const struct comparison *c, rule_set ignore, FILE *out);

#endif
