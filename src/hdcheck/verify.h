/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies a heap dump: everything that holds for each dump of each Go
 * release, whoever wrote it.
 *
 * What runtime/debug.WriteHeapDump gets wrong by its own standards is
 * accepted: repeated Type records, slots behind a span's last one as objects
 * (releases from 1.22), objects that are fewer than MemStats counts because it
 * counts before the sweep. What a damaged or torn dump has is not.
 */
#ifndef HD_HDCHECK_VERIFY_H
#define HD_HDCHECK_VERIFY_H

#include "hdcheck/dump_file.h"
#include "hdcheck/problems.h"
#include "hdcheck/summary.h"

struct verify_options {
	bool strict;   /* a pointer into the heap that hits nothing is one */
	bool counters; /* objects and bytes must be those of MemStats */
	size_t max_problems; /* kept; all are counted */
};

struct verdict {
	struct problems problems;
	struct summary summary;
};

/*
 * Reads the dump twice: records and objects, then the pointers. Problems are
 * no errors: they are in the verdict. Errors: ERR_NOMEM. f must stay open as
 * long as the verdict is used.
 *
 * Memory: see object_index.h, and some 32 bytes for each other record.
 */
struct err *verify(const struct dump_file *f,
		   const struct verify_options *options,
		   struct verdict *out) must_check;

void verdict_deinit(struct verdict *v);

#define cleanup_verdict cleanup(verdict_deinit)

#endif
