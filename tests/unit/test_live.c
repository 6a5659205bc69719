/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping and resuming of live processes: src/target/live.c and below. */
#include "child.h"
#include "expect.h"

#include "target/live.h"
#include "target/ptrace.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct thread *thread_of(const struct target *t, pid_t tid)
{
	for (size_t i = 0; i < t->thread_count; i++)
		if (t->threads[i].tid == tid)
			return &t->threads[i];
	return NULL;
}

/* ---- a plain stop ------------------------------------------------------- */

START_TEST(stops_every_thread)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);

	ck_assert(!t->stopped);
	ck_assert(wait_work(c.shared));
	expect_ok(target_stop(t));
	ck_assert(t->stopped);
	ck_assert(work_stands_still(c.shared));
	ck_assert_uint_eq(t->thread_count, 4);
	for (int i = 0; i < 4; i++)
		ck_assert(thread_of(t, c.shared->tid[i]) != NULL);
	expect_ok(target_stop(t)); /* nothing to do */

	expect_ok(target_resume(t));
	ck_assert(wait_work(c.shared));
	ck_assert(!t->stopped);
	ck_assert_uint_eq(t->thread_count, 0);
	ck_assert_uint_eq(t->mapping_count, 0);
	child_end(&c);
}
END_TEST

START_TEST(captures_registers)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);

	expect_ok(target_stop(t));
	for (size_t i = 0; i < t->thread_count; i++) {
		const struct thread *thread = &t->threads[i];
		const struct mapping *m;

		ck_assert(thread->have_regs);
		ck_assert_int_eq(thread->ns_tid, thread->tid);
		m = target_mapping(t, thread->regs.pc);
		ck_assert(m && m->exec);
		m = target_mapping(t, thread->regs.sp);
		ck_assert(m && m->read && m->write);
		m = target_mapping(t, thread->regs.tls);
		ck_assert(m && m->read && m->write);
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(t->threads[k].regs.tls,
					  thread->regs.tls);
	}
	expect_ok(target_resume(t));
	child_end(&c);
}
END_TEST

/* A thread that stops on its way to receive a signal says which, and receives
 * it. */
