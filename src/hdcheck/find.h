/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a dump an address of the target lies in, and whether the dump's
 * roots lead to it.
 */
#ifndef HD_HDCHECK_FIND_H
#define HD_HDCHECK_FIND_H

#include "hdcheck/dump_file.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Writes a line for each address:
 *
 *	0xc000012340: in Object 0xc000012300 of 112 bytes, reached
 *	0xc000014008: in Object 0xc000014000 of 16 bytes, not reached
 *	0x55d0c0: in BSS 0x550000 of 225696 bytes
 *	0xc000080e10: in StackFrame 0xc000080df0 of 64 bytes (main.main)
 *	0x10: nowhere
 *
 * and behind them how many objects there are, and how many of them are reached:
 *
 *	1520 of 1533 objects reached
 *
 * An object is reached if pointers lead to it from Data, BSS, a frame, a
 * goroutine (its g, m and context), an OSThread, a defer, a panic, a queued
 * finalizer or an OtherRoot. A finalizer that is set is none: what it would be
 * called with may be dead.
 *
 * Takes some 40 bytes an object. Errors: ERR_FORMAT (the dump can't be read),
 * ERR_NOMEM; those of out are left to the caller.
 */
struct err *find_print(const struct dump_file *f, const uint64_t *addresses,
		       size_t count, FILE *out) must_check;

#endif
