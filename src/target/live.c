/* SPDX-License-Identifier: Apache-2.0 */
#include "target/live.h"

#include "target/diagnose.h"
#include "target/live_parts.h"
#include "target/maps.h"

#include "base/bits.h"
#include "base/vec.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A thread's id in its own pid namespace. */
struct ns_id {
	pid_t tid, ns_tid;
};

struct ns_ids {
	struct ns_id *v; /* by tid */
	size_t len, cap;
};

static const struct target_ops live_ops;

/* The maker's own functions know what they are given. */
static struct live *self(struct target *t)
{
	return (struct live *)((char *)t - offsetof(struct live, base));
}

struct live *live_of(struct target *t)
{
	return t->ops == &live_ops ? self(t) : NULL;
}

static void identify(const struct proc *p, pid_t tid, struct identity *out)
{
	char name[PROC_NAME_MAX];
	struct proc_stat stat;
	struct stat exe;

	*out = (struct identity){};
	if (fstatat(p->dir, proc_task_name(name, tid, "exe"), &exe, 0) == 0) {
		out->exe_dev = exe.st_dev;
		out->exe_inode = exe.st_ino;
	}
	cleanup_err struct err *e = proc_read_stat(p, tid, &stat);
	if (!e) {
		out->start_code = stat.start_code;
		out->start_stack = stat.start_stack;
	}
}

/* The first thread that has not exited: the leader, if it lives. */
static struct err *find_living(const struct proc *p, pid_t *out)
{
	cleanup_tids struct tids tids = {};

	TRY(proc_list_tasks(p, &tids));
	for (size_t i = 0; i < tids.len; i++) {
		if (!proc_state_dead(proc_thread_state(p, tids.v[i]))) {
			*out = tids.v[i];
			return NULL;
		}
	}
	return err_new(ERR_GONE, "process %d has ended", p->pid);
}

/* The executable's name without folders; the thread's where it isn't told. */
static char *make_exe_name(const struct proc *p, const char *link,
			   const char *comm)
{
	static const char deleted[] = " (deleted)";
	cleanup_free char *path = proc_read_link(p, link);

	if (!path)
		return strdup(comm);
	size_t len = strlen(path);
	size_t cut = sizeof(deleted) - 1;
	if (len > cut && strcmp(path + len - cut, deleted) == 0)
		path[len - cut] = '\0';
	const char *slash = strrchr(path, '/');
	return strdup(slash ? slash + 1 : path);
}

/* Sees from the executable's ELF header that its machine is ours. */
static struct err *check_machine(struct target *t)
{
	cleanup_close int fd = open(t->exe_path, O_RDONLY | O_CLOEXEC);
	uint8_t header[EI_NIDENT + 4]; /* and e_type, e_machine */

	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return err_new(ERR_GONE,
			       "process %d (%s) has ended, or is about to "
			       "execute another program",
			       t->pid, t->exe_name);
	if (fd < 0)
		return err_os(errno, "can't open %s (%s)", t->exe_path,
			      t->exe_name);
	if (pread(fd, header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header, ELFMAG, SELFMAG) != 0)
		return err_new(ERR_UNSUPPORTED,
			       "%s (%s) is not an ELF executable", t->exe_path,
			       t->exe_name);
	if (header[EI_CLASS] != ELFCLASS64)
		return err_hint(err_new(ERR_UNSUPPORTED,
					"process %d (%s) is a 32-bit program",
					t->pid, t->exe_name),
				"hdattach reads 64-bit ones: build it with "
				"GOARCH=amd64 or arm64");
	uint64_t machine = load_uint(header + EI_NIDENT + 2, 2,
				     header[EI_DATA] == ELFDATA2MSB);
	t->arch = arch_by_elf_machine((uint16_t)machine);
	if (!t->arch || t->arch != arch_host())
		return err_hint(err_new(ERR_UNSUPPORTED,
					"process %d (%s) is of a machine (ELF "
					"%u) that can't be traced here",
					t->pid, t->exe_name,
					(unsigned int)machine),
				"it is run by an emulator, whose memory is not "
				"the program's");
	return NULL;
}

/*
 * Where the program headers of the executable are, by its ELF header in memory:
 * the auxiliary vector belongs to the process's user, and CAP_SYS_PTRACE does
 * not open it.
 */
