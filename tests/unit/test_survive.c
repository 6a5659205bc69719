/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may go wrong with a live target, and that it survives: threads that
 * don't stop, exec, the end of the target, the end of the tracer.
 */
#include "child.h"
#include "expect.h"

#include "target/live.h"
#include "target/ptrace.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what can't be waited for ------------------------------------------- */

/* Its only thread waits for a vfork child, in state D. */
static void body_vfork(struct shared *s)
{
	pid_t pid = vfork();

	if (pid == 0) {
		s->pid = getpid();
		s->ready = 1;
		for (;;)
			pause();
	}
	waitpid(pid, NULL, 0);
	child_worker(s);
}

static void on_alarm(int sig)
{
	(void)sig;
	target_interrupted = 1;
}

/* Attaches to the process s->go; how that failed is told by s->errors. */
static void body_timeout(struct shared *s)
{
	struct target *t = NULL;

	err_free(live_open(s->go, &t));
	t->stop_timeout = 100;
	struct err *e = target_stop(t);
	if (e && e->code == ERR_TIMEOUT && strstr(e->message, "(state D)") &&
	    e->hint && !t->stopped)
		s->errors = -1;
	err_free(e);
	target_close(t);
	s->ready++;
}

static void body_interrupted(struct shared *s)
{
	struct sigaction action = { .sa_handler = on_alarm,
				    .sa_flags = SA_RESTART };
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct target *t = NULL;

	sigaction(SIGALRM, &action, NULL);
	err_free(live_open(s->go, &t));
	t->stop_timeout = 600000;
	setitimer(ITIMER_REAL, &soon, NULL);
	struct err *e = target_stop(t);
	if (e && e->code == ERR_INTERRUPTED)
		s->errors = -1;
	err_free(e);
	target_close(t);
	s->ready++;
}

START_TEST(a_wait_ends)
{
	struct child c = child_start(body_vfork);

	ck_assert(wait_state(c.pid, "D"));
	c.shared->go = c.pid;
	struct child tracer = child_start_with(c.shared, _i ? body_interrupted
							    : body_timeout);
	ck_assert_int_eq(c.shared->errors, -1);
	ck_assert_int_eq(waitpid(tracer.pid, NULL, 0), tracer.pid);

	/* The tracer is gone: nothing keeps the process from going on. */
	kill(c.shared->pid, SIGKILL);
	ck_assert(wait_work(c.shared));
	expect_untraced(c.pid);
	child_end(&c);
}
END_TEST

/* ---- exec ---------------------------------------------------------------- */

static void *thread_exec(void *arg)
{
	const char *fd = arg;

	sleep_ms((unsigned int)gettid() % 3);
	execl("/proc/thread-self/exe", "exec_loop", fd, (char *)NULL);
	_exit(1);
}

static void *thread_idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

enum {
	LEADER_EXITS = 1000, /* added to an exec loop's descriptor */
};

/*
 * This program as its own successor: many threads (so that seizing them takes
 * a while), of which one, not the main one, executes it anew. Each round
 * writes a byte to descriptor fd.
 */
static int exec_loop(char *fd)
{
	pthread_attr_t attr;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(atoi(fd) % LEADER_EXITS, "x", 1) != 1)
		return 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 80; i++)
		if (pthread_create(&thread, &attr, thread_idle, NULL))
			return 1;
	if (pthread_create(&thread, NULL, thread_exec, fd))
		return 1;
	if (atoi(fd) >= LEADER_EXITS)
		pthread_exit(NULL);
	for (;;)
		pause();
}

static void body_exec(struct shared *s)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", s->pipe[1] + (s->go ? LEADER_EXITS : 0));
	atomic_store(&s->ready, 1);
	thread_exec(fd);
}

/* Waits for the next n programs of an exec loop to begin. */
static void wait_exec(struct shared *s, int n)
{
	char byte[4096];

	/* Forget those that began before. */
	fcntl(s->pipe[0], F_SETFL, O_NONBLOCK);
	while (read(s->pipe[0], byte, sizeof(byte)) > 0)
		;
	fcntl(s->pipe[0], F_SETFL, 0);
	while (n-- > 0)
		ck_assert_int_eq(read(s->pipe[0], byte, 1), 1);
}

static struct child start_exec_loop(bool leader_exits)
{
	struct shared *s = shared_create();

	s->go = leader_exits;
	ck_assert_int_eq(pipe(s->pipe), 0);
	struct child c = child_start_with(s, body_exec);
	close(s->pipe[1]);
	wait_exec(s, 1);
	return c;
}

/*
 * Once without /proc/PID/mem: as another user of files, who has no
 * CAP_DAC_OVERRIDE, but still CAP_SYS_PTRACE (capabilities(7)).
 */
START_TEST(exec_is_noticed)
{
	struct child c = start_exec_loop(false);
	struct target *t = NULL;
	struct err *e;

	if (_i)
		setfsuid(65534);
	do {
		e = live_open(c.pid, &t);
		if (e)
			expect_error(e, ERR_GONE, "");
	} while (!t);
	wait_exec(c.shared, 2);
	expect_error(target_stop(t), ERR_GONE, "has executed another program");
	ck_assert(!t->stopped);
	wait_exec(c.shared, 2);
	if (!_i)
		expect_error(target_check(t), ERR_GONE, "");
	target_close(t);
	child_end(&c);
}
END_TEST

