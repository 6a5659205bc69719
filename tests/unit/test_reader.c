/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/reader.h"

#include "dump_encoder.h"
#include "expect.h"

#include <stdlib.h>
#include <unistd.h>

/* Reads to the end; the error, if there is one. */
static struct err *read_all(const struct dump_file *f, size_t *count)
{
	struct reader r;
	struct record rec;
	bool more;

	*count = 0;
	TRY(reader_init(&r, f));
	for (;;) {
		TRY(reader_next(&r, &rec, &more));
		if (!more)
			return NULL;
		++*count;
	}
}

static void expect_broken(const struct encoder *e, const char *text)
{
	struct dump_file f = encoder_file(e);
	size_t count;

	expect_error(read_all(&f, &count), ERR_FORMAT, text);
}

/* A header and the bytes of a string constant. */
#define BROKEN(bytes, text)                                                    \
	do {                                                                   \
		cleanup_encoder struct encoder e_ = { 0 };                     \
		encode_header(&e_);                                            \
		encode_raw(&e_, bytes, sizeof(bytes) - 1);                     \
		expect_broken(&e_, text);                                      \
	} while (0)

START_TEST(test_sample)
{
	cleanup_encoder struct encoder e = { 0 }, again = { 0 };
	struct sample_dump d;
	struct record rec;
	struct reader r;
	bool more;

	sample_init(&d);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_ok(reader_init(&r, &f));
	encode_header(&again);
	for (size_t i = 0; i < d.count; i++) {
		ck_assert_uint_eq(reader_offset(&r), again.len);
		expect_ok(reader_next(&r, &rec, &more));
		ck_assert(more);
		ck_assert_int_eq(rec.kind, d.r[i].kind);
		ck_assert_uint_eq(rec.offset, again.len);
		/* What was read, written again, gives the same bytes. */
		encode_record(&again, &rec);
		ck_assert_uint_eq(rec.offset + rec.size, again.len);
		ck_assert_mem_eq(again.v, e.v, again.len);
	}
	expect_ok(reader_next(&r, &rec, &more));
	ck_assert(!more);
	expect_ok(reader_next(&r, &rec, &more));
	ck_assert(!more);
}
END_TEST

START_TEST(test_values)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;
	struct record rec;
	struct reader r;
	struct field field;
	struct call call;
	bool more;

	sample_init(&d);
	d.r[S_GOROUTINE].goroutine.gopc = UINT64_MAX;
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_ok(reader_init(&r, &f));
	for (;;) {
		expect_ok(reader_next(&r, &rec, &more));
		if (!more)
			break;
		if (rec.kind == RECORD_GOROUTINE && rec.goroutine.goid == 1)
			ck_assert_uint_eq(rec.goroutine.gopc, UINT64_MAX);
		if (rec.kind == RECORD_DATA) {
			ck_assert_uint_eq(rec.memory.fields.count, 2);
			ck_assert(field_take(&rec.memory.fields, &field));
			ck_assert_uint_eq(field.offset, 0);
			ck_assert(field_take(&rec.memory.fields, &field));
			ck_assert_uint_eq(field.kind, FIELD_POINTER);
			ck_assert_uint_eq(field.offset, 24);
			ck_assert(!field_take(&rec.memory.fields, &field));
		}
		if (rec.kind == RECORD_MEM_PROF) {
			ck_assert(call_take(&rec.prof.stack, &call));
			ck_assert(bytes_equal(call.function, "main", 4));
			ck_assert(bytes_equal(call.file, "main.go", 7));
			ck_assert_uint_eq(call.line, 10);
			ck_assert(call_take(&rec.prof.stack, &call));
			ck_assert(!call_take(&rec.prof.stack, &call));
		}
	}
}
END_TEST

START_TEST(test_random_access)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;
	struct record rec;
	struct reader r;
	uint64_t offsets[S_COUNT];
	bool more;

	sample_init(&d);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_ok(reader_init(&r, &f));
	for (size_t i = 0; i < S_COUNT; i++) {
		expect_ok(reader_next(&r, &rec, &more));
		offsets[i] = rec.offset;
	}
	for (size_t i = S_COUNT; i-- > 0;) {
		expect_ok(reader_at(&r, offsets[i], &rec));
		ck_assert_int_eq(rec.kind, d.r[i].kind);
		ck_assert_uint_eq(rec.offset, offsets[i]);
	}
	expect_error(reader_at(&r, e.len + 1, &rec), ERR_FORMAT, "");
}
END_TEST

