/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of C on a thread's own stack: of goroutines in cgo calls, and of
 * threads that run no goroutine. By libunwind-ptrace's own look-up of unwind
 * information and names, which the process need not be stopped for; memory is
 * read as all of the runtime's is (target/page_copy.h).
 */
#ifndef HD_RUNTIME_NATIVE_H
#define HD_RUNTIME_NATIVE_H

#include "arch/arch.h"
#include "base/err.h"

#include <sys/types.h>

struct runtime;

enum { NATIVE_STACK = 64 << 10 }; /* bytes of a stack that are looked at */

struct native_frame {
	uint64_t pc, sp;
	char name[128];	 /* "" if unknown */
	uint64_t offset; /* of pc in that function */
};

/*
 * Calls fn for each frame, innermost first, up to the first one in a function
 * of Go, which is left out. Where it can't be told (no unwind information,
 * another machine) the frames end.
 */
struct err *native_each(struct runtime *rt, const struct regs *regs,
			struct err *(*fn)(void *, const struct native_frame *),
			void *arg) must_check;

/*
 * The registers of the C that has called Go, of which cgocallback has noted on
 * its thread's own stack that it begins at sp; frame is the size of
 * cgocallback's frame there. *older is where the C before that begins, if any.
 * Follows runtime/asm_amd64.s: cgocallback, runtime/cgo/asm_amd64.s:
 * crosscall2.
 */
struct err *native_below_callback(struct runtime *rt, uint64_t sp,
				  uint64_t frame, struct regs *out,
				  uint64_t *older) must_check;

#endif
