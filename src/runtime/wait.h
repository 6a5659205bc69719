/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goroutines wait for, and who waits for the same: channels, locks,
 * semaphores, file descriptors, the clock. Read whole, at one stop; what is in
 * it stays when the target runs on.
 *
 * Follows runtime/chan.go, runtime/select.go, runtime/sema.go,
 * runtime/netpoll.go and runtime/time.go. Which of these a goroutine is in is
 * told by its wait reason, as the runtime words it.
 */
#ifndef HD_RUNTIME_WAIT_H
#define HD_RUNTIME_WAIT_H

#include "base/addr_map.h"
#include "base/vec.h"
#include "runtime/goroutine.h"

struct runtime;

enum wait_kind {
	WAIT_NOT,      /* it runs, or could */
	WAIT_INTERNAL, /* something of the runtime's, or not known: its reason
			* is all there is to say */
	WAIT_FOREVER,  /* select{}, or an operation on a nil channel */
	WAIT_CHANNEL,  /* one operation, or a select's */
	WAIT_MUTEX,
	WAIT_RWMUTEX,
	WAIT_GROUP,
	WAIT_COND,
	WAIT_SEMAPHORE, /* of a package that is none of the above */
	WAIT_FD,
	WAIT_SLEEP,
};

/* What is waited for. */
struct wait_object {
	enum wait_kind kind;
	uint64_t addr; /* of the hchan, sync.Mutex, ... */
	uint64_t slot; /* of the heap that it lies in; addr itself elsewhere */
	bool in_heap;
	bool damaged; /* what follows could not be read */

	/* WAIT_CHANNEL */
	uint64_t elem_type; /* of what is sent */
	uint64_t len, cap;
	bool closed;
	bool timer; /* the runtime sends, at a time */
	/* Of the others: the mutex's state word, the RWMutex's number of
	 * readers (negative: of a writer), the WaitGroup's counter. */
	int64_t state;

	size_t first_waiter, waiters; /* in wait_table.waiters */
	size_t first_ref, refs;	      /* in wait_table.refs */
};

enum wait_direction {
	WAIT_ANY, /* not known which, or none: locks */
	WAIT_RECV,
	WAIT_SEND,
};

struct wait_case {
	uint32_t object; /* in wait_table.objects */
	enum wait_direction direction;
};

struct waiter {
	struct goroutine g;
	enum wait_kind kind;
	bool waiting;  /* its reason counts */
	bool synctest; /* in a bubble of testing/synctest: its time is false */
	bool damaged;  /* what it waits for could not be read */
	size_t first, count; /* in wait_table.cases */

	bool write; /* WAIT_RWMUTEX, WAIT_FD: to write, not to read */
	int64_t fd; /* WAIT_FD; -1: not known */
	/* WAIT_SLEEP, and WAIT_FD with a deadline: CLOCK_MONOTONIC, ns; 0 */
	int64_t until;
};

/* That a goroutine waits for an object, or refers to it. */
struct wait_link {
	uint32_t object, goroutine; /* indexes */
	bool exact; /* to it, and not just to what it is part of */
};

struct wait_table {
	VEC(struct waiter) list; /* in the order of allgs */
	VEC(struct wait_case) cases;
	VEC(struct wait_object) objects;
	VEC(struct wait_link) waiters; /* by object */
	VEC(struct wait_link) refs;    /* by object; see wait_table_refer */
	struct addr_map by_g;	       /* address of a g: 1 + index in list */
	struct addr_map by_addr;       /* of an object: 1 + index in objects */
	struct addr_map sudogs;	       /* met: 1 + its wait_direction */
	uint64_t damaged; /* goroutines and queues that could not be read */
};

struct err *wait_table_load(struct runtime *rt,
			    struct wait_table *out) must_check;
void wait_table_deinit(struct wait_table *t);

/*
 * Adds who refers to what is waited for: the goroutines whose live words on
 * the stack lead to an object, but for those that wait for it themselves. A
 * word leads to a lock if it points to it, or into the heap object that the
 * lock is part of. It takes a walk over all frames.
 */
struct err *wait_table_refer(struct runtime *rt,
			     struct wait_table *t) must_check;

/* Sorts links by object and goroutine, and leaves one for each pair: the exact
 * one, if there is one. */
void wait_links_sort(struct wait_link *v, size_t *n);

/* Who waits for an object, and who refers to it: o->waiters and o->refs of
 * them; NULL if there is nobody. */
static inline const struct wait_link *
wait_object_waiters(const struct wait_table *t, const struct wait_object *o)
{
	return o->waiters ? t->waiters.v + o->first_waiter : NULL;
}

static inline const struct wait_link *
wait_object_refs(const struct wait_table *t, const struct wait_object *o)
{
	return o->refs ? t->refs.v + o->first_ref : NULL;
}

/* The index of the object at addr, or -1. */
int64_t wait_table_find(const struct wait_table *t, uint64_t addr);

#endif
