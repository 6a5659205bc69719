/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

#include "base/bits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void cursor_init(struct cursor *c, const char *name, const void *data,
		 size_t size, uint64_t origin)
{
	*c = (struct cursor){
		.begin = data,
		.pos = data,
		.end = (const uint8_t *)data + size,
		.name = name,
		.origin = origin,
	};
}

struct err *cursor_error(const struct cursor *c, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return &err_nomem;
	}
	return err_new(ERR_FORMAT, "%s: offset %llu: %s", c->name,
		       (unsigned long long)cursor_offset(c), text);
}

static struct err *short_by(const struct cursor *c, uint64_t want)
{
	return cursor_error(c, "ends early: %llu bytes wanted, %zu left",
			    (unsigned long long)want, cursor_left(c));
}

struct err *cursor_skip(struct cursor *c, uint64_t n)
{
	if (n > cursor_left(c))
		return short_by(c, n);
	c->pos += n;
	return NULL;
}

struct err *cursor_seek(struct cursor *c, uint64_t offset)
{
	if (offset > (uint64_t)(c->end - c->begin))
		return cursor_error(c, "offset %llu is outside",
				    (unsigned long long)(c->origin + offset));
	c->pos = c->begin + offset;
	return NULL;
}

struct err *cursor_bytes(struct cursor *c, uint64_t n, const uint8_t **out)
{
	const uint8_t *start = c->pos;

	TRY(cursor_skip(c, n));
	*out = start;
	return NULL;
}

struct err *cursor_uint(struct cursor *c, unsigned int width, uint64_t *out)
{
	const uint8_t *p;

	TRY(cursor_bytes(c, width, &p));
	*out = load_uint(p, width, c->big_endian);
	return NULL;
}

#define DEFINE_FIXED(bits)                                                     \
	struct err *cursor_u##bits(struct cursor *c, uint##bits##_t *out)      \
	{                                                                      \
		uint64_t value;                                                \
                                                                               \
		TRY(cursor_uint(c, bits / 8, &value));                         \
		*out = (uint##bits##_t)value;                                  \
		return NULL;                                                   \
	}
DEFINE_FIXED(8)
DEFINE_FIXED(16)
DEFINE_FIXED(32)
DEFINE_FIXED(64)

struct err *cursor_uvarint(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t value = 0;

	for (unsigned int shift = 0;; shift += 7) {
		if (p == c->end)
			return cursor_error(c, "ends inside a varint");
		uint8_t byte = *p++;
		/* The tenth byte has room for the one bit left of 64. */
		if (shift == 63 && byte > 1)
			return cursor_error(c, "a varint exceeds 64 bits");
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	c->pos = p;
	*out = value;
	return NULL;
}

struct err *cursor_cstr(struct cursor *c, const char **out)
{
	const uint8_t *nul = memchr(c->pos, 0, cursor_left(c));

	if (!nul)
		return cursor_error(c, "ends inside a string");
	*out = (const char *)c->pos;
	c->pos = nul + 1;
	return NULL;
}
