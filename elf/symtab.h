/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A symbol table of an ELF file, indexed by name. Of use to elf_file.c, which
 * keeps libelf from everyone else.
 */
#ifndef HD_ELF_SYMTAB_H
#define HD_ELF_SYMTAB_H

#include "elf/elf_file.h"

#include <libelf.h>

struct symtab;

/*
 * Indexes the first section of that type (SHT_SYMTAB, SHT_DYNSYM) of a 64-bit
 * file; *out is NULL if there is none. elf must stay open as long as the
 * result is used; path is for errors. ERR_FORMAT if it is damaged.
 *
 * Where a name occurs more than once, a global symbol precedes local ones,
 * and the first precedes later ones. Undefined symbols are left out, and those
 * that name files and sections.
 */
struct err *symtab_create(const char *path, Elf *elf, uint32_t section_type,
			  struct symtab **out) must_check;
void symtab_destroy(struct symtab *t);

/* Whether there is a symbol of that name; t may be NULL. */
bool symtab_find(const struct symtab *t, const char *name,
		 struct elf_symbol *out);

/* Whether a symbol of that name is undefined in the file; t may be NULL. */
bool symtab_imports(const struct symtab *t, const char *name);

#endif
