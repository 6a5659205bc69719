/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step PID WINDOWS STEPS: follows threads of a Go program instruction by
 * instruction: WINDOWS times one that runs a goroutine is picked, while all
 * others stand still, and stepped STEPS times; now and then it gets a signal.
 * After each step the goroutine's stack is taken, and must be
 *
 *	whole, and the same by libunwind and by the rules (stack_check.h);
 *	what it was before the step, but for its innermost frames.
 *
 * Steps after which it can't be told (between two stacks) are counted. It
 * prints what it has seen, and ends with status 1 if a stack was wrong, or if
 * there were more of such steps than one in twenty. (amd64)
 */
#include "stack_check.h"

#include "base/log.h"
#include "runtime/machine.h"
#include "runtime/running.h"
#include "target/live.h"
#include "target/maps.h"
#include "target/procfs.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

enum {
	MAX_THREADS = 256,
	SPINS = 1000,	     /* looks before we wait */
	BLOCKED = 50,	     /* ms after which a thread waits for others */
	SIGNAL_EVERY = 1000, /* steps, about */
	TRAP_FLAG = 0x100,   /* of eflags */
	OPCODE_PUSHF = 0x9c,
	CHANGED = 2, /* innermost frames that one instruction can change */
	NAMES = 4096,
};

/* ---- a target that we trace ourselves ------------------------------------ */

struct traced {
	struct target base;
	struct target *live; /* reads memory */
	struct thread threads[MAX_THREADS];
	int signals[MAX_THREADS]; /* to be handed on */
};

static struct err *nothing(struct target *t)
{
	(void)t;
	return NULL;
}

static size_t traced_read(struct target *t, uint64_t addr, void *buf,
			  size_t len)
{
	struct traced *tr = (struct traced *)t;

	return tr->live->ops->read(tr->live, addr, buf, len);
}

static void traced_read_many(struct target *t, struct read_range *r, size_t n)
{
	struct traced *tr = (struct traced *)t;

	tr->live->ops->read_many(tr->live, r, n);
}

static bool traced_gone(struct target *t)
{
	struct traced *tr = (struct traced *)t;

	return tr->live->ops->gone(tr->live);
}

static void traced_close(struct target *t)
{
	(void)t;
}

static const struct target_ops traced_ops = {
	.stop = nothing,
	.resume = nothing,
	.read = traced_read,
	.read_many = traced_read_many,
	.gone = traced_gone,
	.close = traced_close,
};

static void traced_init(struct traced *tr, struct target *live)
{
	*tr = (struct traced){ .live = live };
	tr->base = (struct target){
		.ops = &traced_ops,
		.arch = live->arch,
		.pid = live->pid,
		.exe_path = live->exe_path,
		.root_path = live->root_path,
		.exe_name = live->exe_name,
		.at_phdr = live->at_phdr,
		.threads = tr->threads,
		.stopped = true,
	};
}

