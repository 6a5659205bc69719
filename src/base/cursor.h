/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded cursor over bytes: every parser of a file format or of a runtime
 * table walks one. Nothing is read beyond its end; an error names the source
 * and the offset. A failed read leaves the cursor where it was.
 */
#ifndef HD_BASE_CURSOR_H
#define HD_BASE_CURSOR_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *begin, *pos, *end;
	const char *name; /* of the source, for errors; borrowed */
	uint64_t origin;  /* offset of begin in the source, for errors */
	bool big_endian;
};

/* A little-endian cursor over size bytes; name and data are borrowed. */
void cursor_init(struct cursor *c, const char *name, const void *data,
		 size_t size, uint64_t origin);

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->pos);
}

/* Offset of the next byte in the source. */
static inline uint64_t cursor_offset(const struct cursor *c)
{
	return c->origin + (uint64_t)(c->pos - c->begin);
}

/* An error of code ERR_FORMAT: "NAME: offset N: MESSAGE". */
struct err *cursor_error(const struct cursor *c, const char *fmt, ...)
	printf_like(2, 3);

struct err *cursor_skip(struct cursor *c, uint64_t n) must_check;
/* Goes to a byte offset from begin; one past the last byte is allowed. */
struct err *cursor_seek(struct cursor *c, uint64_t offset) must_check;
/* n bytes in place, valid as long as the data is. */
struct err *cursor_bytes(struct cursor *c, uint64_t n,
			 const uint8_t **out) must_check;
/* An unsigned integer of width 1, 2, 4 or 8 bytes. */
struct err *cursor_uint(struct cursor *c, unsigned int width,
			uint64_t *out) must_check;
struct err *cursor_u8(struct cursor *c, uint8_t *out) must_check;
struct err *cursor_u16(struct cursor *c, uint16_t *out) must_check;
struct err *cursor_u32(struct cursor *c, uint32_t *out) must_check;
struct err *cursor_u64(struct cursor *c, uint64_t *out) must_check;
/* Unsigned LEB128 of at most 64 bits (Go's encoding/binary uvarint). */
struct err *cursor_uvarint(struct cursor *c, uint64_t *out) must_check;
/* A NUL-terminated string in place. */
struct err *cursor_cstr(struct cursor *c, const char **out) must_check;

#endif
