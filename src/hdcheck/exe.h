/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executable of the program that was dumped: what its variables are
 * called, and which bytes of them a rule is about.
 */
#ifndef HD_HDCHECK_EXE_H
#define HD_HDCHECK_EXE_H

#include "hdcheck/rules.h"

struct exe;

/* Bytes [start, end), relocated. */
struct exe_range {
	uint64_t start, end;
	const char *name; /* of the variable; NULL: none is there */
	bool ruled;	  /* rule is about them */
	enum rule rule;
};

/*
 * Reads the symbols of the executable at path, and where the variables of the
 * rules of set are. Errors: those of elf_file_open() and dwarf_names_resolve()
 * (ERR_MISSING: it is stripped).
 */
struct err *exe_open(const char *path, rule_set set,
		     struct exe **out) must_check;
void exe_close(struct exe *e);

static inline void cleanup_exe_fn(struct exe **e)
{
	exe_close(*e);
}
#define cleanup_exe cleanup(cleanup_exe_fn)

/* Says where the program's data begins: the address of its Data record. */
void exe_relocate(struct exe *e, uint64_t data);

/* The variable's run-time address; false: there is none. */
bool exe_variable(const struct exe *e, const char *name, uint64_t *addr);

/*
 * Says that one of what owner is lies at addr: those of its members that rules
 * are about are known to exe_range_at() then.
 */
struct err *exe_add_owner(struct exe *e, enum rule_owner owner,
			  uint64_t addr) must_check;

/* Whether rules are about any of the bytes [start, end). */
bool exe_any_ruled(const struct exe *e, uint64_t start, uint64_t end);

/*
 * What addr belongs to: the part of a variable that a rule is about, or that
 * part that begins behind such, or what lies between two variables. Never
 * empty; names are valid as long as the exe is open.
 */
struct exe_range exe_range_at(const struct exe *e, uint64_t addr);

#endif
