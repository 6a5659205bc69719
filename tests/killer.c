/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures a Go process again and again, and is killed (SIGKILL) in the midst
 * of it each time; the process must go on as if nothing had been.
 *
 *	killer KIND steps PID		before every single ptrace request, once
 *	killer KIND random N PID	N times at any moment
 *	killer KIND target SIGNAL PROGRAM
 *		the other way round: before every single request a PROGRAM of
 *		its own gets SIGNAL (9: it dies; 10: it executes itself), and
 *		the capture must come to an end, one way or another
 *
 * KIND is fork, copy or hold. Says how often it was killed. In the end, one
 * capture is left to end by itself. Exit status 1, with a message: a thread
 * was left stopped or traced, or has other signals blocked than before.
 */
#include "base/log.h"
#include "capture.h"
#include "target/deadline.h"
#include "target/live.h"
#include "target/ptrace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct capture_options options = { .max_wait = 50 };
static struct target *target;
static struct runtime *rt;
static long kill_at;	  /* requests to go */
static int signal_target; /* instead of killing us */

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "killer: %s%s%s\n", what, e ? ": " : "",
		e ? e->message : "");
	exit(1);
}

static void before_request(void)
{
	if (!kill_at || --kill_at)
		return;
	if (signal_target)
		kill(target->pid, signal_target);
	else
		kill(getpid(), SIGKILL);
}

/* In a process of its own. A capture that comes to an end exits with 0. */
static void capture(long step)
{
	struct capture c;

	kill_at = step;
	tracee_before_request = before_request;
	struct err *e = capture_stop(target, rt, &options, &c);
	if (!e)
		e = capture_end(&c);
	if (e)
		fprintf(stderr, "killer: %s\n", e->message);
	_exit(e ? 2 : 0);
}

/* ---- how the process is -------------------------------------------------- */

enum { MAX_THREADS = 1024 };

struct thread_state {
	pid_t tid, tracer;
	char state;
	uint64_t blocked;
};

static struct thread_state before[MAX_THREADS];
static size_t before_count;

static bool read_state(const char *tid, struct thread_state *out)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", target->pid,
		 tid);
	cleanup_fclose FILE *f = fopen(path, "r");
	*out = (struct thread_state){ .tid = atoi(tid) };
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", &out->state);
		sscanf(line, "TracerPid: %d", &out->tracer);
		if (sscanf(line, "SigBlk: %" SCNx64, &out->blocked) == 1)
			return true;
	}
	return false;
}

static size_t read_states(struct thread_state *out)
{
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", target->pid);
	cleanup_closedir DIR *dir = opendir(path);
	if (!dir)
		die("the process is gone", NULL);
	for (struct dirent *d; n < MAX_THREADS && (d = readdir(dir));)
		if (d->d_name[0] != '.' && read_state(d->d_name, &out[n]))
			n++;
	if (!n)
		die("the process is gone", NULL);
	return n;
}

/* A thread blocks all signals for a moment when it starts another one: then
 * it was not looked at at a good time. */
static bool is_transient(uint64_t blocked)
{
	return __builtin_popcountll(blocked) > 32;
}

static const char *what_is_wrong(void)
{
	struct thread_state now[MAX_THREADS];
	size_t n = read_states(now);

	for (size_t i = 0; i < n; i++) {
		if (now[i].tracer)
			return "a thread is still traced";
		if (now[i].state == 't' || now[i].state == 'T')
			return "a thread was left stopped";
		for (size_t k = 0; k < before_count; k++)
			if (now[i].tid == before[k].tid &&
			    !is_transient(before[k].blocked) &&
			    now[i].blocked != before[k].blocked)
				return "a thread's signal mask has changed";
	}
	return NULL;
}

static void check_process(void)
{
	const char *wrong = what_is_wrong();
	struct timespec tick = { .tv_nsec = 1000000 };

	for (int i = 0; wrong && i < 10000; i++) {
		nanosleep(&tick, NULL);
		wrong = what_is_wrong();
	}
	if (wrong)
		die(wrong, NULL);
}

/* ---- killing ------------------------------------------------------------- */

static pid_t start(long step)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork", NULL);
	if (pid == 0)
		capture(step);
	return pid;
}

