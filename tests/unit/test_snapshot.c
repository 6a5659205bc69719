/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a live process: src/target/snapshot*.c, loan.c, image.c. */
#include "child.h"
#include "expect.h"

#include "base/vec.h"
#include "target/live.h"
#include "target/snapshot.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SIZE = 1 << 20, /* bytes of an area */
	STACK = 1 << 18,
	BEFORE = 17, /* what all bytes are at the stop, and later */
	AFTER = 99,
};

enum area { PLAIN, DONTFORK, WIPED, SHARED, UNNEEDED, UNTOUCHED, AREAS };

static uint8_t *areas[AREAS], *stack;

static void *thread_waits(void *arg)
{
	struct shared *s = arg;
	static uint32_t word;

	s->tid[0] = gettid();
	for (;;)
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL);
	return NULL;
}

static void fill(int value)
{
	for (int i = 0; i < UNTOUCHED; i++)
		memset(areas[i], value, SIZE);
}

/* Fills the areas, and again when it is told to. */
static void body(struct shared *s)
{
	pthread_attr_t attr;
	pthread_t thread;

	fill(BEFORE);
	madvise(areas[DONTFORK], SIZE, MADV_DONTFORK);
	madvise(areas[WIPED], SIZE, MADV_WIPEONFORK);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK);
	if (pthread_create(&thread, &attr, thread_waits, s))
		_exit(1);
	while (!s->tid[0])
		sleep_ms(1);
	s->ready = 1;
	while (!s->go)
		sleep_ms(1);
	fill(AFTER);
	s->seen_count = 1;
	child_idle(s);
}

static struct child child;
static struct target *target;

static uint8_t *map(int flags)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       flags | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	return p;
}

static void setup(void)
{
	for (int i = 0; i < AREAS; i++)
		areas[i] = map(i == SHARED ? MAP_SHARED : MAP_PRIVATE);
	stack = map(MAP_PRIVATE);
	child = child_start(body);
	ck_assert(wait_state(child.shared->tid[0], "S"));
	target = open_child(&child);
}

static void teardown(void)
{
	target_close(target);
	child_end(&child);
	for (int i = 0; i < AREAS; i++)
		munmap(areas[i], SIZE);
	munmap(stack, SIZE);
}

static struct err *
stacks(void *arg, bool (*fn)(void *, const struct system_stack *), void *fn_arg)
{
	uint64_t lo = (uintptr_t)stack;

	(void)arg;
	fn(fn_arg,
	   &(struct system_stack){ child.shared->tid[0], lo, lo + STACK });
	return NULL;
}

static struct err *no_stacks(void *arg,
			     bool (*fn)(void *, const struct system_stack *),
			     void *fn_arg)
{
	(void)arg;
	(void)fn;
	(void)fn_arg;
	return NULL;
}

static struct err *unneeded(void *arg, struct address_ranges *out)
{
	uint64_t start = (uintptr_t)areas[UNNEEDED];

	(void)arg;
	return vec_push(out, (struct address_range){ start, start + SIZE });
}

static struct snapshot_maker *prepare(enum snapshot_kind kind, bool idle)
{
	const struct snapshot_wants wants = {
		.stacks = idle ? stacks : no_stacks,
		.unneeded = unneeded,
	};
	const struct snapshot_options options = { .kind = kind };
	struct snapshot_maker *m;

	expect_ok(snapshot_prepare(target, &wants, &options, &m));
	return m;
}

/* All bytes of an area. */
static void expect_bytes(struct target *t, enum area area, int value)
{
	uint8_t *bytes = malloc(SIZE);

	expect_ok(target_read(t, (uintptr_t)areas[area], bytes, SIZE));
	for (size_t i = 0; i < SIZE; i++)
		ck_assert_msg(bytes[i] == value, "area %d, byte %zu: %d", area,
			      i, bytes[i]);
	free(bytes);
}

static bool has_child(pid_t tid)
{
	char path[64], c;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", child.pid,
		 tid);
	cleanup_fclose FILE *f = fopen(path, "r");
	return f && fread(&c, 1, 1, f) == 1;
}

static void expect_no_children(void)
{
	ck_assert(!has_child(child.pid));
	ck_assert(!has_child(child.shared->tid[0]));
}

static struct target *take(struct snapshot_maker *m)
{
	struct target *snapshot;

	ck_assert(wait_state(child.shared->tid[0], "S"));
	expect_ok(target_stop(target));
	expect_ok(snapshot_take(m, &snapshot));
	ck_assert(snapshot->stopped);
	ck_assert_uint_eq(snapshot->thread_count, target->thread_count);
	ck_assert_int_eq(snapshot->threads[1].regs.sp,
			 target->threads[1].regs.sp);
	expect_ok(target_resume(target));
	child.shared->go = 1;
	ck_assert(wait_at_least(&child.shared->seen_count, 1));
	return snapshot;
}

