/* SPDX-License-Identifier: Apache-2.0 */
#include "target/maps.h"

#include "base/vec.h"

#include <string.h>

struct maps {
	struct mapping *v;
	size_t len, cap;
};

static void cleanup_maps_fn(struct maps *m)
{
	maps_free(m->v, m->len);
}

/* A number in the given base that ends with the byte after; moves *pos. */
static bool take_number(const char **pos, int base, char after, uint64_t *out)
{
	char *end;

	if (**pos == '-' || **pos == '+' || **pos == ' ' || **pos == '\n')
		return false;
	*out = strtoull(*pos, &end, base);
	if (end == *pos || *end != after)
		return false;
	*pos = end + 1;
	return true;
}

/* "rw-p ": each of them its letter or '-'. */
static bool take_permissions(const char **pos, struct mapping *m)
{
	const char *p = *pos;

	for (int i = 0; i < 3; i++)
		if (p[i] != "rwx"[i] && p[i] != '-')
			return false;
	if ((p[3] != 'p' && p[3] != 's') || p[4] != ' ')
		return false;
	m->read = p[0] == 'r';
	m->write = p[1] == 'w';
	m->exec = p[2] == 'x';
	m->shared = p[3] == 's';
	*pos += 5;
	return true;
}

/* "START-END PERM OFFSET MAJOR:MINOR INODE     PATH": all but the path. */
static bool take_fields(const char **pos, struct mapping *m)
{
	uint64_t major, minor;
	char *end;

	if (!take_number(pos, 16, '-', &m->start) ||
	    !take_number(pos, 16, ' ', &m->end) || m->start >= m->end ||
	    !take_permissions(pos, m) ||
	    !take_number(pos, 16, ' ', &m->file_offset) ||
	    !take_number(pos, 16, ':', &major) ||
	    !take_number(pos, 16, ' ', &minor))
		return false;
	if (**pos < '0' || **pos > '9')
		return false;
	m->inode = strtoull(*pos, &end, 10);
	m->dev = major << 20 | minor; /* as the kernel's MKDEV */
	*pos = end;
	return *end == ' ' || *end == '\n' || *end == '\0';
}

/* Parses the line at *pos, and moves to the next one. */
static struct err *parse_line(const char **pos, struct maps *maps)
{
	struct mapping m = {};

	if (!take_fields(pos, &m) ||
	    (maps->len && m.start < maps->v[maps->len - 1].end))
		return err_new(ERR_FORMAT, "maps: line %zu is damaged",
			       maps->len + 1);
	*pos += strspn(*pos, " ");
	size_t len = strcspn(*pos, "\n");
	TRY(vec_reserve(maps, 1));
	m.path = strndup(*pos, len);
	if (!m.path)
		return &err_nomem;
	maps->v[maps->len++] = m;
	*pos += len;
	*pos += **pos == '\n';
	return NULL;
}

struct err *maps_parse(const char *text, struct mapping **out, size_t *count)
{
	cleanup(cleanup_maps_fn) struct maps maps = {};

	while (*text)
		TRY(parse_line(&text, &maps));
	*count = maps.len;
	*out = steal(&maps.v);
	maps.len = 0;
	return NULL;
}

void maps_free(struct mapping *maps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(maps[i].path);
	free(maps);
}
