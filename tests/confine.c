/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program that may not have child processes, by a seccomp filter:
 *
 *	confine errno|kill|pass PROGRAM [ARGUMENT...]
 *
 * The filter looks at clone() without CLONE_VM, as a fork is: it fails with
 * EPERM, or kills the program, or passes.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATA(member) ((unsigned int)offsetof(struct seccomp_data, member))

int main(int argc, char **argv)
{
	unsigned int action = SECCOMP_RET_ALLOW;

	if (argc < 3)
		return 99;
	if (!strcmp(argv[1], "errno"))
		action = SECCOMP_RET_ERRNO | EPERM;
	if (!strcmp(argv[1], "kill"))
		action = SECCOMP_RET_KILL_PROCESS;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_VM, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("confine: seccomp");
		return 77;
	}
	execv(argv[2], argv + 2);
	perror("confine: exec");
	return 99;
}
