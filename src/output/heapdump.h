/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of the heap dump format of runtime/debug.WriteHeapDump ("go1.7
 * heap dump"). doc/heap-dump-format.md describes the format as written here,
 * and each difference from what the runtime writes itself.
 */
#ifndef HD_OUTPUT_HEAPDUMP_H
#define HD_OUTPUT_HEAPDUMP_H

#include "output/out_file.h"
#include "output/pipeline.h"
#include "runtime/unwind.h"

/* Tags of records: runtime/heapdump.go. */
enum heapdump_tag {
	TAG_EOF = 0,
	TAG_OBJECT = 1,
	TAG_OTHER_ROOT = 2,
	TAG_TYPE = 3,
	TAG_GOROUTINE = 4,
	TAG_STACK_FRAME = 5,
	TAG_PARAMS = 6,
	TAG_FINALIZER = 7,
	TAG_ITAB = 8,
	TAG_OS_THREAD = 9,
	TAG_MEM_STATS = 10,
	TAG_QUEUED_FINALIZER = 11,
	TAG_DATA = 12,
	TAG_BSS = 13,
	TAG_DEFER = 14,
	TAG_PANIC = 15,
	TAG_MEM_PROF = 16,
	TAG_ALLOC_SAMPLE = 17,
};

/* Kinds of fields: runtime/heapdump.go. */
enum heapdump_field { FIELD_EOL = 0, FIELD_PTR = 1 };

struct heapdump_options {
	unsigned int threads; /* 0: as many as are useful */
	bool no_contents;     /* what is no pointer is written as 0 */
	bool extra_roots;     /* OtherRoot records: runtime/roots.h */
	/* Called with the bytes of spans that are done; may be NULL. */
	void (*progress)(void *arg, uint64_t done);
	void *arg;
};

struct heapdump_result {
	struct pipeline_totals totals;
	uint64_t goroutines;
	uint64_t stack_ends[STACK_ENDS]; /* goroutines, by how theirs ends */
	uint64_t broken_stacks;		 /* all but STACK_WHOLE */
};

/* Writes the dump of a loaded runtime to out; commits nothing. */
struct err *heapdump_write(struct runtime *rt, struct out_file *out,
			   const struct heapdump_options *options,
			   struct heapdump_result *result) must_check;

/*
 * Appends the records of a batch of objects: a pure function of the batch.
 * An object that comes in pieces has its record spread over them.
 */
struct err *heapdump_encode_objects(const struct object_batch *batch,
				    struct buf *out) must_check;

/*
 * The same with all but pointers, and the type words of objects, written as 0.
 * Pieces of contents must come with their pointers.
 */
struct err *heapdump_encode_pointers(const struct object_batch *batch,
				     struct buf *out) must_check;

/* Sets those of n words to 0 whose bit, from bit `from` on, is not set; bits
 * NULL: all. */
void heapdump_mask(uint8_t *words, const uint64_t *bits, uint64_t from,
		   uint64_t n);

#endif
