/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a dump: counted, and kept up to a limit.
 */
#ifndef HD_HDCHECK_PROBLEMS_H
#define HD_HDCHECK_PROBLEMS_H

#include "base/vec.h"

#include <stdint.h>

struct problem {
	uint64_t offset; /* in the file; UINT64_MAX: of the whole dump */
	char *text;	 /* one line, with the record's name */
};

#define PROBLEM_OF_DUMP UINT64_MAX

struct problems {
	VEC(struct problem) list;
	size_t limit;	/* kept at most */
	uint64_t count; /* found, kept or not */
};

void problems_init(struct problems *p, size_t limit);
void problems_deinit(struct problems *p);

/* Adds one; fails only with ERR_NOMEM. */
struct err *problems_add(struct problems *p, uint64_t offset, const char *fmt,
			 ...) must_check printf_like(3, 4);

#endif
