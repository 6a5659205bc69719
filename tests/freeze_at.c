/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze_at PID FUNCTION [now]: lets a process run to a function of its
 * executable and leaves it stopped there, as by SIGSTOP, before the first
 * instruction; before that it waits for the other threads to come to rest, or
 * does not (now: the world is not stopped there):
 *
 *	armed		the breakpoint is set
 *	frozen TID	that thread has come to it; no thread runs
 *
 * The breakpoint is taken out again and nobody traces the process any more.
 * After a SIGCONT it goes on as if nothing had been.
 */
#include "elf/elf_file.h"
#include "target/procfs.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

enum {
	MAX_TIDS = 1024,
	CALLS_MAX = 16384, /* bytes of text */
	QUIET_LOOKS = 8,
};

#if defined(__x86_64__)
#define BREAKPOINT UINT64_C(0xcc)
#define BREAKPOINT_MASK UINT64_C(0xff)
#define PC(regs) ((regs).rip)
/* The pc lies behind the instruction when it has trapped. */
enum { PC_AHEAD = 1 };
#elif defined(__aarch64__)
#define BREAKPOINT UINT64_C(0xd4200000)
#define BREAKPOINT_MASK UINT64_C(0xffffffff)
#define PC(regs) ((regs).pc)
enum { PC_AHEAD = 0 };
#endif

static pid_t tids[MAX_TIDS];
static size_t n_tids;

static void die(const char *what)
{
	fprintf(stderr, "freeze_at: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void must(struct err *e)
{
	if (!e)
		return;
	fprintf(stderr, "freeze_at: %s\n", e->message);
	exit(99);
}

/* ---- threads ------------------------------------------------------------- */

static bool add(pid_t tid)
{
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] == tid)
			return false;
	if (n_tids == MAX_TIDS) {
		errno = E2BIG;
		die("threads");
	}
	tids[n_tids++] = tid;
	return true;
}

static void forget(pid_t tid)
{
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] == tid)
			tids[i] = tids[--n_tids];
}

/* Seizes all threads; those that they start are seized by the kernel. */
static void seize_all(const struct proc *proc)
{
	for (bool found = true; found;) {
		cleanup_tids struct tids list = {};

		found = false;
		must(proc_list_tasks(proc, &list));
		for (size_t i = 0; i < list.len; i++) {
			pid_t tid = list.v[i];

			if (!add(tid))
				continue;
			found = true;
			if (ptrace(PTRACE_SEIZE, tid, NULL,
				   PTRACE_O_TRACECLONE) < 0) {
				/* Traced by its creation, or gone. */
				if (errno != EPERM && errno != ESRCH)
					die("PTRACE_SEIZE");
			}
		}
	}
}

static int wait_stop(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) < 0)
		die("waitpid");
	return status;
}

/* ---- the breakpoint ------------------------------------------------------ */

static uint64_t peek(pid_t tid, uint64_t addr)
{
	errno = 0;
	long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)addr, NULL);
	if (errno)
		die("PTRACE_PEEKTEXT");
	return (uint64_t)word;
}

static void poke(pid_t tid, uint64_t addr, uint64_t word)
{
	if (ptrace(PTRACE_POKETEXT, tid, (void *)addr, (void *)word) < 0)
		die("PTRACE_POKETEXT");
}

static uint64_t get_pc(pid_t tid, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov) < 0)
		die("PTRACE_GETREGSET");
	return PC(*regs);
}

static void set_pc(pid_t tid, struct user_regs_struct *regs, uint64_t pc)
{
	struct iovec iov = { regs, sizeof(*regs) };

	PC(*regs) = pc;
	if (ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &iov) < 0)
		die("PTRACE_SETREGSET");
}

static uint64_t address_of(const struct proc *proc, pid_t pid, const char *name)
{
	cleanup_elf_file struct elf_file *exe = NULL;
	cleanup_free char *auxv = NULL;
	char path[PROC_NAME_MAX], exe_path[64];
	struct elf_symbol symbol;
	uint64_t bias;
	size_t size;

	snprintf(exe_path, sizeof(exe_path), "/proc/%d/exe", (int)pid);
	must(elf_file_open(exe_path, &exe));
	must(elf_file_symbol(exe, name, &symbol));
	must(proc_read(proc, proc_task_name(path, pid, "auxv"), &auxv, &size));
	must(elf_file_bias(exe, proc_auxv_lookup(auxv, size, AT_PHDR), &bias));
	return symbol.value + bias;
}

/* ---- freezing ------------------------------------------------------------ */

/* What a stopped thread is to go on with: the signal that it is getting. */
static int signal_of(int status)
{
	int sig = WSTOPSIG(status);

	/* Stops that are the tracer's alone: of events. */
	return status >> 16 ? 0 : sig;
}

