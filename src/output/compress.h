/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of bytes, compressed on its way: gzip (zlib) or zstd (libzstd).
 */
#ifndef HD_OUTPUT_COMPRESS_H
#define HD_OUTPUT_COMPRESS_H

#include "base/err.h"

#include <stddef.h>

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

struct compression_choice {
	enum compression kind;
	int level; /* 0: the library's own choice */
};

/*
 * "gzip", "zstd", each also with ":LEVEL". ERR_USAGE says what is wrong.
 */
struct err *compression_parse(const char *text,
			      struct compression_choice *out) must_check;

/* What a file of it is called behind its name: ".gz", ".zst", "". */
const char *compression_suffix(enum compression kind);

/* Takes what has been compressed. */
struct compress_sink {
	struct err *(*write)(void *arg, const void *data, size_t n);
	void *arg;
};

struct compressor;

/* kind is not COMPRESS_NONE. Errors: ERR_NOMEM, ERR_UNSUPPORTED. */
struct err *compressor_create(struct compression_choice choice,
			      struct compress_sink sink,
			      struct compressor **out) must_check;
void compressor_destroy(struct compressor *c);

/* Compresses n bytes; passes on what the sink returns. */
struct err *compressor_write(struct compressor *c, const void *data,
			     size_t n) must_check;

/* Ends the stream; nothing may be written behind it. */
struct err *compressor_finish(struct compressor *c) must_check;

#endif
