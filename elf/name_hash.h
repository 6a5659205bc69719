/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of names in this room's tables. */
#ifndef HD_ELF_NAME_HASH_H
#define HD_ELF_NAME_HASH_H

#include <stdint.h>

/* FNV-1a of a string. */
static inline uint32_t name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash;
}

#endif
