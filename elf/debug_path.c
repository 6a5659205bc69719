/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Separate debug files, found as GDB finds them ("Separate Debug Files" in its
 * manual).
 */
#include "elf/elf_file.h"

#include "base/cursor.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* What .gnu_debuglink says. */
struct debuglink {
	char *name;   /* of the file, without folders */
	uint32_t crc; /* of its bytes */
};

/*
 * Reads .gnu_debuglink: a file's name, NUL, padding to a multiple of 4 bytes,
 * and its CRC-32 in the byte order of the file. link->name is NULL if there is
 * no such section.
 */
static struct err *read_debuglink(const struct elf_file *f,
				  struct debuglink *link)
{
	struct elf_section section;
	const uint8_t *data;
	const char *name;
	struct cursor c;
	size_t size;

	if (!elf_file_section(f, ".gnu_debuglink", &section))
		return NULL;
	TRY(elf_file_section_bytes(f, ".gnu_debuglink", &data, &size));
	cursor_init(&c, elf_file_path(f), data, size, section.file_offset);
	c.big_endian = elf_file_big_endian(f);
	TRY(cursor_cstr(&c, &name));
	if (!*name || strchr(name, '/'))
		return cursor_error(&c, ".gnu_debuglink names no file");
	TRY(cursor_skip(&c, -(uintptr_t)(c.pos - c.begin) % 4));
	TRY(cursor_u32(&c, &link->crc));
	link->name = strdup(name);
	return link->name ? NULL : &err_nomem;
}

static struct err *file_crc(const char *path, uint32_t *out)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t bytes[65536];
	uLong crc = crc32(0, NULL, 0);
	ssize_t n;

	if (fd < 0)
		return err_os(errno, "cannot open %s", path);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		crc = crc32(crc, bytes, (uInt)n);
	if (n < 0)
		return err_os(errno, "cannot read %s", path);
	*out = (uint32_t)crc;
	return NULL;
}

/*
 * Takes the file at path, which it owns, if it is the one that is linked to.
 * A file that can't be read is as good as none.
 */
static struct err *try_debuglink(const struct debuglink *link, char *path,
				 char **out)
{
	cleanup_free char *own = path;
	cleanup_err struct err *e = NULL;
	uint32_t crc;

	if (!own)
		return &err_nomem;
	e = file_crc(own, &crc);
	if (e) {
		if (e->code == ERR_NOMEM)
			return steal(&e);
		if (e->errnum != ENOENT)
			log_verbose("%s", e->message);
		return NULL;
	}
	if (crc != link->crc) {
		log_verbose("%s is of another build (CRC %08x, not %08x)", own,
			    crc, link->crc);
		return NULL;
	}
	*out = steal(&own);
	return NULL;
}

/* "FORMAT...", or NULL when there is no memory. */
static char *printf_like(1, 2) make_path(const char *fmt, ...)
{
	char *path;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&path, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : path;
}

/* The folder of the executable, without links, so that /proc/PID/exe works. */
static struct err *folder_of(const char *path, char **out)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return err_os(errno, "cannot resolve %s", path);
	/* Absolute: there is a slash; that of "/file" leaves "". */
	*strrchr(real, '/') = '\0';
	*out = strdup(real);
	return *out ? NULL : &err_nomem;
}

static struct err *by_debuglink(const struct elf_file *f, const char *root,
				char **out)
{
	cleanup_free char *folder = NULL;
	struct debuglink link = {};

	TRY(read_debuglink(f, &link));
	if (!link.name)
		return NULL;
	cleanup_free char *name = link.name;
	cleanup_err struct err *e = folder_of(elf_file_path(f), &folder);
	if (e)
		return e->code == ERR_NOMEM ? steal(&e) : NULL;
	TRY(try_debuglink(&link, make_path("%s/%s", folder, name), out));
	if (*out)
		return NULL;
	TRY(try_debuglink(&link, make_path("%s/.debug/%s", folder, name), out));
	if (*out)
		return NULL;
	return try_debuglink(&link, make_path("%s%s/%s", root, folder, name),
			     out);
}

/* Takes the file below root/.build-id, if it has f's build id. */
static struct err *by_build_id(const struct elf_file *f, const char *root,
			       char **out)
{
	cleanup_elf_file struct elf_file *debug = NULL;
	cleanup_free char *path = NULL;
	size_t size, debug_size;
	const uint8_t *id = elf_file_build_id(f, &size);
	char hex[2 * 64 + 1];

	if (size < 2 || size > 64)
		return NULL;
	for (size_t i = 0; i < size; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	path = make_path("%s/.build-id/%.2s/%s.debug", root, hex, hex + 2);
	if (!path)
		return &err_nomem;
	cleanup_err struct err *e = elf_file_open(path, &debug);
	if (e) {
		if (e->code == ERR_NOMEM)
			return steal(&e);
		if (e->errnum != ENOENT)
			log_verbose("%s", e->message);
		return NULL;
	}
	const uint8_t *debug_id = elf_file_build_id(debug, &debug_size);
	if (debug_size != size || memcmp(debug_id, id, size) != 0) {
		log_verbose("%s is of another build", path);
		return NULL;
	}
	*out = steal(&path);
	return NULL;
}

struct err *elf_file_debug_path_in(const struct elf_file *f, const char *root,
				   char **out)
{
	char *path = NULL;

	TRY(by_build_id(f, root, &path));
	if (!path)
		TRY(by_debuglink(f, root, &path));
	*out = path;
	return NULL;
}

struct err *elf_file_debug_path(const struct elf_file *f, char **out)
{
	return elf_file_debug_path_in(f, "/usr/lib/debug", out);
}
