/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One traced thread: the ptrace requests, and nothing else (ptrace(2)).
 *
 * Stops are looked at with WNOWAIT and so left unconsumed in the kernel: a
 * thread that stopped as it was about to receive a signal still receives it
 * if this tracer is killed before it could hand it on. (Once a stop has been
 * waited for, the kernel forgets the signal: wait_task_stopped() clears
 * exit_code, which ptrace_signal() takes it from.)
 */
#ifndef HD_TARGET_PTRACE_H
#define HD_TARGET_PTRACE_H

#include "target/deadline.h"
#include "target/procfs.h"
#include "target/target.h"

enum tracee_state {
	TRACEE_RUNNING, /* seized, and as far as we know not in a stop */
	TRACEE_STOPPED,
	TRACEE_DEAD,	 /* has exited; a leader may stay as a zombie */
	TRACEE_RELEASED, /* was detached */
};

struct tracee {
	pid_t tid;
	enum tracee_state state;
	int signal; /* TRACEE_STOPPED: it was about to receive it; or 0 */
	bool keep;  /* its exit is another's to wait for: our own child */
	/* TRACEE_DEAD: a zombie, which keeps its id and stays in the list. */
	bool stays;
};

/*
 * Makes this thread the tracer of tid, which runs on. Returns 0 or errno:
 * ESRCH, or EPERM (also for a thread that has exited).
 */
int tracee_seize(pid_t tid);

/* Has a tracee of ours stop soon, wherever it is; false if it is none. */
bool tracee_interrupt(pid_t tid);

/*
 * Waits for t to stop or die, a tick of the deadline at most: when t is still
 * TRACEE_RUNNING then, it may depend on another thread that has died, and the
 * caller must tracee_poll() them all before it waits again. Errors:
 * ERR_TIMEOUT (the message tells the thread's state), ERR_INTERRUPTED, ERR_OS.
 */
struct err *tracee_wait(struct tracee *t, const struct proc *p,
			const struct deadline *d) must_check;

/* Takes note of what has become of t, stopped or not, without waiting. */
void tracee_poll(struct tracee *t);

/*
 * Lets a stopped thread run on, hands on its signal and is its tracer no
 * more. False if it is not in a stop: it was killed.
 */
bool tracee_detach(const struct tracee *t);

/* The registers of a stopped thread; false if they can't be had. */
bool tracee_regs(const struct tracee *t, const struct arch *arch,
		 struct regs *out);

/* ---- a thread that is lent a system call: loan.h ------------------------- */

/* The raw bytes of a register set (NT_*); *size in: room, out: bytes. */
struct err *tracee_get_regset(const struct tracee *t, uint32_t set, void *buf,
			      size_t *size) must_check;
struct err *tracee_set_regset(const struct tracee *t, uint32_t set,
			      const void *buf, size_t size) must_check;

/* Its blocked signals, bit n - 1 for signal n. */
struct err *tracee_get_sigmask(const struct tracee *t,
			       uint64_t *mask) must_check;
struct err *tracee_set_sigmask(const struct tracee *t,
			       uint64_t mask) must_check;

/* Has new processes of t be ours, and tells stops at system calls apart. */
struct err *tracee_watch_clone(const struct tracee *t) must_check;
/* Has the kernel kill t when we end. */
struct err *tracee_kill_with_us(const struct tracee *t) must_check;
/* Takes back the options of the two above. */
struct err *tracee_no_options(const struct tracee *t) must_check;

enum tracee_stop {
	STOP_INTERRUPT, /* as by tracee_interrupt(), or a group-stop */
	STOP_SYSCALL,	/* the entry to a system call, or the exit from it */
	STOP_CLONE,	/* within clone: there is a child */
	STOP_SIGNAL,	/* a signal is on its way */
};

/*
 * Lets a stopped thread run to its next stop. Here the stop is consumed.
 * Errors: ERR_GONE (it died), ERR_TIMEOUT, ERR_OS.
 */
struct err *tracee_step(struct tracee *t, const struct proc *p,
			const struct deadline *d,
			enum tracee_stop *out) must_check;

/* In STOP_CLONE: the id of the child, in our pid namespace. */
struct err *tracee_cloned(const struct tracee *t, pid_t *out) must_check;

struct sock_filter;

/*
 * A seccomp filter of a stopped thread, the latest first, of at most
 * BPF_MAXINSNS instructions: how many it has; -ENOENT: there are no more; or
 * another -errno.
 */
long tracee_seccomp_filter(const struct tracee *t, unsigned int i,
			   struct sock_filter *out);

/* Called before every ptrace request, if set: for tests of what comes of a
 * tracer that dies there. */
extern void (*tracee_before_request)(void);
/* What a stopped thread is about to receive. */
void tracee_signal(const struct tracee *t, struct thread_signal *out);

/* Now, on all clocks of struct stop_time. */
void stop_time_now(struct stop_time *out);

#endif
