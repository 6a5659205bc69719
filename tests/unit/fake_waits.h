/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines of a fake runtime that wait, and what for.
 */
#ifndef HD_TESTS_FAKE_WAITS_H
#define HD_TESTS_FAKE_WAITS_H

#include "fake_lists.h"

/* A waiting goroutine, with a wait reason, and a stack of zeroes. */
uint64_t fake_add_waiting(struct fake_runtime *f, uint64_t id, uint64_t reason);

/* Word i of the stack of g, from its stack pointer on. */
void fake_put_on_stack(struct fake_runtime *f, uint64_t g, uint64_t i,
		       uint64_t word);

uint64_t fake_add_sudog(struct fake_runtime *f, uint64_t g, uint64_t elem,
			uint64_t c);
uint64_t fake_add_channel(struct fake_runtime *f, uint64_t len, uint64_t cap);

/* g waits for c, too: in the queue that is a member of hchan. */
void fake_wait_for(struct fake_runtime *f, uint64_t g, uint64_t c,
		   const struct member *queue);

#endif
