/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the formats of stacks share (output/stacks.h). Each is a function that
 * is called with one goroutine after the other, and one for the end.
 */
#ifndef HD_OUTPUT_STACKS_WRITER_H
#define HD_OUTPUT_STACKS_WRITER_H

#include "output/stacks.h"
#include "runtime/native.h"
#include "runtime/runtime.h"

struct stacks_writer {
	const struct stacks *stacks;
	const struct stacks_options *options;
	struct runtime *rt;
	struct symbols symbols;
	struct trace_options trace_options;
	struct trace trace; /* of the goroutine at hand */
	struct buf out;	    /* what is to be written */
	struct buf scratch;
	struct stacks_result result;
	void *state; /* the format's own */
};

struct stacks_ops {
	struct err *(*begin)(struct stacks_writer *w);
	struct err *(*goroutine)(struct stacks_writer *w,
				 const struct goroutine *g);
	struct err *(*end)(struct stacks_writer *w);
	void (*deinit)(struct stacks_writer *w); /* whatever happened */
};

extern const struct stacks_ops stacks_text, stacks_groups, stacks_json;

/* ---- pieces of text (stacks_text.c) -------------------------------------- */

/* The line, or the two of them, of a call; with `args`, its arguments. */
struct err *stacks_put_call(struct stacks_writer *w, const struct trace_call *c,
			    bool args) must_check;

/* All of the trace at hand, which is that of g. */
struct err *stacks_put_trace(struct stacks_writer *w, const struct goroutine *g,
			     bool args) must_check;

/* "created by f", and " in goroutine N" unless parent is 0. */
struct err *stacks_put_creator(struct stacks_writer *w, const struct site *site,
			       uint64_t pc, uint64_t parent) must_check;

/* A call of an ancestor's stack: the function, and the place in it. */
struct stacks_site {
	bool shown;
	struct call at;
	uint64_t offset; /* bytes from the function's entry */
};

struct err *stacks_find_ancestor(struct stacks_writer *w, uint64_t pc,
				 bool innermost,
				 struct stacks_site *out) must_check;

/* All that g descends from (stacks_ancestors.c). */
struct err *stacks_put_ancestors(struct stacks_writer *w,
				 const struct goroutine *g) must_check;

/* Why the program is dying, each with an empty line behind it. */
struct err *stacks_put_crashes(struct stacks_writer *w) must_check;

/* For a terminal, or nothing. */
enum stacks_colour { COLOUR_NONE, COLOUR_HEADER, COLOUR_NAME, COLOUR_FAINT };
struct err *stacks_put_colour(struct stacks_writer *w,
			      enum stacks_colour colour) must_check;

/* ---- C and threads (stacks_native.c) ------------------------------------- */

/* Calls fn with the frames of the C that g is in, if any. */
struct err *
stacks_each_native(struct stacks_writer *w, const struct goroutine *g,
		   struct err *(*fn)(void *, const struct native_frame *),
		   void *arg) must_check;

/* The same of the C that has called Go: a call with callback_sp. */
struct err *
stacks_each_callback(struct stacks_writer *w, const struct trace_call *c,
		     struct err *(*fn)(void *, const struct native_frame *),
		     void *arg) must_check;

/* The same as text; all threads without goroutines, if wanted. */
struct err *stacks_put_native(struct stacks_writer *w,
			      const struct goroutine *g) must_check;
struct err *stacks_put_callback(struct stacks_writer *w,
				const struct trace_call *c) must_check;
struct err *stacks_put_threads(struct stacks_writer *w) must_check;

#endif
