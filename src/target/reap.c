/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dead children that snapshots by fork leave. Nobody but their parent, the
 * target, can reap them, and it does not know of them; so one of its idle
 * threads is lent a wait4(). Those of an earlier hdattach that was killed are
 * among them.
 */
#include "target/loan.h"
#include "target/snapshot_parts.h"

#include "base/log.h"
#include "base/vec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
	STOP_TIMEOUT = 200,    /* ms, for one thread */
	FORKED_NO_EXEC = 0x40, /* PF_FORKNOEXEC: proc_stat.flags */
};

struct reaper {
	struct snapshot_maker *m;
	struct tids dead;    /* in the target's own pid namespace */
	struct tids threads; /* that there are */
};

/*
 * Whether a process is one of ours: a dead child of the target that sends no
 * signal, has executed nothing, and ended as our children do. If so, its id
 * where it lives.
 */
static bool is_ours(const struct live *l, pid_t pid, pid_t *ns_pid)
{
	cleanup_proc struct proc p = { .dir = -1 };
	struct proc_status status;
	struct proc_stat stat;
	struct err *e = proc_init(&p, pid);

	if (!e)
		e = proc_read_stat(&p, 0, &stat);
	if (!e)
		e = proc_read_status(&p, 0, &status);
	if (e) {
		err_free(e);
		return false;
	}
	*ns_pid = status.ns_pid;
	return stat.state == 'Z' && stat.ppid == l->proc.pid &&
	       stat.exit_signal == 0 && stat.flags & FORKED_NO_EXEC &&
	       (stat.exit_code == SIGKILL || stat.exit_code == LOAN_EXIT_CODE
								       << 8);
}

/* The children of a thread, as /proc lists them, if the kernel does. */
static struct err *look_through(const struct live *l, pid_t tid,
				struct tids *out)
{
	char name[PROC_NAME_MAX], *next;
	cleanup_free char *text = NULL;
	size_t size;

	TRY(proc_read(&l->proc, proc_task_name(name, tid, "children"), &text,
		      &size));
	for (char *s = text;; s = next) {
		pid_t pid = (pid_t)strtol(s, &next, 10), ns_pid;

		if (next == s)
			return NULL;
		if (is_ours(l, pid, &ns_pid))
			TRY(vec_push(out, ns_pid));
	}
}

static struct err *find_dead(const struct live *l, struct tids *out)
{
	cleanup_tids struct tids tids = {};

	TRY(proc_list_tasks(&l->proc, &tids));
	for (size_t i = 0; i < tids.len; i++)
		err_free(look_through(l, tids.v[i], out));
	return NULL;
}

/* The thread of the target that has this id in its own namespace, or 0. */
static pid_t tid_of(const struct live *l, const struct tids *tids, pid_t ns_tid)
{
	struct proc_status status;

	for (size_t i = 0; i < tids->len; i++) {
		if (!l->nested_ns) {
			if (tids->v[i] == ns_tid)
				return ns_tid;
			continue;
		}
		struct err *e = proc_read_status(&l->proc, tids->v[i], &status);
		bool is = !e && status.ns_pid == ns_tid;
		err_free(e);
		if (is)
			return tids->v[i];
	}
	return 0;
}

static struct err *lend_wait(struct reaper *r, struct tracee *t)
{
	const struct arch_lend *lend = r->m->target->arch->lend;
	cleanup_loan struct loan loan = {};
	int64_t result;

	TRY(snapshot_check_thread(r->m, t));
	TRY(loan_begin(&loan, r->m->live, &r->m->gadgets, t));
	while (r->dead.len) {
		uint64_t pid = (uint64_t)r->dead.v[r->dead.len - 1];
		const uint64_t args[6] = { pid, 0, __WALL | WNOHANG };

		TRY(loan_call(&loan, lend->wait4, args, &result, NULL));
		r->dead.len--;
	}
	return loan_end(&loan);
}

/* Tries the thread that a stack belongs to; false: there is no more to do. */
static bool try_thread(void *arg, const struct system_stack *stack)
{
	struct reaper *r = arg;
	struct live *l = r->m->live;
	pid_t tid = tid_of(l, &r->threads, stack->ns_tid);
	enum lend_stand stand;

	if (!tid || proc_thread_state(&l->proc, tid) != 'S')
		return true;
	struct err *e = tracees_stop_one(&l->tracees, tid, STOP_TIMEOUT);
	struct tracee *t = e ? NULL : tracees_find(&l->tracees, tid);
	if (t && snapshot_may_lend(r->m, stack, t, &stand))
		e = lend_wait(r, t);
	err_free(e);
	err_free(tracees_release(&l->tracees));
	return r->dead.len != 0;
}

static struct err *reap(struct reaper *r)
{
	struct snapshot_maker *m = r->m;

	TRY(find_dead(m->live, &r->dead));
	if (!r->dead.len)
		return NULL;
	TRY(proc_list_tasks(&m->live->proc, &r->threads));
	if (!gadgets_valid(m->live, &m->gadgets))
		TRY(gadgets_find(m->live, &m->gadgets));
	TRY(m->wants.stacks(m->wants.arg, try_thread, r));
	if (r->dead.len)
		return err_new(ERR_TIMEOUT, "no idle thread");
	return NULL;
}

void reap_children(struct snapshot_maker *m)
{
	struct reaper r = { .m = m };

	if (!m->live || m->target->stopped || !m->target->arch->lend)
		return;
	cleanup_err struct err *e = reap(&r);
	if (e && e->code != ERR_GONE)
		log_verbose("a dead child is left in process %d, for the next "
			    "run to reap: %s",
			    m->target->pid, e->message);
	tids_deinit(&r.dead);
	tids_deinit(&r.threads);
}
