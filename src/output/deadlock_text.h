/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlocks, for people: groups that are alike once, with their number; who is
 * in them, where, and for what they wait; and what was taken into account.
 */
#ifndef HD_OUTPUT_DEADLOCK_TEXT_H
#define HD_OUTPUT_DEADLOCK_TEXT_H

#include "base/buf.h"
#include "output/wait_text.h"
#include "runtime/deadlock.h"

/* The target is stopped. */
struct err *deadlock_text(const struct wait_text *t, const struct deadlocks *d,
			  struct buf *out) must_check;

/* The innermost call of the program's own, and not of what it waits by; or
 * NULL. */
struct trace;
const struct call *deadlock_own_call(const struct trace *trace);

#endif
