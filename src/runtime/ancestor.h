/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The goroutines that a goroutine descends from, where the program was started
 * with GODEBUG=tracebackancestors: the stack that each had at its go statement.
 */
#ifndef HD_RUNTIME_ANCESTOR_H
#define HD_RUNTIME_ANCESTOR_H

#include "runtime/goroutine.h"

#include <stddef.h>

struct ancestor {
	uint64_t id;	     /* goid */
	uint64_t gopc;	     /* where it was started */
	const uint64_t *pcs; /* innermost first; valid during the call */
	size_t pc_count;
};

/* The nearest first. */
struct err *ancestor_each(struct runtime *rt, const struct goroutine *g,
			  struct err *(*fn)(void *, const struct ancestor *),
			  void *arg) must_check;

#endif
