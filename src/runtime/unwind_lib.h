/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwinding by libunwind. Go programs have no .eh_frame: each function's
 * unwind information is made, when libunwind asks for it, from its pcsp table,
 * so that stripped programs unwind too. libunwind is built for one machine;
 * for targets of others there is unwind.c alone.
 */
#ifndef HD_RUNTIME_UNWIND_LIB_H
#define HD_RUNTIME_UNWIND_LIB_H

#include "base/err.h"

#include <stdint.h>

struct runtime;
struct lib_unwinder;

/*
 * *out is NULL where libunwind can't unwind this target's machine. One at a
 * time, of a stopped target: its cache of what it has met is of one address
 * space. rt is borrowed.
 */
struct err *lib_unwinder_create(struct runtime *rt,
				struct lib_unwinder **out) must_check;
void lib_unwinder_destroy(struct lib_unwinder *u);

/* Starts at a frame's pc and sp. */
struct err *lib_unwinder_start(struct lib_unwinder *u, uint64_t pc,
			       uint64_t sp) must_check;

/*
 * The return address and stack pointer of the caller's frame; *pc is 0 behind
 * the outermost. Errors: ERR_FORMAT (there is no way on), and those of reading
 * the target.
 */
struct err *lib_unwinder_step(struct lib_unwinder *u, uint64_t *pc,
			      uint64_t *sp) must_check;

#endif
