/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot by fork: a child of the target that has its memory, copy on
 * write, and never runs.
 *
 * The child shares the target's files and folders (CLONE_FILES, CLONE_FS), so
 * that closing and locking one means what it did; its end sends no signal (exit
 * signal 0), and a wait4() without __WALL or __WCLONE does not see it. It is
 * our tracee and stays in its first stop. It dies when we do (EXITKILL), and
 * first of all when memory runs out (oom_score_adj).
 */
#include "target/loan.h"
#include "target/snapshot_parts.h"

#include "base/bits.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	CHILD_TIMEOUT = 10000, /* ms: its first stop, and its end */
};

struct fork_snapshot {
	struct target base;
	struct tracee child;
	struct proc proc; /* of the child */
	struct memory memory;
	struct image lacking; /* what the child has not, as of the stop */
};

static struct fork_snapshot *self(struct target *t)
{
	return (struct fork_snapshot *)((char *)t -
					offsetof(struct fork_snapshot, base));
}

/* ---- the child ----------------------------------------------------------- */

/* Takes it off the list of what is kept when memory runs out. */
static void offer_to_oom_killer(const struct proc *p)
{
	static const char score[] = "1000";
	cleanup_close int fd =
		openat(p->dir, "oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, score, sizeof(score) - 1) < 0)
		log_verbose("the snapshot's oom_score_adj can't be set: %s",
			    strerror(errno));
}

/* Waits until it is in its first stop; then it dies with us. */
static struct err *adopt(struct fork_snapshot *s, pid_t pid)
{
	cleanup_deadline struct deadline d = {};

	s->child = (struct tracee){ .tid = pid };
	TRY(proc_init(&s->proc, pid));
	TRY(deadline_init(&d, CHILD_TIMEOUT, false));
	while (s->child.state == TRACEE_RUNNING)
		TRY(tracee_wait(&s->child, &s->proc, &d));
	if (s->child.state != TRACEE_STOPPED)
		return err_new(ERR_UNSUPPORTED, "the snapshot was killed");
	TRY(tracee_kill_with_us(&s->child));
	offer_to_oom_killer(&s->proc);
	return memory_init(&s->memory, &s->proc, pid);
}

/*
 * May we not kill it (which CAP_SYS_PTRACE alone does not allow), it is let go,
 * and exits by itself: see loan_begin().
 */
static struct err *let_go(struct fork_snapshot *s, const struct deadline *d)
{
	const struct timespec tick = { .tv_nsec = 1000000 };

	tracee_detach(&s->child);
	while (!proc_state_dead(proc_thread_state(&s->proc, s->child.tid))) {
		TRY(deadline_check(d));
		nanosleep(&tick, NULL);
	}
	s->child.state = TRACEE_DEAD;
	return NULL;
}

/* Ends the child and waits for that; the target has yet to reap it. */
static struct err *kill_child(struct fork_snapshot *s)
{
	cleanup_deadline struct deadline d = {};

	if (!s->child.tid || s->child.state == TRACEE_DEAD)
		return NULL;
	TRY(deadline_init(&d, CHILD_TIMEOUT, false));
	if (kill(s->child.tid, SIGKILL) < 0)
		return let_go(s, &d);
	s->child.state = TRACEE_RUNNING;
	while (s->child.state != TRACEE_DEAD) {
		TRY(tracee_wait(&s->child, &s->proc, &d));
		if (s->child.state != TRACEE_STOPPED)
			continue;
		TRY(deadline_check(&d)); /* on its way */
		s->child.state = TRACEE_RUNNING;
	}
	return NULL;
}

/* ---- the target that it is ----------------------------------------------- */

static size_t fork_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	const struct fork_snapshot *s = self(t);
	size_t done = 0;

	while (done < len) {
		const struct image_part *part =
			image_find(&s->lacking, addr + done);
		char *to = (char *)buf + done;
		uint64_t at = addr + done;
		size_t n = len - done;

		if (part && part->addr <= at) {
			n = (size_t)min_u64(n, part->addr + part->len - at);
			memcpy(to, part->bytes + (at - part->addr), n);
			done += n;
			continue;
		}
		if (part)
			n = (size_t)min_u64(n, part->addr - at);
		size_t got = memory_read(&s->memory, at, to, n);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

/*
 * By /proc/PID/mem alone: process_vm_readv pins the pages that it reads, and
 * the kernel gives the child a copy of its own of each that it still shares,
 * which costs the time and the memory that a fork is to save.
 */
static void fork_read_many(struct target *t, struct read_range *ranges,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		ranges[i].ok = fork_read(t, ranges[i].addr, ranges[i].buf,
					 ranges[i].len) == ranges[i].len;
}

static bool fork_gone(struct target *t)
{
	return memory_gone(&self(t)->memory);
}

static void fork_close(struct target *t)
{
	struct fork_snapshot *s = self(t);
	cleanup_err struct err *e = kill_child(s);

	if (e)
		log_verbose("the snapshot, process %d, is not dead yet: %s",
			    s->child.tid, e->message);
	image_deinit(&s->lacking);
	memory_deinit(&s->memory);
	proc_deinit(&s->proc);
	free(s);
}

static const struct target_ops fork_ops = {
	.stop = snapshot_no_stop,
	.resume = snapshot_no_resume,
	.read = fork_read,
	.read_many = fork_read_many,
	.gone = fork_gone,
	.close = fork_close,
};

/* ---- making one ---------------------------------------------------------- */

/* The thread that is to be lent the call. */
struct choice {
	const struct snapshot_maker *m;
	struct tracee *best;
	enum lend_stand stand;
};

static bool consider(void *arg, const struct system_stack *stack)
{
	struct choice *c = arg;
	struct tracees *ts = &c->m->live->tracees;
	const struct target *t = c->m->target;

	for (size_t i = 0; i < t->thread_count; i++) {
		struct tracee *tracee;
		enum lend_stand stand;

		if (t->threads[i].ns_tid != stack->ns_tid)
			continue;
		tracee = tracees_find(ts, t->threads[i].tid);
		if (!tracee ||
		    !snapshot_may_lend(c->m, stack, tracee, &stand) ||
		    stand <= c->stand)
			continue;
		c->best = tracee;
		c->stand = stand;
	}
	return c->stand < LEND_WAITS;
}

static struct err *choose_thread(const struct snapshot_maker *m,
				 struct tracee **out)
{
	struct choice c = { .m = m };

	TRY(m->wants.stacks(m->wants.arg, consider, &c));
	if (!c.best)
		return err_new(ERR_LIMIT,
			       "none of its threads is idle in a way that a "
			       "system call could be lent to it");
	*out = c.best;
	return snapshot_check_thread(m, c.best);
}

/* Has the thread make a child; *child is it, even where that failed later. */
static struct err *lend_clone(struct snapshot_maker *m, struct tracee *t,
			      pid_t *child)
{
	const struct arch_lend *lend = m->target->arch->lend;
	cleanup_loan struct loan loan = {};
	int64_t result;

	TRY(loan_begin(&loan, m->live, &m->gadgets, t));
	const uint64_t args[6] = { LOAN_CLONE_FLAGS, loan.child_frame };
	TRY(loan_call(&loan, lend->clone, args, &result, child));
	TRY(loan_end(&loan));
	if (result < 0)
		return err_new(ERR_UNSUPPORTED,
			       "it can't have a child process: %s",
			       strerror((int)-result));
	if (!*child)
		return err_new(ERR_UNSUPPORTED, "its child was not seen");
	return NULL;
}

static struct err *make_child(struct snapshot_maker *m, struct fork_snapshot *s)
{
	struct tracee *thread = NULL;
	pid_t child = 0;

	if (!gadgets_valid(m->live, &m->gadgets))
		return err_new(ERR_UNSUPPORTED, "its code has changed");
	TRY(choose_thread(m, &thread));
	struct err *e = lend_clone(m, thread, &child);
	struct err *adopted = child ? adopt(s, child) : NULL;
	if (!e)
		return adopted;
	err_free(adopted);
	return e;
}

struct err *fork_take(struct snapshot_maker *m, struct target **out)
{
	struct fork_snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return &err_nomem;
	s->base.ops = &fork_ops;
	s->proc.dir = s->memory.fd = -1;
	cleanup_target struct target *t = &s->base;
	TRY(make_child(m, s));
	TRY(lacking_find(m->live, &s->memory, &s->proc, &s->lacking));
	TRY(image_fill(&s->lacking, &m->live->memory, 2));
	TRY(snapshot_describe(m->live, s->child.tid, t));
	*out = steal(&t);
	return NULL;
}
