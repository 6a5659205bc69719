/* SPDX-License-Identifier: Apache-2.0 */
#include "output/out_file.h"

#include "base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct out_file {
	int fd;
	char *path;	 /* final name; "standard output" */
	char *temporary; /* its name until then; NULL: it has none */
	bool streamed;	 /* not a regular file of our own */
	bool force;
	uint64_t bytes;	    /* staged ones included */
	uint64_t allocated; /* from the start of the file; UINT64_MAX: can't */
	uint64_t max;
	struct compressor *compressor; /* NULL: as it is */
	uint8_t *stage; /* STAGE_SIZE bytes: small writes together */
	size_t staged;	/* bytes in it */
};

enum {
	NAME_TRIES = 16,
	STAGE_SIZE = 1 << 18,
	/* Space is taken in steps of so many bytes: where a page's block is
	 * known already, writing costs a fifth less. */
	ALLOCATE = 32 << 20,
	FD_PATH_MAX = 32,
};

void out_file_close(struct out_file *f)
{
	if (!f)
		return;
	if (f->temporary)
		unlink(f->temporary);
	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	compressor_destroy(f->compressor);
	free(f->stage);
	free(f->temporary);
	free(f->path);
	free(f);
}

static struct err *open_stdout(struct out_file *f)
{
	if (isatty(STDOUT_FILENO))
		return err_hint(err_new(ERR_USAGE,
					"a dump is binary: it is not written "
					"to a terminal"),
				"redirect standard output, or name a file "
				"with -o");
	f->fd = STDOUT_FILENO;
	f->streamed = true;
	f->path = strdup("standard output");
	return f->path ? NULL : &err_nomem;
}

/* Folder part of path, with its slash; "" if there is none. */
static int folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path + 1) : 0;
}

/* A name beside path that says whose it is; to be freed. */
static char *temporary_name(const char *path, uint32_t number)
{
	int folder = folder_length(path);
	uint32_t random;
	char *name;

	if (getrandom(&random, sizeof(random), 0) == sizeof(random))
		number = random;
	else
		number += (uint32_t)getpid() * NAME_TRIES;
	if (asprintf(&name, "%.*s.%s.%08x.part", folder, path, path + folder,
		     number) < 0)
		return NULL;
	return name;
}

/* Another way to the file behind a descriptor: our own, or an O_PATH one. */
static const char *fd_path(char path[FD_PATH_MAX], int fd)
{
	snprintf(path, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return path;
}

/* A file without a name, of which nothing is left whatever becomes of us.
 * False: this file system has none. */
static bool open_unnamed(struct out_file *f)
{
	int length = folder_length(f->path);
	cleanup_free char *folder =
		length ? strndup(f->path, (size_t)length) : strdup(".");

	if (folder)
		f->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	return f->fd >= 0;
}

static struct err *open_named(struct out_file *f)
{
	int folder = folder_length(f->path);

	for (uint32_t i = 0; i < NAME_TRIES; i++) {
		char *name = temporary_name(f->path, i);

		if (!name)
			return &err_nomem;
		f->fd = open(name,
			     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				     O_CLOEXEC,
			     0600);
		if (f->fd >= 0) {
			f->temporary = name;
			return NULL;
		}
		free(name);
		if (errno != EEXIST)
			break;
	}
	return err_os(errno, "can't create a file in %.*s", folder ? folder : 1,
		      folder ? f->path : ".");
}

static struct err *open_new(struct out_file *f)
{
	return open_unnamed(f) ? NULL : open_named(f);
}

/* What is there already: nothing, a file to replace, something to stream to.
 * It is looked at and opened by one descriptor, lest it change in between. */
static struct err *open_path(struct out_file *f, const char *path)
{
	cleanup_close int there = open(path, O_PATH | O_CLOEXEC);
	char again[FD_PATH_MAX];
	struct stat st;

	f->path = strdup(path);
	if (!f->path)
		return &err_nomem;
	if (there < 0 || fstat(there, &st) < 0)
		return open_new(f);
	if (S_ISDIR(st.st_mode))
		return err_os(EISDIR, "can't write to %s", path);
	if (S_ISREG(st.st_mode)) {
		if (!f->force)
			return err_hint(err_new(ERR_EXISTS, "%s exists", path),
					"--force replaces it");
		return open_new(f);
	}
	f->streamed = true;
	f->fd = open(fd_path(again, there), O_WRONLY | O_CLOEXEC);
	if (f->fd < 0)
		return err_os(errno, "can't open %s", path);
	return NULL;
}

struct err *out_file_create(const char *path, bool force, struct out_file **out)
{
	cleanup_out_file struct out_file *f = calloc(1, sizeof(*f));

	if (!f)
		return &err_nomem;
	f->fd = -1;
	f->force = force;
	f->max = UINT64_MAX;
	f->stage = malloc(STAGE_SIZE);
	if (!f->stage)
		return &err_nomem;
	if (!strcmp(path, "-"))
		TRY(open_stdout(f));
	else
		TRY(open_path(f, path));
	if (f->streamed)
		f->allocated = UINT64_MAX;
	*out = steal(&f);
	return NULL;
}

/* Takes space up to `end` and beyond, where that is to be had. */
static void allocate(struct out_file *f, uint64_t end)
{
	if (end <= f->allocated)
		return;
	uint64_t step = round_up(end - f->allocated, ALLOCATE);
	if (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)f->allocated,
		      (off_t)step) < 0)
		f->allocated = UINT64_MAX;
	else
		f->allocated += step;
}