static void die(const char *what)
{
	fprintf(stderr, "step: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void read_regs(struct traced *tr, struct thread *thread)
{
	uint64_t buf[64];
	struct iovec iov = { buf, sizeof(buf) };

	thread->have_regs = ptrace(PTRACE_GETREGSET, thread->tid,
				   (void *)(uintptr_t)NT_PRSTATUS, &iov) == 0;
	if (thread->have_regs)
		tr->base.arch->decode_regs(buf, &thread->regs);
}

static bool known(const struct traced *tr, pid_t tid)
{
	for (size_t i = 0; i < tr->base.thread_count; i++)
		if (tr->threads[i].tid == tid)
			return true;
	return false;
}

/* What a stop of a thread was for: a signal that it is about to receive, or 0.
 */
static int signal_of(int status)
{
	int sig = WSTOPSIG(status);

	return status >> 16 || sig == SIGTRAP ? 0 : sig;
}

static bool stop_thread(struct traced *tr, pid_t tid)
{
	size_t n = tr->base.thread_count;
	int status;

	if (n == MAX_THREADS || known(tr, tid) ||
	    ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return false;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 ||
	    waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return true; /* it has ended */
	tr->signals[n] = signal_of(status);
	tr->threads[n] = (struct thread){ .tid = tid, .ns_tid = tid };
	read_regs(tr, &tr->threads[n]);
	tr->base.thread_count++;
	return true;
}

static bool stop_listed(struct traced *tr)
{
	char path[64];
	struct dirent *de;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/task", tr->base.pid);
	DIR *dir = opendir(path);
	if (!dir)
		die(path);
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && stop_thread(tr, atoi(de->d_name)))
			found = true;
	closedir(dir);
	return found;
}

static struct err *stop_all(struct traced *tr)
{
	cleanup_free char *text = NULL;
	struct proc proc;
	size_t size;

	tr->base.thread_count = 0;
	while (stop_listed(tr))
		;
	TRY(proc_init(&proc, tr->base.pid));
	struct err *e = proc_read(&proc, "maps", &text, &size);
	proc_deinit(&proc);
	TRY(e);
	return maps_parse(text, &tr->base.mappings, &tr->base.mapping_count);
}

static void resume_all(struct traced *tr)
{
	for (size_t i = 0; i < tr->base.thread_count; i++)
		ptrace(PTRACE_DETACH, tr->threads[i].tid, NULL,
		       (void *)(long)tr->signals[i]);
	maps_free(tr->base.mappings, tr->base.mapping_count);
	tr->base.mappings = NULL;
	tr->base.mapping_count = 0;
}

/* ---- one step ------------------------------------------------------------ */

static void wait_a_little(void)
{
	struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
}

/* Waits for the thread to stop; false if it waits for others, or is gone. */
static bool stopped(pid_t tid, int *status)
{
	for (int i = 0; i < SPINS + BLOCKED; i++) {
		pid_t got = waitpid(tid, status, __WALL | WNOHANG);

		if (got == tid)
			return WIFSTOPPED(*status);
		if (got < 0)
			return false;
		if (i >= SPINS)
			wait_a_little();
	}
	return false;
}

/* Whether the trap of a step is on its way to a stopped thread. */
static bool trap_pending(pid_t tid)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 8 };
	siginfo_t pending[8];
	long n = ptrace(PTRACE_PEEKSIGINFO, tid, &args, pending);

	for (long i = 0; i < n; i++)
		if (pending[i].si_signo == SIGTRAP)
			return true;
	return false;
}

/* Stops thread i amid a step that does not end, whose trap is not the
 * program's. */
static void give_up_step(struct traced *tr, size_t i)
{
	pid_t tid = tr->threads[i].tid;
	int status;

	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	do {
		if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
			return;
		tr->signals[i] = signal_of(status);
	} while (trap_pending(tid) &&
		 ptrace(PTRACE_CONT, tid, NULL, NULL) == 0);
}

/* What pushf has put on the stack must not have the flag by which we step. */
static void clean_flags(pid_t tid, uint64_t sp)
{
	long word = ptrace(PTRACE_PEEKDATA, tid, (void *)sp, NULL);

	ptrace(PTRACE_POKEDATA, tid, (void *)sp,
	       (void *)(word & ~(long)TRAP_FLAG));
}

/* Steps thread i; false if it can't go on alone. */
static bool step(struct traced *tr, size_t i)
{
	struct thread *thread = &tr->threads[i];
	uint8_t opcode = 0;
	int status, sig = tr->signals[i];

	traced_read(&tr->base, thread->regs.pc, &opcode, 1);
	tr->signals[i] = 0;
	if (random() % SIGNAL_EVERY == 0)
		syscall(SYS_tgkill, tr->base.pid, thread->tid,
			random() % 2 ? SIGURG : SIGUSR1);
	if (ptrace(PTRACE_SINGLESTEP, thread->tid, NULL, (void *)(long)sig) < 0)
		return false;
	if (!stopped(thread->tid, &status)) {
		give_up_step(tr, i);
		return false;
	}
	tr->signals[i] = signal_of(status);
	read_regs(tr, thread);
	if (opcode == OPCODE_PUSHF && !sig && !tr->signals[i])
		clean_flags(thread->tid, thread->regs.sp);
	return thread->have_regs;
}

