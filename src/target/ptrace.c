/* SPDX-License-Identifier: Apache-2.0 */
#include "target/ptrace.h"

#include "base/bits.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

void (*tracee_before_request)(void);

static long request(enum __ptrace_request what, pid_t tid, void *addr,
		    void *data)
{
	if (tracee_before_request)
		tracee_before_request();
	return ptrace(what, tid, addr, data);
}

/*
 * No options: children of the target must not be traced (TRACEFORK and the
 * like), and threads that it starts meanwhile are found by looking again.
 */
int tracee_seize(pid_t tid)
{
	return request(PTRACE_SEIZE, tid, NULL, NULL) < 0 ? errno : 0;
}

bool tracee_interrupt(pid_t tid)
{
	return request(PTRACE_INTERRUPT, tid, NULL, NULL) == 0;
}

/* Waits for the exited thread, so that it can go; a leader goes last. */
static void reap(struct tracee *t)
{
	int options = WEXITED | __WALL | WNOHANG;
	siginfo_t info = {};

	t->state = TRACEE_DEAD;
	t->stays = t->keep || waitid(P_PID, (id_t)t->tid, &info, options) < 0 ||
		   !info.si_pid;
}

/* Takes note of what waitid() said. */
static void note_event(struct tracee *t, const siginfo_t *info)
{
	if (info->si_code != CLD_TRAPPED && info->si_code != CLD_STOPPED) {
		reap(t);
		return;
	}
	/*
	 * The high byte is PTRACE_EVENT_STOP for our interrupt and for a
	 * group-stop, which the kernel returns to at detach. Without one it
	 * is a signal on its way.
	 */
	t->state = TRACEE_STOPPED;
	t->signal = info->si_status >> 8 ? 0 : info->si_status & 0x7f;
}

static struct err *timeout_error(struct err *e, pid_t tid, char state)
{
	e = err_wrap(e, "thread %d (state %c) has not stopped", tid, state);
	if (e->code != ERR_TIMEOUT || state != 'D')
		return e;
	return err_hint(e, "it waits in the kernel, without interruption (for "
			   "a disk, or for a vfork child): try again");
}

/* What waitid() has to say of t; waits unless options say otherwise. */
static int look(struct tracee *t, int options)
{
	siginfo_t info = {};

	if (waitid(P_PID, (id_t)t->tid, &info,
		   WSTOPPED | WEXITED | WNOWAIT | __WALL | options) == 0) {
		if (info.si_pid)
			note_event(t, &info);
		return 0;
	}
	if (errno != ECHILD)
		return errno;
	t->state = TRACEE_DEAD; /* an exec took the thread's id from it */
	return 0;
}

struct err *tracee_wait(struct tracee *t, const struct proc *p,
			const struct deadline *d)
{
	int errnum = look(t, 0);

	if (!errnum)
		return NULL;
	if (errnum != EINTR)
		return err_os(errnum, "can't wait for thread %d", t->tid);

	/* The exit of a leader isn't reported while other threads live. */
	char state = proc_thread_state(p, t->tid);
	if (proc_state_dead(state)) {
		reap(t);
		return NULL;
	}
	struct err *e = deadline_check(d);
	return e ? timeout_error(e, t->tid, state) : NULL;
}

void tracee_poll(struct tracee *t)
{
	look(t, WNOHANG);
}

bool tracee_detach(const struct tracee *t)
{
	return request(PTRACE_DETACH, t->tid, NULL, (void *)(long)t->signal) ==
	       0;
}

static size_t get_regset(pid_t tid, uint32_t set, void *buf, size_t size)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };

	if (request(PTRACE_GETREGSET, tid, (void *)(uintptr_t)set, &iov) < 0)
		return 0;
	return iov.iov_len;
}

bool tracee_regs(const struct tracee *t, const struct arch *arch,
		 struct regs *out)
{
	uint64_t buf[64], tls;

	/* A thread in 32-bit mode has registers of another size. */
	if (get_regset(t->tid, NT_PRSTATUS, buf, sizeof(buf)) !=
	    arch->regs_size)
		return false;
	arch->decode_regs(buf, out);
	if (!arch->tls_regset)
		return true;
	/* The set may hold more than one word (arm64: TPIDR2 follows). */
	if (get_regset(t->tid, arch->tls_regset, &tls, sizeof(tls)) !=
	    sizeof(tls))
		return false;
	out->tls = load_uint(&tls, sizeof(tls), arch->big_endian);
	return true;
}

