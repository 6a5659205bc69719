/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a traceback says of a goroutine in front of its stack: what it does,
 * for how long, and its marks. Follows runtime/traceback.go:goroutineheader.
 */
#ifndef HD_RUNTIME_STATE_H
#define HD_RUNTIME_STATE_H

#include "runtime/goroutine.h"

#include <stdbool.h>

/* Appends what it does: "running", or why it waits. */
struct err *state_append(struct runtime *rt, const struct goroutine *g,
			 struct buf *out) must_check;

/* Appends what is behind that: " (leaked)", " (scan)", " (durable)". */
struct err *state_append_marks(struct runtime *rt, const struct goroutine *g,
			       struct buf *out) must_check;

/* For how long it has been blocked, in ns; 0 if that is unknown. `now` is the
 * time of the stop, CLOCK_MONOTONIC. */
uint64_t state_blocked_ns(const struct runtime *rt, const struct goroutine *g,
			  uint64_t now);

/* The number of its testing/synctest bubble (1.24: the goroutine that made
 * it); 0 without. */
struct err *state_bubble(struct runtime *rt, const struct goroutine *g,
			 uint64_t *out) must_check;

/* Whether tracebacks of this program show labels: GODEBUG=tracebacklabels. */
struct err *state_shows_labels(struct runtime *rt, bool *out) must_check;

/*
 * Calls fn with each label of g, in the order of the set. Releases that never
 * show labels (up to 1.25) keep them otherwise, and have none here.
 */
struct err *state_each_label(struct runtime *rt, const struct goroutine *g,
			     struct err *(*fn)(void *, const struct buf *key,
					       const struct buf *value),
			     void *arg) must_check;

#endif
