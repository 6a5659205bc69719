/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of an address space that were copied: of all that is needed (a copy),
 * or of what a child of the process lacks (a fork).
 */
#ifndef HD_TARGET_IMAGE_H
#define HD_TARGET_IMAGE_H

#include "target/memory.h"
#include "target/snapshot.h"

struct image_part {
	uint64_t addr, len; /* in the target; len in bytes */
	uint8_t *bytes;
};

/* A vector (base/vec.h) that has a name; zeroed: empty. */
struct image {
	struct image_part *v; /* by address, disjoint */
	size_t len, cap;
	uint8_t *memory;	       /* what the parts point into; mapped */
	size_t size;		       /* bytes of memory */
	struct address_ranges missing; /* parts that could not be read */
};

void image_deinit(struct image *im);

/* Forgets all parts, and keeps the memory. */
void image_clear(struct image *im);

/* Adds a part behind all others, without bytes yet; empty ones are none. */
struct err *image_add(struct image *im, uint64_t addr, uint64_t len) must_check;

/* Bytes of all parts. */
uint64_t image_bytes(const struct image *im);

/*
 * Has memory at hand, its pages there already, for parts of size bytes in
 * all: outside of a pause, if it is to be short. It is never less than before.
 */
struct err *image_reserve(struct image *im, size_t size) must_check;

/*
 * Copies all parts from the memory of a stopped process, by up to `threads`
 * threads. What can't be read is no part any more, but missing.
 */
struct err *image_fill(struct image *im, const struct memory *from,
		       unsigned int threads) must_check;

/* The range that holds addr, or the first behind it; NULL if there is none. */
const struct address_range *ranges_find(const struct address_ranges *r,
					uint64_t addr);

/* The part that holds addr, or the first behind it; NULL if there is none. */
const struct image_part *image_find(const struct image *im, uint64_t addr);

#endif
