/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the stack of a running goroutine starts: its thread's registers know,
 * as of the stop, and not what the goroutine saved when it last gave way. The
 * table of cases is in doc/internals.md, section 6.
 */
#ifndef HD_RUNTIME_RUNNING_H
#define HD_RUNTIME_RUNNING_H

#include "runtime/goroutine.h"
#include "target/target.h"

/*
 * Sets sp, pc, lr, `place` and `why` of a goroutine whose status is running,
 * and `place` of one whose stack is being moved; others are left alone.
 */
struct err *goroutine_place(struct runtime *rt, struct goroutine *g) must_check;

/* Goroutines that can't be told at this moment: a matter of some instructions;
 * another moment will do. */
struct running_gaps {
	uint64_t unknown; /* it is not known where in Go they are */
	uint64_t moving;  /* their stacks are being moved */
};

/* Looks only at the goroutines that have a thread, and needs no spans. */
struct err *running_gaps(struct runtime *rt,
			 struct running_gaps *out) must_check;

/* A register of a goroutine at no safe point, with an address in it that leads
 * to an allocated object. */
struct register_root {
	const struct thread *thread;
	uint64_t goroutine; /* address of its g */
	uint64_t id;	    /* goid */
	const char *name;   /* "rax" */
	uint64_t value;
};

/*
 * Calls fn for each such register: objects may be reached from them that
 * nothing else leads to. Follows, for the machine's general registers,
 * runtime/preempt.go: asyncPreempt saves them, and the collector scans them
 * conservatively.
 */
struct err *
running_registers_each(struct runtime *rt,
		       struct err *(*fn)(void *, const struct register_root *),
		       void *arg) must_check;

#endif