static uint64_t find_phdr(const struct live *l)
{
	struct mapping *maps = NULL;
	uint64_t found = 0;
	struct stat exe;
	size_t n = 0;

	if (stat(l->base.exe_path, &exe) < 0)
		return 0;
	cleanup_err struct err *e = live_mappings(l, &maps, &n);
	for (size_t i = 0; !e && i < n && !found; i++) {
		uint64_t at = maps[i].start + offsetof(Elf64_Ehdr, e_phoff);
		uint8_t phoff[8];

		if (maps[i].inode == exe.st_ino && !maps[i].file_offset &&
		    memory_read(&l->memory, at, phoff, 8) == 8)
			found = maps[i].start + load_le(phoff, 8);
	}
	maps_free(maps, n);
	return found;
}

static void read_auxv(struct live *l, pid_t tid)
{
	char name[PROC_NAME_MAX];
	cleanup_free char *auxv = NULL;
	size_t size;
	cleanup_err struct err *e = proc_read(
		&l->proc, proc_task_name(name, tid, "auxv"), &auxv, &size);

	l->base.at_phdr =
		e ? find_phdr(l) : proc_auxv_lookup(auxv, size, AT_PHDR);
}

/* Opens what belongs to the process, by way of its living thread tid. */
static struct err *open_parts(struct live *l, const struct attach_facts *f,
			      pid_t tid)
{
	struct target *t = &l->base;
	char exe[PROC_NAME_MAX] = "exe", link[PROC_NAME_MAX];
	int refused = memory_probe(tid);

	if (refused == EPERM || refused == EACCES)
		TRY(attach_facts_explain(f));
	if (tid != t->pid)
		proc_task_name(exe, tid, "exe");
	if (asprintf(&t->exe_path, "/proc/%d/%s", t->pid, exe) < 0) {
		t->exe_path = NULL;
		return &err_nomem;
	}
	proc_task_name(link, tid, "root");
	if (asprintf(&t->root_path, "/proc/%d/%s", t->pid, link) < 0) {
		t->root_path = NULL;
		return &err_nomem;
	}
	t->exe_name = make_exe_name(&l->proc, exe, f->target.name);
	if (!t->exe_name)
		return &err_nomem;
	TRY(check_machine(t));
	TRY(memory_init(&l->memory, &l->proc, tid));
	read_auxv(l, tid);
	if (l->memory.fd < 0)
		identify(&l->proc, tid, &l->identity);
	return NULL;
}

static void cleanup_ns_ids_fn(struct ns_ids *ids)
{
	vec_deinit(ids);
}

