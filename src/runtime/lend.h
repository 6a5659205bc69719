/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the makers of snapshots have to know of a Go program
 * (target/snapshot.h): which stacks are threads' own, and which memory
 * nobody is going to read.
 */
#ifndef HD_RUNTIME_LEND_H
#define HD_RUNTIME_LEND_H

#include "target/snapshot.h"

struct runtime;

/*
 * The system stacks (g0) of all Ms. A thread whose sp is in there is not on a
 * goroutine's stack, which has no room below it. Reads past the cache.
 */
struct err *runtime_system_stacks(struct runtime *rt,
				  bool (*fn)(void *arg,
					     const struct system_stack *),
				  void *arg) must_check;

/*
 * The parts of the heap's arenas that are in no span in use: of the loaded
 * model.
 */
struct err *runtime_unneeded(struct runtime *rt,
			     struct address_ranges *out) must_check;

/* wants for rt, which is borrowed. */
void runtime_snapshot_wants(struct runtime *rt, struct snapshot_wants *out);

#endif