START_TEST(tells_signals_on_their_way)
{
	struct child c = child_start(child_faults);
	cleanup_target struct target *t = open_child(&c);
	struct thread_signal signal = {};

	for (int i = 0; i < 3000 && !signal.number; i++) {
		ck_assert(wait_work(c.shared));
		expect_ok(target_stop(t));
		signal = t->threads[0].signal;
		expect_ok(target_resume(t));
	}
	ck_assert_int_eq(signal.number, SIGSEGV);
	ck_assert_int_eq(signal.code, SEGV_MAPERR);
	ck_assert_uint_eq(signal.addr, FAULT_ADDR);
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

START_TEST(knows_its_executable)
{
	struct child c = child_start(child_idle);
	cleanup_target struct target *t = open_child(&c);
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	ck_assert_str_eq(t->exe_name, strrchr(self, '/') + 1);
	ck_assert_int_eq(access(t->exe_path, R_OK), 0);
	ck_assert_ptr_eq(t->arch, arch_host());
	expect_ok(target_stop(t));
	const struct mapping *m = target_mapping(t, t->at_phdr);
	ck_assert(m && strcmp(m->path, self) == 0);
	ck_assert(target_mapping(t, 0) == NULL);
	ck_assert(target_mapping(t, UINT64_MAX) == NULL);
	expect_ok(target_resume(t));
	child_end(&c);
}
END_TEST

/* Of a process that runs, and whatever has become of the file's name. */
START_TEST(opens_what_is_mapped)
{
	struct child c = child_start(child_idle);
	cleanup_target struct target *t = open_child(&c);

	ck_assert_uint_eq(t->mapping_count, 0);
	expect_ok(target_map(t));
	ck_assert(!t->stopped);
	const struct mapping *m = target_mapping(t, t->at_phdr);
	ck_assert_ptr_nonnull(m);
	cleanup_free char *path = target_mapped_path(t, m);
	ck_assert_ptr_nonnull(path);
	ck_assert_int_eq(access(path, R_OK), 0);

	char heap[] = "[heap]", nowhere[] = "/no/such/file";
	struct mapping other = *m;
	other.inode++;
	ck_assert_ptr_null(target_mapped_path(t, &other));
	other = *m;
	other.path = heap;
	ck_assert_ptr_null(target_mapped_path(t, &other));
	/* Only by way of the mapping, for which privilege is needed. */
	other.path = nowhere;
	cleanup_free char *by_map = target_mapped_path(t, &other);
	ck_assert(!by_map == (geteuid() != 0));
	child_end(&c);
}
END_TEST

START_TEST(measures_the_stop)
{
	struct child c = child_start(child_worker);
	cleanup_target struct target *t = open_child(&c);
	uint64_t before = monotonic_ns();

	ck_assert_uint_eq(t->pause_ns, 0);
	expect_ok(target_stop(t));
	uint64_t at = timespec_ns(&t->stop_time.monotonic);
	ck_assert_uint_ge(timespec_ns(&t->stop_began), before);
	ck_assert_uint_ge(at, timespec_ns(&t->stop_began));
	ck_assert_int_ge(t->stop_time.wall.tv_sec, 1700000000);
	ck_assert_uint_ne(t->stop_time.ticks, 0);
	sleep_ms(5);
	expect_ok(target_resume(t));
	uint64_t after = monotonic_ns();
	ck_assert_uint_ge(t->pause_ns, 5000000);
	ck_assert_uint_le(t->pause_ns, after - before);
	child_end(&c);
}
END_TEST

/* ---- system calls, signals ---------------------------------------------- */

static void body_reader(struct shared *s)
{
	char byte;

	atomic_store(&s->ready, 1);
	for (;;) {
		if (read(s->pipe[0], &byte, 1) != 1)
			atomic_fetch_add(&s->errors, 1);
		atomic_fetch_add(&s->go, 1);
	}
}

START_TEST(read_is_not_interrupted)
{
	struct shared *s = shared_create();

	ck_assert_int_eq(pipe(s->pipe), 0);
	struct child c = child_start_with(s, body_reader);
	cleanup_target struct target *t = open_child(&c);
	for (int i = 1; i <= 20; i++) {
		ck_assert(wait_state(c.pid, "S"));
		expect_ok(target_stop(t));
		ck_assert_int_eq(write(s->pipe[1], "x", 1), 1);
		expect_ok(target_resume(t));
		ck_assert(wait_at_least(&s->go, i));
	}
	ck_assert_int_eq(s->errors, 0);
	child_end(&c);
}
END_TEST

/* Sends each number once, as fast as the receiver takes them. */
static void body_sender(struct shared *s)
{
	atomic_fetch_add(&s->ready, 1);
	for (int i = 0; i < CHILD_SIGNALS; i++) {
		union sigval value = { .sival_int = i };

		while (sigqueue(s->pid, SIGRTMIN, value) < 0) {
			if (errno != EAGAIN) {
				atomic_fetch_add(&s->errors, 1);
				return;
			}
			sleep_ms(1);
		}
		if (i % 16 == 0)
			sleep_ms(1);
	}
}

START_TEST(no_signal_is_lost_or_doubled)
{
	struct child c = child_start(child_signalled);
	cleanup_target struct target *t = open_child(&c);
	int stops = 0, status;

	c.shared->pid = c.pid;
	struct child sender = child_start_with(c.shared, body_sender);
	while (waitpid(sender.pid, &status, WNOHANG) == 0) {
		expect_ok(target_stop(t));
		expect_ok(target_resume(t));
		stops++;
	}
	ck_assert_int_gt(stops, 0);
	ck_assert_int_eq(c.shared->errors, 0);
	ck_assert(wait_at_least(&c.shared->seen_count, CHILD_SIGNALS));
	for (int i = 0; i < CHILD_SIGNALS; i++)
		ck_assert_int_eq(c.shared->seen[i], 1);
	child_end(&c);
}
END_TEST

START_TEST(stopped_stays_stopped)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);

	kill(c.pid, SIGSTOP);
	ck_assert(wait_state(c.pid, "T"));
	expect_ok(target_stop(t));
	ck_assert(wait_state(c.pid, "t"));
	ck_assert_uint_eq(t->thread_count, 4);
	expect_ok(target_resume(t));
	ck_assert(wait_state(c.pid, "T"));
	expect_untraced(c.pid);
	ck_assert(work_stands_still(c.shared));

	kill(c.pid, SIGCONT);
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

START_TEST(stop_signal_during_a_stop)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);

	expect_ok(target_stop(t));
	kill(c.pid, SIGSTOP);
	expect_ok(target_resume(t));
	for (int i = 0; i < 4; i++)
		ck_assert(wait_state(c.shared->tid[i], "T"));

	expect_ok(target_stop(t));
	kill(c.pid, SIGCONT);
	expect_ok(target_resume(t));
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

/* Stops and continues the process s->pid all the time. */
static void body_stopper(struct shared *s)
{
	atomic_fetch_add(&s->ready, 1);
	for (int i = 0; i < 300; i++) {
		kill(s->pid, i % 2 ? SIGCONT : SIGSTOP);
		sleep_ms(i % 3);
	}
}

START_TEST(stops_amid_stop_signals)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);
	int status;

	c.shared->pid = c.pid;
	struct child stopper = child_start_with(c.shared, body_stopper);
	while (waitpid(stopper.pid, &status, WNOHANG) == 0) {
		expect_ok(target_stop(t));
		ck_assert_uint_eq(t->thread_count, 4);
		expect_ok(target_resume(t));
	}
	/* The last signal was SIGCONT. */
	ck_assert(wait_work(c.shared));
	kill(c.pid, SIGSTOP);
	for (int i = 0; i < 4; i++)
		ck_assert(wait_state(c.shared->tid[i], "T"));
	child_end(&c);
}
END_TEST

