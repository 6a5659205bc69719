/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The goroutines of a stop and what is needed to tell their stacks, taken in
 * the milliseconds that the target is stopped: the g's, the used part of every
 * stack, and what else can change. All else (the tables of functions, names)
 * nobody writes to, and is read when the target runs again.
 *
 *	stacks_prepare		before the stop
 *	stacks_take		stopped, and loaded
 *	stacks_seal		before it runs on
 *	stacks_load		when it runs, unless not all could be copied
 *
 * Then stacks can be told whenever: runtime/traceback.h, runtime/state.h.
 */
#ifndef HD_RUNTIME_STACKS_H
#define HD_RUNTIME_STACKS_H

#include "base/vec.h"
#include "runtime/goroutine.h"
#include "target/target.h"

#include <stdbool.h>
#include <time.h>

/* A thread as of the stop. */
struct stack_thread {
	pid_t tid; /* in the target's own pid namespace */
	struct regs regs;
	bool in_go;    /* it is in a function of Go */
	uint64_t curg; /* address of the goroutine that it runs; 0: none */
	uint64_t g0;   /* address; 0: it has no M */
	uint64_t m_id;
};

struct stacks {
	struct runtime *rt;	    /* borrowed */
	VEC(struct goroutine) list; /* loaded; in the order of allgs */
	VEC(struct stack_thread) threads;
	uint64_t now;	      /* of the stop, ns, CLOCK_MONOTONIC */
	struct timespec wall; /* the same, CLOCK_REALTIME */
	uint64_t uptime;      /* ns since the runtime's start */
	bool labels;	      /* tracebacks show labels */
	bool whole; /* all of it was copied; else it is told while stopped */
};

/* Makes room for the copy: as many goroutines as there are now. */
struct err *stacks_prepare(struct runtime *rt) must_check;

/* all_threads: what is needed to tell of threads without goroutines, too. */
struct err *stacks_take(struct runtime *rt, bool all_threads,
			struct stacks *out) must_check;
struct err *stacks_seal(struct runtime *rt) must_check;
struct err *stacks_load(struct stacks *s) must_check;
void stacks_deinit(struct stacks *s);

#endif
