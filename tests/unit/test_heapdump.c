/* SPDX-License-Identifier: Apache-2.0 */
/* A whole heap dump, verified by hdcheck: src/output/heapdump.c. */
#include "fake_program.h"

#include "hdcheck/reader.h"
#include "hdcheck/verify.h"
#include "output/heapdump.h"

#include <stdlib.h>

enum { SMALL_PAGES = 2, LARGE_PAGES = 130 }; /* of the large object */

static struct fake_program p;
static char folder[64], path[80];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_heapdump.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/dump", folder);
}

static void teardown(void)
{
	target_interrupted = 0;
	remove(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Writes the loaded program's dump to the file at path. */
static struct err *write_dump(const struct heapdump_options *options,
			      struct heapdump_result *result)
{
	cleanup_out_file struct out_file *out = NULL;

	remove(path);
	expect_ok(out_file_create(path, false, &out));
	TRY(heapdump_write(&p.f.rt, out, options, result));
	return out_file_commit(out);
}

static struct heapdump_result dump(unsigned int threads)
{
	const struct heapdump_options options = { .threads = threads };
	struct heapdump_result result;

	fake_load(&p.f);
	expect_ok(write_dump(&options, &result));
	return result;
}

/* ---- verified ------------------------------------------------------------ */

static void expect_counts(const struct summary *s)
{
	static const struct {
		enum record_kind kind;
		uint64_t count;
	} counts[] = {
		{ RECORD_PARAMS, 1 },
		{ RECORD_TYPE, 2 },
		{ RECORD_ITAB, 2 },
		{ RECORD_OBJECT, PROGRAM_OBJECTS },
		{ RECORD_GOROUTINE, PROGRAM_GOROUTINES },
		{ RECORD_STACK_FRAME, PROGRAM_FRAMES },
		{ RECORD_DEFER, 2 },
		{ RECORD_PANIC, 1 },
		{ RECORD_OS_THREAD, 2 },
		{ RECORD_DATA, 1 },
		{ RECORD_BSS, 1 },
		{ RECORD_FINALIZER, 2 },
		{ RECORD_QUEUED_FINALIZER, 1 },
		{ RECORD_MEM_STATS, 1 },
		{ RECORD_MEM_PROF, 2 },
		{ RECORD_ALLOC_SAMPLE, PROGRAM_SAMPLES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		ck_assert_msg(s->count[counts[i].kind] == counts[i].count,
			      "%llu %s records",
			      (unsigned long long)s->count[counts[i].kind],
			      record_name(counts[i].kind));
	ck_assert_uint_eq(s->object_bytes, p.object_bytes);
	ck_assert_uint_eq(s->pointers.dangling, 0);
	/* The chain, what leads into it, and those of globals and frames. */
	ck_assert_uint_ge(s->pointers.objects,
			  PROGRAM_SMALL + PROGRAM_MIDDLE + 1 + 2 + 1);
	ck_assert_uint_ge(s->pointers.stacks, 1);
}

/* hdcheck --strict --counters has nothing to say. */
static void expect_verified(void (*expect_summary)(const struct summary *))
{
	const struct verify_options options = {
		.strict = true,
		.counters = true,
		.max_problems = 10,
	};
	cleanup_dump_file struct dump_file file = {};
	cleanup_verdict struct verdict v = {};

	expect_ok(dump_file_open(path, &file));
	expect_ok(verify(&file, &options, &v));
	ck_assert_msg(v.problems.count == 0, "%s", v.problems.list.v[0].text);
	expect_summary(&v.summary);
}

static void expect_release(enum fake_release release, uint64_t large_pages)
{
	struct heapdump_result r;

	fake_program_init(&p, release, large_pages);
	r = dump(1);
	ck_assert_uint_eq(r.totals.objects, PROGRAM_OBJECTS);
	ck_assert_uint_eq(r.totals.object_bytes, p.object_bytes);
	ck_assert_uint_eq(r.totals.unreadable, 0);
	ck_assert_uint_eq(r.totals.untyped, 0);
	ck_assert_uint_eq(r.goroutines, PROGRAM_GOROUTINES);
	ck_assert_uint_eq(r.broken_stacks, 0);
	expect_verified(expect_counts);
	fake_program_deinit(&p);
}

START_TEST(releases)
{
	expect_release(FAKE_GO121, SMALL_PAGES);
	expect_release(FAKE_GO122, SMALL_PAGES);
	expect_release(FAKE_GO126, SMALL_PAGES);
}
END_TEST

START_TEST(releases_with_a_large_object)
{
	expect_release(FAKE_GO121, LARGE_PAGES);
	expect_release(FAKE_GO122, LARGE_PAGES);
	expect_release(FAKE_GO126, LARGE_PAGES);
}
END_TEST

/* ---- record by record ---------------------------------------------------- */

/* The dump's records of one kind, the first `max` of them. */
static size_t records(const struct dump_file *file, enum record_kind kind,
		      struct record *out, size_t max)
{
	struct reader reader;
	struct record r;
	size_t n = 0;
	bool more;

	expect_ok(reader_init(&reader, file));
	for (;;) {
		expect_ok(reader_next(&reader, &r, &more));
		if (!more)
			return n;
		if (r.kind == kind && n < max)
			out[n++] = r;
	}
}

static void expect_bytes(struct bytes b, const char *text)
{
	ck_assert_msg(bytes_equal(b, text, strlen(text)), "%.*s is not %s",
		      (int)b.size, (const char *)b.data, text);
}

static void expect_call(struct call_list *list, const char *function,
			const char *file, uint64_t line)
{
	struct call call;

	ck_assert(call_take(list, &call));
	expect_bytes(call.function, function);
	expect_bytes(call.file, file);
	ck_assert_uint_eq(call.line, line);
}

/* The pc of a caller lies behind the call: of it, the line before counts. */
START_TEST(memory_profile)
{
	cleanup_dump_file struct dump_file file = {};
	struct record r[3];

	fake_program_init(&p, FAKE_GO122, SMALL_PAGES);
	dump(1);
	expect_ok(dump_file_open(path, &file));
	ck_assert_uint_eq(records(&file, RECORD_MEM_PROF, r, 3), 2);
	ck_assert_uint_eq(r[0].prof.size, 640);
	expect_call(&r[0].prof.stack, "runtime.gopark", "/go/proc.go", 300);
	ck_assert_uint_eq(r[1].prof.size, 48);
	ck_assert_uint_eq(r[1].prof.allocs, 1000);
	ck_assert_uint_eq(r[1].prof.frees, 5);
	expect_call(&r[1].prof.stack, "runtime.gopark", "/go/proc.go", 300);
	expect_call(&r[1].prof.stack, "main.main", "/src/main.go", 17);
	expect_call(&r[1].prof.stack, "(0x10)", "?", 0);
	fake_program_deinit(&p);
}
END_TEST

START_TEST(parameters_and_types)
{
	cleanup_dump_file struct dump_file file = {};
	struct record r[3];

	fake_program_init(&p, FAKE_GO126, SMALL_PAGES);
	dump(1);
	expect_ok(dump_file_open(path, &file));
	ck_assert_uint_eq(records(&file, RECORD_PARAMS, r, 1), 1);
	ck_assert_uint_eq(r[0].params.big_endian, 0);
	ck_assert_uint_eq(r[0].params.pointer_size, 8);
	ck_assert_uint_eq(r[0].params.arena_start, FAKE_HEAP);
	ck_assert_uint_eq(r[0].params.arena_end, FAKE_HEAP + FAKE_ARENA);
	expect_bytes(r[0].params.arch, "amd64");
	expect_bytes(r[0].params.version, "go1.26.6");
	ck_assert_uint_eq(r[0].params.cpus, 4);
	ck_assert_uint_eq(records(&file, RECORD_TYPE, r, 3), 2);
	expect_bytes(r[0].type.name, "example/main.T");
	ck_assert_uint_eq(r[0].type.size, 24);
	expect_bytes(r[1].type.name, "*main.T");
	fake_program_deinit(&p);
}
END_TEST

START_TEST(goroutines)
{
	cleanup_dump_file struct dump_file file = {};
	struct record r[4];

	fake_program_init(&p, FAKE_GO122, SMALL_PAGES);
	dump(1);
	expect_ok(dump_file_open(path, &file));
	ck_assert_uint_eq(records(&file, RECORD_GOROUTINE, r, 3), 2);
	ck_assert_uint_eq(r[0].goroutine.goid, 1);
	ck_assert_uint_eq(r[0].goroutine.status, FAKE_WAITING);
	ck_assert_uint_eq(r[0].goroutine.is_system, 0);
	ck_assert_uint_eq(r[0].goroutine.wait_since, 123456789);
	expect_bytes(r[0].goroutine.wait_reason, "chan receive");
	ck_assert_uint_eq(r[1].goroutine.goid, 3);
	ck_assert_uint_eq(r[1].goroutine.is_system, 1);
	ck_assert_uint_ne(r[1].goroutine.m, 0);
	ck_assert_uint_eq(records(&file, RECORD_STACK_FRAME, r, 4), 4);
	expect_bytes(r[0].frame.function, "runtime.gopark");
	expect_bytes(r[1].frame.function, "main.main");
	expect_bytes(r[2].frame.function, "runtime.main");
	expect_bytes(r[3].frame.function, "runtime.bgsweep");
	ck_assert_uint_eq(r[1].frame.contents.size, 32);
	ck_assert_uint_eq(r[1].frame.child_sp, r[0].frame.sp);
	ck_assert_uint_eq(r[3].frame.depth, 0);
	fake_program_deinit(&p);
}
END_TEST

/* ---- threads, unwinders --------------------------------------- */

static void read_file(struct buf *out)
{
	cleanup_dump_file struct dump_file file = {};

	expect_ok(dump_file_open(path, &file));
	expect_ok(buf_append(out, file.data, file.size));
}

/* Neither the threads nor who unwinds make a difference. */
START_TEST(the_same_bytes)
{
	cleanup(buf_deinit) struct buf expected = {};

	fake_program_init(&p, FAKE_GO122, LARGE_PAGES);
	dump(1);
	read_file(&expected);
	for (unsigned int n = 0; n < 8; n++) {
		cleanup(buf_deinit) struct buf got = {};

		p.f.rt.no_libunwind = n >= 4;
		dump(n % 4 + 1);
		read_file(&got);
		ck_assert_uint_eq(got.len, expected.len);
		ck_assert(!memcmp(got.v, expected.v, got.len));
	}
	fake_program_deinit(&p);
}
END_TEST

/* ---- without contents ---------------------------------------------------- */

/* A word of a record of memory, or of a frame. */
static uint64_t word_at(struct bytes contents, uint64_t offset)
{
	return load_le(contents.data + offset, 8);
}

/*
 * The records of one are those of the other, but that every word is 0 unless
 * it is a field, or the type word of an object.
 */
static void expect_masked(struct bytes full, struct bytes masked,
			  struct field_list fields, uint64_t type_word)
{
	struct field f = { .offset = UINT64_MAX };

	ck_assert_uint_eq(full.size, masked.size);
	field_take(&fields, &f);
	for (uint64_t at = 0; at < full.size; at += 8) {
		uint64_t value = word_at(masked, at);

		if (at == f.offset) {
			ck_assert_uint_eq(value, word_at(full, at));
			if (!field_take(&fields, &f))
				f.offset = UINT64_MAX;
		} else if (at == 0 && type_word) {
			ck_assert_uint_eq(value, type_word);
		} else {
			ck_assert_uint_eq(value, 0);
		}
	}
}

static void expect_all_masked(const struct buf *full, const struct buf *masked,
			      bool headers)
{
	struct dump_file files[2];
	struct reader readers[2];
	struct record r[2];
	bool more = true;

	dump_file_init(&files[0], "full", full->v, full->len);
	dump_file_init(&files[1], "masked", masked->v, masked->len);
	for (int i = 0; i < 2; i++)
		expect_ok(reader_init(&readers[i], &files[i]));
	while (more) {
		for (int i = 0; i < 2; i++)
			expect_ok(reader_next(&readers[i], &r[i], &more));
		if (!more ||
		    (r[0].kind != RECORD_OBJECT && r[0].kind != RECORD_DATA &&
		     r[0].kind != RECORD_BSS))
			continue;
		struct bytes c = r[0].memory.contents;
		bool header =
			headers && r[0].kind == RECORD_OBJECT && c.size == 640;

		ck_assert_int_eq(r[1].kind, r[0].kind);
		ck_assert_uint_eq(r[1].memory.addr, r[0].memory.addr);
		ck_assert_uint_eq(r[1].memory.fields.count,
				  r[0].memory.fields.count);
		expect_masked(c, r[1].memory.contents, r[1].memory.fields,
			      header ? word_at(c, 0) : 0);
	}
	ck_assert_uint_eq(full->len, masked->len);
}

/* Fills what is no pointer with secrets. */
static void fill_secrets(uint64_t addr, uint64_t size)
{
	uint8_t *bytes = fake_at(&p.f.target, addr, size);

	for (uint64_t i = 0; i + 8 <= size; i += 8)
		if (load_le(bytes + i, 8) == 0)
			memcpy(bytes + i, "SECRETS", 7);
}

static void expect_no_contents(enum fake_release release, uint64_t large_pages)
{
	const struct heapdump_options options = { .threads = 2,
						  .no_contents = true };
	cleanup(buf_deinit) struct buf full = {}, masked = {};
	struct heapdump_result result;

	fake_program_init(&p, release, large_pages);
	/* Not over the bits at the end of small objects' pages. */
	fill_secrets(fake_slot(&p, p.small, 0), FAKE_PAGE / 2);
	fill_secrets(fake_slot(&p, p.middle, 0), PROGRAM_MIDDLE * 640);
	fill_secrets(fake_slot(&p, p.tiny, 0), PROGRAM_TINY * 16);
	fill_secrets(fake_slot(&p, p.large, 0), large_pages * FAKE_PAGE);
	fill_secrets(FAKE_DATA, 24);
	fill_secrets(FAKE_BSS, 16);
	fill_secrets(FAKE_STACK, 2 * FAKE_STACK_SIZE);
	dump(1);
	read_file(&full);
	expect_ok(write_dump(&options, &result));
	read_file(&masked);
	ck_assert_ptr_nonnull(memmem(full.v, full.len, "SECRETS", 7));
	expect_all_masked(&full, &masked, release != FAKE_GO121);
	fake_program_deinit(&p);
}

START_TEST(no_contents)
{
	for (int pages = SMALL_PAGES; pages <= LARGE_PAGES;
	     pages += LARGE_PAGES - SMALL_PAGES) {
		expect_no_contents(FAKE_GO121, (uint64_t)pages);
		expect_no_contents(FAKE_GO122, (uint64_t)pages);
		expect_no_contents(FAKE_GO126, (uint64_t)pages);
	}
}
END_TEST

/* ---- progress ------------------------------------------------------------ */

static void on_progress(void *arg, uint64_t done)
{
	uint64_t *latest = arg;

	ck_assert_uint_gt(done, *latest);
	*latest = done;
}

START_TEST(progress)
{
	uint64_t latest = 0;
	const struct heapdump_options options = {
		.progress = on_progress,
		.arg = &latest,
	};
	struct heapdump_result result;

	fake_program_init(&p, FAKE_GO122, SMALL_PAGES);
	fake_load(&p.f);
	expect_ok(write_dump(&options, &result));
	ck_assert_uint_eq(latest, p.f.rt.spans.bytes);
	fake_program_deinit(&p);
}
END_TEST

/* ---- what goes wrong ----------------------------------------------------- */

static void expect_failure(enum err_code code, const char *message)
{
	const struct heapdump_options options = { .threads = 2 };
	struct heapdump_result result;

	expect_error(write_dump(&options, &result), code, message);
	ck_assert_int_ne(access(path, F_OK), 0);
}

/* An error says what was being written, and nothing is left. */
START_TEST(errors)
{
	const struct layout *l = &p.f.rt.layout;

	fake_program_init(&p, FAKE_GO122, SMALL_PAGES);
	fake_load(&p.f);
	target_interrupted = 1;
	expect_failure(ERR_INTERRUPTED, "interrupted");
	target_interrupted = 0;
	p.f.target.gone = true;
	expect_failure(ERR_GONE, "ended");
	p.f.target.gone = false;
	fake_unmap(&p.f.target, FAKE_DATA);
	expect_failure(ERR_FAULT, "data segment");
	fake_set(&p.f, l->var.firstmoduledata.addr, &l->moduledata.types, 0);
	fake_set_var(&p.f, &l->var.itabTable, 0x1000);
	fake_load(&p.f);
	expect_failure(ERR_FAULT, "itabs");
	fake_program_deinit(&p);
}
END_TEST

static void expect_objects(const struct summary *s)
{
	ck_assert_uint_eq(s->count[RECORD_OBJECT], PROGRAM_OBJECTS);
}

/* Without the large object's memory the dump is whole but for that. */
START_TEST(unreadable_memory)
{
	struct heapdump_result r;

	fake_program_init(&p, FAKE_GO122, SMALL_PAGES);
	fake_unmap(&p.f.target, fake_slot(&p, p.large, 0));
	r = dump(1);
	ck_assert_uint_eq(r.totals.unreadable, SMALL_PAGES * FAKE_PAGE);
	ck_assert_uint_eq(r.totals.objects, PROGRAM_OBJECTS);
	expect_verified(expect_objects);
	fake_program_deinit(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heapdump");
	TCase *tc = tcase_create("heapdump");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, releases);
	tcase_add_test(tc, releases_with_a_large_object);
	tcase_add_test(tc, memory_profile);
	tcase_add_test(tc, parameters_and_types);
	tcase_add_test(tc, goroutines);
	tcase_add_test(tc, the_same_bytes);
	tcase_add_test(tc, no_contents);
	tcase_add_test(tc, progress);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, unreadable_memory);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
