/* SPDX-License-Identifier: Apache-2.0 */
#include "target/memory.h"

#include "base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

enum {
	READ_MAX = 1 << 20, /* bytes a pread: more is slower (caches) */
	BATCH = 1024,	    /* ranges a process_vm_readv: UIO_MAXIOV */
};

struct err *memory_init(struct memory *m, const struct proc *p, pid_t tid)
{
	char name[PROC_NAME_MAX];

	m->tid = tid;
	m->fd = openat(p->dir, proc_task_name(name, tid, "mem"),
		       O_RDONLY | O_CLOEXEC);
	if (memory_gone(m)) {
		memory_deinit(m);
		return err_new(ERR_GONE, "process %d has ended", p->pid);
	}
	return NULL;
}

void memory_deinit(struct memory *m)
{
	cleanup_close_fn(&m->fd);
	m->fd = -1;
}

/* As process_vm_readv() of one range: bytes read, or -1 and errno. */
static ssize_t read_vm(pid_t tid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { .iov_base = buf, .iov_len = len };
	struct iovec remote = {
		.iov_base = (void *)(uintptr_t)addr,
		.iov_len = len,
	};

	return process_vm_readv(tid, &local, 1, &remote, 1, 0);
}

size_t memory_read(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = min_u64(len - done, READ_MAX);
		char *to = (char *)buf + done;
		ssize_t got =
			m->fd >= 0 ? pread(m->fd, to, n, (off_t)(addr + done))
				   : read_vm(m->tid, addr + done, to, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

bool memory_gone(const struct memory *m)
{
	char byte;

	/* The kernel's mem_rw(): 0 bytes once nobody uses the address space,
	 * and EIO for an address that is not mapped in a living one. */
	if (m->fd >= 0)
		return pread(m->fd, &byte, 1, 0) == 0;
	return memory_probe(m->tid) == ESRCH;
}

int memory_probe(pid_t tid)
{
	char byte;

	if (read_vm(tid, 0, &byte, 1) >= 0 || errno == EFAULT)
		return 0;
	return errno;
}

/* One batch of ranges, and how far it is read. */
struct batch {
	struct read_range *range[BATCH];
	size_t n, next;
	/* Those from next on. */
	struct iovec local[BATCH], remote[BATCH];
	size_t locals, remotes;
};

/* Takes ranges from *from on, until it is full or there are no more. */
static void fill(struct batch *b, struct read_range *ranges, size_t n,
		 size_t *from)
{
	b->n = b->next = 0;
	for (; *from < n && b->n < BATCH; ++*from) {
		struct read_range *r = &ranges[*from];

		r->ok = r->len == 0;
		if (!r->ok && r->len <= UINT64_MAX - r->addr)
			b->range[b->n++] = r;
	}
}

/* Appends to v, to its last element where it goes on from there. */
static void add(struct iovec *v, size_t *n, uintptr_t base, size_t len)
{
	if (*n && (uintptr_t)v[*n - 1].iov_base + v[*n - 1].iov_len == base)
		v[*n - 1].iov_len += len;
	else
		v[(*n)++] = (struct iovec){ (void *)base, len };
}

/* Neighbours go together: the kernel's work is by the piece. */
static void join(struct batch *b)
{
	b->locals = b->remotes = 0;
	for (size_t i = b->next; i < b->n; i++) {
		const struct read_range *r = b->range[i];

		add(b->local, &b->locals, (uintptr_t)r->buf, r->len);
		add(b->remote, &b->remotes, (uintptr_t)r->addr, r->len);
	}
}

/*
 * Marks the ranges that got bytes fill as read. The one where they end (and
 * where the kernel gave up: not mapped, no read permission, or more than a
 * call may transfer) is read on by itself.
 */
static void settle(const struct memory *m, struct batch *b, size_t got)
{
	while (b->next < b->n && got >= b->range[b->next]->len) {
		got -= b->range[b->next]->len;
		b->range[b->next++]->ok = true;
	}
	if (b->next == b->n)
		return;
	struct read_range *r = b->range[b->next++];
	r->ok = memory_read(m, r->addr + got, (char *)r->buf + got,
			    r->len - got) == r->len - got;
}

static void read_batch(const struct memory *m, struct batch *b)
{
	while (b->next < b->n) {
		join(b);
		ssize_t got = process_vm_readv(m->tid, b->local, b->locals,
					       b->remote, b->remotes, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EFAULT)
			break;
		settle(m, b, got < 0 ? 0 : (size_t)got);
	}
	/* Where there is no process_vm_readv (or no process). */
	while (b->next < b->n)
		settle(m, b, 0);
}

void memory_read_many(const struct memory *m, struct read_range *ranges,
		      size_t n)
{
	struct batch b;

	for (size_t from = 0; from < n;) {
		fill(&b, ranges, n, &from);
		read_batch(m, &b);
	}
}
