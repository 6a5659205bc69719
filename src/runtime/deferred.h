/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred calls of a frame that are still to be made: those that have a record
 * (runtime._defer), and open-coded ones, which are bits and closures in the
 * frame and which nothing else tells of.
 */
#ifndef HD_RUNTIME_DEFERRED_H
#define HD_RUNTIME_DEFERRED_H

#include "runtime/traceback.h"

/*
 * Calls fn with the closure of each, in the order in which they will be called;
 * code is 0 where the closure can't be read, or is none.
 *
 * Follows runtime/panic.go: initOpenCodedDefers, nextDefer; up to 1.21,
 * runOpenDeferFrame.
 */
struct err *deferred_each(struct runtime *rt, const struct goroutine *g,
			  const struct trace_call *c,
			  struct err *(*fn)(void *, uint64_t closure,
					    uint64_t code),
			  void *arg) must_check;

#endif