/* At any moment of an exec: it is stopped, or it is another one by now. */
START_TEST(stops_amid_execs)
{
	struct child c = start_exec_loop(_i);
	int stopped = 0;

	for (int i = 0; i < 150 || !stopped; i++) {
		struct target *t = NULL;
		struct err *e = live_open(c.pid, &t);

		if (t)
			t->stop_timeout = 30000;
		if (!e)
			e = target_stop(t);
		if (!e)
			stopped++;
		else
			expect_error(e, ERR_GONE, "");
		target_close(t);
		expect_untraced(c.pid);
	}
	wait_exec(c.shared, 2);
	child_end(&c);
}
END_TEST

/* ---- the end of the target, or of the tracer ----------------------------- */

START_TEST(killed_while_stopped)
{
	struct child c = child_start(child_workers);
	cleanup_target struct target *t = open_child(&c);
	uint64_t addr = (uintptr_t)&c.shared->work;
	uint64_t value;
	int status;

	expect_ok(target_stop(t));
	expect_ok(target_read(t, addr, &value, 8));
	expect_ok(target_check(t));
	expect_error(target_read(t, 0, &value, 8), ERR_FAULT, "no memory at 0");
	kill(c.pid, SIGKILL);
	/* The leader is a zombie once the others are; which we reap. */
	ck_assert(wait_state(c.pid, "Z"));
	for (int ms = 0; ms < 60000; ms++) {
		struct err *e = target_check(t);

		if (e && (err_free(e), true))
			break;
		sleep_ms(1);
	}
	expect_error(target_read(t, addr, &value, 8), ERR_GONE, "has ended");
	struct read_range r = { addr, 8, &value, true };
	target_read_many(t, &r, 1);
	ck_assert(!r.ok);
	expect_ok(target_resume(t));
	expect_error(target_stop(t), ERR_GONE, "");
	/* We are the parent: the status of its exit was left for us. */
	ck_assert_int_eq(waitpid(c.pid, &status, 0), c.pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

/* The parent of the target that the test kills: it must see that. */
static void body_parent(struct shared *s)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		s->pid = getpid();
		child_workers(s);
	}
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		atomic_store(&s->go, 100);
}

START_TEST(parent_learns_of_the_end)
{
	struct child parent = child_start(body_parent);
	struct child c = { parent.shared->pid, parent.shared };
	cleanup_target struct target *t = open_child(&c);

	expect_ok(target_stop(t));
	kill(c.pid, SIGKILL);
	expect_ok(target_resume(t));
	ck_assert(wait_at_least(&c.shared->go, 100));
	child_end(&parent);
}
END_TEST

/* Stops the process s->pid, and waits to be killed. */
static void body_tracer(struct shared *s)
{
	struct target *t = NULL;

	err_free(live_open(s->pid, &t));
	if (!t || target_stop(t))
		_exit(1);
	child_idle(s);
}

/* The same, as the process is about to receive a signal. */
static void body_signal_tracer(struct shared *s)
{
	struct tracee t = { .tid = s->pid };
	struct deadline d = {};
	struct proc p;

	if (tracee_seize(t.tid) || proc_init(&p, t.tid) ||
	    deadline_init(&d, 30000, false))
		_exit(1);
	sigqueue(t.tid, SIGUSR1, (union sigval){ .sival_int = 7 });
	while (t.state == TRACEE_RUNNING)
		if (tracee_wait(&t, &p, &d))
			_exit(1);
	if (t.signal != SIGUSR1)
		_exit(1);
	deadline_deinit(&d);
	child_idle(s);
}

START_TEST(tracer_is_killed)
{
	struct child c = child_start(child_signalled);
	int status;

	c.shared->pid = c.pid;
	struct child tracer = child_start_with(c.shared, _i ? body_signal_tracer
							    : body_tracer);
	if (!_i)
		ck_assert(work_stands_still(c.shared));
	kill(tracer.pid, SIGKILL);
	ck_assert_int_eq(waitpid(tracer.pid, &status, 0), tracer.pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert(wait_work(c.shared));
	expect_untraced(c.pid);
	if (_i) {
		ck_assert(wait_at_least(&c.shared->seen_count, 1));
		ck_assert_int_eq(c.shared->seen[7], 1);
	}
	child_end(&c);
}
END_TEST

START_TEST(close_resumes)
{
	struct child c = child_start(child_workers);
	struct target *t = open_child(&c);

	expect_ok(target_stop(t));
	ck_assert(work_stands_still(c.shared));
	target_close(t);
	ck_assert(wait_work(c.shared));
	expect_untraced(c.pid);
	target_close(NULL);
	child_end(&c);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "exec_loop") == 0)
		return exec_loop(argv[1]);

	Suite *suite = suite_create("survive");
	TCase *tc = tcase_create("survive");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_wait_ends, 0, 2);
	tcase_add_loop_test(tc, exec_is_noticed, 0, 2);
	tcase_add_loop_test(tc, stops_amid_execs, 0, 2);
	tcase_add_test(tc, killed_while_stopped);
	tcase_add_test(tc, parent_learns_of_the_end);
	tcase_add_loop_test(tc, tracer_is_killed, 0, 2);
	tcase_add_test(tc, close_resumes);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
