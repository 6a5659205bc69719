/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The goroutines of a dump with their frames, much as a traceback has them.
 * A dump has physical frames alone: of calls that were inlined it knows
 * nothing, and neither of source lines.
 */
#ifndef HD_HDCHECK_STACKS_H
#define HD_HDCHECK_STACKS_H

#include "hdcheck/dump_file.h"
#include "hdcheck/record.h"

#include <stdio.h>

/* An error that one of these returns ends the walk and is its result. */
struct stacks_visitor {
	struct err *(*goroutine)(void *arg, const struct goroutine_record *g);
	/* Innermost first, each of the goroutine before it. */
	struct err *(*frame)(void *arg, const struct stack_frame_record *f);
};

/*
 * Visits goroutines and frames in the order of the file; frames that come
 * before any goroutine are left out. A record that can't be read ends the walk
 * without an error: verify() has one. Takes no memory.
 */
struct err *stacks_each(const struct dump_file *f,
			const struct stacks_visitor *visitor,
			void *arg) must_check;

/*
 * What a goroutine waits for: empty if it does not. The reason that it last
 * had is recorded all the same (runtime/traceback.go:goroutineheader).
 */
struct bytes goroutine_reason(const struct goroutine_record *g);

/*
 * Writes them as text, a blank line between goroutines:
 *
 *	goroutine 17 [chan receive]:
 *	  runtime.gopark+0xce
 *	  ...
 *
 * Offsets are those of the return address from the function's entry; the
 * innermost frame has that of the next instruction. Errors: see stacks_each();
 * those of out are left to the caller.
 */
struct err *stacks_print(const struct dump_file *f, FILE *out) must_check;

#endif
