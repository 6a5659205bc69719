/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a process can't be attached to, and what its user can do about it. The
 * facts are gathered from /proc, and judged by functions that look at nothing
 * else. Whether it is a Go program is not asked here.
 *
 * The order of questions follows strace's diagnose_attach_eperm (tracer, user,
 * Yama), and beyond it the kernel's __ptrace_may_access().
 */
#ifndef HD_TARGET_DIAGNOSE_H
#define HD_TARGET_DIAGNOSE_H

#include "target/procfs.h"

enum {
	YAMA_ABSENT = -1,
	/* Of /proc/sys/kernel/yama/ptrace_scope. */
	YAMA_CLASSIC = 0,
	YAMA_RELATED = 1,    /* descendants alone, or CAP_SYS_PTRACE */
	YAMA_CAPABILITY = 2, /* CAP_SYS_PTRACE alone */
	YAMA_NONE = 3,	     /* nobody */
};

struct attach_facts {
	pid_t pid;
	pid_t self_pid;
	struct proc_status target, self;
	uint32_t flags;	       /* PF_* of the target */
	bool dead;	       /* no thread of it will run again */
	char process_name[65]; /* of target.tgid, where that is not pid */
	char parent_name[65];  /* "" where there is none, or it isn't seen */
	char tracer_name[65];
	int yama_scope;
	bool not_dumpable;
	bool other_user_ns;
	char label[65]; /* of a security module that confines us, or "" */
};

/*
 * Gathers what can be told of process pid and of ourselves. Errors: ERR_GONE
 * (there is none), ERR_DENIED (/proc hides it), ERR_OS.
 */
struct err *attach_facts_gather(pid_t pid, struct attach_facts *out) must_check;

/*
 * What rules out an attach whatever our permissions are: ERR_GONE (exited),
 * ERR_USAGE (a thread's id), ERR_UNSUPPORTED (ourselves, a kernel thread, one
 * that dumps core), ERR_DENIED (already traced). NULL if nothing does.
 */
struct err *attach_facts_judge(const struct attach_facts *f) must_check;

/*
 * Why the kernel says EPERM: ERR_DENIED, with a hint. NULL if nothing that is
 * known explains it.
 */
struct err *attach_facts_explain(const struct attach_facts *f) must_check;

/*
 * The error for a refused attach (errno EPERM or the like): all of the above,
 * or at least what was refused.
 */
struct err *diagnose_refusal(pid_t pid, int errnum) must_check;

/*
 * The first children of a process as text, "101 (server), 102 (proxy)", to be
 * freed: one of them may be who is meant. NULL if it has none.
 */
char *diagnose_children(pid_t pid);

#endif
