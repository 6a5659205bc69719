/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a program is dying, or may be about to: panics on their way, fatal
 * errors, the signal that began it; in the words in which the runtime prints
 * them. A program is met in that state where it can't print (a full pipe),
 * where a deferred call hangs, where it has been stopped, and in its core.
 *
 * Follows runtime/panic.go: gopanic, printpanics, throw, fatal, dopanic_m.
 */
#ifndef HD_RUNTIME_CRASH_H
#define HD_RUNTIME_CRASH_H

#include "base/buf.h"
#include "base/vec.h"

#include <stdint.h>

struct runtime;

enum crash_kind {
	CRASH_DEFERRED, /* a panic, and deferred calls are not done: one of
			 * them may recover yet */
	CRASH_PANIC,	/* a panic that nobody recovered */
	CRASH_FATAL,	/* a fatal error */
};

/* A goroutine that is in it. */
struct crash {
	enum crash_kind kind;
	uint64_t goroutine; /* goid; 0: a thread of the runtime's own */
	struct buf text;    /* whole lines */
};

struct crashes {
	VEC(struct crash) list; /* those that end the program first */
	uint64_t damaged;	/* panics that could not be read */
};

struct err *crashes_read(struct runtime *rt, struct crashes *out) must_check;
void crashes_deinit(struct crashes *c);

#endif
