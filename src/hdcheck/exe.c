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

/* A member of a struct that is in the heap. */
struct part {
	enum rule_owner owner;
	enum rule rule;
	const char *name;
	uint64_t offset, size;
};

struct exe {
	uint8_t *strings;
	size_t strings_size;
	VEC(struct extent) variables; /* sorted by address */
	VEC(struct extent) ruled;
	VEC(struct part) parts; /* of structs in the heap */
	uint64_t data;		/* runtime.data */
	uint64_t bias;
};

void exe_close(struct exe *e)
{
	if (!e)
		return;
	free(e->strings);
	vec_deinit(&e->variables);
	vec_deinit(&e->ruled);
	vec_deinit(&e->parts);
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

/* The structs that the members of rules are in: names[i] is that of variable
 * i; those without one ask for a name that does not exist. */
static struct err *resolve_structs(const struct elf_file *f, rule_set set,
				   struct dwarf_name *names)
{
	bool any = false;

	for (size_t i = 0; i < rule_variable_count; i++) {
		const struct rule_variable *v = &rule_variables[i];
		bool wanted = v->member && rule_holds(set, v->rule);

		names[i].kind = DWARF_STRUCT;
		names[i].name = wanted ? v->struct_name : "";
		any |= wanted;
	}
	if (!any)
		return NULL;
	return dwarf_names_resolve(elf_file_path(f), names,
				   rule_variable_count);
}

/* The whole variable, or a member of it. */
static struct err *add_variable(struct exe *e, struct elf_file *f,
				const struct rule_variable *v,
				const struct dwarf_member *m)
{
	struct elf_symbol symbol;
	struct err *error = elf_file_symbol(f, v->variable, &symbol);

	if (error && error->code == ERR_MISSING && v->optional) {
		err_free(error);
		return NULL;
	}
	TRY(error);
	struct extent new = {
		.start = symbol.value,
		.end = symbol.value + symbol.size,
		.name = v->variable,
		.rule = v->rule,
	};
	if (m) {
		new.start += m->offset;
		new.end = new.start + (m->size ? m->size : 8);
	}
	return vec_push(&e->ruled, new);
}

static struct err *add_ruled(struct exe *e, struct elf_file *f,
			     const struct rule_variable *v,
			     const struct dwarf_name *name)
{
	const struct dwarf_member *m = NULL;

	if (v->member && name->found)
		m = dwarf_name_member(name, v->member);
	if (v->member && !m && v->optional)
		return NULL;
	if (v->member && !m)
		return err_new(ERR_MISSING, "%s: %s has no member %s",
			       elf_file_path(f), v->struct_name, v->member);
	if (v->owner == OWNER_VARIABLE)
		return add_variable(e, f, v, m);
	return vec_push(&e->parts, (struct part){
					   .owner = v->owner,
					   .rule = v->rule,
					   .name = v->struct_name,
					   .offset = m->offset,
					   .size = m->size ? m->size : 8,
				   });
}

struct names {
	struct dwarf_name *v;
};

static void names_deinit(struct names *n)
{
	if (n->v)
		dwarf_names_deinit(n->v, rule_variable_count);
	free(n->v);
}

static struct err *read_ruled(struct exe *e, struct elf_file *f, rule_set set)
{
	cleanup(names_deinit) struct names names = {
		calloc(rule_variable_count, sizeof(*names.v)),
	};

	if (!names.v)
		return &err_nomem;
	TRY(resolve_structs(f, set, names.v));
	for (size_t i = 0; i < rule_variable_count; i++)
		if (rule_holds(set, rule_variables[i].rule))
			TRY(add_ruled(e, f, &rule_variables[i], &names.v[i]));
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

bool exe_variable(const struct exe *e, const char *name, uint64_t *addr)
{
	for (size_t i = 0; i < e->variables.len; i++)
		if (!strcmp(e->variables.v[i].name, name)) {
			*addr = e->variables.v[i].start + e->bias;
			return true;
		}
	return false;
}

struct err *exe_add_owner(struct exe *e, enum rule_owner owner, uint64_t addr)
{
	for (size_t i = 0; i < e->parts.len; i++) {
		const struct part *p = &e->parts.v[i];
		uint64_t start = addr + p->offset - e->bias;

		if (p->owner == owner)
			TRY(vec_push(&e->ruled,
				     (struct extent){ start, start + p->size,
						      p->name, p->rule }));
	}
	return NULL;
}

bool exe_any_ruled(const struct exe *e, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < e->ruled.len; i++)
		if (e->ruled.v[i].start < end - e->bias &&
		    e->ruled.v[i].end > start - e->bias)
			return true;
	return false;
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
