/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that are being moved to larger or smaller memory at this moment: their
 * frames lie partly in the old, partly in the new one.
 * Follows runtime/stack.go: newstack, shrinkstack, copystack.
 */
#ifndef HD_RUNTIME_COPYSTACK_H
#define HD_RUNTIME_COPYSTACK_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

/* How many, of a loaded runtime. */
struct err *copystack_count(struct runtime *rt, uint64_t *out) must_check;

#endif
