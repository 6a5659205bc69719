/* SPDX-License-Identifier: Apache-2.0 */
#include "target/pagemap.h"

#include "base/bits.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

enum {
	REGIONS = 512,	/* of one ioctl */
	ENTRIES = 4096, /* of one read */
	ENTRY = 8,	/* bytes a page */
};

/* Kernel: include/uapi/linux/fs.h, from 6.7 on. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)

enum {
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
};

/* Bits of a pagemap entry (kernel: Documentation/admin-guide/mm/pagemap). */
#define ENTRY_THERE (3ull << 62) /* present, or swapped */

/* One ioctl: up to n regions from start on; *walked: how far it came. */
static int scan(const struct pagemap *pm, uint64_t start, uint64_t end,
		uint64_t max_pages, struct scan_region *regions, size_t n,
		uint64_t *walked)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uintptr_t)regions,
		.vec_len = n,
		.max_pages = max_pages,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int got;

	do {
		got = ioctl(pm->fd, SCAN_IOCTL, &arg);
	} while (got < 0 && errno == EINTR);
	*walked = arg.walk_end;
	return got;
}

void pagemap_open(struct pagemap *pm, const struct proc *p, pid_t tid)
{
	char name[PROC_NAME_MAX];
	uint64_t walked;

	pm->fd = openat(p->dir, proc_task_name(name, tid, "pagemap"),
			O_RDONLY | O_CLOEXEC);
	pm->scan = pm->fd >= 0 && scan(pm, 0, 4096, 1, &(struct scan_region){},
				       1, &walked) >= 0;
}

void pagemap_close(struct pagemap *pm)
{
	cleanup_close_fn(&pm->fd);
	pm->fd = -1;
}

/* Appends a run, or lengthens the last one. */
static struct err *add_run(struct address_ranges *out, size_t first,
			   uint64_t start, uint64_t end)
{
	if (out->len > first && out->v[out->len - 1].end == start) {
		out->v[out->len - 1].end = end;
		return NULL;
	}
	return vec_push(out, (struct address_range){ start, end });
}

static struct err *scan_runs(const struct pagemap *pm, uint64_t start,
			     uint64_t end, struct address_ranges *out)
{
	struct scan_region regions[REGIONS];
	size_t first = out->len;

	while (start < end) {
		uint64_t walked = end;
		int n = scan(pm, start, end, 0, regions, REGIONS, &walked);

		if (n < 0)
			return err_os(errno, "PAGEMAP_SCAN");
		for (int i = 0; i < n; i++)
			TRY(add_run(out, first, regions[i].start,
				    regions[i].end));
		if (walked <= start)
			break;
		start = walked;
	}
	return NULL;
}

/* The entries of the pages from addr on, up to end; how many, 0 if none. */
static size_t read_entries(const struct pagemap *pm, uint64_t addr,
			   uint64_t end, uint64_t page,
			   uint64_t entries[ENTRIES])
{
	size_t n = (size_t)min_u64((end - addr) / page, ENTRIES);
	ssize_t got;

	do {
		got = pread(pm->fd, entries, n * ENTRY,
			    (off_t)(addr / page * ENTRY));
	} while (got < 0 && errno == EINTR);
	return got < ENTRY ? 0 : (size_t)got / ENTRY;
}

static struct err *read_runs(const struct pagemap *pm, uint64_t start,
			     uint64_t end, struct address_ranges *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t first = out->len;

	cleanup_free uint64_t *entries = malloc(ENTRIES * ENTRY);
	if (!entries)
		return &err_nomem;
	while (start < end) {
		size_t n = read_entries(pm, start, end, page, entries);

		if (!n)
			return err_os(EIO, "reading a pagemap");
		for (size_t i = 0; i < n; i++, start += page)
			if (entries[i] & ENTRY_THERE)
				TRY(add_run(out, first, start, start + page));
	}
	return NULL;
}

struct err *pagemap_runs(const struct pagemap *pm, uint64_t start, uint64_t end,
			 struct address_ranges *out)
{
	if (pm->fd < 0)
		return vec_push(out, (struct address_range){ start, end });
	return pm->scan ? scan_runs(pm, start, end, out)
			: read_runs(pm, start, end, out);
}

static struct err *read_any(const struct pagemap *pm, uint64_t start,
			    uint64_t end, bool *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	cleanup_free uint64_t *entries = malloc(ENTRIES * ENTRY);
	if (!entries)
		return &err_nomem;
	for (size_t n = 1; start < end && n; start += n * page) {
		n = read_entries(pm, start, end, page, entries);
		for (size_t i = 0; i < n; i++) {
			if (!(entries[i] & ENTRY_THERE))
				continue;
			*out = true;
			return NULL;
		}
	}
	*out = false;
	return NULL;
}

struct err *pagemap_any(const struct pagemap *pm, uint64_t start, uint64_t end,
			bool *out)
{
	struct scan_region region;
	uint64_t walked;

	if (pm->fd < 0) {
		*out = true;
		return NULL;
	}
	if (!pm->scan)
		return read_any(pm, start, end, out);
	int n = scan(pm, start, end, 1, &region, 1, &walked);
	if (n < 0)
		return err_os(errno, "PAGEMAP_SCAN");
	*out = n > 0;
	return NULL;
}
