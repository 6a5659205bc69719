/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sudogs: the runtime's records of who waits in which queue. A goroutine that
 * is blocked on channels has one for each, a goroutine that is blocked on a
 * semaphore (as those in sync.Mutex, sync.RWMutex and sync.WaitGroup are) or
 * on a sync.Cond has one.
 *
 * Follows runtime/chan.go, runtime/select.go and runtime/sema.go. Queues may
 * be caught half linked, and a damaged one may lead anywhere: every walk ends,
 * for no sudog is met twice.
 */
#ifndef HD_RUNTIME_SUDOG_H
#define HD_RUNTIME_SUDOG_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct sudog {
	uint64_t addr, g;
	uint64_t next, prev;
	uint64_t waitlink; /* the goroutine's next, or the semaphore's */
	uint64_t elem;	   /* the value's place, or the semaphore */
	uint64_t c;	   /* the channel; 0: none */
};

/* Whether this program's sudogs are known by their layout. */
bool sudog_known(const struct runtime *rt);

struct err *sudog_read(struct runtime *rt, uint64_t addr,
		       struct sudog *out) must_check;

/* Calls fn for the sudogs of the goroutine whose g.waiting is at `first`. */
struct err *sudog_each_case(struct runtime *rt, uint64_t first,
			    struct err *(*fn)(void *, const struct sudog *),
			    void *arg) must_check;

/* Calls fn for the sudogs of a channel's queue, a waitq, or of a notifyList:
 * those that follow `first` by their `next`, it included. */
struct err *sudog_each_queued(struct runtime *rt, uint64_t first,
			      struct err *(*fn)(void *, const struct sudog *),
			      void *arg) must_check;

/*
 * Calls fn for everyone who waits for a semaphore. What can't be read costs
 * what hangs below it; *damaged counts how often that was so.
 * Follows runtime/sema.go:(*semaRoot).queue.
 */
struct err *sudog_each_semaphore(struct runtime *rt,
				 struct err *(*fn)(void *,
						   const struct sudog *),
				 void *arg, uint64_t *damaged) must_check;

#endif
