/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch FILE COMMAND...: runs COMMAND with signals as a terminal gives them
 * (a shell starts its background jobs with SIGINT ignored), and writes to FILE
 * first its process number, then, when it has ended, how: "exited 2" or
 * "killed 15", which a shell's $? cannot tell apart.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char **argv)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "launch: %s: %s\n", argv[0], strerror(errno));
	return 99;
}

static void report(FILE *f, int status)
{
	if (WIFSIGNALED(status))
		fprintf(f, "killed %d\n", WTERMSIG(status));
	else
		fprintf(f, "exited %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3) {
		fprintf(stderr, "Usage: launch FILE COMMAND...\n");
		return 99;
	}
	f = fopen(argv[1], "we");
	if (!f) {
		perror("launch");
		return 99;
	}
	pid = fork();
	if (pid < 0) {
		perror("launch: fork");
		return 99;
	}
	if (pid == 0)
		_exit(run(argv + 2));
	fprintf(f, "%d\n", (int)pid);
	fflush(f);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 99;
	report(f, status);
	return fclose(f) == 0 ? 0 : 99;
}
