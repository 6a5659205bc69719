/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a live target's memory: src/target/memory.c, target.c. */
#include "child.h"
#include "expect.h"

#include "base/bits.h"
#include "target/live.h"
#include "target/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PAGE = 65536, /* a multiple of the page size of every machine */
	PAGES = 64,
	SIZE = PAGE * PAGES,
	HOLE = 5, /* not mapped */
	HOLES = 2,
	BARRED = 20, /* PROT_NONE */
	LAST = PAGES - 1,
};

/* The region in the child, at the same address as it has in the parent. */
static uint8_t *region;

/* What byte i of the region is. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 251 + i / PAGE);
}

static void body_region(struct shared *s)
{
	munmap(region + HOLE * PAGE, HOLES * PAGE);
	munmap(region + LAST * PAGE, PAGE);
	mprotect(region + BARRED * PAGE, PAGE, PROT_NONE);
	child_idle(s);
}

static struct child start_region(void)
{
	region = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(region != MAP_FAILED);
	for (size_t i = 0; i < SIZE; i++)
		region[i] = pattern(i);
	struct child c = child_start(body_region);
	/* What is read must come from the child. */
	memset(region, 0xee, SIZE);
	return c;
}

static void end_region(struct child *c)
{
	child_end(c);
	munmap(region, SIZE);
}

static bool holds_pattern(const uint8_t *buf, size_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != pattern(offset + i))
			return false;
	return true;
}

/* No byte of the range is in a hole. */
static bool is_mapped(size_t offset, size_t len)
{
	size_t end = offset + len;

	return (end <= HOLE * PAGE || offset >= (HOLE + HOLES) * PAGE) &&
	       end <= LAST * PAGE;
}

/* ---- one range --------------------------------------------------------------
 */

START_TEST(reads_one_range)
{
	struct child c = start_region();
	cleanup_free uint8_t *buf = malloc(SIZE);
	struct target *t = NULL;
	size_t n = (LAST - BARRED) * PAGE; /* several MB, and the PROT_NONE */

	expect_ok(live_open(c.pid, &t));
	for (int stopped = 0; stopped < 2; stopped++) {
		if (stopped)
			expect_ok(target_stop(t));
		memset(buf, 0, SIZE);
		expect_ok(target_read(t, (uintptr_t)region + BARRED * PAGE, buf,
				      n));
		ck_assert(holds_pattern(buf, BARRED * PAGE, n));
		expect_ok(target_read(t, (uintptr_t)region + 12345, buf, 1));
		ck_assert(holds_pattern(buf, 12345, 1));
		expect_ok(target_read(t, 0, buf, 0));
	}
	target_close(t);
	end_region(&c);
}
END_TEST

static void expect_fault(struct err *e, uint64_t addr)
{
	ck_assert(e && e->code == ERR_FAULT);
	ck_assert_uint_eq(e->addr, addr);
	err_free(e);
}

START_TEST(names_the_first_missing_byte)
{
	struct child c = start_region();
	uint64_t hole = (uintptr_t)region + HOLE * PAGE;
	uint8_t buf[300];
	struct target *t = NULL;

	expect_ok(live_open(c.pid, &t));
	expect_ok(target_stop(t));
	expect_ok(target_read(t, hole - 300, buf, 300));
	expect_fault(target_read(t, hole - 299, buf, 300), hole);
	expect_fault(target_read(t, hole, buf, 1), hole);
	expect_fault(target_read(t, hole + 7, buf, 300), hole + 7);
	expect_fault(target_read(t, 8, buf, 8), 8);
	/* Beyond what a signed offset holds, and round the end. */
	expect_fault(target_read(t, 1ull << 63, buf, 8), 1ull << 63);
	expect_fault(target_read(t, UINT64_MAX - 3, buf, 4), UINT64_MAX - 3);
	expect_fault(target_read(t, UINT64_MAX - 3, buf, 300), UINT64_MAX - 3);
	expect_ok(target_check(t));
	target_close(t);
	end_region(&c);
}
END_TEST

