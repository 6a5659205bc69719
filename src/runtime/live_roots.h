/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reaching begins, but for the stacks of goroutines (stack_pointers.h):
 * the collector's other roots (runtime/mgcmark.go:markroot), and what threads
 * are at in the midst of instructions.
 */
#ifndef HD_RUNTIME_LIVE_ROOTS_H
#define HD_RUNTIME_LIVE_ROOTS_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

/* Called with each word that is a pointer, or may be one; never with 0. */
typedef struct err *root_fn(void *arg, uint64_t word);

/* Variables of all modules, by their pointer masks. */
struct err *global_roots_each(struct runtime *rt, root_fn *fn,
			      void *arg) must_check;

/* Objects with finalizers, and what finalizers and cleanups hold, those that
 * are queued to run included. */
struct err *finalizer_roots_each(struct runtime *rt, root_fn *fn,
				 void *arg) must_check;

/* Registers of goroutines that run, and what their threads have on their system
 * stacks: words of any kind. */
struct err *thread_roots_each(struct runtime *rt, root_fn *fn,
			      void *arg) must_check;

/* Timers that are set, in all; those count that were stopped a moment ago. */
struct err *timers_pending(struct runtime *rt, uint64_t *out) must_check;

#endif
