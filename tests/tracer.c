/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches to all threads of a process and detaches again, as any tracer does:
 *
 *	tracer once PID   stop each thread, and let it go on
 *	tracer hold PID   keep it, running, until standard input ends
 *
 * It says "attached" when it is. What a stop does to a program whoever makes
 * it (epoll_wait ends with EINTR) is then behind the program; and a process
 * that is held cannot be attached to by anybody else.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TIDS 4096

static pid_t tids[MAX_TIDS];
static size_t n_tids;

static void die(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(99);
}

static bool known(pid_t tid)
{
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

/* A thread that has ended meanwhile is no error. */
static bool seize(pid_t tid)
{
	if (known(tid) || n_tids == MAX_TIDS)
		return false;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0) {
		if (errno != ESRCH)
			die("PTRACE_SEIZE");
		return false;
	}
	tids[n_tids++] = tid;
	return true;
}

/* Seizes the threads that are listed; returns whether one of them was new. */
static bool seize_listed(const char *pid)
{
	char path[64];
	struct dirent *de;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		die(path);
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && seize(atoi(de->d_name)))
			found = true;
	closedir(dir);
	return found;
}

static void stop(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return;
	waitpid(tid, &status, __WALL);
}

int main(int argc, char **argv)
{
	bool hold = argc == 3 && !strcmp(argv[1], "hold");
	char c;

	if (argc != 3 || (!hold && strcmp(argv[1], "once"))) {
		fprintf(stderr, "Usage: tracer once|hold PID\n");
		return 99;
	}
	while (seize_listed(argv[2]))
		;
	puts("attached");
	fflush(stdout);
	while (hold && read(0, &c, 1) > 0)
		;
	for (size_t i = 0; i < n_tids; i++)
		stop(tids[i]);
	for (size_t i = 0; i < n_tids; i++)
		ptrace(PTRACE_DETACH, tids[i], NULL, NULL);
	return 0;
}