static int compare_ns_ids(const void *a, const void *b)
{
	const struct ns_id *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

/*
 * The ids of the threads in their own pid namespace, if that is another one.
 * Reading them takes long, so it is done before the stop; threads that are
 * gone are left out.
 */
static struct err *collect_ns_ids(const struct live *l, struct ns_ids *out)
{
	cleanup_tids struct tids tids = {};
	struct proc_status status;

	if (!l->nested_ns)
		return NULL;
	TRY(proc_list_tasks(&l->proc, &tids));
	for (size_t i = 0; i < tids.len; i++) {
		struct err *gone =
			proc_read_status(&l->proc, tids.v[i], &status);

		if (gone) {
			err_free(gone);
			continue;
		}
		TRY(vec_push(out, (struct ns_id){ tids.v[i], status.ns_pid }));
	}
	if (out->len)
		qsort(out->v, out->len, sizeof(*out->v), compare_ns_ids);
	return NULL;
}

static pid_t ns_tid_of(const struct live *l, const struct ns_ids *ids,
		       pid_t tid)
{
	struct ns_id key = { .tid = tid };
	struct proc_status status;

	if (!l->nested_ns)
		return tid;
	const struct ns_id *id = ids->len ? bsearch(&key, ids->v, ids->len,
						    sizeof(key), compare_ns_ids)
					  : NULL;
	if (id)
		return id->ns_tid;
	cleanup_err struct err *e = proc_read_status(&l->proc, tid, &status);
	return e ? tid : status.ns_pid;
}

static struct err *capture_threads(struct live *l, const struct ns_ids *ids)
{
	const struct tracees *ts = &l->tracees;
	struct target *t = &l->base;

	t->threads = calloc(ts->len, sizeof(*t->threads));
	if (!t->threads)
		return &err_nomem;
	for (size_t i = 0; i < ts->len; i++) {
		const struct tracee *tracee = &ts->v[i];

		if (tracee->state != TRACEE_STOPPED)
			continue;
		struct thread *thread = &t->threads[t->thread_count++];
		thread->tid = tracee->tid;
		thread->ns_tid = ns_tid_of(l, ids, tracee->tid);
		thread->have_regs = tracee_regs(tracee, t->arch, &thread->regs);
		tracee_signal(tracee, &thread->signal);
	}
	return NULL;
}

struct err *live_mappings(const struct live *l, struct mapping **out,
			  size_t *count)
{
	char name[PROC_NAME_MAX];
	cleanup_free char *text = NULL;
	size_t size;

	TRY(proc_read(&l->proc, proc_task_name(name, l->memory.tid, "maps"),
		      &text, &size));
	return maps_parse(text, out, count);
}

/* Tells whether what is stopped is still what was opened. */
static struct err *check_identity(const struct live *l)
{
	struct identity now, was = l->identity;

	if (l->memory.fd >= 0 && !memory_gone(&l->memory))
		return NULL;
	identify(&l->proc, l->memory.tid, &now);
	if (!now.start_code)
		return err_new(ERR_GONE, "it has ended");
	if (l->memory.fd < 0 && now.exe_dev == was.exe_dev &&
	    now.exe_inode == was.exe_inode &&
	    now.start_code == was.start_code &&
	    now.start_stack == was.start_stack)
		return NULL;
	return err_new(ERR_GONE, "it has executed another program");
}

static struct err *stop_and_capture(struct live *l)
{
	cleanup(cleanup_ns_ids_fn) struct ns_ids ids = {};
	struct target *t = &l->base;

	TRY(collect_ns_ids(l, &ids));
	TRY(tracees_stop(&l->tracees, t->stop_timeout, &t->stop_began));
	stop_time_now(&t->stop_time);
	l->memory.tid = tracees_living(&l->tracees)->tid;
	TRY(check_identity(l));
	TRY(capture_threads(l, &ids));
	return live_mappings(l, &t->mappings, &t->mapping_count);
}

static struct err *live_stop(struct target *t)
{
	struct live *l = self(t);
	struct err *e = stop_and_capture(l);
	int refused = 0;

	if (!e)
		return NULL;
	if (e->code == ERR_OS &&
	    (e->errnum == EPERM || e->errnum == EACCES || e->errnum == ENOSYS))
		refused = e->errnum; /* ENOSYS: by a seccomp filter */
	err_free(tracees_release(&l->tracees));
	if (!refused)
		return err_wrap(e, "can't stop process %d (%s)", t->pid,
				t->exe_name);
	err_free(e);
	return diagnose_refusal(t->pid, refused);
}

static struct err *live_resume(struct target *t)
{
	struct live *l = self(t);

	return err_wrap(tracees_release(&l->tracees),
			"can't resume process %d (%s)", t->pid, t->exe_name);
}

static size_t live_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	return memory_read(&self(t)->memory, addr, buf, len);
}

/*
 * By the process's id only while it is stopped, and so can't do an exec or
 * leave its id to another.
 */
static void live_read_many(struct target *t, struct read_range *ranges,
			   size_t n)
{
	const struct memory *m = &self(t)->memory;

	if (t->stopped || m->fd < 0) {
		memory_read_many(m, ranges, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		ranges[i].ok = memory_read(m, ranges[i].addr, ranges[i].buf,
					   ranges[i].len) == ranges[i].len;
}

static bool live_gone(struct target *t)
{
	return memory_gone(&self(t)->memory);
}

static struct err *live_map(struct target *t)
{
	return live_mappings(self(t), &t->mappings, &t->mapping_count);
}

static void live_close(struct target *t)
{
	struct live *l = self(t);

	tracees_deinit(&l->tracees);
	memory_deinit(&l->memory);
	proc_deinit(&l->proc);
	free(l);
}

static const struct target_ops live_ops = {
	.stop = live_stop,
	.resume = live_resume,
	.read = live_read,
	.read_many = live_read_many,
	.gone = live_gone,
	.map = live_map,
	.close = live_close,
};

struct err *live_open(pid_t pid, struct target **out)
{
	struct attach_facts facts;
	pid_t tid = 0;

	TRY(attach_facts_gather(pid, &facts));
	TRY(attach_facts_judge(&facts));
	struct live *l = calloc(1, sizeof(*l));
	if (!l)
		return &err_nomem;
	l->base = (struct target){
		.ops = &live_ops,
		.pid = pid,
		.stop_timeout = LIVE_STOP_TIMEOUT,
	};
	l->proc.dir = l->memory.fd = -1;
	l->nested_ns = facts.target.ns_depth > 1;
	tracees_init(&l->tracees, &l->proc, facts.target.ppid == getpid());
	cleanup_target struct target *t = &l->base;
	TRY(proc_init(&l->proc, pid));
	TRY(find_living(&l->proc, &tid));
	TRY(open_parts(l, &facts, tid));
	*out = steal(&t);
	return NULL;
}
