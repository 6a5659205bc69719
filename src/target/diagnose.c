/* SPDX-License-Identifier: Apache-2.0 */
#include "target/diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The user namespace that there is from boot on (linux/proc_ns.h). */
#define FIRST_USER_NS "user:[4026531837]"

/* The first line of a file in at most 64 bytes; "" if it can't be read. */
static void read_line(const char *path, char out[static 65])
{
	cleanup_fclose FILE *f = fopen(path, "re");

	if (!f || !fgets(out, 65, f))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* The name of a process, or "" if it can't be told. */
static void name_of(pid_t pid, char out[static 65])
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	out[0] = '\0';
	if (pid > 0)
		read_line(path, out);
}

static int read_yama_scope(void)
{
	char line[65];

	read_line("/proc/sys/kernel/yama/ptrace_scope", line);
	return *line ? atoi(line) : YAMA_ABSENT;
}

/* A label that says what confines us: AppArmor's or SELinux's. */
static void read_label(char out[static 65])
{
	read_line("/proc/self/attr/current", out);
	if (strncmp(out, "unconfined", 10) == 0 || strcmp(out, "kernel") == 0)
		out[0] = '\0';
}

/*
 * The files of a process that is not dumpable belong to root
 * (task_dump_owner()), which can't be told apart for a process of root's.
 */
static bool is_not_dumpable(const struct proc *p, uid_t euid)
{
	struct stat st;

	return fstatat(p->dir, "maps", &st, 0) == 0 && st.st_uid != euid;
}

static bool is_in_other_user_ns(const struct proc *p, const struct proc *self)
{
	cleanup_free char *theirs = proc_read_link(p, "ns/user");
	cleanup_free char *ours = proc_read_link(self, "ns/user");

	if (!ours)
		return false;
	/* From below, theirs may not even be looked at. */
	return theirs ? strcmp(theirs, ours) != 0
		      : strcmp(ours, FIRST_USER_NS) != 0;
}

static bool is_dead(const struct proc *p)
{
	cleanup_tids struct tids tids = {};
	cleanup_err struct err *e = proc_list_tasks(p, &tids);

	for (size_t i = 0; i < tids.len; i++)
		if (!proc_state_dead(proc_thread_state(p, tids.v[i])))
			return false;
	return !e || e->code == ERR_GONE;
}

/* There may be a process that /proc does not show us (hidepid). */
static struct err *open_folder(struct proc *p, pid_t pid)
{
	struct err *e = proc_init(p, pid);

	if (!e ||
	    (e->code == ERR_OS && e->errnum != EPERM && e->errnum != EACCES))
		return e;
	if (e->code == ERR_GONE && kill(pid, 0) < 0 && errno == ESRCH)
		return err_hint(e, "process ids are those of the pid "
				   "namespace (container) it runs in");
	err_free(e);
	e = err_new(ERR_DENIED, "process %d is hidden by /proc", pid);
	return err_hint(e, "/proc is mounted with hidepid: run as root, or in "
			   "the group that its gid option names");
}

struct err *attach_facts_gather(pid_t pid, struct attach_facts *out)
{
	cleanup_proc struct proc p = { .dir = -1 };
	cleanup_proc struct proc self = { .dir = -1 };
	struct attach_facts f = { .pid = pid, .self_pid = getpid() };
	struct proc_stat stat;

	if (pid <= 0)
		return err_new(ERR_USAGE, "%d is not a process id", pid);
	TRY(open_folder(&p, pid));
	TRY(proc_read_status(&p, 0, &f.target));
	TRY(proc_read_stat(&p, 0, &stat));
	TRY(proc_init(&self, f.self_pid));
	TRY(proc_read_status(&self, 0, &f.self));
	f.flags = stat.flags;
	f.dead = is_dead(&p);
	name_of(f.target.tgid, f.process_name);
	name_of(f.target.ppid, f.parent_name);
	name_of(f.target.tracer, f.tracer_name);
	f.yama_scope = read_yama_scope();
	f.not_dumpable = is_not_dumpable(&p, f.target.uid[1]);
	f.other_user_ns = is_in_other_user_ns(&p, &self);
	read_label(f.label);
	*out = f;
	return NULL;
}

static struct err *judge_tracer(const struct attach_facts *f)
{
	struct err *e =
		err_new(ERR_DENIED,
			"process %d (%s) is already traced by process %d "
			"(%s)",
			f->pid, f->target.name, f->target.tracer,
			*f->tracer_name ? f->tracer_name : "?");

