/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From any address of the heap to its slot, and a number for each slot: what
 * keeps bits of slots is built on it. span_find() takes no memory and searches;
 * this takes 4 bytes a page of the heap, and 8 a span, and looks up.
 */
#ifndef HD_RUNTIME_HEAP_INDEX_H
#define HD_RUNTIME_HEAP_INDEX_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct heap_index {
	const struct runtime *rt; /* borrowed */
	uint64_t low;	 /* address of the lowest page that a span has */
	uint64_t pages;	 /* in `spans`; 0: too far apart for a table */
	uint32_t *spans; /* a page: 1 + the index of its span; 0: none */
	uint64_t *first; /* a span: the number of its first slot; and behind
			  * the last span, that of all slots */
};

/* A slot of the heap. */
struct heap_slot {
	uint32_t span; /* index in the span table */
	uint32_t slot;
	uint64_t number;
};

struct err *heap_index_init(struct heap_index *x,
			    const struct runtime *rt) must_check;
void heap_index_deinit(struct heap_index *x);

/* All slots of all spans. */
uint64_t heap_index_slots(const struct heap_index *x);

/* The slot that addr is in; false outside all. */
bool heap_index_find(const struct heap_index *x, uint64_t addr,
		     struct heap_slot *out);

#endif
