/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signals of a program's end (runtime/crash.h): those of which the runtime
 * has made a panic; those that it has caught and dies of, as SIGSEGV in C,
 * SIGABRT and SIGQUIT; those that a thread is about to receive.
 */
#ifndef HD_RUNTIME_CRASH_SIGNAL_H
#define HD_RUNTIME_CRASH_SIGNAL_H

#include "runtime/crash.h"
#include "target/target.h"

/* The signal by which a g's panic began: number 0 if it began otherwise. */
struct err *crash_signal_of_panic(struct runtime *rt, uint64_t g,
				  struct crash_signal *out) must_check;

/* Appends it as a line. Follows runtime/panic.go:dopanic_m. */
struct err *crash_signal_in_panic(const struct crash_signal *s,
				  struct buf *out) must_check;

/* Fills in signal, goroutine and text if the handler of m has caught one that
 * ends the program. */
struct err *crash_signal_caught(struct runtime *rt, uint64_t m,
				struct crash *out) must_check;

/* The same of a thread that is about to receive one that may. */
struct err *crash_signal_pending(struct runtime *rt, const struct thread *t,
				 struct crash *out) must_check;

/*
 * With GOTRACEBACK=crash each thread sends SIGQUIT to the next one: leaves out
 * those, if it began with another.
 */
void crash_signals_join(const struct target *t, struct crashes *all);

#endif
