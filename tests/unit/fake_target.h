/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target made of nothing but bytes that a test lays out: what it maps can
 * be read, all else can't. Running out of memory ends the program.
 *
 *	struct fake_target f;
 *
 *	fake_target_init(&f);
 *	uint8_t *bytes = fake_map(&f, 0xc000000000, 8192);
 *	fake_put(&f, 0xc000000010, 8, 42);
 *	... &f.base is a struct target ...
 *	fake_target_deinit(&f);
 */
#ifndef HD_TESTS_FAKE_TARGET_H
#define HD_TESTS_FAKE_TARGET_H

#include "target/target.h"

/* A piece of the address space. */
struct fake_region {
	uint64_t addr;
	size_t len;
	uint8_t *bytes;
};

enum { FAKE_REGIONS = 64 };

struct fake_target {
	struct target base;
	struct fake_region regions[FAKE_REGIONS]; /* in no order */
	size_t region_count;
	bool gone;	    /* the process has ended: nothing can be read */
	unsigned int stops; /* so far */
	/* Called at each stop, if set: the program has run meanwhile. */
	void (*on_stop)(struct fake_target *f);
	struct err *stop_error; /* what the next stop fails with; taken */
};

/* An amd64 process, running. */
void fake_target_init(struct fake_target *f);
void fake_target_deinit(struct fake_target *f);

/* Maps len bytes of 0 at addr; they stay where they are until unmapped. */
uint8_t *fake_map(struct fake_target *f, uint64_t addr, size_t len);
/* Takes the region that begins at addr away. */
void fake_unmap(struct fake_target *f, uint64_t addr);

/* The bytes at addr, of which len must be mapped as one. */
uint8_t *fake_at(const struct fake_target *f, uint64_t addr, size_t len);

/* Writes an integer of width bytes; reads it back. */
void fake_put(struct fake_target *f, uint64_t addr, unsigned int width,
	      uint64_t value);
uint64_t fake_get(const struct fake_target *f, uint64_t addr,
		  unsigned int width);

#endif
