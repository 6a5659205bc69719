/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a process are there (/proc/PID/pagemap): present or swapped
 * out. Those that were never touched, or were given back, are not, and read
 * as 0 where no file is behind them. By PAGEMAP_SCAN where the kernel has it
 * (6.7 on), else by reading 8 bytes a page.
 */
#ifndef HD_TARGET_PAGEMAP_H
#define HD_TARGET_PAGEMAP_H

#include "target/procfs.h"
#include "target/snapshot.h"

struct pagemap {
	int fd;	   /* -1: it can't be opened; all pages may be there */
	bool scan; /* the kernel has PAGEMAP_SCAN */
};

/* Of the process that tid is a thread of; never fails. */
void pagemap_open(struct pagemap *pm, const struct proc *p, pid_t tid);
void pagemap_close(struct pagemap *pm);
#define cleanup_pagemap cleanup(pagemap_close)

/*
 * Appends the runs of pages of [start, end) that are there, by address. Without
 * a pagemap that is all of it.
 */
struct err *pagemap_runs(const struct pagemap *pm, uint64_t start, uint64_t end,
			 struct address_ranges *out) must_check;

/* Whether any page of [start, end) is there. */
struct err *pagemap_any(const struct pagemap *pm, uint64_t start, uint64_t end,
			bool *out) must_check;

#endif
