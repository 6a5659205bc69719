/* SPDX-License-Identifier: Apache-2.0 */
#include "target/room.h"

#include "base/bits.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

enum {
	/* Threads that a process must still be able to start: Go ends a
	 * program that can't start one. */
	SPARE_PROCESSES = 16,
	CAP_SYS_ADMIN_BIT = 21,
	CAP_SYS_RESOURCE_BIT = 24,
};

/* ---- gathering ----------------------------------------------------------- */

/* The number behind a word that begins a line, in the unit it has there. */
static uint64_t number_of(const char *text, const char *key, uint64_t dflt)
{
	size_t n = strlen(key);

	for (const char *s = text; s; s = strchr(s, '\n')) {
		unsigned long long value;

		s += *s == '\n';
		if (strncmp(s, key, n) == 0 &&
		    sscanf(s + n, "%llu", &value) == 1)
			return value;
	}
	return dflt;
}

static char *read_text(const struct proc *p, const char *name)
{
	char *text = NULL;
	size_t size;
	cleanup_err struct err *e = proc_read(p, name, &text, &size);

	return e ? NULL : text;
}

static void gather_memory(const struct proc *p, pid_t tid, struct room *r)
{
	char name[PROC_NAME_MAX];
	cleanup_free char *status =
		read_text(p, proc_task_name(name, tid, "status"));

	if (!status)
		return;
	r->anon = 1024 * (number_of(status, "RssAnon:", 0) +
			  number_of(status, "VmSwap:", 0));
	r->page_tables = 1024 * number_of(status, "VmPTE:", 0);
	r->accounted = 1024 * number_of(status, "VmData:", 0);
}

static void gather_machine(struct room *r)
{
	const struct proc root = { .dir = AT_FDCWD };
	cleanup_free char *meminfo = read_text(&root, "/proc/meminfo");
	cleanup_free char *overcommit =
		read_text(&root, "/proc/sys/vm/overcommit_memory");

	if (!meminfo)
		return;
	uint64_t kib = number_of(meminfo, "MemAvailable:", UINT64_MAX / 1024);
	r->machine = 1024 * kib;
	if (!overcommit || *overcommit != '2')
		return;
	uint64_t limit = number_of(meminfo, "CommitLimit:", 0);
	uint64_t used = number_of(meminfo, "Committed_AS:", 0);
	r->commit = limit > used ? 1024 * (limit - used) : 0;
}

/* Threads of all processes of a user, as far as they are seen. */
static uint64_t count_threads(uid_t uid)
{
	cleanup_closedir DIR *dir = opendir("/proc");
	uint64_t count = 0;

	for (struct dirent *d; dir && (d = readdir(dir));) {
		cleanup_proc struct proc p = { .dir = -1 };
		struct proc_status status;
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		struct err *e = pid > 0 ? proc_init(&p, pid) : NULL;

		if (pid <= 0)
			continue;
		if (!e)
			e = proc_read_status(&p, 0, &status);
		if (!e && status.uid[0] == uid)
			count += status.threads;
		err_free(e);
	}
	return count;
}

/* The kernel asks for it when a thread is made: copy_process(). */
static void gather_processes(const struct proc *p, struct room *r)
{
	static const uint64_t exempt =
		1ull << CAP_SYS_ADMIN_BIT | 1ull << CAP_SYS_RESOURCE_BIT;
	cleanup_free char *limits = read_text(p, "limits");
	struct proc_status status;
	cleanup_err struct err *e = proc_read_status(p, 0, &status);

	if (e || !limits || !status.uid[0] || status.cap_eff & exempt)
		return;
	uint64_t limit = number_of(limits, "Max processes", UINT64_MAX);
	if (limit == UINT64_MAX)
		return;
	uint64_t used = count_threads(status.uid[0]);
	r->processes = limit > used ? limit - used : 0;
}

void room_gather(const struct proc *p, pid_t tid, struct room *out)
{
	cleanup_proc struct proc own = { .dir = -1 };

	*out = (struct room){
		.machine = UINT64_MAX,
		.commit = UINT64_MAX,
		.own = { UINT64_MAX, UINT64_MAX },
		.processes = UINT64_MAX,
	};
	gather_memory(p, tid, out);
	gather_machine(out);
	gather_processes(p, out);
	cgroup_read_room(p, &out->target);
	cleanup_err struct err *e = proc_init(&own, getpid());
	if (!e)
		cgroup_read_room(&own, &out->own);
	out->stopped = proc_thread_state(p, tid) == 'T';
}

/* ---- judging ------------------------------------------------------------- */

static struct err *too_little(const char *what, uint64_t bytes, uint64_t need)
{
	return err_new(ERR_LIMIT,
		       "%s leaves %" PRIu64 " MiB, and it may take %" PRIu64,
		       what, bytes / MIB, need / MIB);
}

/*
 * What the process writes to while there is a child of it is there twice: all
 * of it at worst; a quarter, if it is large, is more than services write to in
 * the time that a dump takes.
 */
struct err *room_for_fork(const struct room *r)
{
	uint64_t written = min_u64(r->anon, max_u64(r->anon / 4, 64 * MIB));
	uint64_t need = r->page_tables + written;
	uint64_t commit = r->accounted + r->accounted / 4;

	if (r->target.memory < need)
		return too_little("its memory control group", r->target.memory,
				  need);
	if (r->machine < need)
		return too_little("the machine", r->machine, need);
	if (r->commit < commit)
		return too_little("strict overcommit", r->commit, commit);
	if (r->target.pids < SPARE_PROCESSES)
		return err_new(ERR_LIMIT,
			       "its pids control group leaves %" PRIu64
			       " processes",
			       r->target.pids);
	if (r->processes < SPARE_PROCESSES)
		return err_new(ERR_LIMIT,
			       "its user may have %" PRIu64
			       " more processes (RLIMIT_NPROC)",
			       r->processes);
	return NULL;
}

struct err *room_for_copy(const struct room *r)
{
	uint64_t need = r->anon + r->anon / 8 + 64 * MIB;

	if (r->own.memory < need)
		return too_little("our memory control group", r->own.memory,
				  need);
	if (r->machine < need)
		return too_little("the machine", r->machine, need);
	return NULL;
}

/*
 * As measured on slow machines: a child's page tables at 40 ms, a copy by two
 * threads at 270 ms, a dump to a disk at 3 s for each GiB; and what it takes to
 * stop some threads.
 */
static uint64_t pause_at(const struct room *r, uint64_t ms_a_gib)
{
	return (2 + r->anon / MIB * ms_a_gib / 1024) * 1000000;
}

uint64_t room_fork_pause(const struct room *r)
{
	return pause_at(r, 40);
}

uint64_t room_copy_pause(const struct room *r)
{
	return pause_at(r, 270);
}

uint64_t room_hold_pause(const struct room *r)
{
	return pause_at(r, 3000);
}
