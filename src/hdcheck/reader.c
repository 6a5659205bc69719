/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/reader.h"

#include <string.h>

/* An integer longer than one byte, or none. */
static struct err *long_int(struct cursor *c, uint64_t *out)
{
	const uint8_t *start = c->pos;

	TRY(cursor_uvarint(c, out));
	/* dumpint() never writes a last byte without a bit. */
	if (c->pos[-1] == 0 && c->pos - start > 1) {
		c->pos = start;
		return cursor_error(c,
				    "an integer is not in its shortest form");
	}
	return NULL;
}

/* Most integers are of one byte: worth the inline case. */
static inline struct err *read_int(struct cursor *c, uint64_t *out)
{
	if (c->pos < c->end && *c->pos < 0x80) {
		*out = *c->pos++;
		return NULL;
	}
	return long_int(c, out);
}

static struct err *read_bool(struct cursor *c, uint64_t *out)
{
	const uint8_t *start = c->pos;

	TRY(read_int(c, out));
	if (*out > 1) {
		c->pos = start;
		return cursor_error(c, "a bool is %llu",
				    (unsigned long long)*out);
	}
	return NULL;
}

static struct err *read_bytes(struct cursor *c, struct bytes *out)
{
	TRY(read_int(c, &out->size));
	return cursor_bytes(c, out->size, &out->data);
}

static struct err *read_fields(struct cursor *c, struct field_list *out)
{
	const uint8_t *begin = c->pos;
	uint64_t kind, offset, count = 0;

	for (;; count++) {
		const uint8_t *start = c->pos;

		TRY(read_int(c, &kind));
		if (kind == FIELD_END)
			break;
		if (kind >= FIELD_KINDS) {
			c->pos = start;
			return cursor_error(c, "field kind %llu is unknown",
					    (unsigned long long)kind);
		}
		TRY(read_int(c, &offset));
	}
	out->raw.data = begin;
	out->raw.size = (uint64_t)(c->pos - 1 - begin);
	out->count = count;
	return NULL;
}

static struct err *read_calls(struct cursor *c, struct call_list *out)
{
	struct bytes string;
	uint64_t line;

	TRY(read_int(c, &out->count));
	out->raw.data = c->pos;
	for (uint64_t i = 0; i < out->count; i++) {
		TRY(read_bytes(c, &string));
		TRY(read_bytes(c, &string));
		TRY(read_int(c, &line));
	}
	out->raw.size = (uint64_t)(c->pos - out->raw.data);
	return NULL;
}

static struct err *read_member(struct cursor *c, enum member_type type,
			       void *out)
{
	switch (type) {
	case MEMBER_INT:
	case MEMBER_ADDR:
		return read_int(c, out);
	case MEMBER_BOOL:
		return read_bool(c, out);
	case MEMBER_BYTES:
	case MEMBER_STRING:
		return read_bytes(c, out);
	case MEMBER_FIELDS:
		return read_fields(c, out);
	case MEMBER_CALLS:
		return read_calls(c, out);
	case MEMBER_PAUSES:
		for (size_t i = 0; i < PAUSE_COUNT; i++)
			TRY(read_int(c, (uint64_t *)out + i));
		return NULL;
	}
	return NULL;
}

static struct err *read_members(struct cursor *c, struct record *out)
{
	const struct record_format *f = &record_formats[out->kind];

	for (size_t i = 0; i < f->member_count; i++) {
		const struct record_member *m = &f->members[i];
		struct err *e =
			read_member(c, m->type, (char *)out + m->offset);

		if (e)
			return err_wrap(
				e, "%s record at offset %llu (%s)", f->name,
				(unsigned long long)out->offset, m->name);
	}
	return NULL;
}

/* Objects are nearly all there is: the loop over the table is unrolled. */
static struct err *read_object(struct cursor *c, struct record *out)
{
	const uint8_t *start = c->pos;
	struct err *e;

	if (!(e = read_int(c, &out->memory.addr)) &&
	    !(e = read_bytes(c, &out->memory.contents)) &&
	    !(e = read_fields(c, &out->memory.fields)))
		return NULL;
	/* For a message that names the member. */
	err_free(e);
	c->pos = start;
	return read_members(c, out);
}

static struct err *read_record(struct cursor *c, struct record *out)
{
	uint64_t tag;

	out->offset = cursor_offset(c);
	TRY(read_int(c, &tag));
	if (tag >= RECORD_KINDS)
		return err_new(ERR_FORMAT,
			       "%s: offset %llu: no record has "
			       "tag %llu",
			       c->name, (unsigned long long)out->offset,
			       (unsigned long long)tag);
	out->kind = (enum record_kind)tag;
	TRY(out->kind == RECORD_OBJECT ? read_object(c, out)
				       : read_members(c, out));
	out->size = cursor_offset(c) - out->offset;
	return NULL;
}

/* What is no dump may be a compressed one (RFC 1952, RFC 8878). */
static struct err *not_a_dump(const struct cursor *c)
{
	const char *how = NULL;

	if (cursor_left(c) >= 4 && !memcmp(c->pos, "\x1f\x8b", 2))
		how = "gzip";
	if (cursor_left(c) >= 4 && !memcmp(c->pos, "\x28\xb5\x2f\xfd", 4))
		how = "zstd";
	if (how)
		return cursor_error(c, "not a heap dump, but compressed: "
				       "%s -dc FILE | hdcheck -", how);
	return cursor_error(c, "not a heap dump: it does not begin with "
			       "\"go1.7 heap dump\"");
}

struct err *reader_init(struct reader *r, const struct dump_file *f)
{
	struct reader new = { 0 };
	const size_t len = strlen(DUMP_HEADER);

	cursor_init(&new.cursor, f->name, f->data, f->size, 0);
	if (f->size < len || memcmp(f->data, DUMP_HEADER, len))
		return not_a_dump(&new.cursor);
	TRY(cursor_skip(&new.cursor, len));
	*r = new;
	return NULL;
}

/* Behind the EOF record nothing may come. */
static struct err *at_end(struct reader *r, bool *more)
{
	if (cursor_left(&r->cursor))
		return cursor_error(&r->cursor,
				    "%zu bytes follow the EOF "
				    "record",
				    cursor_left(&r->cursor));
	r->ended = true;
	*more = false;
	return NULL;
}

struct err *reader_next(struct reader *r, struct record *out, bool *more)
{
	if (r->ended || !cursor_left(&r->cursor)) {
		if (!r->ended)
			return cursor_error(&r->cursor, "truncated: there is "
							"no EOF record");
		*more = false;
		return NULL;
	}
	TRY(read_record(&r->cursor, out));
	if (out->kind == RECORD_EOF)
		return at_end(r, more);
	*more = true;
	return NULL;
}

struct err *reader_at(struct reader *r, uint64_t offset, struct record *out)
{
	TRY(cursor_seek(&r->cursor, offset));
	r->ended = false;
	return read_record(&r->cursor, out);
}
