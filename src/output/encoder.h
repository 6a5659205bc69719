/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitive encodings of the heap dump format, into a buffer: unsigned
 * LEB128 integers, booleans, strings. Follows runtime/heapdump.go: dumpint,
 * dumpbool, dumpmemrange.
 *
 * put_* wants room for PUT_MAX bytes (and the string) in the buffer; encode_*
 * makes it.
 */
#ifndef HD_OUTPUT_ENCODER_H
#define HD_OUTPUT_ENCODER_H

#include "base/buf.h"

enum { PUT_MAX = 10 }; /* bytes of the longest integer */

static inline void put_uint(struct buf *b, uint64_t v)
{
	uint8_t *p = b->v + b->len;

	while (v >= 0x80) {
		*p++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	b->len = (size_t)(p - b->v);
}

static inline struct err *encode_uint(struct buf *b, uint64_t v)
{
	TRY(buf_reserve(b, PUT_MAX));
	put_uint(b, v);
	return NULL;
}

/* n integers in a row. */
struct err *encode_uints(struct buf *b, const uint64_t *v, size_t n) must_check;

/* encode_values(b, 1, 2, 3): integers in a row. */
#define encode_values(b, ...)                                                  \
	encode_uints((b), (const uint64_t[]){ __VA_ARGS__ },                   \
		     sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

/* Length and bytes. */
struct err *encode_bytes(struct buf *b, const void *data, size_t n) must_check;
struct err *encode_string(struct buf *b, const char *s) must_check;

#endif
