/* SPDX-License-Identifier: Apache-2.0 */
#include "output/compress.h"

#include "base/bits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
	OUT_SIZE = 256 << 10,  /* bytes that go to the sink at once */
	GZIP_WINDOW = 15 + 16, /* zlib: the largest, with gzip's header */
	ZSTD_WORKERS = 2,
};

struct compressor {
	enum compression kind;
	struct compress_sink sink;
	z_stream gzip;
	ZSTD_CCtx *zstd;
	uint8_t out[OUT_SIZE];
};

static const struct {
	const char *name, *suffix;
	int levels; /* 1 to this */
} kinds[] = {
	[COMPRESS_NONE] = { "none", "", 0 },
	[COMPRESS_GZIP] = { "gzip", ".gz", 9 },
	[COMPRESS_ZSTD] = { "zstd", ".zst", 19 },
};

static struct err *parse_level(const char *text, int max, int *out)
{
	char *end;
	long level = strtol(text, &end, 10);

	if (end == text || *end || level < 1 || level > max)
		return err_new(ERR_USAGE, "%s: a level from 1 to %d", text,
			       max);
	*out = (int)level;
	return NULL;
}

struct err *compression_parse(const char *text, struct compression_choice *out)
{
	size_t n = strcspn(text, ":");

	for (size_t i = COMPRESS_GZIP; i < ARRAY_SIZE(kinds); i++) {
		struct compression_choice c = { (enum compression)i, 0 };

		if (strlen(kinds[i].name) != n ||
		    strncmp(text, kinds[i].name, n))
			continue;
		if (text[n])
			TRY(parse_level(text + n + 1, kinds[i].levels,
					&c.level));
		*out = c;
		return NULL;
	}
	return err_new(ERR_USAGE, "%s: neither gzip nor zstd", text);
}

const char *compression_suffix(enum compression kind)
{
	return kinds[kind].suffix;
}

/* ---- gzip ---------------------------------------------------------------- */

static struct err *gzip_init(struct compressor *c, int level)
{
	int code =
		deflateInit2(&c->gzip, level ? level : Z_BEST_SPEED, Z_DEFLATED,
			     GZIP_WINDOW, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY);

	return code == Z_OK ? NULL : &err_nomem;
}

static struct err *gzip_run(struct compressor *c, int flush)
{
	int code;

	do {
		c->gzip.next_out = c->out;
		c->gzip.avail_out = OUT_SIZE;
		code = deflate(&c->gzip, flush);
		size_t n = OUT_SIZE - c->gzip.avail_out;
		if (n)
			TRY(c->sink.write(c->sink.arg, c->out, n));
	} while (c->gzip.avail_out == 0 ||
		 (flush == Z_FINISH && code != Z_STREAM_END));
	return NULL;
}

static struct err *gzip_write(struct compressor *c, const uint8_t *data,
			      size_t n)
{
	while (n) {
		uInt part = n < UINT32_MAX ? (uInt)n : UINT32_MAX;

		c->gzip.next_in = (Bytef *)(uintptr_t)data;
		c->gzip.avail_in = part;
		TRY(gzip_run(c, Z_NO_FLUSH));
		data += part;
		n -= part;
	}
	return NULL;
}

/* ---- zstd ---------------------------------------------------------------- */

static struct err *zstd_init(struct compressor *c, int level)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return &err_nomem;
	if (level)
		ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
	/* Refused by a libzstd without threads, which does as well. */
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_nbWorkers, ZSTD_WORKERS);
	return NULL;
}

static struct err *zstd_run(struct compressor *c, const void *data, size_t n,
			    ZSTD_EndDirective mode)
{
	ZSTD_inBuffer in = { data, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { c->out, OUT_SIZE, 0 };

		left = ZSTD_compressStream2(c->zstd, &out, &in, mode);
		if (ZSTD_isError(left))
			return err_new(ERR_UNSUPPORTED, "zstd: %s",
				       ZSTD_getErrorName(left));
		if (out.pos)
			TRY(c->sink.write(c->sink.arg, c->out, out.pos));
	} while (mode == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return NULL;
}

/* ---- both ---------------------------------------------------------------- */

struct err *compressor_create(struct compression_choice choice,
			      struct compress_sink sink,
			      struct compressor **out)
{
	struct compressor *c = calloc(1, sizeof(*c));

	if (!c)
		return &err_nomem;
	c->kind = choice.kind;
	c->sink = sink;
	struct err *e = choice.kind == COMPRESS_GZIP
				? gzip_init(c, choice.level)
				: zstd_init(c, choice.level);
	if (e) {
		free(c);
		return e;
	}
	*out = c;
	return NULL;
}

void compressor_destroy(struct compressor *c)
{
	if (!c)
		return;
	if (c->kind == COMPRESS_GZIP)
		deflateEnd(&c->gzip);
	ZSTD_freeCCtx(c->zstd);
	free(c);
}

struct err *compressor_write(struct compressor *c, const void *data, size_t n)
{
	return c->kind == COMPRESS_GZIP ? gzip_write(c, data, n)
					: zstd_run(c, data, n, ZSTD_e_continue);
}

struct err *compressor_finish(struct compressor *c)
{
	return c->kind == COMPRESS_GZIP ? gzip_run(c, Z_FINISH)
					: zstd_run(c, NULL, 0, ZSTD_e_end);
}
