/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of package sync a goroutine waits in. The runtime knows but the
 * semaphore, a word of the lock; of a sync.Cond, up to Go 1.25, nothing leads
 * from the goroutine to it but the words on its stack.
 */
#ifndef HD_RUNTIME_SYNC_WAIT_H
#define HD_RUNTIME_SYNC_WAIT_H

#include "base/addr_map.h"
#include "runtime/wait.h"

/* Where the lock, or WaitGroup, is whose semaphore is at addr. */
uint64_t sync_of_semaphore(const struct runtime *rt, enum wait_kind kind,
			   bool write, uint64_t addr);

/* Makes *kind WAIT_GROUP if g is in (*WaitGroup).Wait: before Go 1.24 its wait
 * reason is that of any semaphore. */
struct err *sync_is_wait_group(struct runtime *rt, const struct goroutine *g,
			       enum wait_kind *kind) must_check;

/* What wait_object.state is, for the object at addr. */
struct err *sync_state(struct runtime *rt, enum wait_kind kind, uint64_t addr,
		       int64_t *out) must_check;

/* Finds the Cond of goroutines: a list that g itself is in, whose address is
 * a word of the innermost frames of g. */
struct cond_finder {
	struct runtime *rt;	    /* borrowed */
	const struct addr_map *all; /* addresses of goroutines; borrowed */
	struct addr_map found;	    /* g to its notifyList */
};

void cond_finder_init(struct cond_finder *f, struct runtime *rt,
		      const struct addr_map *all);
void cond_finder_deinit(struct cond_finder *f);

/* The sync.Cond that g waits in; 0 if it is not found. */
struct err *cond_find(struct cond_finder *f, const struct goroutine *g,
		      uint64_t *out) must_check;

#endif
