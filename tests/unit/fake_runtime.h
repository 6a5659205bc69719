/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go runtime in the memory of a fake target: without spans, goroutines or
 * functions to begin with, but one that can be loaded; a test adds what it is
 * about. Addresses are returned where something new was made.
 */
#ifndef HD_TESTS_FAKE_RUNTIME_H
#define HD_TESTS_FAKE_RUNTIME_H

#include "expect.h"
#include "fake_layout.h"
#include "fake_target.h"

#include "runtime/runtime.h"

#define FAKE_STRUCTS UINT64_C(0x7f0000000000) /* made by fake_new() */
#define FAKE_ALLSPANS UINT64_C(0x7f1000000000)

enum {
	FAKE_STRUCTS_SIZE = 4 << 20, /* bytes */
	FAKE_SPANS = 4096,	     /* at most */
	FAKE_SWEEPGEN = 10,	     /* of the heap: H */
};

struct fake_runtime {
	struct fake_target target;
	struct runtime rt;
	uint64_t next; /* free address for structs */
	uint64_t span_count, arena_count;
};

void fake_runtime_init(struct fake_runtime *f, enum fake_release release);
void fake_runtime_deinit(struct fake_runtime *f);

/* Unloads and loads it again: the memory may have been changed. */
void fake_load(struct fake_runtime *f);

/* ---- memory -------------------------------------------------------------- */

/* size bytes of 0, aligned to 16. */
uint64_t fake_new(struct fake_runtime *f, uint64_t size);
/* A copy of size bytes. */
uint64_t fake_new_copy(struct fake_runtime *f, const void *data, uint64_t size);

/* A word; a member of a struct; a variable. */
void fake_word(struct fake_runtime *f, uint64_t addr, uint64_t value);
void fake_set(struct fake_runtime *f, uint64_t addr, const struct member *m,
	      uint64_t value);
void fake_set_var(struct fake_runtime *f, const struct variable *v,
		  uint64_t value);

/* A slice header; a string's. */
void fake_slice(struct fake_runtime *f, uint64_t addr, uint64_t array,
		uint64_t len);
void fake_string(struct fake_runtime *f, uint64_t addr, const char *text);

/* ---- the heap ------------------------------------------------------------ */

/* Makes arena number i (0 is at FAKE_HEAP) known; its heapArena. */
uint64_t fake_add_arena(struct fake_runtime *f, uint64_t i);

/* What a span is to be like; zeroed members get what is usual. */
struct fake_span {
	uint64_t base;
	enum fake_class class;
	bool noscan;
	uint64_t npages;   /* 1 */
	uint64_t nelems;   /* as many as fit */
	uint64_t elemsize; /* of its class; of a large span, all of it */
	uint64_t freeindex;
	uint64_t allocating; /* by how much freeIndexForScan is behind it */
	uint32_t sweepgen;   /* FAKE_SWEEPGEN: swept */
	bool unmapped;	     /* its memory can't be read */
	bool free;	     /* not in use */
};

/* The mspan, whose memory is mapped, with bitmaps of 0; last in allspans. */
uint64_t fake_add_span(struct fake_runtime *f, const struct fake_span *s);

/* Sets the allocBits, or the gcmarkBits, of a slot. */
void fake_allocate(struct fake_runtime *f, uint64_t mspan, uint64_t slot);
void fake_mark(struct fake_runtime *f, uint64_t mspan, uint64_t slot);

/* ---- types --------------------------------------------------------------- */

/*
 * A type of nwords words with the pointer bits of mask: at most 64 of them.
 * It has no name, and belongs to no module.
 */
uint64_t fake_add_type(struct fake_runtime *f, uint64_t nwords, uint64_t mask);

#endif
