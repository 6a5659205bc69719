/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a goroutine waits for, in words.
 */
#ifndef HD_OUTPUT_WAIT_TEXT_H
#define HD_OUTPUT_WAIT_TEXT_H

#include "base/buf.h"
#include "runtime/wait.h"

struct wait_text {
	struct runtime *rt;		/* borrowed */
	const struct wait_table *table; /* borrowed */
	uint64_t now;			/* of the stop: CLOCK_MONOTONIC, ns */
};

/* Whether a sync.Mutex is locked, or a writer has an RWMutex or is the next to;
 * and how many readers have it or wait for it. */
struct wait_lock {
	bool locked;
	int64_t readers;
};

struct wait_lock wait_text_lock(const struct wait_object *o);

/* Appends "a chan int at 0xc000086060, unbuffered": an object, and its state
 * at the stop. */
struct err *wait_text_object(const struct wait_text *t,
			     const struct wait_object *o,
			     struct buf *out) must_check;

/* Appends "to receive from ": what a case of w wants of its object. */
struct err *wait_text_verb(const struct waiter *w, const struct wait_case *c,
			   struct buf *out) must_check;

/* Appends "goroutines 3, 4 and 120 more", but for one; nothing if there is
 * none. *any tells. */
struct err *wait_text_goroutines(const struct wait_text *t,
				 const struct wait_link *links, size_t n,
				 size_t except, struct buf *out,
				 bool *any) must_check;

/*
 * Appends all there is to say of goroutine i of the table, in lines that begin
 * with `indent`; nothing of one that does not wait. It may be called when the
 * target runs again.
 */
struct err *wait_text_append(const struct wait_text *t, size_t i,
			     const char *indent, struct buf *out) must_check;

#endif