/* ---- what is seen -------------------------------------------------------- */

struct watch {
	struct runtime *rt;
	struct traced *tr;
	const struct thread *thread;

	/* The stack after the step before, of this g. */
	uint64_t g, stack_hi;
	enum goroutine_place place;
	struct stack last;

	uint64_t functions[NAMES]; /* entries of those met */
	size_t function_count;
	uint64_t steps, idle, registers, saved, gaps, moving, failures;
};

static void count_function(struct watch *w)
{
	struct func f;

	struct err *e = func_find(w->rt, w->thread->regs.pc, &f);
	if (e || !f.addr || w->function_count == NAMES) {
		err_free(e);
		return;
	}
	for (size_t i = 0; i < w->function_count; i++)
		if (w->functions[i] == f.entry)
			return;
	w->functions[w->function_count++] = f.entry;
}

/* Whether all frames but the innermost are those of the step before. */
static bool continues(const struct watch *w, const struct goroutine *g,
		      const struct stack *now)
{
	size_t a = w->last.frames.len, b = now->frames.len;
	size_t common = a < b ? a : b, more = a < b ? b - a : a - b;

	if (w->g != g->addr)
		return true;
	if (w->place == PLACE_REGISTERS && g->place == PLACE_REGISTERS &&
	    more > CHANGED)
		return false;
	for (size_t i = 1; i + CHANGED <= common; i++) {
		const struct stack_frame *x = &w->last.frames.v[a - i];
		const struct stack_frame *y = &now->frames.v[b - i];

		if (x->entry != y->entry || x->pc != y->pc ||
		    w->stack_hi - x->fp != g->stack_hi - y->fp)
			return false;
	}
	return true;
}

static void fail(struct watch *w, const struct goroutine *g,
		 const struct stack *now, const char *what)
{
	const struct regs *r = &w->thread->regs;

	w->failures++;
	printf("step %" PRIu64 ": %s; thread at pc %#" PRIx64 ", sp %#" PRIx64
	       "; before and after it:\n",
	       w->steps, what, r->pc, r->sp);
	stack_print(w->rt, g, &w->last);
	stack_print(w->rt, g, now);
}

static void keep(struct watch *w, const struct goroutine *g, struct stack *now)
{
	struct stack old = w->last;

	w->last = *now;
	*now = old;
	w->g = g->addr;
	w->stack_hi = g->stack_hi;
	w->place = g->place;
}

static struct err *look_at(struct watch *w, struct goroutine *g)
{
	cleanup(stack_deinit) struct stack now = {};
	bool sound;

	TRY(stack_read(w->rt, g, &now, &sound));
	if (now.end == STACK_NOWHERE) {
		w->gaps++;
		return NULL;
	}
	if (now.end == STACK_MOVING) {
		w->moving++;
		return NULL;
	}
	w->registers += g->place == PLACE_REGISTERS;
	w->saved += g->place == PLACE_SAVED;
	if (now.end != STACK_WHOLE || !sound)
		fail(w, g, &now, stack_end_text(now.end));
	else if (!continues(w, g, &now))
		fail(w, g, &now, "frames have changed");
	keep(w, g, &now);
	return NULL;
}

/* The M of the thread that is watched, or NULL. */
static const struct machine *machine_of(const struct watch *w)
{
	const struct machine_table *t = w->rt->machines;

	for (size_t i = 0; i < t->list.len; i++)
		if (t->list.v[i].thread == w->thread)
			return &t->list.v[i];
	return NULL;
}