/* ---- threads that come and go ------------------------------------------- */

/* Two threads that start others all the time, which end at once. */
static void body_churn(struct shared *s)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, child_thread_parent, s))
		_exit(1);
	atomic_store(&s->ready, 1);
	child_thread_parent(s);
}

/* A thread that starts its successor and ends. */
static void *thread_relay(void *arg)
{
	struct shared *s = arg;
	pthread_attr_t attr;
	pthread_t thread;

	atomic_fetch_add(&s->work, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (pthread_create(&thread, &attr, thread_relay, s))
		sched_yield();
	return NULL;
}

static void body_relay(struct shared *s)
{
	thread_relay(s);
	thread_relay(s);
	atomic_store(&s->ready, 1);
	for (;;)
		pause();
}

static void stop_often(const struct child *c, int times)
{
	cleanup_target struct target *t = open_child(c);

	for (int i = 0; i < times; i++) {
		expect_ok(target_stop(t));
		ck_assert(work_stands_still(c->shared));
		ck_assert(thread_of(t, c->pid) != NULL);
		expect_ok(target_resume(t));
		ck_assert(wait_work(c->shared));
		expect_untraced(c->pid);
	}
}

START_TEST(threads_that_come_and_go)
{
	struct child c = child_start(_i ? body_relay : body_churn);

	stop_often(&c, 20);
	child_end(&c);
}
END_TEST

/* The main thread has exited; the others go on. */
static void body_leaderless(struct shared *s)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, child_thread_parent, s))
		_exit(1);
	atomic_store(&s->ready, 1);
	pthread_exit(NULL);
}

START_TEST(leader_has_exited)
{
	struct child c = child_start(body_leaderless);
	uint64_t value = 0;

	ck_assert(wait_state(c.pid, "Z"));
	cleanup_target struct target *t = open_child(&c);
	ck_assert_int_eq(access(t->exe_path, R_OK), 0);
	expect_ok(target_stop(t));
	ck_assert(work_stands_still(c.shared));
	ck_assert_uint_gt(t->mapping_count, 0);
	ck_assert_uint_gt(t->thread_count, 0);
	ck_assert(thread_of(t, c.pid) == NULL);
	expect_ok(target_read(t, (uintptr_t)&c.shared->work, &value, 8));
	ck_assert_uint_eq(value, c.shared->work);
	struct read_range r = { t->at_phdr, 8, &value, false };
	target_read_many(t, &r, 1);
	ck_assert(r.ok);
	expect_ok(target_resume(t));
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

/* ---- namespaces -----------------------------------------------------------
 */

/* A process in a pid namespace of its own, whose threads have low ids there. */
static void body_namespace(struct shared *s)
{
	if (unshare(CLONE_NEWPID)) {
		s->errors = errno;
		child_idle(s);
	}
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		child_workers(s);
	}
	s->pid = pid;
	waitpid(pid, NULL, 0);
}

START_TEST(thread_ids_of_a_namespace)
{
	struct child parent = child_start(body_namespace);

	if (parent.shared->errors) {
		fprintf(stderr, "skipped: no pid namespace: %s\n",
			strerror(parent.shared->errors));
		child_end(&parent);
		return;
	}
	ck_assert(wait_at_least(&parent.shared->pid, 1));
	struct child c = { parent.shared->pid, parent.shared };
	cleanup_target struct target *t = open_child(&c);
	expect_ok(target_stop(t));
	ck_assert_uint_eq(t->thread_count, 4);
	for (size_t i = 0; i < 4; i++) {
		bool found = false;

		for (int k = 0; k < 4; k++)
			found |= t->threads[i].ns_tid == c.shared->tid[k];
		ck_assert(found);
		ck_assert_int_ne(t->threads[i].ns_tid, t->threads[i].tid);
	}
	expect_ok(target_resume(t));
	child_end(&parent);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("live");
	TCase *tc = tcase_create("live");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, stops_every_thread);
	tcase_add_test(tc, captures_registers);
	tcase_add_test(tc, tells_signals_on_their_way);
	tcase_add_test(tc, knows_its_executable);
	tcase_add_test(tc, opens_what_is_mapped);
	tcase_add_test(tc, measures_the_stop);
	tcase_add_test(tc, read_is_not_interrupted);
	tcase_add_test(tc, no_signal_is_lost_or_doubled);
	tcase_add_test(tc, stopped_stays_stopped);
	tcase_add_test(tc, stop_signal_during_a_stop);
	tcase_add_test(tc, stops_amid_stop_signals);
	tcase_add_loop_test(tc, threads_that_come_and_go, 0, 2);
	tcase_add_test(tc, leader_has_exited);
	tcase_add_test(tc, thread_ids_of_a_namespace);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
