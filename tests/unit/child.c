/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"
#include "expect.h"

#include "target/live.h"
#include "target/procfs.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE = 60000, /* ms: what no test should ever need */
};

void sleep_ms(unsigned int ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	nanosleep(&t, NULL);
}

struct shared *shared_create(void)
{
	void *s = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(s != MAP_FAILED);
	return s;
}

struct child child_start_with(struct shared *s, void (*body)(struct shared *))
{
	struct child c = { .shared = s };
	int before = atomic_load(&s->ready);

	c.pid = fork();
	ck_assert_int_ge(c.pid, 0);
	if (c.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body(s);
		_exit(0);
	}
	ck_assert_msg(wait_at_least(&s->ready, before + 1),
		      "the child does not get ready");
	return c;
}

struct child child_start(void (*body)(struct shared *))
{
	return child_start_with(shared_create(), body);
}

int child_end(struct child *c)
{
	int status = -1;

	kill(c->pid, SIGKILL);
	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	munmap(c->shared, sizeof(*c->shared));
	return status;
}

bool wait_at_least(atomic_int *v, int n)
{
	for (int ms = 0; ms < PATIENCE; ms++) {
		if (atomic_load(v) >= n)
			return true;
		sleep_ms(1);
	}
	return false;
}

bool wait_work(struct shared *s)
{
	uint64_t before = atomic_load(&s->work);

	for (int ms = 0; ms < PATIENCE; ms++) {
		if (atomic_load(&s->work) != before)
			return true;
		sleep_ms(1);
	}
	return false;
}

bool work_stands_still(struct shared *s)
{
	uint64_t before = atomic_load(&s->work);

	sleep_ms(10);
	return atomic_load(&s->work) == before;
}

bool wait_state(pid_t tid, const char *states)
{
	for (int ms = 0; ms < PATIENCE; ms++) {
		char path[32], text[512] = "";

		snprintf(path, sizeof(path), "/proc/%d/stat", tid);
		FILE *f = fopen(path, "re");
		if (!f)
			return false;
		size_t n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		const char *p = strrchr(text, ')');
		if (p && p[1] && p[2] && strchr(states, p[2]))
			return true;
		sleep_ms(1);
	}
	return false;
}

void child_idle(struct shared *s)
{
	atomic_fetch_add(&s->ready, 1);
	for (;;)
		pause();
}

static void work(struct shared *s, int i)
{
	atomic_store(&s->tid[i], gettid());
	atomic_fetch_add(&s->ready, 1);
	for (;;)
		atomic_fetch_add(&s->work, 1);
}

void child_worker(struct shared *s)
{
	work(s, 0);
}

static void *work_thread(void *arg)
{
	struct shared *s = arg;

	work(s, atomic_fetch_add(&s->go, 1) + 1);
	return NULL;
}

void child_workers(struct shared *s)
{
	pthread_t thread;

	atomic_fetch_sub(&s->ready, 3); /* until all four are there */
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, work_thread, s))
			_exit(1);
	work(s, 0);
}

struct target *open_child(const struct child *c)
{
	struct target *t = NULL;

	expect_ok(live_open(c->pid, &t));
	t->stop_timeout = 30000; /* on a loaded machine, too */
	return t;
}

/* Sees that t is the tracee of nobody, in every thread. */
void expect_untraced(pid_t pid)
{
	cleanup_proc struct proc p = { .dir = -1 };
	struct proc_status status;
	cleanup_tids struct tids tids = {};

	expect_ok(proc_init(&p, pid));
	expect_ok(proc_list_tasks(&p, &tids));
	for (size_t i = 0; i < tids.len; i++) {
		struct err *e = proc_read_status(&p, tids.v[i], &status);

		/* A leader that has exited stays until its tracer ends. */
		if (!e && !proc_state_dead(status.state))
			ck_assert_int_eq(status.tracer, 0);
		err_free(e); /* it has exited since */
	}
}

static struct shared *signalled; /* for the handler; in the child */

static void on_numbered(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)sig;
	(void)context;
	atomic_fetch_add(&signalled->seen[info->si_value.sival_int], 1);
	atomic_fetch_add(&signalled->seen_count, 1);
	errno = saved;
}

void child_signalled(struct shared *s)
{
	struct sigaction action = {
		.sa_sigaction = on_numbered,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};

	signalled = s;
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	child_workers(s);
}

static void *thread_brief(void *arg)
{
	struct shared *s = arg;

	atomic_fetch_add(&s->work, 1);
	return NULL;
}

void *child_thread_parent(void *arg)
{
	pthread_t thread;

	for (;;)
		if (pthread_create(&thread, NULL, thread_brief, arg) == 0)
			pthread_join(thread, NULL);
	return NULL;
}

static sigjmp_buf survived;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(survived, 1);
}

void child_faults(struct shared *s)
{
	const struct sigaction action = { .sa_handler = on_fault };
	volatile uintptr_t nowhere = FAULT_ADDR; /* no compiler may know */

	sigaction(SIGSEGV, &action, NULL);
	atomic_store(&s->ready, 1);
	for (;;) {
		if (!sigsetjmp(survived, 1))
			(void)*(const volatile int *)nowhere;
		atomic_fetch_add(&s->work, 1);
	}
}
