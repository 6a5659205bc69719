/* SPDX-License-Identifier: Apache-2.0 */
#include "target/ptrace.h"

#include "base/bits.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

/*
 * No options: children of the target must not be traced (TRACEFORK and the
 * like), and threads that it starts meanwhile are found by looking again.
 */
int tracee_seize(pid_t tid)
{
	return ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 ? errno : 0;
}

bool tracee_interrupt(pid_t tid)
{
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0;
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
	return ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(long)t->signal) ==
	       0;
}

static size_t get_regset(pid_t tid, uint32_t set, void *buf, size_t size)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)set, &iov) < 0)
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