/* Lets all threads run until one has come to addr. */
static pid_t wait_hit(uint64_t addr)
{
	struct user_regs_struct regs;

	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0)
			die("waitpid");
		if (!WIFSTOPPED(status)) {
			forget(tid);
			continue;
		}
		add(tid);
		if (!(status >> 16) && WSTOPSIG(status) == SIGTRAP &&
		    get_pc(tid, &regs) == addr + PC_AHEAD) {
			set_pc(tid, &regs, addr);
			return tid;
		}
		ptrace(PTRACE_CONT, tid, NULL, signal_of(status));
	}
}

/* Stops all threads but one, and notes what signals they were getting. */
static void stop_others(pid_t hit, int *pending)
{
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] != hit &&
		    ptrace(PTRACE_INTERRUPT, tids[i], NULL, NULL) < 0)
			die("PTRACE_INTERRUPT");
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] != hit)
			pending[i] = signal_of(wait_stop(tids[i]));
}

/* Lets them go on, as they were, or for good. */
static void resume_others(pid_t hit, const int *pending,
			  enum __ptrace_request how)
{
	for (size_t i = 0; i < n_tids; i++)
		if (tids[i] != hit &&
		    ptrace(how, tids[i], NULL, pending[i]) < 0)
			die("resuming a thread");
}

/*
 * What system calls the other threads are in, as text; false if one is in
 * none, or in a short sleep (sysmon, which is to come to its long one).
 */
static bool read_calls(const struct proc *proc, pid_t hit,
		       char text[static CALLS_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < n_tids; i++) {
		char name[PROC_NAME_MAX];
		cleanup_free char *call = NULL;
		size_t size;

		if (tids[i] == hit)
			continue;
		must(proc_read(proc, proc_task_name(name, tids[i], "syscall"),
			       &call, &size));
		if (!strncmp(call, "running", 7) || atoi(call) == SYS_nanosleep)
			return false;
		len += (size_t)snprintf(text + len, CALLS_MAX - len, "%s",
					call);
		if (len >= CALLS_MAX)
			return false;
	}
	return true;
}

/* Waits until no other thread has moved for a while. */
static void settle(const struct proc *proc, pid_t hit)
{
	static char was[CALLS_MAX], is[CALLS_MAX];

	for (int quiet = 0; quiet < QUIET_LOOKS; usleep(10000)) {
		bool still = read_calls(proc, hit, is);

		quiet = still && !strcmp(was, is) ? quiet + 1 : 0;
		memcpy(was, is, sizeof(is));
	}
}

/*
 * Lets the thread that was hit go into a stop by SIGSTOP, which is one of the
 * process: the others, which are let go then, follow it. Before that they are
 * stopped once for nothing, for what any stop does to a thread (epoll_wait
 * ends) is to be over.
 */
static void leave_stopped(const struct proc *proc, pid_t hit, bool now)
{
	int pending[MAX_TIDS] = {};

	stop_others(hit, pending);
	if (!now) {
		resume_others(hit, pending, PTRACE_CONT);
		settle(proc, hit);
		stop_others(hit, pending);
	}
	if (ptrace(PTRACE_DETACH, hit, NULL, SIGSTOP) < 0)
		die("PTRACE_DETACH");
	resume_others(hit, pending, PTRACE_DETACH);
}

/* Lets those go that were created, and so traced, only just now. */
static void release_rest(void)
{
	int status;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		if (WIFSTOPPED(status))
			ptrace(PTRACE_DETACH, tid, NULL, signal_of(status));
}

static bool all_stopped(const struct proc *proc)
{
	cleanup_tids struct tids list = {};

	must(proc_list_tasks(proc, &list));
	for (size_t i = 0; i < list.len; i++)
		if (proc_thread_state(proc, list.v[i]) != 'T')
			return false;
	return true;
}

int main(int argc, char **argv)
{
	cleanup_proc struct proc proc = {};
	uint64_t addr, word;
	pid_t pid, hit;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "Usage: freeze_at PID FUNCTION [now]\n");
		return 99;
	}
	pid = atoi(argv[1]);
	must(proc_init(&proc, pid));
	addr = address_of(&proc, pid, argv[2]);
	seize_all(&proc);
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		die("PTRACE_INTERRUPT");
	int sig = signal_of(wait_stop(pid));
	word = peek(pid, addr);
	poke(pid, addr, (word & ~BREAKPOINT_MASK) | BREAKPOINT);
	ptrace(PTRACE_CONT, pid, NULL, sig);
	puts("armed");
	fflush(stdout);
	hit = wait_hit(addr);
	poke(hit, addr, word);
	leave_stopped(&proc, hit, argc == 4);
	while (!all_stopped(&proc)) {
		release_rest();
		usleep(1000);
	}
	printf("frozen %d\n", (int)hit);
	return fflush(stdout) == 0 ? 0 : 99;
}
