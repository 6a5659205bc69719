/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlocks as JSON (doc/deadlocks.md): one object, a line a group.
 */
#ifndef HD_OUTPUT_DEADLOCK_JSON_H
#define HD_OUTPUT_DEADLOCK_JSON_H

#include "base/buf.h"
#include "output/wait_text.h"
#include "runtime/deadlock.h"

/* The target is stopped. */
struct err *deadlock_json(const struct wait_text *t, const struct deadlocks *d,
			  struct buf *out) must_check;

#endif
