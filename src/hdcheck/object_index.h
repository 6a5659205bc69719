/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object, if any, an address of the heap lies in.
 *
 * A page (8 KiB) of the Go heap belongs to one span, whose slots all have one
 * size: a page's objects are a size, the place of its first slot, and a bitmap
 * of the slots that are objects. Arenas are found by a table, as in the
 * runtime's mheap.arenas.
 *
 * Cost: 24 bytes and a bitmap of at most 128 bytes for each 8 KiB of heap
 * that has objects (0.3 to 1.9 %), in units of 64 MiB of heap for the former;
 * for a heap full of 16-byte objects 0.2 bytes, of 1 KiB objects 4 bytes an
 * object. Both operations take constant time, but for an object of several
 * pages, whose insertion visits each.
 */
#ifndef HD_HDCHECK_OBJECT_INDEX_H
#define HD_HDCHECK_OBJECT_INDEX_H

#include "base/vec.h"

#include <stdint.h>

#define HEAP_PAGE_SIZE 8192

struct object_page;

struct object_index {
	uint64_t start, end; /* the bounds of the heap, whole pages */
	struct object_page **arenas;
	size_t arena_count;
	VEC(uint64_t) bitmaps;
};

enum object_fit {
	OBJECT_FITS,
	OBJECT_OUTSIDE,	  /* of the bounds */
	OBJECT_DUPLICATE, /* there is one at that address */
	OBJECT_OVERLAPS,  /* another, or its slots */
	OBJECT_MIXED,	  /* its page has objects of another size */
};

/*
 * An empty index for objects in [start, end), both multiples of the page
 * size, at most 2^48 bytes apart. ERR_NOMEM.
 */
struct err *object_index_init(struct object_index *ix, uint64_t start,
			      uint64_t end) must_check;
void object_index_deinit(struct object_index *ix);

/*
 * Adds the object of size bytes (at least 8) at addr. Unless it fits it is
 * not added, and *other is the address or, for OBJECT_MIXED, the size of what
 * is in its way. ERR_NOMEM.
 */
struct err *object_index_insert(struct object_index *ix, uint64_t addr,
				uint64_t size, enum object_fit *fit,
				uint64_t *other) must_check;

/* The object that addr lies in; false if there is none. */
bool object_index_find(const struct object_index *ix, uint64_t addr,
		       uint64_t *start, uint64_t *size);

#endif
