/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression: what the libraries themselves make of the stream is what went
 * in.
 */
#include "output/compress.h"

#include "base/bits.h"
#include "base/buf.h"

#include <check.h>
#include <zlib.h>
#include <zstd.h>

#include "expect.h"

static struct err *to_buf(void *arg, const void *data, size_t n)
{
	return buf_append(arg, data, n);
}

static struct err *refuse(void *arg, const void *data, size_t n)
{
	(void)data;
	(void)n;
	++*(int *)arg;
	return err_new(ERR_OS, "the disk is full");
}

/* Compressible, and different at every place. */
static void fill(struct buf *b, size_t n)
{
	expect_ok(buf_reserve(b, n));
	for (size_t i = 0; i < n; i++)
		b->v[i] = (uint8_t)(i % 7 ? i >> 9 : i * 31);
	b->len = n;
}

static void gunzip(const struct buf *in, struct buf *out, size_t size)
{
	z_stream z = { .next_in = in->v, .avail_in = (uInt)in->len };

	expect_ok(buf_reserve(out, size + 1));
	z.next_out = out->v;
	z.avail_out = (uInt)size + 1;
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	out->len = z.total_out;
	inflateEnd(&z);
}

static void unzstd(const struct buf *in, struct buf *out, size_t size)
{
	expect_ok(buf_reserve(out, size + 1));
	out->len = ZSTD_decompress(out->v, size + 1, in->v, in->len);
	ck_assert_msg(!ZSTD_isError(out->len), "%s",
		      ZSTD_getErrorName(out->len));
}

static const size_t sizes[] = { 0, 1, 4096, 300000, 3 << 20 };

static void round_trip(const char *kind, size_t size)
{
	cleanup(buf_deinit) struct buf in = {}, packed = {}, out = {};
	struct compression_choice choice;
	struct compressor *c;

	expect_ok(compression_parse(kind, &choice));
	expect_ok(compressor_create(
		choice, (struct compress_sink){ to_buf, &packed }, &c));
	fill(&in, size);
	/* In uneven pieces, an empty one among them. */
	for (size_t at = 0, n = 0; at < size; at += n, n = n * 3 + 1) {
		if (n > size - at)
			n = size - at;
		expect_ok(compressor_write(c, in.v + at, n));
	}
	expect_ok(compressor_finish(c));
	compressor_destroy(c);
	if (choice.kind == COMPRESS_GZIP)
		gunzip(&packed, &out, size);
	else
		unzstd(&packed, &out, size);
	ck_assert_uint_eq(out.len, size);
	if (size)
		ck_assert_mem_eq(out.v, in.v, size);
	if (size > 4096)
		ck_assert_uint_lt(packed.len, size / 2);
}

START_TEST(test_round_trip)
{
	static const char *const names[] = { "gzip", "gzip:9", "zstd", "zstd:1",
					     "zstd:19" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		round_trip(names[i], sizes[_i]);
}
END_TEST

/* The sink's error comes back, and nothing is written behind it. */
START_TEST(test_full_disk)
{
	const struct compression_choice choice = { _i ? COMPRESS_ZSTD
						      : COMPRESS_GZIP,
						   0 };
	cleanup(buf_deinit) struct buf in = {};
	struct compressor *c;
	int calls = 0;

	fill(&in, 1 << 20);
	expect_ok(compressor_create(
		choice, (struct compress_sink){ refuse, &calls }, &c));
	struct err *e = compressor_write(c, in.v, in.len);
	if (!e)
		e = compressor_finish(c);
	expect_error(e, ERR_OS, "the disk is full");
	ck_assert_int_eq(calls, 1);
	compressor_destroy(c);
}
END_TEST

START_TEST(test_parse)
{
	static const char *const wrong[] = {
		"",	  "lzma",    "gzip:",	"gzip:0",   "gzip:10",
		"zstd:x", "zstd:3 ", "zstd:20", "gzipzstd", "zstd:-1",
	};
	struct compression_choice c;

	expect_ok(compression_parse("zstd:7", &c));
	ck_assert_int_eq(c.kind, COMPRESS_ZSTD);
	ck_assert_int_eq(c.level, 7);
	expect_ok(compression_parse("gzip", &c));
	ck_assert_int_eq(c.kind, COMPRESS_GZIP);
	ck_assert_int_eq(c.level, 0);
	ck_assert_str_eq(compression_suffix(COMPRESS_GZIP), ".gz");
	ck_assert_str_eq(compression_suffix(COMPRESS_ZSTD), ".zst");
	ck_assert_str_eq(compression_suffix(COMPRESS_NONE), "");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_error(compression_parse(wrong[i], &c), ERR_USAGE, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compress");
	TCase *tcase = tcase_create("compress");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tcase, test_round_trip, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(tcase, test_full_disk, 0, 2);
	tcase_add_test(tcase, test_parse);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
