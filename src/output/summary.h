/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the heap holds, as a table for people: objects and bytes by size and,
 * where the heap itself tells it, by type; goroutines by state and by what they
 * are in. Nothing of the objects' contents.
 */
#ifndef HD_OUTPUT_SUMMARY_H
#define HD_OUTPUT_SUMMARY_H

#include "output/heapdump.h"

#include <stdio.h>

struct summary;

/* Reads the loaded runtime of a stopped target; rt is borrowed until then. */
struct err *summary_read(struct runtime *rt, struct summary **out) must_check;

/* Prints it; the target may be gone. */
void summary_print(const struct summary *s, FILE *out);
const struct heapdump_result *summary_result(const struct summary *s);
void summary_destroy(struct summary *s); /* NULL is allowed */

static inline void cleanup_summary_fn(struct summary **s)
{
	summary_destroy(*s);
}
#define cleanup_summary cleanup(cleanup_summary_fn)

#endif
