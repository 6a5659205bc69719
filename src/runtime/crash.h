/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a program is dying, or may be about to: panics on their way, fatal
 * errors, the signal that began it; in the words in which the runtime prints
 * them. A program is met in that state where it can't print (a full pipe),
 * where a deferred call hangs, where it has been stopped, and in its core.
 *
 * Follows runtime/panic.go: gopanic, printpanics, throw, fatal, dopanic_m, and
 * runtime/signal_unix.go: sighandler, fatalsignal.
 */
#ifndef HD_RUNTIME_CRASH_H
#define HD_RUNTIME_CRASH_H

#include "base/buf.h"
#include "base/vec.h"

#include <stdint.h>

struct runtime;

enum crash_kind {
	CRASH_PENDING,	/* a signal that a thread is about to receive: of some,
			 * the runtime will make a panic */
	CRASH_DEFERRED, /* a panic, and deferred calls are not done: one of
			 * them may recover yet */
	/* The others end the program. */
	CRASH_SIGNAL, /* a signal of which the runtime makes no panic */
	CRASH_PANIC,  /* a panic that nobody recovered */
	CRASH_FATAL,  /* a fatal error */
};

struct crash_panic {
	struct buf value; /* as the runtime prints it */
	bool goexit;	  /* it is no panic, but runtime.Goexit */
	bool recovered;	  /* and called again with the same value: */
	bool repanicked;
};

struct crash_signal {
	uint32_t number; /* 0: there is none */
	int32_t code;
	/* Of the fault; if a process has sent it, the process (si_pid). */
	uint64_t addr;
	uint64_t pc; /* where it came */
	struct buf name;
};

/* A goroutine that is in it. */
struct crash {
	enum crash_kind kind;
	uint64_t goroutine; /* goid; 0: a thread of the runtime's own */
	VEC(struct crash_panic) panics; /* the first one first */
	struct crash_signal signal;	/* by which it began */
	struct buf message;		/* CRASH_FATAL */
	struct buf text;		/* all of it: whole lines */
};

static inline bool crash_ends_program(const struct crash *c)
{
	return c->kind >= CRASH_SIGNAL;
}

struct crashes {
	VEC(struct crash) list; /* those that end the program first */
	uint64_t damaged;	/* panics that could not be read */
};

struct err *crashes_read(struct runtime *rt, struct crashes *out) must_check;
void crashes_deinit(struct crashes *c);
void crash_deinit(struct crash *c);

#endif
