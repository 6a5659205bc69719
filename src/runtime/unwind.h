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

/* How a stack ends. */
enum stack_end {
	STACK_WHOLE,	   /* at a function marked as the outermost */
	STACK_NOWHERE,	   /* it runs, and not known where */
	STACK_MOVING,	   /* it is being moved: frames may be missing */
	STACK_NO_FUNCTION, /* at a pc that is no Go function's */
	STACK_NO_CALLER,   /* at a function that says not who called it */
	STACK_SWITCH,	   /* at one that has changed stacks */
	STACK_OUTSIDE,	   /* at a frame that is not in the stack */
	STACK_STUCK,	   /* at a frame that is its own caller */
	STACK_UNREADABLE,  /* at memory or tables that make no sense */
	STACK_NO_MAP,	   /* whole, but some frame's pointers are not known */
	STACK_ENDS,
};

/* In words: "at a pc of no function". */
const char *stack_end_text(enum stack_end end);

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

	bool by_lib;	    /* libunwind says where the caller is */
	uint32_t depth;	    /* 0: the innermost */
	uint8_t callee_id;  /* FuncID_* of the frame before; 0 without */
	enum stack_end end; /* once `valid` is not set */
};

/*
 * The innermost frame of g. A stack that makes no sense is no error: the
 * frames end there, and `end` says why.
 */
struct err *unwind_start(struct unwinder *u, struct runtime *rt,
			 const struct goroutine *g) must_check;

/* Whether nobody has called the function: a signal handler put it there, and
 * below it is the interrupted instruction. */
struct err *unwind_is_injected(struct runtime *rt, const struct func *f,
			       bool *out) must_check;

/* The caller's frame. */
struct err *unwind_next(struct unwinder *u) must_check;

#endif
