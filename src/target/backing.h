/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a target that nobody writes to, from elsewhere: from the file that
 * it is mapped from, or from bytes that were read in time. So it is there even
 * when the target has ended.
 */
#ifndef HD_TARGET_BACKING_H
#define HD_TARGET_BACKING_H

#include "base/vec.h"
#include "target/target.h"

struct backing_part {
	uint64_t start, end; /* end is exclusive */
	int fd;		     /* owned; -1: bytes */
	uint64_t offset;     /* in the file, of start */
	uint8_t *bytes;	     /* owned */
};

struct backing {
	VEC(struct backing_part) parts;
};

/* [start, end) is what the file at path has from offset on. */
struct err *backing_add_file(struct backing *b, uint64_t start, uint64_t end,
			     const char *path, uint64_t offset) must_check;

/* [start, end) is what it is now. What can't be read is left out. */
struct err *backing_add_copy(struct backing *b, struct target *t,
			     uint64_t start, uint64_t end) must_check;

/* False: not all of it is backed. */
bool backing_read(const struct backing *b, uint64_t addr, void *buf,
		  size_t len);

void backing_deinit(struct backing *b);

#endif
