/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small reads through a cache of blocks: the runtime's lists (specials,
 * buckets, types, itabs, names) are thousands of reads of a few bytes each.
 * A direct-mapped cache of blocks of READ_CACHE_BLOCK bytes, READ_CACHE_BLOCKS
 * of them unless more are asked for. Those that are never filled take no
 * memory.
 *
 * Valid while the target stays stopped, and with a copy behind it when it runs
 * again; read_cache_reset() after every stop.
 * Not for sharing between threads.
 */
#ifndef HD_TARGET_CACHE_H
#define HD_TARGET_CACHE_H

#include "target/page_copy.h"

enum {
	READ_CACHE_BLOCK = COPY_PAGE, /* bytes */
	READ_CACHE_BLOCKS = 1024,
};

struct read_cache {
	struct target *target;
	struct page_copy *copy; /* looked into first; borrowed; may be NULL */
	size_t blocks;
	uint64_t *tags; /* address of each block, or READ_CACHE_EMPTY */
	uint8_t *data;
};

/* target is borrowed, and outlives the cache. */
struct err *read_cache_init(struct read_cache *c,
			    struct target *target) must_check;
/* The same with another number of blocks. */
struct err *read_cache_init_blocks(struct read_cache *c, struct target *target,
				   size_t blocks) must_check;
void read_cache_deinit(struct read_cache *c);
void read_cache_reset(struct read_cache *c);

/* As target_read(), through the cache; large reads bypass it. */
struct err *cache_read(struct read_cache *c, uint64_t addr, void *buf,
		       size_t len) must_check;

/* An unsigned integer of width 1 to 8 bytes, in the target's byte order. */
struct err *cache_read_uint(struct read_cache *c, uint64_t addr,
			    unsigned int width, uint64_t *out) must_check;

#endif