static struct err *write_all(struct out_file *f, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(f->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_os(errno, "writing %s", f->path);
		p += done;
		n -= (size_t)done;
	}
	return NULL;
}

static struct err *flush_stage(struct out_file *f)
{
	size_t n = f->staged;

	f->staged = 0;
	return write_all(f, f->stage, n);
}

static struct err *stage(void *arg, const void *data, size_t n)
{
	struct out_file *f = arg;

	if (n > f->max - f->bytes)
		return err_new(ERR_LIMIT, "%s would exceed the size allowed",
			       f->path);
	if (n > STAGE_SIZE - f->staged)
		TRY(flush_stage(f));
	f->bytes += n;
	if (n >= STAGE_SIZE) {
		allocate(f, f->bytes);
		return write_all(f, data, n);
	}
	if (n)
		memcpy(f->stage + f->staged, data, n);
	f->staged += n;
	return NULL;
}

uint64_t out_file_room(const struct out_file *f)
{
	struct statvfs fs;

	if (f->streamed || fstatvfs(f->fd, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

void out_file_limit(struct out_file *f, uint64_t max)
{
	f->max = max;
}

struct err *out_file_compress(struct out_file *f,
			      struct compression_choice choice)
{
	const struct compress_sink sink = { stage, f };

	return compressor_create(choice, sink, &f->compressor);
}

struct err *out_file_write(struct out_file *f, const void *data, size_t n)
{
	return f->compressor ? compressor_write(f->compressor, data, n)
			     : stage(f, data, n);
}

uint64_t out_file_bytes(const struct out_file *f)
{
	return f->bytes;
}

bool out_file_streamed(const struct out_file *f)
{
	return f->streamed;
}

const char *out_file_path(const struct out_file *f)
{
	return f->path;
}

/* rename(), but never over another file. */
static int rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	/* File systems without RENAME_NOREPLACE. */
	if (errno != EINVAL || link(from, to))
		return -1;
	return unlink(from);
}

/* A name for the file that has none; never another file's. */
static int link_as(const struct out_file *f, const char *name)
{
	char from[FD_PATH_MAX];

	return linkat(AT_FDCWD, fd_path(from, f->fd), AT_FDCWD, name,
		      AT_SYMLINK_FOLLOW);
}

/* Only rename() replaces a file, and wants a name. */
static struct err *link_temporary(struct out_file *f)
{
	for (uint32_t i = 0; i < NAME_TRIES; i++) {
		char *name = temporary_name(f->path, i);

		if (!name)
			return &err_nomem;
		if (!link_as(f, name)) {
			f->temporary = name;
			return NULL;
		}
		free(name);
		if (errno != EEXIST)
			break;
	}
	return err_os(errno, "naming it %s", f->path);
}

/* Gives the file its name; never over another one unless that was asked. */
static struct err *give_name(struct out_file *f)
{
	int failed;

	if (f->force && !f->temporary)
		TRY(link_temporary(f));
	if (!f->temporary)
		failed = link_as(f, f->path);
	else if (f->force)
		failed = rename(f->temporary, f->path);
	else
		failed = rename_new(f->temporary, f->path);
	if (!failed)
		return NULL;
	if (errno == EEXIST)
		return err_new(ERR_EXISTS, "%s has come to exist meanwhile",
			       f->path);
	return err_os(errno, "naming it %s", f->path);
}

/* The name, too, is to be on the disk; where it can't be made sure of, the file
 * is whole all the same. */
static void sync_folder(const struct out_file *f)
{
	int length = folder_length(f->path);
	cleanup_free char *folder =
		length ? strndup(f->path, (size_t)length) : strdup(".");
	cleanup_close int fd = -1;

	if (folder)
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

struct err *out_file_commit(struct out_file *f)
{
	if (f->compressor)
		TRY(compressor_finish(f->compressor));
	TRY(flush_stage(f));
	if (f->streamed) {
		if (f->fd != STDOUT_FILENO && close(f->fd) < 0) {
			f->fd = -1;
			return err_os(errno, "closing %s", f->path);
		}
		f->fd = f->fd == STDOUT_FILENO ? STDOUT_FILENO : -1;
		return NULL;
	}
	/* Space that was taken and not needed. */
	if (ftruncate(f->fd, (off_t)f->bytes) < 0)
		return err_os(errno, "writing %s", f->path);
	if (fsync(f->fd) < 0)
		return err_os(errno, "writing %s to the disk", f->path);
	TRY(give_name(f));
	free(f->temporary);
	f->temporary = NULL;
	sync_folder(f);
	return NULL;
}