START_TEST(one_instant)
{
	enum snapshot_kind kind = _i ? SNAPSHOT_COPY : SNAPSHOT_FORK;
	struct snapshot_maker *m = prepare(kind, true);
	struct target *s = take(m);
	uint8_t bytes[2 * 4096] = {};

	ck_assert_int_eq(snapshot_kind(m), kind);
	expect_bytes(s, PLAIN, BEFORE);
	expect_bytes(s, DONTFORK, BEFORE);
	expect_bytes(s, WIPED, BEFORE);
	expect_bytes(s, UNTOUCHED, 0);
	expect_bytes(target, PLAIN, AFTER);
	if (kind == SNAPSHOT_FORK) {
		expect_bytes(s, SHARED, BEFORE);
		expect_bytes(s, UNNEEDED, BEFORE);
	} else {
		expect_error(
			target_read(s, (uintptr_t)areas[UNNEEDED], bytes, 1),
			ERR_FAULT, "can't read");
	}
	expect_error(target_read(s, 16, bytes, 8), ERR_FAULT, "can't read");
	struct read_range ranges[] = {
		{ (uintptr_t)areas[DONTFORK] + 100, 4096, bytes },
		{ 4096, 1, bytes },
		{ (uintptr_t)areas[PLAIN] + SIZE - 4096, 4096, bytes + 4096 },
	};
	target_read_many(s, ranges, 3);
	ck_assert(ranges[0].ok && !ranges[1].ok && ranges[2].ok);
	ck_assert(bytes[0] == BEFORE && bytes[8191] == BEFORE);
	expect_error(target_resume(s), ERR_UNSUPPORTED, "can't run on");
	snapshot_drop(m, s);
	expect_no_children();
	snapshot_finish(m);
	expect_untraced(child.pid);
}
END_TEST

/* Twice from one maker, and the second with no pages of the first. */
START_TEST(again)
{
	struct snapshot_maker *m =
		prepare(_i ? SNAPSHOT_COPY : SNAPSHOT_FORK, true);
	struct target *s = take(m);

	expect_bytes(s, PLAIN, BEFORE);
	snapshot_drop(m, s);
	s = take(m);
	expect_bytes(s, PLAIN, AFTER);
	snapshot_drop(m, s);
	snapshot_finish(m);
	expect_no_children();
	expect_untraced(child.pid);
}
END_TEST

START_TEST(held)
{
	struct snapshot_maker *m = prepare(SNAPSHOT_HOLD, true);
	struct target *s;

	expect_ok(target_stop(target));
	expect_ok(snapshot_take(m, &s));
	ck_assert_ptr_eq(s, target);
	snapshot_drop(m, s);
	ck_assert(target->stopped);
	expect_ok(target_resume(target));
	snapshot_finish(m);
}
END_TEST

/* No thread that may be borrowed: the target runs, and a copy is next, unless
 * it was a fork that was asked for. */
START_TEST(refused)
{
	enum snapshot_kind asked = _i ? SNAPSHOT_FORK : SNAPSHOT_AUTO;
	struct snapshot_maker *m = prepare(asked, false);
	struct target *s;

	ck_assert_int_eq(snapshot_kind(m), SNAPSHOT_FORK);
	expect_ok(target_stop(target));
	struct err *e = snapshot_take(m, &s);
	ck_assert(e && e->code == ERR_LIMIT);
	expect_ok(target_resume(target));
	expect_no_children();
	e = snapshot_fall_back(m, e);
	if (asked == SNAPSHOT_FORK) {
		expect_error(e, ERR_LIMIT, "idle");
	} else {
		expect_ok(e);
		ck_assert_int_eq(snapshot_kind(m), SNAPSHOT_COPY);
		s = take(m);
		expect_bytes(s, PLAIN, BEFORE);
		snapshot_drop(m, s);
	}
	snapshot_finish(m);
}
END_TEST

/* A pause that is too long is refused before the stop. */
START_TEST(too_long)
{
	const struct snapshot_wants wants = { stacks, unneeded, NULL };
	const struct snapshot_options options = { .kind = SNAPSHOT_AUTO,
						  .max_pause = 1 };
	struct snapshot_maker *m;

	expect_error(snapshot_prepare(target, &wants, &options, &m), ERR_LIMIT,
		     "--max-pause");
	ck_assert(!target->stopped);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("snapshot");
	TCase *tc = tcase_create("snapshot");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, one_instant, 0, 2);
	tcase_add_loop_test(tc, again, 0, 2);
	tcase_add_test(tc, held);
	tcase_add_loop_test(tc, refused, 0, 2);
	tcase_add_test(tc, too_long);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
