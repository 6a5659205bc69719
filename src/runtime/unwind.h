/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of a goroutine's stack; Go frames alone. From one to the next goes
 * libunwind (unwind_lib.h) where it can, else the runtime's own rules: each
 * function's pcsp table says how far its stack pointer has moved at any of its
 * instructions. Both work on stripped programs, and must agree.
 *
 * Follows runtime/traceback.go: unwinder.
 */
#ifndef HD_RUNTIME_UNWIND_H
#define HD_RUNTIME_UNWIND_H

#include "runtime/goroutine.h"
#include "runtime/module.h"

struct unwinder {
	struct runtime *rt;	   /* borrowed */
	const struct goroutine *g; /* borrowed */

	/* The frame; there is none if `valid` is not set. */
	bool valid;
	struct func func;
	uint64_t pc;
	uint64_t sp, fp;     /* it is [sp, fp) */
	uint64_t varp, argp; /* end of its locals, start of its arguments */
	uint64_t continpc;   /* where it goes on; 0: never, it is dead */
	uint64_t lr;	     /* its return address; 0: it is the outermost */

	bool by_lib;	   /* libunwind says where the caller is */
	uint8_t callee_id; /* FuncID_* of the frame before; 0 without */
	bool has_callee;
	bool broken; /* the stack ends where it should not */
};

/*
 * The innermost frame of g. A stack that makes no sense is no error: the
 * frames end there, and `broken` is set.
 */
struct err *unwind_start(struct unwinder *u, struct runtime *rt,
			 const struct goroutine *g) must_check;

/* Whether the function of that FuncID_* is one that nobody called: a signal
 * handler put it there, and below it is the interrupted instruction. */
bool unwind_is_injected(const struct runtime *rt, uint8_t id);

/* The caller's frame. */
struct err *unwind_next(struct unwinder *u) must_check;

#endif
