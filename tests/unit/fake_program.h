/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole Go program in the memory of a fake target, with something of all
 * that a heap dump tells, and all of it right: objects of each way to keep
 * pointers, goroutines with frames, defers and panics, threads, itabs, data,
 * finalizers, statistics, a memory profile.
 */
#ifndef HD_TESTS_FAKE_PROGRAM_H
#define HD_TESTS_FAKE_PROGRAM_H

#include "fake_lists.h"
#include "fake_module.h"

#define FAKE_STACK (FAKE_HEAP + UINT64_C(0x200000))

enum {
	FAKE_STACK_SIZE = 1024, /* bytes of each goroutine's */
	/* What is in it. */
	PROGRAM_SMALL = 5,  /* objects of 48 bytes */
	PROGRAM_TINY = 2,   /* blocks of tiny objects */
	PROGRAM_MIDDLE = 3, /* objects of 640 bytes */
	PROGRAM_OBJECTS = PROGRAM_SMALL + PROGRAM_TINY + PROGRAM_MIDDLE + 1,
	PROGRAM_GOROUTINES = 2, /* and a dead one */
	PROGRAM_FRAMES = 4,
	PROGRAM_SAMPLES = 2,
};

struct fake_program {
	struct fake_runtime f;
	enum fake_release release;
	uint64_t small, tiny, middle, large; /* mspans */
	uint64_t large_pages;
	uint64_t object_bytes;
};

/* large_pages: of its only large object. It is not loaded yet. */
void fake_program_init(struct fake_program *p, enum fake_release release,
		       uint64_t large_pages);
void fake_program_deinit(struct fake_program *p);

/* Address of a slot of one of its spans. */
uint64_t fake_slot(const struct fake_program *p, uint64_t mspan, uint64_t i);

#endif