START_TEST(test_truncated)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;
	size_t count, last = 0;

	sample_init(&d);
	/* Each offset counts; the bytes inside contents are all alike. */
	d.r[S_LARGE].memory.contents.size = 64;
	sample_encode(&d, &e);
	for (size_t size = 0; size < e.len; size++) {
		/* A copy of its own, so that a byte too far is noticed. */
		cleanup_free uint8_t *copy = malloc(size + !size);
		struct dump_file f;

		memcpy(copy, e.v, size);
		dump_file_init(&f, "test", copy, size);
		expect_error(read_all(&f, &count), ERR_FORMAT, "");
		ck_assert_uint_ge(count, last);
		last = count;
	}
	ck_assert_uint_eq(last, S_COUNT);
}
END_TEST

START_TEST(test_framing)
{
	cleanup_encoder struct encoder e = { 0 };

	expect_broken(&e, "not a heap dump");
	encode_raw(&e, "go1.6 heap dump\n\0", 17);
	expect_broken(&e, "not a heap dump");
	BROKEN("", "truncated: there is no EOF record");
	BROKEN("\0\0", "1 bytes follow the EOF record");
	BROKEN("\22\0", "offset 16: no record has tag 18");
	BROKEN("\377\377\377\377\377\377\377\377\377\1\0", "no record has tag");
	/* Itab: an address of eleven bytes, of 65 bits, of too many bytes. */
	BROKEN("\10\377\377\377\377\377\377\377\377\377\377\1",
	       "exceeds 64 bits");
	BROKEN("\10\377\377\377\377\377\377\377\377\377\2", "exceeds 64 bits");
	BROKEN("\10\200\0\0\0", "not in its shortest form");
	BROKEN("\10\1\201\200\0\0", "Itab record at offset 16 (type): ");
}
END_TEST

START_TEST(test_lengths)
{
	/* Object at 1: contents of 2^64 - 1 bytes; of 3 where 2 are left. */
	BROKEN("\1\1\377\377\377\377\377\377\377\377\377\1\0",
	       "Object record at offset 16 (contents): ");
	BROKEN("\1\1\3ab", "3 bytes wanted, 2 left");
	/* Type at 1 of size 1: name, then a bool of 2. */
	BROKEN("\3\1\1\7abc", "Type record at offset 16 (name): ");
	BROKEN("\3\1\1\1a\2", "a bool is 2");
	/* Object at 1 of no bytes: fields of kind 4, of no offset. */
	BROKEN("\1\1\0\4\0\0", "field kind 4 is unknown");
	BROKEN("\1\1\0\1", "Object record at offset 16 (fields): ");
	/* MemProf: more calls than bytes. */
	BROKEN("\20\1\1\377\377\377\377\377\377\377\377\377\1\0",
	       "MemProf record at offset 16 (stack): ");
}
END_TEST

/* A file is mapped, a pipe is copied: both give the same bytes. */
START_TEST(test_files)
{
	char path[] = "/tmp/test_reader.XXXXXX", pipe_path[32];
	static const char text[] = DUMP_HEADER "\0";
	int fd = mkstemp(path), ends[2];
	struct dump_file f;
	size_t count = 1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, 17), 17);
	close(fd);
	expect_ok(dump_file_open(path, &f));
	unlink(path);
	ck_assert_uint_eq(f.size, 17);
	expect_ok(read_all(&f, &count));
	ck_assert_uint_eq(count, 0);
	dump_file_close(&f);

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], text, 17), 17);
	close(ends[1]);
	snprintf(pipe_path, sizeof(pipe_path), "/dev/fd/%d", ends[0]);
	expect_ok(dump_file_open(pipe_path, &f));
	close(ends[0]);
	ck_assert_uint_eq(f.size, 17);
	ck_assert_mem_eq(f.data, text, 17);
	dump_file_close(&f);
	expect_error(dump_file_open("/nonexistent/dump", &f), ERR_OS, "");
	expect_error(dump_file_open("/", &f), ERR_OS, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tcase = tcase_create("reader");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tcase, test_sample);
	tcase_add_test(tcase, test_values);
	tcase_add_test(tcase, test_random_access);
	tcase_add_test(tcase, test_truncated);
	tcase_add_test(tcase, test_framing);
	tcase_add_test(tcase, test_lengths);
	tcase_add_test(tcase, test_files);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
