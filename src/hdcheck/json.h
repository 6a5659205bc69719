/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results as JSON, by jansson. Numbers are integers of at most 63 bits:
 * larger ones are given as the negative number of the same bits. Offsets are
 * in bytes of the file.
 */
#ifndef HD_HDCHECK_JSON_H
#define HD_HDCHECK_JSON_H

#include "hdcheck/compare.h"
#include "hdcheck/verify.h"

#include <stdio.h>

/*
 * Writes a verdict, or a comparison. stacks is the dump whose goroutines are
 * added, or NULL for none. ERR_NOMEM; ERR_OS if out fails.
 */
struct err *json_verdict(const struct verdict *v, const char *name,
			 const struct dump_file *stacks, FILE *out) must_check;
struct err *json_comparison(const struct comparison *c, const char *a,
			    const char *b, FILE *out) must_check;

#endif