/* Whether it was killed; or else it has come to its end. */
static bool was_killed(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid", NULL);
	check_process();
	if (WIFEXITED(status) && WEXITSTATUS(status))
		die("a capture failed", NULL);
	return WIFSIGNALED(status);
}

static long kill_at_each_step(void)
{
	long n = 0;

	while (was_killed(start(n + 1)))
		n++;
	return n;
}

static long kill_at_random(long count)
{
	uint64_t began = monotonic_ns(), longest;
	long killed = 0;

	was_killed(start(0));
	longest = monotonic_ns() - began;
	for (long i = 0; i < count; i++) {
		uint64_t ns = (uint64_t)(drand48() * (double)longest);
		struct timespec delay = { (time_t)(ns / 1000000000),
					  (long)(ns % 1000000000) };
		pid_t pid = start(0);

		nanosleep(&delay, NULL);
		kill(pid, SIGKILL);
		killed += was_killed(pid);
	}
	return killed;
}

/* ---- a target that ends, or becomes another ------------------------------ */

/* A process that has said "ready"; *out is its standard output. */
static pid_t start_program(char *program, FILE **out)
{
	char line[64] = "";
	int fds[2];

	if (pipe(fds) < 0)
		die("pipe", NULL);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		int never[2]; /* its standard input does not end */
		if (pipe(never) == 0)
			dup2(never[0], 0);
		execl(program, program, (char *)NULL);
		_exit(99);
	}
	close(fds[1]);
	*out = fdopen(fds[0], "r");
	if (!fgets(line, sizeof(line), *out) || strncmp(line, "ready", 5))
		die("the program is not ready", NULL);
	return pid;
}

static void open_target(pid_t pid)
{
	struct err *e = live_open(pid, &target);

	if (!e)
		e = runtime_open(target, &rt);
	if (e)
		die("can't open the process", e);
}

/* One round; false: the capture had fewer requests. */
static bool signal_at(long step, char *program)
{
	char line[64] = "";
	FILE *out;
	int status;
	pid_t pid = start_program(program, &out);

	open_target(pid);
	pid_t capturer = fork();
	if (capturer == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(60); /* it hangs */
		kill_at = step;
		tracee_before_request = before_request;
		struct capture c;
		struct err *e = capture_stop(target, rt, &options, &c);
		if (!e)
			e = capture_end(&c);
		_exit(kill_at > 0 ? 3 : 0);
	}
	if (waitpid(capturer, &status, 0) != capturer || !WIFEXITED(status))
		die("a capture hangs", NULL);
	bool reached = WEXITSTATUS(status) == 0;
	if (reached && signal_target != SIGKILL &&
	    (!fgets(line, sizeof(line), out) || strncmp(line, "ready", 5)))
		die("the program is not ready again", NULL);
	if (signal_target != SIGKILL || !reached)
		check_process();
	runtime_close(rt);
	target_close(target);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		die("the program can't be waited for", NULL);
	fclose(out);
	return reached;
}

static long signal_at_each_step(int sig, char *program)
{
	long n = 0;

	signal_target = sig;
	while (signal_at(n + 1, program))
		n++;
	return n;
}

int main(int argc, char **argv)
{
	bool from_outside = argc == 5 && !strcmp(argv[2], "target");
	bool steps = argc == 4 && !strcmp(argv[2], "steps");
	bool random = argc == 5 && !strcmp(argv[2], "random");

	log_init("killer", LOG_QUIET);
	if (!steps && !random && !from_outside)
		die("usage: see killer.c", NULL);
	for (int k = SNAPSHOT_FORK; k <= SNAPSHOT_HOLD; k++)
		if (!strcmp(argv[1], snapshot_name(k)))
			options.snapshot = k;
	if (from_outside) {
		printf("%ld\n", signal_at_each_step(atoi(argv[3]), argv[4]));
		return 0;
	}
	open_target(atoi(argv[argc - 1]));
	before_count = read_states(before);
	srand48(getpid());
	long killed =
		steps ? kill_at_each_step() : kill_at_random(atol(argv[3]));
	if (was_killed(start(0)))
		die("the last one was killed", NULL);
	printf("%ld\n", killed);
	return 0;
}
