/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two records of the same kind and address.
 */
#ifndef HD_HDCHECK_DIFFER_H
#define HD_HDCHECK_DIFFER_H

#include "hdcheck/compare.h"

/* The address, or what else a record is known by among those of its kind. */
uint64_t record_key(const struct record *r);

/* Whether two records of one kind are equal, byte by byte of the file. */
bool record_equal(const struct record *a, const struct record *b);

/*
 * Adds the differences of two records of one kind to c: one for each record,
 * but one for each variable of Data and BSS. ERR_NOMEM.
 */
struct err *record_differ(struct comparison *c,
			  const struct compare_options *options,
			  const struct record *a,
			  const struct record *b) must_check;

#endif
