/* SPDX-License-Identifier: Apache-2.0 */
#include "target/loan.h"
#include "target/seccomp.h"
#include "target/snapshot_parts.h"

#include "base/bits.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

const char *snapshot_name(enum snapshot_kind kind)
{
	static const char *const names[] = {
		[SNAPSHOT_AUTO] = "auto",
		[SNAPSHOT_FORK] = "fork",
		[SNAPSHOT_COPY] = "copy",
		[SNAPSHOT_HOLD] = "hold",
	};

	return names[kind];
}

enum snapshot_kind snapshot_kind(const struct snapshot_maker *m)
{
	return m->kind;
}

bool snapshot_needs_model(const struct snapshot_maker *m)
{
	return m->kind != SNAPSHOT_FORK;
}

/* ---- what all snapshots have in common ----------------------------------- */

static struct err *copy_mappings(const struct target *from, struct target *to)
{
	to->mappings = calloc(from->mapping_count + 1, sizeof(*to->mappings));
	if (!to->mappings)
		return &err_nomem;
	for (size_t i = 0; i < from->mapping_count; i++) {
		struct mapping *m = &to->mappings[i];

		*m = from->mappings[i];
		m->path = strdup(from->mappings[i].path);
		if (!m->path)
			return &err_nomem;
		to->mapping_count++;
	}
	return NULL;
}

static struct err *copy_threads(const struct target *from, struct target *to)
{
	to->threads = calloc(from->thread_count + 1, sizeof(*to->threads));
	if (!to->threads)
		return &err_nomem;
	to->thread_count = from->thread_count;
	if (from->thread_count)
		memcpy(to->threads, from->threads,
		       from->thread_count * sizeof(*to->threads));
	return NULL;
}

struct err *snapshot_describe(const struct live *l, pid_t pid,
			      struct target *out)
{
	const struct target *t = &l->base;

	out->arch = t->arch;
	out->pid = t->pid;
	out->at_phdr = t->at_phdr;
	out->stopped = true;
	out->stop_time = t->stop_time;
	out->exe_name = strdup(t->exe_name);
	if (asprintf(&out->exe_path, "/proc/%d/exe", pid) < 0)
		out->exe_path = NULL;
	if (asprintf(&out->root_path, "/proc/%d/root", pid) < 0)
		out->root_path = NULL;
	if (!out->exe_name || !out->exe_path || !out->root_path)
		return &err_nomem;
	TRY(copy_mappings(t, out));
	return copy_threads(t, out);
}

struct err *snapshot_no_resume(struct target *t)
{
	(void)t;
	return err_new(ERR_UNSUPPORTED, "a snapshot can't run on");
}

struct err *snapshot_no_stop(struct target *t)
{
	(void)t;
	return err_new(ERR_UNSUPPORTED, "a snapshot has one moment alone");
}

bool snapshot_may_lend(const struct snapshot_maker *m,
		       const struct system_stack *stack, struct tracee *t,
		       enum lend_stand *stand)
{
	struct regs regs;

	*stand = loan_stand(m->live, t);
	return *stand != LEND_UNFIT && tracee_regs(t, m->target->arch, &regs) &&
	       regs.sp <= stack->hi && regs.sp > stack->lo &&
	       regs.sp - stack->lo >= LOAN_STACK;
}

/* A child that is first in a pid namespace takes it with it when it ends. */
static struct err *check_namespace(const struct proc *p, pid_t tid)
{
	char name[PROC_NAME_MAX];
	cleanup_free char *own =
		proc_read_link(p, proc_task_name(name, tid, "ns/pid"));
	cleanup_free char *children = proc_read_link(
		p, proc_task_name(name, tid, "ns/pid_for_children"));

	if (own && children && !strcmp(own, children))
		return NULL;
	return err_new(ERR_UNSUPPORTED, "its children get a pid namespace of "
					"their own");
}

/* All that the thread is going to call, or its frames are. */
static struct err *check_filters(const struct snapshot_maker *m,
				 const struct tracee *t)
{
	const struct arch_lend *lend = m->target->arch->lend;
	const uint64_t ip = m->gadgets.call;
	const struct seccomp_data calls[] = {
		{ (int)lend->rt_sigreturn, lend->audit_arch, ip, {} },
		{ (int)lend->exit_group,
		  lend->audit_arch,
		  ip,
		  { LOAN_EXIT_CODE } },
		{ (int)lend->clone,
		  lend->audit_arch,
		  ip,
		  { LOAN_CLONE_FLAGS } },
		{ (int)lend->wait4, lend->audit_arch, ip, {} },
	};

	return seccomp_check(t, calls, ARRAY_SIZE(calls));
}

struct err *snapshot_check_thread(const struct snapshot_maker *m,
				  const struct tracee *t)
{
	const struct proc *p = &m->live->proc;
	struct proc_status status;

	TRY(proc_read_status(p, t->tid, &status));
	if (status.shadow_stack)
		return err_new(ERR_UNSUPPORTED, "it has a shadow stack");
	if (status.seccomp == SECCOMP_MODE_STRICT)
		return err_new(ERR_UNSUPPORTED, "seccomp forbids all system "
						"calls");
	TRY(check_namespace(p, t->tid));
	return status.seccomp ? check_filters(m, t) : NULL;
}

/* ---- choosing ------------------------------------------------------------ */

