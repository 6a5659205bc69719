/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fake runtime keeps in lists and tables: goroutines, threads, itabs,
 * specials, buckets of the memory profile.
 */
#ifndef HD_TESTS_FAKE_LISTS_H
#define HD_TESTS_FAKE_LISTS_H

#include "fake_runtime.h"

enum {
	FAKE_GOROUTINES = 16, /* at most */
	FAKE_ITABS = 8,	      /* entries of the table */
};

/* Statuses of goroutines. */
enum fake_status {
	FAKE_IDLE = 0,
	FAKE_RUNNABLE = 1,
	FAKE_RUNNING = 2,
	FAKE_SYSCALL = 3,
	FAKE_WAITING = 4,
	FAKE_DEAD = 6,
	FAKE_COPYSTACK = 8,
	FAKE_DEADEXTRA = 11,
	FAKE_SCAN = 0x1000, /* with one of the others */
};

/* A new g, the last of allgs. */
uint64_t fake_add_goroutine(struct fake_runtime *f, uint32_t status,
			    uint64_t goid);
/* A defer or panic before the others of g. */
uint64_t fake_add_defer(struct fake_runtime *f, uint64_t g, uint64_t fn);
uint64_t fake_add_panic(struct fake_runtime *f, uint64_t g, uint64_t type,
			uint64_t data);
/* A new m, the first of allm. */
uint64_t fake_add_thread(struct fake_runtime *f, uint64_t id, uint64_t procid);

/* The texts of the reasons to wait. */
void fake_set_wait_reasons(struct fake_runtime *f,
			   const char *const reasons[FAKE_WAIT_REASONS]);

/* A funcval of the code at pc. */
uint64_t fake_add_funcval(struct fake_runtime *f, uint64_t pc);

/* An itab of a type, in entry i of the table. */
uint64_t fake_add_itab(struct fake_runtime *f, uint64_t i, uint64_t type);

/* A finalizer of the object at an offset in a span; a profile's sample; a
 * cleanup; a weak handle and its cell. They come before the others of the
 * span. */
uint64_t fake_add_finalizer(struct fake_runtime *f, uint64_t mspan,
			    uint64_t offset, uint64_t fn, uint64_t fint,
			    uint64_t ot);
uint64_t fake_add_sample(struct fake_runtime *f, uint64_t mspan,
			 uint64_t offset, uint64_t bucket);

uint64_t fake_add_cleanup(struct fake_runtime *f, uint64_t mspan,
			  uint64_t offset, uint64_t fn);
uint64_t fake_add_weak_handle(struct fake_runtime *f, uint64_t mspan,
			      uint64_t offset, uint64_t cell);

/* A block of queued finalizers, before the others, with none in it; its entry
 * i, which must be counted by finBlock.cnt. */
uint64_t fake_add_block(struct fake_runtime *f);
void fake_queue_finalizer(struct fake_runtime *f, uint64_t block, uint64_t i,
			  uint64_t object, uint64_t fn, uint64_t fint,
			  uint64_t ot);

/* A bucket of the memory profile, before the others. */
uint64_t fake_add_bucket(struct fake_runtime *f, uint64_t size,
			 const uint64_t *pcs, uint64_t depth, uint64_t allocs,
			 uint64_t frees);

#endif
