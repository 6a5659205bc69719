/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/symtab.h"

#include "elf/name_hash.h"

#include <gelf.h>
#include <string.h>

struct symtab {
	Elf_Data *symbols, *strings;
	uint32_t count;	     /* symbols that are looked at */
	size_t strings_size; /* up to and with the last NUL */
	/* Open addressing: a symbol's number, or 0, which is none. */
	uint32_t *slots;
	size_t mask;
};

/* The symbol's name, or NULL if it is not one to be found. */
static const char *symbol_name(const struct symtab *t, uint32_t i,
			       GElf_Sym *sym)
{
	if (!gelf_getsym(t->symbols, (int)i, sym))
		return NULL;
	if (sym->st_shndx == SHN_UNDEF || sym->st_name == 0 ||
	    sym->st_name >= t->strings_size ||
	    GELF_ST_TYPE(sym->st_info) == STT_FILE ||
	    GELF_ST_TYPE(sym->st_info) == STT_SECTION)
		return NULL;
	return (const char *)t->strings->d_buf + sym->st_name;
}

/* The slot of that name, or the free one where it belongs. */
static uint32_t *find_slot(const struct symtab *t, const char *name)
{
	size_t i = name_hash(name) & t->mask;

	for (; t->slots[i]; i = (i + 1) & t->mask) {
		GElf_Sym sym;
		const char *other = symbol_name(t, t->slots[i], &sym);

		/* NULL only if someone writes to the file. */
		if (other && strcmp(other, name) == 0)
			break;
	}
	return &t->slots[i];
}

static bool is_local(const struct symtab *t, uint32_t i)
{
	GElf_Sym sym;

	return gelf_getsym(t->symbols, (int)i, &sym) &&
	       GELF_ST_BIND(sym.st_info) == STB_LOCAL;
}

static struct err *build_index(struct symtab *t)
{
	size_t size = 8;

	while (size / 2 < t->count)
		size *= 2;
	t->slots = calloc(size, sizeof(*t->slots));
	if (!t->slots)
		return &err_nomem;
	t->mask = size - 1;
	for (uint32_t i = 1; i < t->count; i++) {
		GElf_Sym sym;
		const char *name = symbol_name(t, i, &sym);

		if (!name)
			continue;
		uint32_t *slot = find_slot(t, name);
		if (!*slot || (is_local(t, *slot) &&
			       GELF_ST_BIND(sym.st_info) != STB_LOCAL))
			*slot = i;
	}
	return NULL;
}

/* Takes the contents of the table and of its strings. */
static struct err *load(struct symtab *t, const char *path, Elf *elf,
			Elf_Scn *scn, const GElf_Shdr *shdr)
{
	t->symbols = elf_getdata(scn, NULL);
	t->strings = elf_getdata(elf_getscn(elf, shdr->sh_link), NULL);
	if (!t->symbols || !t->strings)
		return err_new(ERR_FORMAT,
			       "%s: offset %llu: bad symbol table: %s", path,
			       (unsigned long long)shdr->sh_offset,
			       elf_errmsg(-1));
	size_t count = t->symbols->d_size / sizeof(Elf64_Sym);
	/* gelf_getsym() counts by int. */
	if (count > INT32_MAX || t->symbols->d_type != ELF_T_SYM)
		return err_new(ERR_FORMAT, "%s: offset %llu: bad symbol table",
			       path, (unsigned long long)shdr->sh_offset);
	t->count = (uint32_t)count;
	if (t->strings->d_buf) {
		const char *start = t->strings->d_buf;
		const char *last = memrchr(start, 0, t->strings->d_size);

		t->strings_size = last ? (size_t)(last - start) + 1 : 0;
	}
	return NULL;
}

static void cleanup_symtab_fn(struct symtab **t)
{
	symtab_destroy(*t);
}

struct err *symtab_create(const char *path, Elf *elf, uint32_t section_type,
			  struct symtab **out)
{
	cleanup(cleanup_symtab_fn) struct symtab *t = NULL;
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	do {
		scn = elf_nextscn(elf, scn);
	} while (scn &&
		 (!gelf_getshdr(scn, &shdr) || shdr.sh_type != section_type));
	if (!scn) {
		*out = NULL;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return &err_nomem;
	TRY(load(t, path, elf, scn, &shdr));
	TRY(build_index(t));
	*out = steal(&t);
	return NULL;
}

void symtab_destroy(struct symtab *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t);
}

bool symtab_find(const struct symtab *t, const char *name,
		 struct elf_symbol *out)
{
	GElf_Sym sym;

	if (!t)
		return false;
	uint32_t slot = *find_slot(t, name);
	if (!slot || !symbol_name(t, slot, &sym))
		return false;
	*out = (struct elf_symbol){
		.value = sym.st_value,
		.size = sym.st_size,
		.type = GELF_ST_TYPE(sym.st_info),
	};
	return true;
}

bool symtab_imports(const struct symtab *t, const char *name)
{
	for (uint32_t i = 1; t && i < t->count; i++) {
		GElf_Sym sym;

		if (gelf_getsym(t->symbols, (int)i, &sym) &&
		    sym.st_shndx == SHN_UNDEF &&
		    sym.st_name < t->strings_size &&
		    strcmp((const char *)t->strings->d_buf + sym.st_name,
			   name) == 0)
			return true;
	}
	return false;
}
