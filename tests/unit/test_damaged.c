/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged runtimes: each byte of a program's runtime is changed in turn, and
 * the program dumped. That may fail, and say why; it never crashes, nor takes
 * memory or time without end, and what it calls a dump can be read. Most of
 * what this finds is for the sanitizers to see.
 */
#include "fake_program.h"

#include "hdcheck/reader.h"
#include "output/heapdump.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	LARGE_PAGES = 2,
	MAX_DUMP = 64 << 20, /* bytes: one of the whole program has 40000 */
};

static struct fake_program p;
static int dump_fd;	    /* where standard output goes */
static size_t runs, failed; /* dumps */

static void setup(void)
{
	dump_fd = memfd_create("dump", 0);
	ck_assert_int_ge(dump_fd, 0);
	ck_assert_int_ge(dup2(dump_fd, STDOUT_FILENO), 0);
	runs = failed = 0;
}

static void teardown(void)
{
	fake_program_deinit(&p);
	close(dump_fd);
}

/* Everything that was written has the form of a dump. */
static void expect_framed(size_t size)
{
	struct dump_file file;
	struct reader reader;
	struct record r;
	bool more = true;
	uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, dump_fd, 0);

	ck_assert_ptr_ne(data, MAP_FAILED);
	dump_file_init(&file, "dump", data, size);
	expect_ok(reader_init(&reader, &file));
	while (more)
		expect_ok(reader_next(&reader, &r, &more));
	munmap(data, size);
}

static struct err *dump(void)
{
	const struct heapdump_options options = { .threads = 1,
						  .no_contents = runs % 4 / 2 };
	cleanup_out_file struct out_file *out = NULL;
	struct heapdump_result result;

	TRY(runtime_load(&p.f.rt));
	TRY(out_file_create("-", false, &out));
	TRY(heapdump_write(&p.f.rt, out, &options, &result));
	TRY(out_file_commit(out));
	ck_assert_uint_lt(out_file_bytes(out), MAX_DUMP);
	expect_framed(out_file_bytes(out));
	return NULL;
}

/* Dumps what there is now. */
static void run(uint64_t addr)
{
	ck_assert_int_eq(ftruncate(dump_fd, 0), 0);
	ck_assert_int_eq(lseek(dump_fd, 0, SEEK_SET), 0);
	p.f.rt.no_libunwind = runs++ % 2;
	struct err *e = dump();
	if (!e)
		return;
	failed++;
	/* What is wrong is the target, not our memory. */
	ck_assert_msg(e->code == ERR_FAULT || e->code == ERR_FORMAT ||
			      e->code == ERR_UNSUPPORTED,
		      "%#llx: error %d: %s", (unsigned long long)addr, e->code,
		      e->message);
	ck_assert_uint_gt(strlen(e->message), 0);
	err_free(e);
}

/* Changes every step-th byte of a range, one at a time. */
static void damage(uint64_t addr, uint64_t len, uint64_t step, uint8_t change)
{
	for (uint64_t i = 0; i < len; i += step) {
		uint8_t *byte = fake_at(&p.f.target, addr + i, 1);

		*byte ^= change;
		run(addr + i);
		*byte ^= change;
	}
}

/* All variables; but of the 256 pauses, which nobody follows, one. */
static void damage_variables(uint8_t change)
{
	const struct layout *l = &p.f.rt.layout;
	uint64_t pauses = l->var.memstats.addr + l->mstats.pause_ns.offset;
	uint64_t behind = pauses + l->mstats.pause_ns.width;

	damage(FAKE_VARS, pauses + 8 - FAKE_VARS, 1, change);
	damage(behind, fake_vars_end(l) - behind, 1, change);
}

/* All structs that were made but for the bitmap of the arena. */
static void damage_structs(uint8_t change)
{
	const struct layout *l = &p.f.rt.layout;
	uint64_t arena = fake_get(
		&p.f.target,
		fake_get(&p.f.target,
			 l->var.mheap_.addr + l->mheap.arenas.offset, 8) +
			FAKE_ARENA_INDEX * 8,
		8);
	uint64_t behind = arena + l->heapArena.struct_size;

	damage(FAKE_STRUCTS, arena - FAKE_STRUCTS, 1, change);
	damage(behind, p.f.next - behind, 1, change);
	damage(FAKE_ALLSPANS, p.f.span_count * 8, 1, change);
}

static void damage_all(enum fake_release release, uint8_t change)
{
	fake_program_init(&p, release, LARGE_PAGES);
	run(0);
	ck_assert_uint_eq(failed, 0);
	damage_variables(change);
	damage_structs(change);
	damage(FAKE_TYPES, 512, 1, change);
	damage(FAKE_STACK, 2 * FAKE_STACK_SIZE, 3, change);
	/* Headers, and bits at the end of a page. */
	damage(fake_slot(&p, p.middle, 0), 8, 1, change);
	damage(fake_slot(&p, p.small, 0) + FAKE_PAGE - 256, 256, 1, change);
	/* It is whole again; and not all of the damage went unseen. */
	ck_assert_uint_gt(failed, runs / 20);
	failed = 0;
	run(0);
	ck_assert_uint_eq(failed, 0);
}

START_TEST(go121)
{
	damage_all(FAKE_GO121, 0x80);
}
END_TEST

START_TEST(go122)
{
	damage_all(FAKE_GO122, 0xff);
}
END_TEST

START_TEST(go126)
{
	damage_all(FAKE_GO126, 0x01);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damaged");
	TCase *tc = tcase_create("damaged");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 280);
	tcase_add_test(tc, go121);
	tcase_add_test(tc, go122);
	tcase_add_test(tc, go126);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
