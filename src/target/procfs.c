/* SPDX-License-Identifier: Apache-2.0 */
#include "target/procfs.h"

#include "base/bits.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The text after "KEY:" and blanks, where a line begins so; else NULL. */
static const char *status_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, "\t ");
	}
	return NULL;
}

/*
 * Up to n numbers of the line at s; how many there were. The numbers beyond
 * n are counted, and the last one of all is stored in *last.
 */
static unsigned int parse_numbers(const char *s, int base, uint64_t *v,
				  unsigned int n, uint64_t *last)
{
	unsigned int count = 0;

	while (s) {
		char *end;

		s += strspn(s, "\t ");
		if (*s == '\n' || *s == '-')
			break;
		uint64_t value = strtoull(s, &end, base);
		if (end == s)
			break;
		if (count < n)
			v[count] = value;
		if (last)
			*last = value;
		count++;
		s = end;
	}
	return count;
}

/* A single number; dflt when the line is missing, as on older kernels. */
static uint64_t status_number(const char *text, const char *key, int base,
			      uint64_t dflt)
{
	uint64_t value;

	if (parse_numbers(status_value(text, key), base, &value, 1, NULL) < 1)
		return dflt;
	return value;
}

static bool status_ids(const char *text, const char *key, uint32_t ids[3])
{
	uint64_t v[3];

	if (parse_numbers(status_value(text, key), 10, v, 3, NULL) < 3)
		return false;
	for (int i = 0; i < 3; i++)
		ids[i] = (uint32_t)v[i];
	return true;
}

/* Whether the line at s has the word; NULL: there is no such line. */
static bool has_word(const char *s, const char *word)
{
	size_t len = strlen(word);

	while (s && *s && *s != '\n') {
		size_t n = strcspn(s, " \t\n");

		if (n == len && strncmp(s, word, n) == 0)
			return true;
		s += n + strspn(s + n, " \t");
	}
	return false;
}

struct err *proc_status_parse(const char *text, struct proc_status *out)
{
	const char *name = status_value(text, "Name");
	const char *state = status_value(text, "State");
	struct proc_status s = {};
	uint64_t ns_pid = 0;

	s.tgid = (pid_t)status_number(text, "Tgid", 10, 0);
	if (!name || !state || *state == '\n' || !*state || !s.tgid ||
	    !status_ids(text, "Uid", s.uid) || !status_ids(text, "Gid", s.gid))
		return err_new(ERR_FORMAT, "status: a line is missing");
	snprintf(s.name, sizeof(s.name), "%.*s", (int)strcspn(name, "\n"),
		 name);
	s.state = *state;
	s.ppid = (pid_t)status_number(text, "PPid", 10, 0);
	s.tracer = (pid_t)status_number(text, "TracerPid", 10, 0);
	s.threads = (unsigned int)status_number(text, "Threads", 10, 1);
	s.cap_eff = status_number(text, "CapEff", 16, 0);
	s.cap_prm = status_number(text, "CapPrm", 16, 0);
	s.seccomp = (int)status_number(text, "Seccomp", 10, 0);
	s.core_dumping = status_number(text, "CoreDumping", 10, 0) != 0;
	s.shadow_stack =
		has_word(status_value(text, "x86_Thread_features"), "shstk");
	/* NSpid came with Linux 4.1. */
	s.ns_depth = parse_numbers(status_value(text, "NSpid"), 10, NULL, 0,
				   &ns_pid);
	s.ns_pid = (pid_t)ns_pid;
	if (!s.ns_depth) {
		s.ns_depth = 1;
		s.ns_pid = (pid_t)status_number(text, "Pid", 10, 0);
	}
	*out = s;
	return NULL;
}

struct err *proc_stat_parse(const char *text, struct proc_stat *out)
{
	/* Numbered as in proc(5); the state is 3, the first number 4. */
	enum {
		FIRST = 4,
		PARENT = 4,
		FLAGS = 9,
		THREADS = 20,
		START_TIME = 22,
		CODE = 26,
		STACK = 28,
		NEEDED = STACK,
		EXIT_SIGNAL = 38,
		EXIT_CODE = 52, /* from Linux 3.5 on */
	};
	/* The name, in parentheses, may itself hold blanks and parentheses. */
	const char *p = strrchr(text, ')');
	uint64_t v[EXIT_CODE - FIRST + 1] = {};
	unsigned int n = 0;

	if (!p || p[1] != ' ' || !p[2] || p[3] != ' ')
		return err_new(ERR_FORMAT, "stat: not in the known form");
	char state = p[2];
	p += 4;
	while (n < ARRAY_SIZE(v)) {
		char *end;

		v[n] = strtoull(p, &end, 10); /* some are negative */
		if (end == p && n > NEEDED - FIRST)
			break;
		if (end == p)
			return err_new(ERR_FORMAT, "stat: field %u is missing",
				       n + FIRST);
		n++;
		p = end;
	}
	*out = (struct proc_stat){
		.state = state,
		.ppid = (pid_t)v[PARENT - FIRST],
		.flags = (uint32_t)v[FLAGS - FIRST],
		.threads = (uint32_t)v[THREADS - FIRST],
		.start_time = v[START_TIME - FIRST],
		.start_code = v[CODE - FIRST],
		.start_stack = v[STACK - FIRST],
		.exit_signal = n > EXIT_SIGNAL - FIRST
				       ? (int)v[EXIT_SIGNAL - FIRST]
				       : -1,
		.exit_code = (int)v[EXIT_CODE - FIRST],
	};
	return NULL;
}

