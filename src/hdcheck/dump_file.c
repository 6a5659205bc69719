/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct err *write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_os(errno, "writing a temporary file");
		p += done;
		n -= (size_t)done;
	}
	return NULL;
}

static struct err *temporary_file(int *out)
{
	const char *dir = getenv("TMPDIR");
	cleanup_free char *path = NULL;

	if (!dir || !*dir)
		dir = "/tmp";
	if (asprintf(&path, "%s/hdcheck.XXXXXX", dir) < 0) {
		path = NULL;
		return &err_nomem;
	}
	cleanup_close int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_os(errno, "creating a temporary file in %s", dir);
	if (unlink(path))
		return err_os(errno, "removing %s", path);
	*out = steal_fd(&fd);
	return NULL;
}

/* Replaces *fd, which can't be mapped, by a temporary file of its bytes. */
static struct err *spool(int *fd, const char *name)
{
	const size_t chunk = 1 << 20;
	cleanup_free uint8_t *buf = malloc(chunk);
	cleanup_close int tmp = -1;

	if (!buf)
		return &err_nomem;
	TRY(temporary_file(&tmp));
	for (;;) {
		ssize_t n = read(*fd, buf, chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(errno, "reading %s", name);
		if (!n)
			break;
		TRY(write_all(tmp, buf, (size_t)n));
	}
	close(*fd);
	*fd = steal_fd(&tmp);
	return NULL;
}

static struct err *map(int fd, struct dump_file *f)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_os(errno, "reading %s", f->name);
	f->size = (size_t)st.st_size;
	f->data = (const uint8_t *)"";
	if (!f->size)
		return NULL;
	void *p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_os(errno, "mapping %s", f->name);
	/* Only advice: nothing is lost if it is not taken. */
	madvise(p, f->size, MADV_SEQUENTIAL);
	f->data = p;
	f->mapped = true;
	return NULL;
}

struct err *dump_file_open(const char *path, struct dump_file *out)
{
	bool is_stdin = !strcmp(path, "-");
	struct dump_file f = { .name = is_stdin ? "standard input" : path };
	cleanup_close int fd = is_stdin ? fcntl(0, F_DUPFD_CLOEXEC, 3)
					: open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_os(errno, "opening %s", f.name);
	if (fstat(fd, &st))
		return err_os(errno, "reading %s", f.name);
	if (!S_ISREG(st.st_mode))
		TRY(spool(&fd, f.name));
	TRY(map(fd, &f));
	*out = f;
	return NULL;
}

void dump_file_init(struct dump_file *f, const char *name, const void *data,
		    size_t size)
{
	*f = (struct dump_file){
		.name = name,
		.data = size ? data : "",
		.size = size,
	};
}

void dump_file_close(struct dump_file *f)
{
	if (f->mapped)
		munmap((void *)f->data, f->size);
	*f = (struct dump_file){ .name = f->name };
}
