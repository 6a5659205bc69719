/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a Go runtime that no release has: every name of members.def
 * has a place, no two members share one, and no struct begins with a member
 * (what forgets an offset reads something else). What some releases have and
 * others have not follows the releases.
 */
#ifndef HD_TESTS_FAKE_LAYOUT_H
#define HD_TESTS_FAKE_LAYOUT_H

#include "runtime/layout.h"

enum fake_release {
	FAKE_GO121, /* pointer bits in a bitmap of the arena */
	FAKE_GO122, /* in the span, in headers; masks are always there */
	FAKE_GO126, /* and inline mark bits; masks are built on demand */
};

#define FAKE_VARS UINT64_C(0x600000)	 /* variables begin there */
#define FAKE_HEAP UINT64_C(0xc000000000) /* the heap's first arena */
#define FAKE_PAGE UINT64_C(8192)	 /* bytes */
#define FAKE_ARENA (UINT64_C(4) << 20)	 /* bytes */

/* The heap's first arena has this index. With two bits of it in the second
 * level of the map, the next but one has an entry of its own in the first. */
enum { FAKE_ARENA_INDEX = 2, FAKE_L2_BITS = 2, FAKE_L1 = 4 };

/* Size classes; a slot of 640 bytes has a header where headers are. */
enum fake_class {
	CLASS_LARGE,
	CLASS_8,
	CLASS_16,
	CLASS_24,
	CLASS_48,
	CLASS_512,
	CLASS_640,
	CLASS_2048,
	CLASS_8192,
	FAKE_CLASSES
};
extern const uint16_t fake_class_size[FAKE_CLASSES];

enum {
	FAKE_STATS_SHARDS = 3,
	FAKE_FINALIZERS = 4,   /* of a block of the queue */
	FAKE_STACK_ORDERS = 2, /* of stackcache */
	FAKE_WAIT_REASONS = 3,
	FAKE_SEMAPHORE_ROOTS = 3, /* trees of waiters */
	FAKE_INLINE_MARKS = 64,	  /* bytes of marks: 512 slots */
};

void fake_layout_init(struct layout *l, enum fake_release release);

/* Behind the last variable. */
uint64_t fake_vars_end(const struct layout *l);

#endif
