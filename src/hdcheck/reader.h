/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the records of a heap dump one by one, in place.
 *
 *	struct reader r;
 *	struct record rec;
 *	bool more;
 *
 *	TRY(reader_init(&r, &file));
 *	for (;;) {
 *		TRY(reader_next(&r, &rec, &more));
 *		if (!more)
 *			break;
 *		...
 *	}
 *
 * It is strict about the framing and takes nothing else for granted: what the
 * numbers mean is checked elsewhere (verify.h). Each error has code
 * ERR_FORMAT and names the file, the record and the offset.
 */
#ifndef HD_HDCHECK_READER_H
#define HD_HDCHECK_READER_H

#include "base/cursor.h"
#include "hdcheck/dump_file.h"
#include "hdcheck/record.h"

/* What a dump begins with. */
#define DUMP_HEADER "go1.7 heap dump\n"

struct reader {
	struct cursor cursor;
	bool ended; /* behind the EOF record */
};

/* Begins behind the header; ERR_FORMAT if it is another one. f is borrowed. */
struct err *reader_init(struct reader *r, const struct dump_file *f) must_check;

/*
 * The next record. *more is false, and out undefined, behind the EOF record,
 * which is not given itself. Errors: an unknown tag, a length that exceeds
 * the file, an integer that is too large or not in its shortest form, a bool
 * that is neither 0 nor 1, an unknown field kind, a file that ends without an
 * EOF record, and bytes behind it.
 */
struct err *reader_next(struct reader *r, struct record *out,
			bool *more) must_check;

/* The record at an offset that reader_next() has given before. */
struct err *reader_at(struct reader *r, uint64_t offset,
		      struct record *out) must_check;

/* Offset of the next byte to be read. */
static inline uint64_t reader_offset(const struct reader *r)
{
	return cursor_offset(&r->cursor);
}

#endif