/* ---- many ranges
 * ------------------------------------------------------------- */

enum {
	RANGES = 5000,
	RANGE_MAX = 3 * PAGE,
};

struct ranges {
	struct read_range v[RANGES];
	uint8_t *buf;
};

/*
 * Ranges of all sizes all over the region: most of them small, some across
 * the borders of holes, empty, or nowhere.
 */
static struct ranges *make_ranges(unsigned int seed)
{
	struct ranges *r = malloc(sizeof(*r));
	size_t used = 0;

	r->buf = malloc((size_t)RANGES * 600 + RANGES / 50 * RANGE_MAX);
	for (size_t i = 0; i < RANGES; i++) {
		unsigned int x = (unsigned int)rand_r(&seed);
		size_t len = i % 50 == 7 ? x % RANGE_MAX : x % 600;
		size_t offset = (size_t)rand_r(&seed) % (SIZE - len);

		if (i % 9 == 3) /* about the first border */
			offset = HOLE * PAGE - len / 2;
		r->v[i] = (struct read_range){
			.addr = (uintptr_t)region + offset,
			.len = len,
			.buf = r->buf + used,
			.ok = i % 2, /* whatever it was before */
		};
		used += len;
	}
	memset(r->buf, 0x55, used);
	r->v[RANGES / 2].addr = UINT64_MAX - 1;
	r->v[RANGES / 2].len = 100;
	return r;
}

static void check_ranges(struct ranges *r)
{
	size_t bad = 0;

	for (size_t i = 0; i < RANGES; i++) {
		const struct read_range *range = &r->v[i];
		size_t offset = range->addr - (uintptr_t)region;
		bool there = i != RANGES / 2 &&
			     (!range->len || is_mapped(offset, range->len));

		ck_assert_msg(range->ok == there, "range %zu", i);
		if (there)
			ck_assert(
				holds_pattern(range->buf, offset, range->len));
		bad += !there;
	}
	ck_assert_uint_gt(bad, 100);
	ck_assert_uint_lt(bad, RANGES / 2);
	free(r->buf);
	free(r);
}

START_TEST(one_range_never_costs_another)
{
	struct child c = start_region();
	struct target *t = NULL;

	expect_ok(live_open(c.pid, &t));
	for (unsigned int i = 0; i < 4; i++) {
		struct ranges *r = make_ranges(i);

		if (i == 1)
			expect_ok(target_stop(t));
		target_read_many(t, r->v, RANGES);
		check_ranges(r);
	}
	target_read_many(t, NULL, 0);
	target_close(t);
	end_region(&c);
}
END_TEST

struct reader {
	struct target *target;
	struct ranges *ranges;
	pthread_t thread;
};

static void *read_thread(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 3; i++)
		target_read_many(r->target, r->ranges->v, RANGES);
	return NULL;
}

/* Threads other than the tracer read, and at the same time. */
START_TEST(threads_read_together)
{
	struct child c = start_region();
	struct reader readers[4];
	struct target *t = NULL;

	expect_ok(live_open(c.pid, &t));
	expect_ok(target_stop(t));
	for (unsigned int i = 0; i < 4; i++) {
		readers[i].target = t;
		readers[i].ranges = make_ranges(i + 10);
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL,
						read_thread, &readers[i]),
				 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(readers[i].thread, NULL);
		check_ranges(readers[i].ranges);
	}
	target_close(t);
	end_region(&c);
}
END_TEST

/* ---- with one of the two ways alone
 * ------------------------------------------- */

