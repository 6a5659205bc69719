/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a long job has come: a line that changes on a terminal, a plain
 * line every few seconds elsewhere.
 */
#ifndef HD_PROGRESS_H
#define HD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	uint64_t total;		 /* bytes */
	uint64_t started, shown; /* ns, CLOCK_MONOTONIC */
	bool terminal;
};

/* total: bytes of the whole job. */
void progress_start(struct progress *p, uint64_t total);

/* done: bytes so far. Cheap when it is called often. */
void progress_update(struct progress *p, uint64_t done);

/* Wipes the line. */
void progress_end(struct progress *p);

#endif
