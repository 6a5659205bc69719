/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every goroutine is doing, for people and for programs:
 *
 *	text	as runtime.Stack and the goroutine profile of debug=2 print it
 *	groups	equal stacks once, with their number, the most frequent first
 *	json	one object
 *
 * The target may run meanwhile, once stacks_seal() was called.
 */
#ifndef HD_OUTPUT_STACKS_H
#define HD_OUTPUT_STACKS_H

#include "base/buf.h"
#include "output/wait_text.h"
#include "runtime/crash.h"
#include "runtime/stacks.h"
#include "runtime/traceback.h"

enum stacks_format { STACKS_TEXT, STACKS_GROUPS, STACKS_JSON };

struct stacks_options {
	enum stacks_format format;
	/* As GOTRACEBACK=system has it: the runtime's own goroutines and
	 * functions, and the addresses of frames. */
	bool system;
	bool all_frames;    /* of deep stacks, too */
	bool colour;	    /* for a terminal */
	bool native;	    /* frames of C, too */
	bool threads;	    /* threads that run no goroutine, too */
	bool deferred;	    /* deferred calls and panics, too */
	uint64_t goroutine; /* this one alone; 0: all */
	/* What they wait for is told, too; NULL: not. Text alone; borrowed. */
	const struct wait_text *waits;
	/* Why the program is dying, first of all; NULL: not. Borrowed. */
	const struct crashes *crashes;
};

struct stacks_result {
	uint64_t goroutines; /* told */
	uint64_t broken;     /* stacks that end early, or are not known */
};

/* Where the text goes, piece by piece. */
struct stacks_sink {
	struct err *(*write)(void *arg, const void *data, size_t n);
	void *arg;
};

/* ERR_GONE: there is no goroutine of that number. */
struct err *stacks_write(const struct stacks *s, const struct stacks_options *o,
			 const struct stacks_sink *sink,
			 struct stacks_result *out) must_check;

/* A line about the process: "3 goroutines: 2 chan receive, 1 running". */
struct err *stacks_summary(const struct stacks *s,
			   const struct stacks_options *o,
			   struct buf *out) must_check;

#endif