/* Where /proc/PID/mem can't be opened, all but PROT_NONE is read as well. */
START_TEST(without_proc_mem)
{
	struct child c = start_region();
	struct memory m = { .tid = c.pid, .fd = -1 };
	uint64_t addr = (uintptr_t)region;
	uint8_t buf[1000];

	ck_assert(!memory_gone(&m));
	ck_assert_uint_eq(memory_read(&m, addr, buf, 1000), 1000);
	ck_assert(holds_pattern(buf, 0, 1000));
	ck_assert_uint_eq(memory_read(&m, addr + HOLE * PAGE - 10, buf, 20),
			  10);
	ck_assert_uint_eq(memory_read(&m, addr + BARRED * PAGE, buf, 1), 0);
	struct read_range r[] = {
		{ addr + 10, 100, buf, false },
		{ addr + HOLE * PAGE, 100, buf + 100, true },
		{ addr + 20, 100, buf + 200, false },
	};
	memory_read_many(&m, r, 3);
	ck_assert(r[0].ok && !r[1].ok && r[2].ok);
	ck_assert(holds_pattern(buf, 10, 100));
	ck_assert(holds_pattern(buf + 200, 20, 100));

	kill(c.pid, SIGKILL);
	ck_assert(wait_state(c.pid, "Z"));
	ck_assert(memory_gone(&m));
	ck_assert_uint_eq(memory_read(&m, addr, buf, 1), 0);
	memory_read_many(&m, r, 3);
	ck_assert(!r[0].ok && !r[1].ok && !r[2].ok);
	end_region(&c);
}
END_TEST

/* Ranges that touch, in the target or here, are read as one. One that can't be
 * read ends neither those before nor those behind it. */
START_TEST(neighbours)
{
	struct child c = start_region();
	uint64_t hole = (uintptr_t)region + HOLE * PAGE;
	struct memory m = { .tid = c.pid, .fd = -1 };
	uint8_t buf[1000];
	struct read_range r[] = {
		{ hole - 300, 100, buf + 200, false },
		{ hole - 200, 100, buf + 300, false },
		{ hole - 100, 100, buf + 400, false },
		{ hole, 100, buf + 500, true },
		{ hole + HOLES * PAGE, 100, buf + 600, false },
		{ hole + HOLES * PAGE + 100, 100, buf + 100, false },
		{ hole - 400, 100, buf, false },
	};

	memory_read_many(&m, r, ARRAY_SIZE(r));
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		ck_assert_int_eq(r[i].ok, i != 3);
		if (r[i].ok)
			ck_assert(holds_pattern(
				r[i].buf, r[i].addr - (uintptr_t)region, 100));
	}
	end_region(&c);
}
END_TEST

/* Where process_vm_readv finds no process (its thread has exited). */
START_TEST(without_process_vm_readv)
{
	struct child c = start_region();
	cleanup_proc struct proc p = { .dir = -1 };
	uint64_t addr = (uintptr_t)region;
	struct memory m;
	uint8_t buf[1000];

	expect_ok(proc_init(&p, c.pid));
	expect_ok(memory_init(&m, &p, c.pid));
	m.tid = 1 << 30;
	ck_assert_int_eq(memory_probe(m.tid), ESRCH);
	ck_assert(!memory_gone(&m));
	struct read_range r[] = {
		{ addr + 10, 100, buf, false },
		{ addr + HOLE * PAGE, 100, buf + 100, true },
		{ addr + BARRED * PAGE, 100, buf + 200, false },
	};
	memory_read_many(&m, r, 3);
	ck_assert(r[0].ok && !r[1].ok && r[2].ok);
	ck_assert(holds_pattern(buf + 200, BARRED * PAGE, 100));
	memory_deinit(&m);
	ck_assert_int_eq(m.fd, -1);
	end_region(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("memory");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, reads_one_range);
	tcase_add_test(tc, names_the_first_missing_byte);
	tcase_add_test(tc, one_range_never_costs_another);
	tcase_add_test(tc, threads_read_together);
	tcase_add_test(tc, without_proc_mem);
	tcase_add_test(tc, neighbours);
	tcase_add_test(tc, without_process_vm_readv);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
