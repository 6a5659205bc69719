/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of the stacks of a stopped target at any moment, whatever the
 * program does: shared by the checks that stop one at random (stops.c) and
 * after each instruction (step.c).
 */
#ifndef HD_TESTS_STACK_CHECK_H
#define HD_TESTS_STACK_CHECK_H

#include "base/vec.h"
#include "runtime/frame.h"
#include "runtime/runtime.h"

struct stack_frame {
	uint64_t entry, pc;
	uint64_t sp, fp;
};

struct stack {
	VEC(struct stack_frame) frames; /* innermost first */
	enum stack_end end;
};

void stack_deinit(struct stack *s);

/*
 * The stack of g as libunwind walks it, and by the runtime's rules; false, and
 * said why, where they differ, or where a frame's pc is not behind a call
 * though it must be.
 */
struct err *stack_read(struct runtime *rt, const struct goroutine *g,
		       struct stack *out, bool *sound) must_check;

/* Writes a stack for people. */
void stack_print(struct runtime *rt, const struct goroutine *g,
		 const struct stack *s);

#endif
