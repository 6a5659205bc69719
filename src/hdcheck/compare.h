/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares two dumps of the same instant record by record: A is hdattach's, B
 * the one that the program wrote. Records are matched by kind and address, so
 * that one that is missing is one difference.
 */
#ifndef HD_HDCHECK_COMPARE_H
#define HD_HDCHECK_COMPARE_H

#include "hdcheck/dump_file.h"
#include "hdcheck/exe.h"
#include "hdcheck/problems.h"
#include "hdcheck/record.h"

struct compare_options {
	rule_set ignore;
	struct exe *exe; /* names of variables; NULL: none. Relocated here */
	size_t max_differences; /* kept; all are counted */
};

/* Records of one kind. */
struct kind_counts {
	uint64_t a, b;	 /* there are */
	uint64_t differ; /* in both, with other contents; for Data and BSS
			  * variables, if an executable names them */
	uint64_t only_a, only_b;
	bool reordered; /* those in both are in another order */
};

struct comparison {
	struct problems differences; /* offsets are those in A, else in B */
	struct kind_counts kinds[RECORD_KINDS];
	uint64_t ignored[RULE_COUNT]; /* differences, not in the above */
};

/*
 * Errors: ERR_NOMEM, and ERR_FORMAT if either can't be read. Memory: 16 bytes
 * a record of each dump, and as much again for sorting one kind's if they are
 * not in the order of their addresses.
 */
struct err *compare(const struct dump_file *a, const struct dump_file *b,
		    const struct compare_options *options,
		    struct comparison *out) must_check;

void comparison_deinit(struct comparison *c);

#define cleanup_comparison cleanup(comparison_deinit)

#endif
