/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that a function was called with, as a traceback prints them:
 * "0x1, {0x2, 0x3?}, ...", where ? is one that was in a register and may have
 * been overwritten. Follows runtime/traceback.go:printArgs.
 */
#ifndef HD_RUNTIME_ARGS_H
#define HD_RUNTIME_ARGS_H

#include "base/buf.h"
#include "runtime/module.h"

/* Appends the arguments of f at argp, as of the instruction at pc. */
struct err *args_append(struct runtime *rt, const struct func *f, uint64_t argp,
			uint64_t pc, struct buf *out) must_check;

#endif