	return err_hint(e,
			"a process has one tracer: have process %d detach, "
			"or end it",
			f->target.tracer);
}

struct err *attach_facts_judge(const struct attach_facts *f)
{
	const struct proc_status *t = &f->target;

	if (t->tgid != f->pid)
		return err_hint(err_new(ERR_USAGE,
					"%d is a thread of process %d (%s)",
					f->pid, t->tgid, f->process_name),
				"name the process: %d", t->tgid);
	if (f->pid == f->self_pid)
		return err_new(ERR_UNSUPPORTED,
			       "process %d is this one: it can't stop itself",
			       f->pid);
	if (f->flags & PROC_KERNEL_THREAD)
		return err_new(ERR_UNSUPPORTED,
			       "process %d (%s) is a kernel thread", f->pid,
			       t->name);
	if (t->core_dumping)
		return err_hint(err_new(ERR_UNSUPPORTED,
					"process %d (%s) has crashed and is "
					"writing its core",
					f->pid, t->name),
				"open the core file when it is complete");
	if (f->dead)
		return err_new(
			ERR_GONE,
			"process %d (%s) has ended: it is a zombie that "
			"its parent, process %d (%s), has not waited for",
			f->pid, t->name, t->ppid, f->parent_name);
	/* We may still be the tracer of its leader, if that has exited. */
	return t->tracer && t->tracer != f->self_pid ? judge_tracer(f) : NULL;
}

static bool same_user(const struct attach_facts *f)
{
	/* The kernel asks for our real ids (PTRACE_MODE_REALCREDS). */
	for (int i = 0; i < 3; i++)
		if (f->target.uid[i] != f->self.uid[0] ||
		    f->target.gid[i] != f->self.gid[0])
			return false;
	return true;
}

static bool can_ptrace(const struct attach_facts *f)
{
	return f->self.cap_eff >> CAP_SYS_PTRACE & 1;
}

/* Who is root already lacks the capability, as containers have it. */
static struct err *hint_privilege(const struct attach_facts *f, struct err *e,
				  const char *otherwise)
{
	if (f->self.uid[1] == 0)
		otherwise = "we are root, but in a container: run on the host, "
			    "or give the container CAP_SYS_PTRACE (docker: "
			    "--cap-add=SYS_PTRACE; Kubernetes: "
			    "securityContext.capabilities.add)";
	return err_hint(e, "%s", otherwise);
}

static struct err *explain_user(const struct attach_facts *f)
{
	const struct proc_status *t = &f->target;
	struct err *e;

	if (t->uid[1] != f->self.uid[0])
		e = err_new(ERR_DENIED,
			    "process %d (%s) belongs to user %u, and we are "
			    "user %u without CAP_SYS_PTRACE",
			    f->pid, t->name, t->uid[1], f->self.uid[0]);
	else
		e = err_new(ERR_DENIED,
			    "process %d (%s) has user ids %u/%u/%u and group "
			    "ids %u/%u/%u, not all of them ours (%u, %u), and "
			    "we are without CAP_SYS_PTRACE",
			    f->pid, t->name, t->uid[0], t->uid[1], t->uid[2],
			    t->gid[0], t->gid[1], t->gid[2], f->self.uid[0],
			    f->self.gid[0]);
	return hint_privilege(f, e,
			      "run as root, or as the user of the process");
}

static struct err *explain_yama(const struct attach_facts *f)
{
	static const char *const why[] = {
		[YAMA_RELATED] = "only an ancestor may attach",
		[YAMA_CAPABILITY] = "only CAP_SYS_PTRACE may attach",
		[YAMA_NONE] = "nobody may attach, until the next boot",
	};
	struct err *e = err_new(ERR_DENIED,
				"Yama forbids to attach to process %d (%s): "
				"kernel.yama.ptrace_scope is %d, %s",
				f->pid, f->target.name, f->yama_scope,
				why[f->yama_scope]);

	if (f->yama_scope == YAMA_NONE)
		return err_hint(e, "only a core that it writes itself can be "
				   "had of it (Go: GOTRACEBACK=crash)");
	if (f->yama_scope == YAMA_CAPABILITY)
		return hint_privilege(f, e, "run as root");
	return hint_privilege(f, e,
			      "run as root, or: sysctl "
			      "kernel.yama.ptrace_scope=0 (as root)");
}

