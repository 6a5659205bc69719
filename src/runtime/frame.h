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
 * call. *end says how the stack ends. One that is not STACK_WHOLE is told to
 * who asks for details (-v), with the goroutine and where it ends.
 *
 * Pointers of a frame that is at no safe point are found as the collector
 * finds them: each word that leads to an allocated object, or into its own
 * stack. These are the innermost frame of PLACE_REGISTERS, and asyncPreempt's
 * with its caller's. Follows runtime/mgcmark.go:scanframeworker.
 */
struct err *frame_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *arg, const struct frame *),
		       void *arg, enum stack_end *end) must_check;

#endif
