/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/exe.h"

#include "base/bits.h"
#include "base/cursor.h"
#include "base/vec.h"
#include "elf/dwarf_names.h"
#include "elf/elf_file.h"

#include <elf.h>
#include <string.h>

/* A variable, or bytes of a rule; not relocated. */
struct extent {
	uint64_t start, end;
	const char *name; /* in strings */
	enum rule rule;	  /* of bytes of a rule */
};

struct exe {
	uint8_t *strings;
	size_t strings_size;
	VEC(struct extent) variables; /* sorted by address */
	VEC(struct extent) ruled;
	uint64_t data; /* runtime.data */
	uint64_t bias;
};

void exe_close(struct exe *e)
{
	if (!e)
		return;
	free(e->strings);
	vec_deinit(&e->variables);
	vec_deinit(&e->ruled);
	free(e);
}

static int extent_compare(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct err *add_symbol(struct exe *e, const Elf64_Sym *s)
{
	uint32_t name = le32toh(s->st_name);
	uint64_t start = le64toh(s->st_value), size = le64toh(s->st_size);

	if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || !size ||
	    s->st_shndx == SHN_UNDEF || name >= e->strings_size ||
	    start + size < start)
		return NULL;
	return vec_push(&e->variables,
			(struct extent){
				.start = start,
				.end = start + size,
				.name = (const char *)e->strings + name,
			});
}

static struct err *read_symbols(struct exe *e, const struct elf_file *f)
{
	cleanup_free uint8_t *symbols = NULL;
	size_t size;

	TRY(elf_file_section_data(f, ".symtab", &symbols, &size));
	TRY(elf_file_section_data(f, ".strtab", &e->strings, &e->strings_size));
	if (!e->strings_size || e->strings[e->strings_size - 1])
		return err_new(ERR_FORMAT, "%s: .strtab has no end",
			       elf_file_path(f));
	for (size_t i = 0; i < size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym s;

		memcpy(&s, symbols + i * sizeof(s), sizeof(s));
		TRY(add_symbol(e, &s));
	}
	if (e->variables.len)
		qsort(e->variables.v, e->variables.len, sizeof(*e->variables.v),
		      extent_compare);
	return NULL;
}

/* The structs that the members of rules are in. */
struct struct_names {
	struct dwarf_name v[RULE_VARIABLE_COUNT];
	size_t len;
};

static void struct_names_deinit(struct struct_names *n)
{
	dwarf_names_deinit(n->v, n->len);
}

static struct err *resolve_structs(const struct elf_file *f, rule_set set,
				   struct struct_names *out)
{
	for (size_t i = 0; i < RULE_VARIABLE_COUNT; i++) {
		const struct rule_variable *v = &rule_variables[i];

		if (v->member && rule_holds(set, v->rule))
			out->v[out->len++] = (struct dwarf_name){
				.kind = DWARF_STRUCT,
				.name = v->struct_name,
			};
	}
	if (!out->len)
		return NULL;
	return dwarf_names_resolve(elf_file_path(f), out->v, out->len);
}

static const struct dwarf_member *find_member(const struct struct_names *names,
					      const struct rule_variable *v)
{
	for (size_t i = 0; i < names->len; i++)
		if (names->v[i].found &&
		    !strcmp(names->v[i].name, v->struct_name))
			return dwarf_name_member(&names->v[i], v->member);
	return NULL;
}

static struct err *add_ruled(struct exe *e, struct elf_file *f,
			     const struct rule_variable *v,
			     const struct struct_names *names)
{
	struct elf_symbol symbol;

	TRY(elf_file_symbol(f, v->variable, &symbol));
	struct extent new = {
		.start = symbol.value,
		.end = symbol.value + symbol.size,
		.name = v->variable,
		.rule = v->rule,
	};
	if (v->member) {
		const struct dwarf_member *m = find_member(names, v);

		if (!m)
			return err_new(ERR_MISSING, "%s: %s has no member %s",
				       elf_file_path(f), v->struct_name,
				       v->member);
		new.start += m->offset;
		new.end = new.start + (m->size ? m->size : 8);
	}
	return vec_push(&e->ruled, new);
}

static struct err *read_ruled(struct exe *e, struct elf_file *f, rule_set set)
{
	cleanup(struct_names_deinit) struct struct_names names = { 0 };

	TRY(resolve_structs(f, set, &names));
	for (size_t i = 0; i < RULE_VARIABLE_COUNT; i++)
		if (rule_holds(set, rule_variables[i].rule))
			TRY(add_ruled(e, f, &rule_variables[i], &names));
	return NULL;
}

struct err *exe_open(const char *path, rule_set set, struct exe **out)
{
	cleanup_elf_file struct elf_file *f = NULL;
	cleanup_exe struct exe *e = calloc(1, sizeof(*e));
	struct elf_symbol data;

	if (!e)
		return &err_nomem;
	TRY(elf_file_open(path, &f));
	TRY(read_symbols(e, f));
	TRY(elf_file_symbol(f, "runtime.data", &data));
	e->data = data.value;
	TRY(read_ruled(e, f, set));
	*out = steal(&e);
	return NULL;
}

void exe_relocate(struct exe *e, uint64_t data)
{
	e->bias = data - e->data;
}

/* The variable at addr, or the gap between two. */
static struct exe_range variable_at(const struct exe *e, uint64_t addr)
{
	struct exe_range r = { .end = UINT64_MAX };
	size_t low = 0, high = e->variables.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->variables.v[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < e->variables.len)
		r.end = e->variables.v[low].start;
	if (!low)
		return r;
	const struct extent *before = &e->variables.v[low - 1];
	r.start = before->end;
	if (addr < before->end) {
		r.start = before->start;
		r.end = min_u64(r.end, before->end);
		r.name = before->name;
	}
	return r;
}

struct exe_range exe_range_at(const struct exe *e, uint64_t addr)
{
	struct exe_range r;

	addr -= e->bias;
	r = variable_at(e, addr);
	for (size_t i = 0; i < e->ruled.len; i++) {
		const struct extent *x = &e->ruled.v[i];

		if (addr >= x->start && addr < x->end) {
			r.start = x->start;
			r.end = x->end;
			r.name = x->name;
			r.ruled = true;
			r.rule = x->rule;
			break;
		}
		if (x->start > addr)
			r.end = min_u64(r.end, x->start);
	}
	r.start += e->bias;
	r.end += e->bias;
	if (r.end <= addr + e->bias)
		r.end = UINT64_MAX;
	return r;
}
