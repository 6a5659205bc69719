/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target.h"

#include "target/deadline.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

volatile sig_atomic_t target_interrupted;

/* Frees what was true of the latest stop alone. */
static void forget_stop(struct target *t)
{
	for (size_t i = 0; i < t->mapping_count; i++)
		free(t->mappings[i].path);
	free(t->mappings);
	free(t->threads);
	t->mappings = NULL;
	t->mapping_count = 0;
	t->threads = NULL;
	t->thread_count = 0;
}

/* Adds the time since the stop began to what the target was made to wait. */
static void count_pause(struct target *t)
{
	if (t->stop_began.tv_sec || t->stop_began.tv_nsec)
		t->pause_ns += monotonic_ns() - timespec_ns(&t->stop_began);
}

struct err *target_stop(struct target *t)
{
	if (t->stopped)
		return NULL;
	forget_stop(t);
	t->stop_began = (struct timespec){};
	struct err *e = t->ops->stop(t);
	if (e) {
		count_pause(t);
		forget_stop(t);
		return e;
	}
	t->stopped = true;
	return NULL;
}

struct err *target_resume(struct target *t)
{
	if (!t->stopped)
		return NULL;
	struct err *e = t->ops->resume(t);
	if (e && e->code == ERR_UNSUPPORTED)
		return e;
	count_pause(t);
	forget_stop(t);
	t->stopped = false;
	return e;
}

struct err *target_map(struct target *t)
{
	if (t->stopped || !t->ops->map)
		return NULL;
	forget_stop(t);
	return t->ops->map(t);
}

/* The file at path, which it owns, if it has that inode. */
static char *take_path(char *path, uint64_t inode)
{
	cleanup_free char *own = path;
	struct stat st;

	/* Not by device: where filesystems are stacked, maps has another. */
	if (!own || stat(own, &st) || !S_ISREG(st.st_mode) ||
	    st.st_ino != inode || access(own, R_OK))
		return NULL;
	return steal(&own);
}

char *target_mapped_path(const struct target *t, const struct mapping *m)
{
	char *path = NULL, *found = NULL;

	if (m->path[0] != '/')
		return NULL;
	if (asprintf(&path, "%s%s", t->root_path ? t->root_path : "",
		     m->path) >= 0)
		found = take_path(path, m->inode);
	/* Not for everyone, but whatever has become of the file's name. */
	if (!found && t->pid &&
	    asprintf(&path, "/proc/%d/map_files/%llx-%llx", t->pid,
		     (unsigned long long)m->start,
		     (unsigned long long)m->end) >= 0)
		found = take_path(path, m->inode);
	return found;
}

struct err *target_check(struct target *t)
{
	if (!t->ops->gone(t))
		return NULL;
	return err_new(ERR_GONE, "process %d (%s) has ended", t->pid,
		       t->exe_name ? t->exe_name : "?");
}

struct err *target_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	size_t n = 0;

	if (len <= UINT64_MAX - addr)
		n = t->ops->read(t, addr, buf, len);
	if (n == len)
		return NULL;
	TRY(target_check(t));
	return err_fault(addr + n, "can't read %zu bytes at %#llx", len,
			 (unsigned long long)addr);
}

void target_read_many(struct target *t, struct read_range *ranges, size_t n)
{
	t->ops->read_many(t, ranges, n);
}

const struct mapping *target_mapping(const struct target *t, uint64_t addr)
{
	size_t low = 0, high = t->mapping_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->mappings[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->mapping_count || addr < t->mappings[low].start)
		return NULL;
	return &t->mappings[low];
}

void target_close(struct target *t)
{
	if (!t)
		return;
	err_free(target_resume(t));
	forget_stop(t);
	free(t->exe_path);
	free(t->root_path);
	free(t->exe_name);
	t->ops->close(t);
}
