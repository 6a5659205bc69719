/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers and bitmaps in bytes of a target, whose byte order is given.
 * All targets known so far are little-endian; the order is a parameter so
 * that no reader forgets it.
 */
#ifndef HD_BASE_BITS_H
#define HD_BASE_BITS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* n rounded up to a multiple of align, a power of two. */
static inline uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* The unsigned little-endian integer of width 1 to 8 bytes at p. */
static inline uint64_t load_le(const void *p, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, p, width);
	return le64toh(value);
}

/* The unsigned big-endian integer of width 1 to 8 bytes at p. */
static inline uint64_t load_be(const void *p, unsigned int width)
{
	uint64_t value = 0;

	memcpy((char *)&value + 8 - width, p, width);
	return be64toh(value);
}

static inline uint64_t load_uint(const void *p, unsigned int width,
				 bool big_endian)
{
	return big_endian ? load_be(p, width) : load_le(p, width);
}

/* Bit i of a bitmap whose bytes are filled from the lowest bit. */
static inline bool bit_get(const uint8_t *bits, size_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static inline void bit_set(uint8_t *bits, size_t i)
{
	bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

#endif