static uint64_t expected_pause(const struct snapshot_maker *m,
			       enum snapshot_kind kind)
{
	if (m->room.stopped)
		return 0;
	switch (kind) {
	case SNAPSHOT_FORK:
		return room_fork_pause(&m->room);
	case SNAPSHOT_COPY:
		return room_copy_pause(&m->room);
	default:
		return room_hold_pause(&m->room);
	}
}

static struct err *check_pause(const struct snapshot_maker *m,
			       enum snapshot_kind kind)
{
	uint64_t expected = expected_pause(m, kind);

	if (!m->max_pause || expected <= m->max_pause)
		return NULL;
	return err_new(ERR_LIMIT,
		       "it would stop the process for about %llu ms, and "
		       "--max-pause allows %llu",
		       (unsigned long long)expected / 1000000,
		       (unsigned long long)m->max_pause / 1000000);
}

/* What of the ways that leave the target running is possible here. Who asks for
 * one of them by name may take the risk of there being too little room. */
static struct err *check_kind(const struct snapshot_maker *m,
			      enum snapshot_kind kind)
{
	bool chosen = m->asked == SNAPSHOT_AUTO;

	if (!m->live)
		return err_new(ERR_UNSUPPORTED, "not a running process");
	if (m->room.stopped)
		return err_new(ERR_UNSUPPORTED,
			       "it is stopped by a signal: there is nothing to "
			       "save it from");
	if (chosen && kind == SNAPSHOT_FORK)
		TRY(room_for_fork(&m->room));
	if (chosen && kind == SNAPSHOT_COPY)
		TRY(room_for_copy(&m->room));
	return NULL;
}

static struct err *prepare_kind(struct snapshot_maker *m,
				enum snapshot_kind kind)
{
	if (kind != SNAPSHOT_HOLD)
		TRY(check_kind(m, kind));
	TRY(check_pause(m, kind));
	if (kind == SNAPSHOT_FORK)
		return gadgets_find(m->live, &m->gadgets);
	return kind == SNAPSHOT_COPY ? copy_prepare(m) : NULL;
}

static bool is_refusal(const struct err *e)
{
	return e->code == ERR_UNSUPPORTED || e->code == ERR_LIMIT ||
	       e->code == ERR_MISSING || e->code == ERR_NOMEM;
}

/* Goes on to the next kind, or returns why there is none. Takes e. */
static struct err *give_up_kind(struct snapshot_maker *m, struct err *e)
{
	const char *name = snapshot_name(m->kind);

	if (m->asked != SNAPSHOT_AUTO || !is_refusal(e))
		return err_wrap(e, "no snapshot by %s", name);
	if (m->kind == SNAPSHOT_HOLD)
		return err_hint(e, "-v tells why it can't be shorter");
	/* It makes no difference to who is stopped anyhow. */
	if (m->room.stopped)
		log_verbose("no snapshot by %s: %s", name, e->message);
	else
		log_info("no snapshot by %s: %s", name, e->message);
	err_free(e);
	m->kind++;
	return NULL;
}

/* The first kind from m->kind on that can be prepared. */
static struct err *choose(struct snapshot_maker *m)
{
	for (;;) {
		struct err *e = prepare_kind(m, m->kind);

		if (!e)
			break;
		TRY(give_up_kind(m, e));
	}
	log_verbose("snapshot by %s%s, for a pause of about %llu ms",
		    snapshot_name(m->kind),
		    m->kind == m->asked ? ", as asked for" : "",
		    (unsigned long long)expected_pause(m, m->kind) / 1000000);
	return NULL;
}

struct err *snapshot_prepare(struct target *live,
			     const struct snapshot_wants *wants,
			     const struct snapshot_options *options,
			     struct snapshot_maker **out)
{
	struct snapshot_maker *m = calloc(1, sizeof(*m));

	if (!m)
		return &err_nomem;
	m->target = live;
	m->live = live_of(live);
	m->wants = *wants;
	m->asked = options->kind;
	m->max_pause = options->max_pause;
	m->kind = m->asked;
	if (m->asked == SNAPSHOT_AUTO) /* what does not run needs none */
		m->kind = m->live ? SNAPSHOT_FORK : SNAPSHOT_HOLD;
	if (m->live)
		room_gather(&m->live->proc, m->live->memory.tid, &m->room);
	struct err *e = choose(m);
	if (e) {
		image_deinit(&m->image);
		free(m);
		return e;
	}
	*out = m;
	return NULL;
}

struct err *snapshot_fall_back(struct snapshot_maker *m, struct err *refused)
{
	TRY(give_up_kind(m, refused));
	return choose(m);
}

/* ---- taking -------------------------------------------------------------- */

struct err *snapshot_take(struct snapshot_maker *m, struct target **out)
{
	switch (m->kind) {
	case SNAPSHOT_FORK:
		return fork_take(m, out);
	case SNAPSHOT_COPY:
		return copy_take(m, out);
	default:
		*out = m->target;
		return NULL;
	}
}

void snapshot_drop(struct snapshot_maker *m, struct target *snapshot)
{
	if (!snapshot || snapshot == m->target)
		return;
	target_close(snapshot);
	if (m->kind == SNAPSHOT_FORK)
		reap_children(m);
}

void snapshot_finish(struct snapshot_maker *m)
{
	if (!m)
		return;
	reap_children(m);
	image_deinit(&m->image);
	free(m);
}
