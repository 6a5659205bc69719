/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/layout.h"

#include "base/log.h"
#include "base/vec.h"
#include "elf/dwarf_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTIONAL, REQUIRED };

/* Bytes of a name with its NUL; that of a struct without one lists members. */
enum { MAX_NAME = 256 };

/* One name of members.def, and where its answer goes in struct layout. */
struct row {
	enum { ROW_STRUCT, ROW_MEMBER, ROW_VARIABLE, ROW_CONSTANT } kind;
	bool required;
	const char *names; /* alternatives, separated by | */
	size_t target;	   /* offset in struct layout */
	size_t size;	   /* ROW_STRUCT: offset of its size */
};

#define STRUCT(id, names_, need)                                               \
	{                                                                      \
		.kind = ROW_STRUCT,                                            \
		.required = (need),                                            \
		.names = names_,                                               \
		.target = offsetof(struct layout, id.struct_present),          \
		.size = offsetof(struct layout, id.struct_size),               \
	},
#define MEMBER(owner, id, need) MEMBER_AS(owner, id, #id, need)
#define MEMBER_AS(owner, id, names_, need)                                     \
	{                                                                      \
		.kind = ROW_MEMBER,                                            \
		.required = (need),                                            \
		.names = names_,                                               \
		.target = offsetof(struct layout, owner.id),                   \
	},
#define END_STRUCT(id)
#define VARIABLE(id, names_, need)                                             \
	{                                                                      \
		.kind = ROW_VARIABLE,                                          \
		.required = (need),                                            \
		.names = names_,                                               \
		.target = offsetof(struct layout, var.id),                     \
	},
#define CONSTANT(id, names_, need)                                             \
	{                                                                      \
		.kind = ROW_CONSTANT,                                          \
		.required = (need),                                            \
		.names = names_,                                               \
		.target = offsetof(struct layout, konst.id),                   \
	},
static const struct row rows[] = {
#include "runtime/members.def"
};

/* Structs larger than this are not believed (heapArena is the largest). */
#define MAX_STRUCT (16u << 20)

/* Cuts the next alternative off *names into buf; false at the end. */
static bool next_name(const char **names, char *buf, size_t size)
{
	size_t n = strcspn(*names, "|");

	if (n == 0 || n >= size)
		return false;
	memcpy(buf, *names, n);
	buf[n] = '\0';
	*names += n + ((*names)[n] == '|');
	return true;
}

/* The questions to the DWARF, and the alternatives they came from. */
struct questions {
	VEC(struct dwarf_name) names;
	VEC(char *) strings;
	size_t first[ARRAY_SIZE(rows)]; /* index of each row's first question */
};

static void questions_deinit(struct questions *q)
{
	dwarf_names_deinit(q->names.v, q->names.len);
	vec_deinit(&q->names);
	for (size_t i = 0; i < q->strings.len; i++)
		free(q->strings.v[i]);
	vec_deinit(&q->strings);
}

static struct err *ask(struct questions *q, size_t row)
{
	static const enum dwarf_kind kinds[] = {
		[ROW_STRUCT] = DWARF_STRUCT,
		[ROW_VARIABLE] = DWARF_VARIABLE,
		[ROW_CONSTANT] = DWARF_CONSTANT,
	};
	const char *names = rows[row].names;
	char buf[MAX_NAME];

	q->first[row] = q->names.len;
	while (next_name(&names, buf, sizeof(buf))) {
		TRY(vec_reserve(&q->strings, 1));
		char *name = strdup(buf);
		if (!name)
			return &err_nomem;
		q->strings.v[q->strings.len++] = name;
		TRY(vec_push(&q->names, (struct dwarf_name){
						.kind = kinds[rows[row].kind],
						.name = name,
					}));
	}
	return NULL;
}

/* The first alternative that was found, or NULL. */
static const struct dwarf_name *answer(const struct questions *q, size_t row)
{
	const char *names = rows[row].names;
	char buf[MAX_NAME];

	for (size_t i = q->first[row]; next_name(&names, buf, sizeof(buf)); i++)
		if (q->names.v[i].found)
			return &q->names.v[i];
	return NULL;
}

static struct err *missing(const struct row *row, const char *owner)
{
	static const char *const what[] = {
		[ROW_STRUCT] = "struct",
		[ROW_MEMBER] = "member",
		[ROW_VARIABLE] = "variable",
		[ROW_CONSTANT] = "constant",
	};

	return err_hint(
		err_new(ERR_MISSING, "no %s %s%s%s in the DWARF",
			what[row->kind], owner ? owner : "", owner ? "." : "",
			row->names),
		"this Go release keeps it elsewhere: hdattach has to learn it "
		"(src/runtime/members.def)");
}

static struct err *fill_struct(const struct row *row,
			       const struct dwarf_name *name, char *out)
{
	if (name->size > MAX_STRUCT)
		return err_new(ERR_FORMAT, "struct %s has %" PRIu64 " bytes",
			       name->name, name->size);
	*(bool *)(out + row->target) = true;
	*(uint32_t *)(out + row->size) = (uint32_t)name->size;
	return NULL;
}