/* What is left when the users are the same: the process or our own jail. */
static struct err *explain_rest(const struct attach_facts *f)
{
	const struct proc_status *t = &f->target;

	if (!can_ptrace(f) && (t->cap_prm & ~f->self.cap_prm))
		return hint_privilege(
			f,
			err_new(ERR_DENIED,
				"process %d (%s) has capabilities that we lack "
				"(%#llx)",
				f->pid, t->name,
				(unsigned long long)(t->cap_prm &
						     ~f->self.cap_prm)),
			"run as root");
	if (!can_ptrace(f) && f->not_dumpable)
		return hint_privilege(
			f,
			err_new(ERR_DENIED,
				"process %d (%s) is not dumpable: it changed "
				"its ids, or asked for it (prctl)",
				f->pid, t->name),
			"run as root");
	if (*f->label)
		return err_hint(
			err_new(ERR_DENIED,
				"may not attach to process %d (%s): a security "
				"module confines us (%s)",
				f->pid, t->name, f->label),
			"run outside of it; the kernel's audit log says more");
	if (f->self.seccomp)
		return err_hint(
			err_new(ERR_DENIED,
				"may not attach to process %d (%s): we run "
				"under a seccomp filter, as in a container",
				f->pid, t->name),
			"run on the host, or with docker's "
			"--cap-add=SYS_PTRACE");
	return NULL;
}

struct err *attach_facts_explain(const struct attach_facts *f)
{
	if (!can_ptrace(f) && !same_user(f))
		return explain_user(f);
	if (can_ptrace(f) && f->other_user_ns)
		return err_hint(
			err_new(ERR_DENIED,
				"process %d (%s) is in a user namespace that "
				"our CAP_SYS_PTRACE does not reach",
				f->pid, f->target.name),
			"run on the host as root, or in its own container");
	if (f->yama_scope == YAMA_NONE ||
	    (f->yama_scope > YAMA_CLASSIC && f->yama_scope < YAMA_NONE &&
	     !can_ptrace(f)))
		return explain_yama(f);
	return explain_rest(f);
}

/* A single thread may be traced (a debugger that was told its id). */
static void find_thread_tracer(struct attach_facts *f)
{
	cleanup_proc struct proc p = { .dir = -1 };
	cleanup_tids struct tids tids = {};
	struct proc_status status;

	cleanup_err struct err *e = proc_init(&p, f->pid);
	if (!e)
		e = proc_list_tasks(&p, &tids);
	for (size_t i = 0; !f->target.tracer && i < tids.len; i++) {
		struct err *gone = proc_read_status(&p, tids.v[i], &status);

		if (!gone)
			f->target.tracer = status.tracer;
		err_free(gone);
	}
	name_of(f->target.tracer, f->tracer_name);
}

struct err *diagnose_refusal(pid_t pid, int errnum)
{
	struct attach_facts f;

	TRY(attach_facts_gather(pid, &f));
	if (!f.target.tracer)
		find_thread_tracer(&f);
	TRY(attach_facts_judge(&f));
	TRY(attach_facts_explain(&f));
	return err_new(ERR_DENIED, "may not attach to process %d (%s): %s", pid,
		       f.target.name, strerror(errnum));
}

/* The ids of all children, whichever thread started them; NULL: none. */
static char *list_children(const struct proc *p)
{
	cleanup_tids struct tids tids = {};
	cleanup_err struct err *e = proc_list_tasks(p, &tids);
	char name[PROC_NAME_MAX];
	size_t size;

	for (size_t i = 0; !e && i < tids.len; i++) {
		char *text = NULL;

		proc_task_name(name, tids.v[i], "children");
		struct err *none = proc_read(p, name, &text, &size);
		if (!none && size)
			return text;
		err_free(none);
		free(text);
	}
	return NULL;
}

char *diagnose_children(pid_t pid)
{
	enum { MOST = 3 };
	cleanup_proc struct proc p = { .dir = -1 };
	cleanup_free char *out = NULL;
	cleanup_err struct err *e = proc_init(&p, pid);
	cleanup_free char *ids = e ? NULL : list_children(&p);
	const char *at = ids;

	for (int i = 0; at && i < MOST; i++) {
		char *end, *longer, name[65];
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		at = end;
		name_of(child, name);
		if (asprintf(&longer, "%s%s%d (%s)", out ? out : "",
			     out ? ", " : "", child, name) < 0)
			return NULL;
		free(out);
		out = longer;
	}
	return steal(&out);
}
