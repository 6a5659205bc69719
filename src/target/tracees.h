/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All threads of a process, traced: stopped together and released together.
 * Used by one thread, which is the tracer.
 *
 * Whatever ends the tracer, the kernel detaches what is still in the set.
 */
#ifndef HD_TARGET_TRACEES_H
#define HD_TARGET_TRACEES_H

#include "target/ptrace.h"

struct tracees {
	struct tracee *v; /* by tid */
	size_t len, cap;
	const struct proc *proc;
	bool own_child; /* we are its parent, who waits for its exit */
};

/* An empty set for the threads of proc, which is borrowed and outlives it. */
void tracees_init(struct tracees *ts, const struct proc *proc, bool own_child);
/* Releases what is left. */
void tracees_deinit(struct tracees *ts);

/*
 * Seizes and stops every thread, those included that are started
 * meanwhile: it is done when all known are stopped and the list of threads
 * has no other. *began is set just before the first is interrupted.
 *
 * Errors, after which the caller releases what was seized: ERR_TIMEOUT,
 * ERR_INTERRUPTED, ERR_GONE (no thread of it is left), ERR_OS (errnum EPERM:
 * may not be traced), ERR_NOMEM.
 */
struct err *tracees_stop(struct tracees *ts, unsigned int timeout_ms,
			 struct timespec *began) must_check;

/*
 * Seizes and stops a single thread, of a set that is empty. Errors as above;
 * the caller releases the set whatever comes of it.
 */
struct err *tracees_stop_one(struct tracees *ts, pid_t tid,
			     unsigned int timeout_ms) must_check;

/*
 * Detaches every thread. One that does not stop (ERR_TIMEOUT), and so can't
 * be detached, stays in the set, for the next stop or release; should none
 * come, the kernel detaches it when the tracer ends.
 */
struct err *tracees_release(struct tracees *ts) must_check;

/* The thread of that id, or NULL. Valid until the next stop or release. */
struct tracee *tracees_find(const struct tracees *ts, pid_t tid);

/* A stopped thread: the leader, if it lives; NULL if there is none. */
const struct tracee *tracees_living(const struct tracees *ts);

#endif
