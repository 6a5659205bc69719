/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All objects of the heap through several threads: each takes the next window
 * and reads it; when its turn has come, encodes it into a buffer of its own,
 * while another's is being written; and, in turn again, hands that on. What is
 * handed on comes in the order of the windows, whatever the number of threads;
 * memory is bound by it.
 */
#ifndef HD_OUTPUT_PIPELINE_H
#define HD_OUTPUT_PIPELINE_H

#include "base/buf.h"
#include "runtime/object.h"

struct runtime;

struct pipeline_ops {
	/*
	 * Appends the batch, encoded, to out; called by any thread, and depends
	 * on nothing but the batch.
	 */
	struct err *(*encode)(const struct object_batch *batch,
			      struct buf *out);
	/* Takes what was appended, in order, one at a time. */
	struct err *(*write)(void *arg, const uint8_t *data, size_t n);
	/* Where the first byte will lie in the file; a hint, for speed. */
	uint64_t offset;
	/* Called with write, with the bytes of spans done; may be NULL. */
	void (*progress)(void *arg, uint64_t done);
	void *arg;
};

/* What it took, in ns: sums over the threads. */
struct pipeline_times {
	uint64_t read, encode, write;
};

/* What came through. */
struct pipeline_totals {
	uint64_t objects;
	uint64_t object_bytes; /* of their slots */
	uint64_t unreadable;   /* bytes, written as 0 */
	uint64_t untyped;      /* objects written without pointers */
	struct pipeline_times times;
};

/*
 * Runs all windows through `threads` threads (0: as many as are useful; four at
 * most).
 * Errors: the first one that any thread met; ERR_INTERRUPTED when
 * target_interrupted was set.
 */
struct err *pipeline_run(struct runtime *rt, struct object_wants wants,
			 unsigned int threads, const struct pipeline_ops *ops,
			 struct pipeline_totals *totals) must_check;

#endif
