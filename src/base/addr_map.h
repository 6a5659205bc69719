/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from addresses (any 64-bit key) to other numbers, at most
 * 32 bytes an entry.
 */
#ifndef HD_BASE_ADDR_MAP_H
#define HD_BASE_ADDR_MAP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct addr_map_entry {
	uint64_t key, value; /* value 0: free */
};

/* A zeroed map is an empty one. */
struct addr_map {
	struct addr_map_entry *slots;
	size_t len, cap; /* cap: 0 or a power of two */
};

/*
 * Adds key with value, which is not 0. If the key is there already, nothing
 * is changed and *old is its value, else 0. ERR_NOMEM.
 */
struct err *addr_map_insert(struct addr_map *m, uint64_t key, uint64_t value,
			    uint64_t *old) must_check;

/* Gives a key that is there another value, which is not 0; others are not
 * added. */
void addr_map_replace(struct addr_map *m, uint64_t key, uint64_t value);

/* The value of key, or 0. */
uint64_t addr_map_find(const struct addr_map *m, uint64_t key);

void addr_map_deinit(struct addr_map *m);

#endif