uint64_t proc_auxv_lookup(const void *auxv, size_t size, uint64_t type)
{
	const uint8_t *p = auxv;

	for (; size >= 16; p += 16, size -= 16)
		if (load_le(p, 8) == type)
			return load_le(p + 8, 8);
	return 0;
}

/* An error of a system call on a file below /proc/PID. */
static struct err *proc_error(const struct proc *p, const char *name,
			      int errnum)
{
	if (errnum == ENOENT || errnum == ESRCH)
		return err_new(ERR_GONE, "/proc/%d/%s is no more", p->pid,
			       name);
	return err_os(errnum, "can't read /proc/%d/%s", p->pid, name);
}

struct err *proc_init(struct proc *p, pid_t pid)
{
	char path[32];

	*p = (struct proc){ .pid = pid, .dir = -1 };
	snprintf(path, sizeof(path), "/proc/%d", pid);
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir >= 0)
		return NULL;
	if (errno == ENOENT || errno == ESRCH)
		return err_new(ERR_GONE, "there is no process %d", pid);
	return err_os(errno, "can't open %s", path);
}

void proc_deinit(struct proc *p)
{
	cleanup_close_fn(&p->dir);
	p->dir = -1;
}

const char *proc_task_name(char name[static PROC_NAME_MAX], pid_t tid,
			   const char *file)
{
	snprintf(name, PROC_NAME_MAX, "task/%d/%s", tid, file);
	return name;
}

struct err *proc_read(const struct proc *p, const char *name, char **out,
		      size_t *size)
{
	cleanup_close int fd = openat(p->dir, name, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t len = 0, cap = 4096;

	if (fd < 0)
		return proc_error(p, name, errno);
	for (;;) {
		char *grown = realloc(text, cap);

		if (!grown)
			return &err_nomem;
		text = grown;
		ssize_t n = read(fd, text + len, cap - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return proc_error(p, name, errno);
		if (n == 0)
			break;
		len += (size_t)n;
		if (cap - len < cap / 4)
			cap *= 2;
	}
	text[len] = '\0';
	*out = steal(&text);
	*size = len;
	return NULL;
}

/* FILE of the process, or of its thread tid. */
static struct err *read_thread_file(const struct proc *p, pid_t tid,
				    const char *file, char **out)
{
	char name[PROC_NAME_MAX];
	size_t size;

	if (tid)
		file = proc_task_name(name, tid, file);
	return proc_read(p, file, out, &size);
}

struct err *proc_read_status(const struct proc *p, pid_t tid,
			     struct proc_status *out)
{
	cleanup_free char *text = NULL;

	TRY(read_thread_file(p, tid, "status", &text));
	return err_wrap(proc_status_parse(text, out), "/proc/%d", p->pid);
}

struct err *proc_read_stat(const struct proc *p, pid_t tid,
			   struct proc_stat *out)
{
	cleanup_free char *text = NULL;

	TRY(read_thread_file(p, tid, "stat", &text));
	return err_wrap(proc_stat_parse(text, out), "/proc/%d", p->pid);
}

char proc_thread_state(const struct proc *p, pid_t tid)
{
	struct proc_stat stat;
	struct err *e = proc_read_stat(p, tid, &stat);

	if (!e)
		return stat.state;
	char state = e->code == ERR_GONE ? 'X' : '?';
	err_free(e);
	return state;
}

struct err *proc_list_tasks(const struct proc *p, struct tids *out)
{
	cleanup_close int fd =
		openat(p->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;

	if (fd < 0)
		return proc_error(p, "task", errno);
	cleanup_closedir DIR *dir = fdopendir(fd);
	if (!dir)
		return &err_nomem;
	steal_fd(&fd);
	size_t before = out->len;
	while (errno = 0, (entry = readdir(dir))) {
		char *end;
		unsigned long tid = strtoul(entry->d_name, &end, 10);

		if (*end == '\0' && tid > 0 && tid <= INT_MAX)
			TRY(vec_push(out, (pid_t)tid));
	}
	if (errno)
		return proc_error(p, "task", errno);
	/* glibc's readdir takes the ENOENT of a dead process for the end. */
	return out->len == before ? proc_error(p, "task", ESRCH) : NULL;
}

char *proc_read_link(const struct proc *p, const char *name)
{
	char path[PATH_MAX];
	ssize_t n = readlinkat(p->dir, name, path, sizeof(path));

	return n > 0 ? strndup(path, (size_t)n) : NULL;
}