void tracee_signal(const struct tracee *t, struct thread_signal *out)
{
	siginfo_t info = {};

	*out = (struct thread_signal){ .number = t->signal };
	if (!t->signal || request(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0)
		return;
	out->code = info.si_code;
	out->addr = (uintptr_t)info.si_addr;
}

/* ---- a thread that is lent a system call --------------------------------- */

/* A request to a thread that is stopped, unless it was killed. */
static struct err *ask(enum __ptrace_request what, const struct tracee *t,
		       void *addr, void *data)
{
	if (request(what, t->tid, addr, data) == 0)
		return NULL;
	if (errno == ESRCH)
		return err_new(ERR_GONE, "thread %d was killed", t->tid);
	return err_os(errno, "ptrace request %#x to thread %d",
		      (unsigned int)what, t->tid);
}

struct err *tracee_get_regset(const struct tracee *t, uint32_t set, void *buf,
			      size_t *size)
{
	struct iovec iov = { .iov_base = buf, .iov_len = *size };

	TRY(ask(PTRACE_GETREGSET, t, (void *)(uintptr_t)set, &iov));
	*size = iov.iov_len;
	return NULL;
}

struct err *tracee_set_regset(const struct tracee *t, uint32_t set,
			      const void *buf, size_t size)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf,
			     .iov_len = size };

	return ask(PTRACE_SETREGSET, t, (void *)(uintptr_t)set, &iov);
}

struct err *tracee_get_sigmask(const struct tracee *t, uint64_t *mask)
{
	return ask(PTRACE_GETSIGMASK, t, (void *)sizeof(*mask), mask);
}

struct err *tracee_set_sigmask(const struct tracee *t, uint64_t mask)
{
	return ask(PTRACE_SETSIGMASK, t, (void *)sizeof(mask), &mask);
}

/*
 * TRACESYSGOOD also protects the thread: should we die while it is in a stop
 * at a system call, the kernel sends it the stop's number as a signal, which
 * then is none (ptrace_report_syscall()).
 */
struct err *tracee_watch_clone(const struct tracee *t)
{
	return ask(PTRACE_SETOPTIONS, t, NULL,
		   (void *)(PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD));
}

struct err *tracee_kill_with_us(const struct tracee *t)
{
	return ask(PTRACE_SETOPTIONS, t, NULL, (void *)PTRACE_O_EXITKILL);
}

struct err *tracee_no_options(const struct tracee *t)
{
	return ask(PTRACE_SETOPTIONS, t, NULL, NULL);
}

static enum tracee_stop kind_of_stop(int status)
{
	if (status == (SIGTRAP | 0x80))
		return STOP_SYSCALL;
	if (status >> 8 == PTRACE_EVENT_CLONE)
		return STOP_CLONE;
	return status >> 8 ? STOP_INTERRUPT : STOP_SIGNAL;
}

struct err *tracee_step(struct tracee *t, const struct proc *p,
			const struct deadline *d, enum tracee_stop *out)
{
	siginfo_t info = {};

	TRY(ask(PTRACE_SYSCALL, t, NULL, NULL));
	t->state = TRACEE_RUNNING;
	while (t->state == TRACEE_RUNNING)
		TRY(tracee_wait(t, p, d));
	t->signal = 0;
	if (t->state != TRACEE_STOPPED ||
	    waitid(P_PID, (id_t)t->tid, &info, WSTOPPED | WNOHANG | __WALL) ||
	    !info.si_pid)
		return err_new(ERR_GONE, "thread %d was killed", t->tid);
	*out = kind_of_stop(info.si_status);
	return NULL;
}

struct err *tracee_cloned(const struct tracee *t, pid_t *out)
{
	unsigned long message;

	TRY(ask(PTRACE_GETEVENTMSG, t, NULL, &message));
	*out = (pid_t)message;
	return NULL;
}

long tracee_seccomp_filter(const struct tracee *t, unsigned int i,
			   struct sock_filter *out)
{
	long n = request(PTRACE_SECCOMP_GET_FILTER, t->tid,
			 (void *)(uintptr_t)i, out);

	return n < 0 ? -errno : n;
}

/* The runtime's cputicks: on most machines its nanotime (os_linux_arm64.go). */
static uint64_t cpu_ticks(const struct timespec *monotonic)
{
#ifdef __x86_64__
	(void)monotonic;
	return __builtin_ia32_rdtsc(); /* runtime/asm_amd64.s:cputicks */
#else
	return timespec_ns(monotonic);
#endif
}

void stop_time_now(struct stop_time *out)
{
	clock_gettime(CLOCK_REALTIME, &out->wall);
	clock_gettime(CLOCK_MONOTONIC, &out->monotonic);
	out->ticks = cpu_ticks(&out->monotonic);
}