/* owner is the answer to the struct's row, NULL if it does not exist. */
static struct err *fill_member(const struct row *row,
			       const struct dwarf_name *owner, char *out)
{
	const struct dwarf_member *found = NULL;
	const char *names = row->names;
	char buf[MAX_NAME];

	if (!owner)
		return NULL;
	while (!found && next_name(&names, buf, sizeof(buf)))
		found = dwarf_name_member(owner, buf);
	if (!found)
		return row->required ? missing(row, owner->name) : NULL;
	if (found->offset + found->size > owner->size)
		return err_new(ERR_FORMAT, "%s.%s lies outside its struct",
			       owner->name, found->name);
	*(struct member *)(out + row->target) = (struct member){
		.offset = found->offset,
		.width = (uint32_t)found->size,
		.present = true,
	};
	return NULL;
}

static struct err *fill(const struct questions *q, struct layout *out)
{
	const struct dwarf_name *owner = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->kind == ROW_MEMBER) {
			TRY(fill_member(row, owner, (char *)out));
			continue;
		}
		const struct dwarf_name *name = answer(q, i);
		if (row->kind == ROW_STRUCT)
			owner = name;
		if (!name) {
			if (row->required)
				return missing(row, NULL);
			continue;
		}
		if (row->kind == ROW_STRUCT)
			TRY(fill_struct(row, name, (char *)out));
		else if (row->kind == ROW_VARIABLE)
			*(struct variable *)((char *)out + row->target) =
				(struct variable){ name->value, name->size,
						   true };
		else
			*(struct constant *)((char *)out + row->target) =
				(struct constant){ (int64_t)name->value, true };
	}
	return NULL;
}

/* The separate debug file: as this system has it, or as the target's own. */
static struct err *find_debug_file(const struct elf_file *exe, const char *root,
				   char **out)
{
	cleanup_free char *folder = NULL;

	TRY(elf_file_debug_path(exe, out));
	if (*out || !root)
		return NULL;
	if (asprintf(&folder, "%s/usr/lib/debug", root) < 0) {
		folder = NULL;
		return &err_nomem;
	}
	return elf_file_debug_path_in(exe, folder, out);
}

/*
 * From the DWARF of exe itself. That of C code alone is as good as none: the
 * linker leaves Go's out of shared builds, and where it is told -w.
 */
static struct err *resolve_own(const struct elf_file *exe, struct questions *q)
{
	TRY(dwarf_names_resolve(elf_file_path(exe), q->names.v, q->names.len));
	for (size_t i = 0; i < q->names.len; i++)
		if (q->names.v[i].found)
			return NULL;
	return err_new(ERR_MISSING, "%s: no DWARF of Go code",
		       elf_file_path(exe));
}

/* From exe's own DWARF, else from its separate debug file. */
static struct err *resolve(const struct elf_file *exe, const char *root,
			   struct questions *q)
{
	cleanup_free char *debug_path = NULL;
	cleanup_err struct err *own = resolve_own(exe, q);

	if (!own || own->code != ERR_MISSING)
		return steal(&own);
	TRY(find_debug_file(exe, root, &debug_path));
	if (!debug_path)
		return err_hint(
			steal(&own),
			"it was linked with -w, -s or -linkshared, or "
			"stripped: hdattach still needs its DWARF (or a "
			"separate debug file)");
	log_verbose("symbols from %s", debug_path);
	return dwarf_names_resolve(debug_path, q->names.v, q->names.len);
}

struct err *layout_resolve(const struct elf_file *exe, const char *root,
			   struct layout *out)
{
	cleanup(questions_deinit) struct questions q = {};
	struct layout layout = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind != ROW_MEMBER)
			TRY(ask(&q, i));
	TRY(resolve(exe, root, &q));
	TRY(fill(&q, &layout));
	*out = layout;
	return NULL;
}

void layout_relocate(struct layout *layout, uint64_t bias)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].kind != ROW_VARIABLE)
			continue;
		struct variable *v =
			(struct variable *)((char *)layout + rows[i].target);
		if (v->present)
			v->addr += bias;
	}
}

static bool row_present(const struct layout *layout, const struct row *row)
{
	const char *at = (const char *)layout + row->target;

	switch (row->kind) {
	case ROW_STRUCT:
		return *(const bool *)at;
	case ROW_MEMBER:
		return ((const struct member *)at)->present;
	case ROW_VARIABLE:
		return ((const struct variable *)at)->present;
	case ROW_CONSTANT:
		return ((const struct constant *)at)->present;
	}
	return false;
}

void layout_absent(const struct layout *layout,
		   void (*fn)(void *arg, const char *name), void *arg)
{
	const struct row *owner = NULL;
	char buf[2 * MAX_NAME];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].kind == ROW_STRUCT)
			owner = &rows[i];
		if (row_present(layout, &rows[i]))
			continue;
		bool member = rows[i].kind == ROW_MEMBER && owner;
		snprintf(buf, sizeof(buf), "%s%s%s", member ? owner->names : "",
			 member ? "." : "", rows[i].names);
		fn(arg, buf);
	}
}
