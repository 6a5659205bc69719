/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack frames, and which of their words are pointers: from the stack maps of
 * the functions. Follows runtime/heapdump.go:dumpframe.
 */
#ifndef HD_RUNTIME_FRAME_H
#define HD_RUNTIME_FRAME_H

#include "runtime/unwind.h"

struct frame {
	const struct unwinder *at; /* func, pc, sp, fp, continpc */
	uint64_t depth;		   /* 0: the innermost */
	uint64_t child_sp;	   /* of its callee; 0 without one */
	/* Offsets from sp, in bytes. */
	const uint64_t *pointers;
	size_t pointer_count;
};

/*
 * Calls fn for every frame of g, innermost first; a frame is valid during the
 * call. *broken is set if the stack ends where it should not.
 */
struct err *frame_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *arg, const struct frame *),
		       void *arg, bool *broken) must_check;

#endif
