/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks as a traceback shows them: the calls of the source instead of the
 * frames of the machine, without the runtime's own functions and the wrappers
 * that the compiler makes, and of a very deep stack only both ends.
 *
 * Follows runtime/traceback.go: traceback1, traceback2, showframe, and the
 * printing functions there.
 */
#ifndef HD_RUNTIME_TRACEBACK_H
#define HD_RUNTIME_TRACEBACK_H

#include "runtime/goroutine.h"
#include "runtime/symbol.h"
#include "runtime/unwind.h"

struct trace_call {
	/* Not 0: no call of Go, but the C that has called the call before it,
	 * and has noted this on its own stack (native_below_callback). */
	uint64_t callback_sp;
	const struct site *site;
	const struct call *call; /* one of its calls */
	uint64_t pc, sp, fp;	 /* of the frame, which several may share */
	uint64_t varp, argp;
};

struct trace {
	VEC(struct trace_call) calls; /* innermost first */
	size_t inner;		      /* so many, and then ... */
	uint64_t elided;	      /* ... so many are left out */
	enum stack_end end;
	uint64_t end_pc; /* STACK_NO_FUNCTION: what should be a pc */
};

/* What is shown. */
struct trace_options {
	bool runtime_calls; /* the runtime's too: GOTRACEBACK=system */
	bool all;	    /* of deep stacks, too */
	bool native;	    /* C between calls of Go, too */
};

void trace_deinit(struct trace *t);

/* The stack of g; a trace can be read into again and again. */
struct err *trace_read(struct trace *t, struct symbols *s,
		       const struct goroutine *g,
		       const struct trace_options *options) must_check;

/*
 * Where g was started: the outermost call at its go statement. *out is NULL
 * where a traceback says nothing of it.
 */
struct err *trace_creator(struct symbols *s, const struct goroutine *g,
			  const struct trace_options *options,
			  const struct site **out) must_check;

/* The pc of the calls of a return address: runtime/traceback.go:symPC. */
static inline uint64_t call_pc(const struct func *f, uint64_t return_pc)
{
	return return_pc > f->entry ? return_pc - 1 : return_pc;
}

/* Whether a function of that name and FuncID_* is shown at all.
 * Follows runtime/traceback.go:showfuncinfo, level 1. */
bool trace_shows(const struct runtime *rt, const char *name, uint8_t id,
		 bool innermost, uint8_t callee_id);

/*
 * Appends a function's name as it is printed: "..." for type arguments, panic
 * for runtime.gopanic. Follows runtime/traceback.go:printFuncName.
 */
struct err *trace_name(const struct runtime *rt, const char *name,
		       struct buf *out) must_check;

#endif
