/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF, asked for names: structs with their members, variables, constants.
 * libdwarf is known to dwarf_names.c and dwarf_open.c alone. The DWARF is open
 * only during dwarf_names_resolve(); what it answers is a flat table.
 *
 * Encodings follow what Go's linker writes (cmd/internal/dwarf): DWARF 4 and
 * 5, compressed sections, inline names.
 */
#ifndef HD_ELF_DWARF_NAMES_H
#define HD_ELF_DWARF_NAMES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum dwarf_kind {
	DWARF_STRUCT,	/* DW_TAG_structure_type */
	DWARF_VARIABLE, /* DW_TAG_variable at the top of a unit */
	DWARF_CONSTANT, /* DW_TAG_constant with DW_AT_const_value */
};

struct dwarf_member {
	char *name;	 /* owned by the table */
	uint32_t offset; /* bytes from the start of the struct */
	uint64_t size;	 /* bytes of its type; 0 if unknown or empty */
};

/*
 * A name that is asked for, and its answer. Where a name is given more than
 * once in the file, the first complete answer counts.
 */
struct dwarf_name {
	enum dwarf_kind kind;
	const char *name; /* "runtime.g"; borrowed */

	bool found;	/* the rest is valid only if set */
	uint64_t size;	/* struct, variable: its bytes; 0 if unknown */
	uint64_t value; /* variable: address before relocation;
			 * constant: value, sign-extended to 64 bits */
	struct dwarf_member *members; /* struct: in order of the DWARF */
	size_t member_count;
};

/*
 * Looks up all names in the DWARF of the file at path in one pass. Names that
 * do not exist are left with found unset, which is no error. What the array
 * held before, but for kinds and names, is overwritten; after an error, nothing
 * is found. Not to be called by two threads at a time.
 *
 * A name with a package, "runtime.g", is looked for where Go's linker puts it:
 * in the units of that package and of runtime.
 *
 * Errors: ERR_MISSING (the file has no DWARF), ERR_FORMAT (damaged), ERR_OS.
 */
struct err *dwarf_names_resolve(const char *path, struct dwarf_name *names,
				size_t count) must_check;

/* Frees what resolve allocated in names (not the array itself). */
void dwarf_names_deinit(struct dwarf_name *names, size_t count);

/* The member of that name, or NULL. */
const struct dwarf_member *dwarf_name_member(const struct dwarf_name *name,
					     const char *member);

#endif
