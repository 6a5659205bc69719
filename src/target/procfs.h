/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of a process and its threads (proc(5)): status, stat, task,
 * auxv. Parsers take the text of a file; readers take a process, held by its
 * folder's descriptor, so that a reused process id is never taken for it.
 */
#ifndef HD_TARGET_PROCFS_H
#define HD_TARGET_PROCFS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process's folder. */
struct proc {
	pid_t pid;
	int dir; /* descriptor of /proc/PID, or -1 */
};

/* Of /proc/PID/status and /proc/PID/task/TID/status. */
struct proc_status {
	char name[65]; /* of the thread, not the executable; as escaped there */
	char state;    /* R, S, D, T, t, Z, X, ... */
	pid_t tgid, ppid;
	pid_t tracer; /* 0: none, or in another pid namespace */
	uid_t uid[3]; /* real, effective, saved */
	gid_t gid[3];
	unsigned int threads;  /* exited leader included */
	unsigned int ns_depth; /* pid namespaces from ours down to its own */
	pid_t ns_pid;	       /* in its own; the id here if not told */
	uint64_t cap_eff, cap_prm; /* bit sets of CAP_* */
	int seccomp;		   /* 0 none, 1 strict, 2 filter */
	bool core_dumping;
	bool shadow_stack; /* it checks return addresses (x86) */
};

/* Of /proc/PID/stat and /proc/PID/task/TID/stat. */
struct proc_stat {
	char state;
	pid_t ppid;
	uint32_t flags;	  /* PF_* of the kernel */
	uint32_t threads; /* of the process; exited ones not yet reaped, too */
	uint64_t start_time; /* in clock ticks since boot */
	/* 0 when they may not be seen, or there is no address space. */
	uint64_t start_code, start_stack;
	int exit_signal; /* what its parent gets at its end; -1 if not told */
	int exit_code;	 /* as wait() has it; 0 if it may not be seen */
};

/* Thread ids: a vector (base/vec.h) that has a name. */
struct tids {
	pid_t *v;
	size_t len, cap;
};

static inline void tids_deinit(struct tids *t)
{
	free(t->v);
}
#define cleanup_tids cleanup(tids_deinit)

enum {
	PROC_NAME_MAX = 64,	       /* bytes of a path below /proc/PID */
	PROC_KERNEL_THREAD = 0x200000, /* PF_KTHREAD: proc_stat.flags */
};

/* A thread of that state never runs again. */
static inline bool proc_state_dead(char state)
{
	return state == 'Z' || state == 'X' || state == 'x';
}

/* ERR_FORMAT when what is needed of it is missing. */
struct err *proc_status_parse(const char *text,
			      struct proc_status *out) must_check;
struct err *proc_stat_parse(const char *text, struct proc_stat *out) must_check;

/* The value of type (AT_*) in an auxiliary vector of 64-bit words, or 0. */
uint64_t proc_auxv_lookup(const void *auxv, size_t size, uint64_t type);

/*
 * Opens /proc/PID, and closes it; p->dir is -1 after deinit.
 * Errors: ERR_GONE (there is no such folder), ERR_OS.
 */
struct err *proc_init(struct proc *p, pid_t pid) must_check;
void proc_deinit(struct proc *p);
#define cleanup_proc cleanup(proc_deinit)

/* "task/TID/FILE", for the readers below. */
const char *proc_task_name(char name[static PROC_NAME_MAX], pid_t tid,
			   const char *file);

/*
 * A whole file below /proc/PID, NUL-terminated, to be freed; size is without
 * the NUL. Errors: ERR_GONE (the process or thread has ended), ERR_OS.
 */
struct err *proc_read(const struct proc *p, const char *name, char **out,
		      size_t *size) must_check;

/* Of the process (tid 0), or of one of its threads; errors as proc_read(). */
struct err *proc_read_status(const struct proc *p, pid_t tid,
			     struct proc_status *out) must_check;
struct err *proc_read_stat(const struct proc *p, pid_t tid,
			   struct proc_stat *out) must_check;

/* The state of a thread; 'X' if there is none of that id. */
char proc_thread_state(const struct proc *p, pid_t tid);

/* Adds the ids of all threads, dead ones included, to out. */
struct err *proc_list_tasks(const struct proc *p, struct tids *out) must_check;

/* The target of a symbolic link, or NULL when it can't be told. */
char *proc_read_link(const struct proc *p, const char *name);

#endif
