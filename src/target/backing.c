/* SPDX-License-Identifier: Apache-2.0 */
#include "target/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct err *backing_add_file(struct backing *b, uint64_t start, uint64_t end,
			     const char *path, uint64_t offset)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_os(errno, "can't open %s", path);
	TRY(vec_push(&b->parts, (struct backing_part){
					.start = start,
					.end = end,
					.fd = fd,
					.offset = offset,
				}));
	fd = -1;
	return NULL;
}

struct err *backing_add_copy(struct backing *b, struct target *t,
			     uint64_t start, uint64_t end)
{
	cleanup_free uint8_t *bytes = malloc(end - start);

	if (!bytes)
		return &err_nomem;
	struct err *e = target_read(t, start, bytes, end - start);
	if (e && e->code == ERR_FAULT) {
		err_free(e);
		return NULL;
	}
	TRY(e);
	TRY(vec_push(&b->parts, (struct backing_part){
					.start = start,
					.end = end,
					.fd = -1,
					.bytes = bytes,
				}));
	bytes = NULL;
	return NULL;
}

static bool read_part(const struct backing_part *p, uint64_t addr, void *buf,
		      size_t len)
{
	uint64_t at = addr - p->start;

	if (p->fd >= 0)
		return pread(p->fd, buf, len, (off_t)(p->offset + at)) ==
		       (ssize_t)len;
	memcpy(buf, p->bytes + at, len);
	return true;
}

bool backing_read(const struct backing *b, uint64_t addr, void *buf, size_t len)
{
	for (size_t i = 0; i < b->parts.len; i++) {
		const struct backing_part *p = &b->parts.v[i];

		if (addr >= p->start && addr < p->end && len <= p->end - addr)
			return read_part(p, addr, buf, len);
	}
	return false;
}

void backing_deinit(struct backing *b)
{
	for (size_t i = 0; i < b->parts.len; i++) {
		cleanup_close_fn(&b->parts.v[i].fd);
		free(b->parts.v[i].bytes);
	}
	vec_deinit(&b->parts);
}
