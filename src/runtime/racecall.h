/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines in the race detector's C code (programs built with -race).
 * racecall, by which they get there, goes to the system stack as other
 * functions do, but with their own g, and saves nothing: SP is in a register
 * that C preserves, and so in that or on the system stack.
 */
#ifndef HD_RUNTIME_RACECALL_H
#define HD_RUNTIME_RACECALL_H

#include "runtime/goroutine.h"
#include "runtime/machine.h"

/*
 * Where the Go function is that has called racecall: *pc and *sp are those
 * behind its call. *found is false if the thread, with these registers, is not
 * there. Follows runtime/race_amd64.s:racecall.
 */
struct err *racecall_find(struct runtime *rt, const struct machine *mach,
			  const struct goroutine *g, const struct regs *regs,
			  uint64_t *pc, uint64_t *sp, bool *found) must_check;

#endif
