/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots of the garbage collector that no record of a runtime's own dump shows:
 * what specials, the queue of cleanups, the allocator of tiny objects and stack
 * objects hold.
 * (Globals, frames, goroutines, defers, panics and queued finalizers have
 * records.) Follows runtime/mgcmark.go:markroot, markrootSpans,
 * gcMarkTinyAllocs, scanstack.
 */
#ifndef HD_RUNTIME_ROOTS_H
#define HD_RUNTIME_ROOTS_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

enum { ROOT_TEXT = 96 };

struct other_root {
	char what[ROOT_TEXT]; /* "finalizer of 0xc000012340" */
	uint64_t pointer;     /* into the heap */
};

/* Calls fn for each of them that leads into the heap. */
struct err *other_root_each(struct runtime *rt,
			    struct err *(*fn)(void *arg,
					      const struct other_root *),
			    void *arg) must_check;

#endif
