/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap's objects: which slots are allocated, what they contain, and which
 * of their words are pointers. Read in windows, each of some spans or of a
 * piece of a large one, so that memory does not grow with the heap, and several
 * threads can each work on a window of its own.
 *
 *	struct object_walk walk = { .rt = rt };
 *	while (object_walk_next(&walk, &window))	one thread at a time
 *		object_reader_read(reader, &window)	any thread
 *
 * Follows runtime/heapdump.go:dumpobjs and runtime/mbitmap.go, except that
 * slots a span reserves for its own bits are not taken for objects.
 */
#ifndef HD_RUNTIME_OBJECT_H
#define HD_RUNTIME_OBJECT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct runtime;
struct span;

enum {
	WINDOW_BYTES = 1 << 20, /* of heap memory */
	WINDOW_SPANS = 128,
};

enum window_kind {
	WINDOW_OBJECTS, /* whole spans */
	/* A span larger than a window holds a single object, which comes in
	 * pieces: first all of its contents, then all of its pointers. */
	WINDOW_CONTENTS,
	WINDOW_POINTERS,
};

struct object_window {
	enum window_kind kind;
	size_t first, count;  /* spans, in the order of the span table */
	uint64_t offset, len; /* of the piece, bytes */
};

/* Where a walk over all objects has come to. Zeroed but for rt: the start. */
struct object_walk {
	const struct runtime *rt;
	size_t next; /* span */
	enum window_kind phase;
	uint64_t offset; /* bytes of a large span that are done */
};

/* The next window, in the order of mheap_.allspans; false at the end. */
bool object_walk_next(struct object_walk *walk, struct object_window *out);

/* The objects of a span. Bitmaps are of 64-bit words, lowest bit first. */
struct span_objects {
	const struct span *span;
	uint64_t base;	   /* address of slot 0 */
	uint64_t elemsize; /* bytes of a slot */
	uint32_t nelems;
	uint32_t allocated_count;
	const uint64_t *allocated; /* a bit a slot */
	/* The span's memory, or NULL: not wanted, or nothing is allocated.
	 * What could not be read is 0. */
	const uint8_t *contents;
	/* A bit a word of the span's memory; only those of allocated slots
	 * mean something. NULL: no pointers. */
	const uint64_t *pointers;
	/* 1 + the slot that is just being allocated; 0: none. What is there may
	 * be an older object's: it has no pointers, and its contents are 0. */
	uint32_t allocating;
	bool headers; /* the first word of a slot is the address of its type */
};

/* A window's objects; valid until the reader reads the next one. */
struct object_batch {
	const struct object_window *window;
	struct span_objects spans[WINDOW_SPANS]; /* WINDOW_OBJECTS */
	size_t count;

	/* Of a large object (else as above, with count 1): the piece. */
	uint64_t size;	      /* of the object, bytes */
	uint64_t len;	      /* of the piece; it may exceed the object */
	bool allocated;	      /* false: there is nothing to write */
	const uint8_t *piece; /* WINDOW_CONTENTS: len bytes */
	/* WINDOW_POINTERS, and WINDOW_CONTENTS with pointers_of_pieces: a bit
	 * a word of the piece, or NULL. */
	const uint64_t *pointers;
	bool last; /* of the object's pointers */

	/* What is not certain. */
	uint64_t unreadable; /* bytes, taken for 0 */
	uint64_t untyped;    /* objects whose pointers are not known; every
			      * piece of a large one says so */
};

/* What a reader is to fill in. */
struct object_wants {
	bool contents, pointers;
	/* Pieces of contents come with their pointers too, to be told apart. */
	bool pointers_of_pieces;
};

struct object_reader;

/* A reader of one thread; rt is borrowed. */
struct err *object_reader_create(struct runtime *rt, struct object_wants wants,
				 struct object_reader **out) must_check;
void object_reader_destroy(struct object_reader *r);

/*
 * Reads a window; the batch belongs to the reader. Memory that can't be read,
 * and types that make no sense, cost only their own objects: see unreadable
 * and untyped. Errors: ERR_GONE, ERR_NOMEM.
 */
struct err *object_reader_read(struct object_reader *r,
			       const struct object_window *window,
			       const struct object_batch **out) must_check;

#endif
