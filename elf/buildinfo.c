/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/buildinfo.h"

#include "base/cursor.h"

#include <string.h>

/*
 * debug/buildinfo: 14 bytes of magic, pointer size, flags, 16 bytes of
 * pointers (before Go 1.18), then the inline strings (from 1.18 on).
 */
#define SECTION ".go.buildinfo"
#define MAGIC "\xff Go buildinf:"
#define MAGIC_SIZE 14
#define FLAGS_OFFSET 15
#define FLAG_INLINE 2
#define HEADER_SIZE 32
#define ALIGN 16

/* cmd/go/internal/modload: infoStart and infoEnd, around the module's text. */
#define FRAME_SIZE 16

/* Moves c to the header: the linker may have put other data before it. */
static struct err *find_header(struct cursor *c, const char *path)
{
	while (cursor_left(c) >= HEADER_SIZE) {
		if (memcmp(c->pos, MAGIC, MAGIC_SIZE) == 0)
			return NULL;
		TRY(cursor_skip(c, ALIGN));
	}
	return err_new(ERR_NOT_GO, "%s: no Go build information in " SECTION,
		       path);
}

/* A string: its length as a varint, and its bytes. */
static struct err *read_string(struct cursor *c, const char *what,
			       const uint8_t **bytes, uint64_t *size)
{
	struct err *e = cursor_uvarint(c, size);

	if (!e)
		e = cursor_bytes(c, *size, bytes);
	if (e)
		return err_wrap(e, "Go build information: %s", what);
	return NULL;
}

/* A C string of it. */
static struct err *copy_string(const struct cursor *c, const char *what,
			       const uint8_t *bytes, uint64_t size, char **out)
{
	if (memchr(bytes, 0, size))
		return cursor_error(c, "Go build information: %s with a NUL",
				    what);
	*out = strndup((const char *)bytes, size);
	return *out ? NULL : &err_nomem;
}

static struct err *decode(struct cursor *c, struct buildinfo *out)
{
	cleanup_free char *go_version = NULL;
	const uint8_t *version, *mod;
	uint64_t version_size, mod_size;

	if (!(c->pos[FLAGS_OFFSET] & FLAG_INLINE))
		return err_new(ERR_UNSUPPORTED,
			       "%s: built by a Go release before 1.18",
			       c->name);
	TRY(cursor_skip(c, HEADER_SIZE));
	TRY(read_string(c, "version", &version, &version_size));
	if (!version_size)
		return cursor_error(c, "Go build information: no version");
	TRY(read_string(c, "modules", &mod, &mod_size));
	/* debug/buildinfo.go:readRawBuildInfo */
	if (mod_size >= 2 * FRAME_SIZE + 1 &&
	    mod[mod_size - FRAME_SIZE - 1] == '\n') {
		mod += FRAME_SIZE;
		mod_size -= 2 * FRAME_SIZE;
	} else {
		mod_size = 0;
	}
	TRY(copy_string(c, "version", version, version_size, &go_version));
	TRY(copy_string(c, "modules", mod, mod_size, &out->mod));
	out->go_version = steal(&go_version);
	return NULL;
}

struct err *buildinfo_read(const struct elf_file *f, struct buildinfo *out)
{
	struct buildinfo info = {};
	struct elf_section section;
	const uint8_t *data;
	struct cursor c;
	size_t size;

	if (!elf_file_section(f, SECTION, &section))
		return err_new(ERR_NOT_GO, "%s: not a Go program: no " SECTION,
			       elf_file_path(f));
	struct err *e = elf_file_section_bytes(f, SECTION, &data, &size);
	if (e && e->code == ERR_MISSING)
		e->code = ERR_NOT_GO;
	TRY(e);
	cursor_init(&c, elf_file_path(f), data, size, section.file_offset);
	TRY(find_header(&c, elf_file_path(f)));
	TRY(decode(&c, &info));
	*out = info;
	return NULL;
}

void buildinfo_deinit(struct buildinfo *b)
{
	free(b->go_version);
	free(b->mod);
	*b = (struct buildinfo){};
}
