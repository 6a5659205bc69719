/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --json prints: what came of a dump, and what it took.
 */
#ifndef HD_REPORT_H
#define HD_REPORT_H

#include "capture.h"
#include "output/heapdump.h"
#include "output/out_file.h"

#include <stdio.h>

/*
 * Prints one JSON object, in one line. Times are milliseconds: the pause is
 * that of all stops; stop, look, snapshot and resume are of the last one; read,
 * encode and write are sums over all threads.
 */
struct err *report_print(FILE *to, const struct capture *c,
			 const struct heapdump_result *r,
			 const struct out_file *out, bool whole) must_check;

#endif