static struct err *look(struct watch *w)
{
	const struct machine *mach;
	struct goroutine g;
	struct running_gaps gaps;

	TRY(runtime_load(w->rt));
	TRY(running_gaps(w->rt, &gaps)); /* loads the machines */
	w->steps++;
	count_function(w);
	mach = machine_of(w);
	if (!mach || !mach->curg) {
		w->idle++;
		w->g = 0;
		return NULL;
	}
	TRY(goroutine_read(w->rt, mach->curg, &g));
	TRY(goroutine_place(w->rt, &g));
	return look_at(w, &g);
}

/* Whether the watched thread runs a goroutine, and does not only do work of
 * the runtime's for one. */
static struct err *is_candidate(const struct watch *w, bool *out)
{
	const struct machine *mach = machine_of(w);
	struct goroutine g;

	*out = false;
	if (!mach || !mach->curg)
		return NULL;
	TRY(goroutine_read(w->rt, mach->curg, &g));
	*out = g.status == (uint32_t)w->rt->layout.konst.Grunning.value;
	return NULL;
}

/* A thread that runs a goroutine, at random; thread_count if there is none. */
static struct err *pick(struct watch *w, size_t *out)
{
	size_t n = w->tr->base.thread_count, candidates = 0;
	struct running_gaps gaps;
	bool candidate;

	*out = n;
	TRY(runtime_load(w->rt));
	TRY(running_gaps(w->rt, &gaps));
	for (size_t i = 0; i < n; i++) {
		w->thread = &w->tr->threads[i];
		TRY(is_candidate(w, &candidate));
		if (candidate && (size_t)random() % ++candidates == 0)
			*out = i;
	}
	return NULL;
}

/* Nothing is stepped while nothing runs. */
static struct err *window(struct watch *w, uint64_t steps, bool *stepped)
{
	size_t i;

	TRY(stop_all(w->tr));
	TRY(pick(w, &i));
	w->g = 0;
	*stepped = i < w->tr->base.thread_count;
	if (*stepped) {
		w->thread = &w->tr->threads[i];
		while (steps-- && step(w->tr, i))
			TRY(look(w));
	}
	runtime_unload(w->rt);
	resume_all(w->tr);
	return NULL;
}

static struct err *run(pid_t pid, uint64_t windows, uint64_t steps,
		       struct watch *w)
{
	cleanup_target struct target *live = NULL;
	cleanup_runtime struct runtime *rt = NULL;
	static struct traced tr;

	TRY(live_open(pid, &live));
	traced_init(&tr, live);
	TRY(runtime_open(&tr.base, &rt));
	w->rt = rt;
	w->tr = &tr;
	for (uint64_t tries = 20 * windows; windows && tries; tries--) {
		struct timespec between = { 0, random() % 3000000 };
		bool stepped;

		nanosleep(&between, NULL);
		TRY(window(w, steps, &stepped));
		windows -= stepped;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct watch w;

	if (argc != 4) {
		fprintf(stderr, "Usage: step PID WINDOWS STEPS\n");
		return 99;
	}
	log_init("step", LOG_NORMAL);
	srandom((unsigned int)time(NULL));
	struct err *e = run(atoi(argv[1]), strtoull(argv[2], NULL, 10),
			    strtoull(argv[3], NULL, 10), &w);
	stack_deinit(&w.last);
	if (e) {
		log_err(e);
		err_free(e);
		return 99;
	}
	printf("%" PRIu64 " steps in %zu functions: %" PRIu64
	       " by registers, %" PRIu64 " by what was saved, %" PRIu64
	       " without a goroutine, %" PRIu64 " moving, %" PRIu64
	       " in gaps; wrong: %" PRIu64 "\n",
	       w.steps, w.function_count, w.registers, w.saved, w.idle,
	       w.moving, w.gaps, w.failures);
	return w.failures || w.gaps * 20 > w.steps ? 1 : 0;
}
