/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap's geometry: arenas, and the spans in use. Follows
 * runtime/mheap.go, runtime/mbitmap.go and runtime/mgcsweep.go.
 */
#ifndef HD_RUNTIME_SPAN_H
#define HD_RUNTIME_SPAN_H

#include "base/vec.h"

#include <stdint.h>

struct runtime;

enum span_flag {
	/* Not swept since the last mark phase: `bits` are mark bits, which
	 * say what the sweep will leave. */
	SPAN_UNSWEPT = 1 << 0,
	/* Being swept at this moment, and taken for swept, or with SPAN_UNSWEPT
	 * for not, by what its bits look like: that may be wrong. */
	SPAN_TORN = 1 << 1,
	SPAN_SPECIALS = 1 << 2,
	/* Its last bytes are a spanInlineMarkBits (green tea). */
	SPAN_INLINE_MARKS = 1 << 3,
	SPAN_USER_ARENA = 1 << 4,
	/* The slot below freeindex is just being allocated, unless its bit is
	 * set: its type or pointer bits are not there yet. */
	SPAN_ALLOCATING = 1 << 5,
	/* Unswept, and in a P's cache since before the sweep began. */
	SPAN_CACHED = 1 << 6,
};

/*
 * A span in use. Half a million of them are ordinary: 32 bytes each. What is
 * rarely wanted is read again from the mspan.
 */
struct span {
	uint64_t base : 48, spanclass : 8, flags : 8;
	uint64_t mspan : 48, freeindex : 16; /* address of the mspan */
	uint64_t bits : 48, nelems : 16;     /* address of the bitmap */
	uint32_t npages;
	/* Entry i of the table holds in it the index of the span that is i-th
	 * by address. */
	uint32_t by_address;
};

_Static_assert(sizeof(struct span) == 32, "a span takes 32 bytes");

struct arena {
	uint64_t base;	     /* address of its first byte */
	uint64_t heap_arena; /* address of its heapArena */
};

enum {
	/* No span has more: a page of the smallest slots
	 * (internal/runtime/gc: MaxObjsPerSpan). */
	SPAN_SLOTS = 1024,
	/* No span of a size class is larger, by far
	 * (internal/runtime/gc: SizeClassToNPages). */
	SPAN_SMALL_BYTES = 256 << 10,
};

/* Memory of the heap that the runtime manages by hand: mostly stacks. */
struct manual_span {
	uint64_t start, end; /* addresses; end is exclusive */
};

struct span_table {
	VEC(struct span) list; /* in use, in the order of mheap_.allspans */
	VEC(struct manual_span) manual; /* in the same order */
	VEC(struct arena) arenas;	/* by address */
	uint64_t page_size;		/* bytes */
	uint64_t arena_size;		/* bytes */
	uint32_t sweepgen;		/* of mheap_ */
	bool marking;			/* a collection marks objects */
	uint64_t size_class[256];	/* bytes of a slot; [0] is unused */
	uint32_t size_classes;
	uint64_t torn, unswept; /* spans */
	uint64_t cached;	/* of the unswept: those with SPAN_CACHED */
	uint64_t with_specials; /* spans that have some */
	uint64_t bytes;		/* in all spans in use */
};

/* An address of the heap. */
struct heap_address {
	const struct span *span;
	uint32_t slot;
	uint64_t base; /* of the slot */
};

struct err *span_table_load(struct runtime *rt) must_check;
void span_table_deinit(struct span_table *t);

static inline bool span_noscan(const struct span *s)
{
	return s->spanclass & 1;
}

static inline unsigned int span_sizeclass(const struct span *s)
{
	return s->spanclass >> 1;
}

/* Bytes of the memory of s. */
static inline uint64_t span_bytes(const struct span_table *t,
				  const struct span *s)
{
	return s->npages * t->page_size;
}

/*
 * Bytes of a slot. Of a large object, all of the span; a chunk of a user arena
 * keeps a part for itself (runtime/arena.go), which its mspan says.
 */
static inline uint64_t span_elemsize(const struct span_table *t,
				     const struct span *s)
{
	unsigned int class = span_sizeclass(s);

	return class ? t->size_class[class] : span_bytes(t, s);
}

/*
 * The span, slot and base of an address inside the heap; false if no span in
 * use holds it, or it lies behind the span's last slot.
 */
bool span_find(const struct span_table *t, uint64_t addr,
	       struct heap_address *out);

/* Bytes of a span's bitmap in the target: whole words of 64 bits. */
static inline size_t span_bits_size(const struct span *s)
{
	return (size_t)(s->nelems + 63) / 64 * 8;
}

/* Whether marks of s may be inline: until the sweep merges them with `bits`. */
static inline bool span_wants_inline_marks(const struct span *s)
{
	return (s->flags & SPAN_UNSWEPT) && (s->flags & SPAN_INLINE_MARKS);
}

/* Where they are. */
uint64_t span_inline_marks(const struct runtime *rt, const struct span *s);

/*
 * Which slots are allocated, or will be when the sweep has freed what is not
 * marked: a bit each in out. bits are the span's, inline_marks those marks (or
 * zeroed), both of SPAN_SLOTS bits. Returns how many.
 */
uint32_t span_combine(const struct span *s, const uint8_t *bits,
		      const uint8_t *inline_marks, uint64_t *out);

/* The same by small reads; SPAN_SLOTS bits are filled in. */
struct err *span_allocated(struct runtime *rt, const struct span *s,
			   uint64_t *out) must_check;

/*
 * Whether the slot of an address is allocated, also by a finalizer that the
 * sweep revives it for; small reads.
 */
struct err *span_slot_allocated(struct runtime *rt,
				const struct heap_address *at,
				bool *out) must_check;

/* The heapArena that holds addr, or 0. */
uint64_t span_heap_arena(const struct span_table *t, uint64_t addr);

#endif
