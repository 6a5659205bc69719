/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which words of heap objects are pointers. Every release has its own way;
 * the shape of its structs says which:
 *
 *  - a bitmap of the whole arena (heapArena.bitmap): up to Go 1.21
 *  - bits at the end of the span, for small objects; a type in a header word
 *    before larger ones; a type in the mspan for the largest: Go 1.22 and newer
 *
 * Follows runtime/mbitmap.go (runtime/mbitmap_allocheaders.go in 1.22).
 */
#ifndef HD_RUNTIME_POINTERS_H
#define HD_RUNTIME_POINTERS_H

#include "base/err.h"

#include <stdint.h>

struct runtime;
struct object_batch;
struct pointer_reader;

struct err *pointer_reader_create(struct runtime *rt,
				  struct pointer_reader **out) must_check;
void pointer_reader_destroy(struct pointer_reader *r);

/*
 * Fills in `pointers` of every span of a batch whose contents are there,
 * from bitmap: room for a bit a word of a window.
 */
struct err *pointer_reader_spans(struct pointer_reader *r,
				 struct object_batch *batch,
				 uint64_t *bitmap) must_check;

/* Fills in `pointers` of the piece of a large object. */
struct err *pointer_reader_piece(struct pointer_reader *r,
				 struct object_batch *batch,
				 uint64_t *bitmap) must_check;

#endif
