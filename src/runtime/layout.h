/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of one Go release's runtime: where its structs keep their
 * members, where its variables are, what its constants are worth. A release is
 * a row of data: members.def lists what is wanted, by name; here that list
 * becomes a struct, and in layout.c the look-ups that fill it in.
 *
 *	field(&layout->mspan.nelems, bytes_of_an_mspan)
 */
#ifndef HD_RUNTIME_LAYOUT_H
#define HD_RUNTIME_LAYOUT_H

#include "base/bits.h"
#include "base/err.h"
#include "elf/elf_file.h"

#include <stddef.h>
#include <stdint.h>

/* A member of a struct. */
struct member {
	uint32_t offset; /* bytes */
	uint32_t width;	 /* bytes; of an array or struct: all of it */
	bool present;
};

/* A package variable. */
struct variable {
	uint64_t addr; /* in the target: relocated by layout_relocate() */
	uint64_t size; /* bytes */
	bool present;
};

/* A package constant. */
struct constant {
	int64_t value;
	bool present;
};

/*
 * layout->mspan.nelems is a member, layout->mspan.struct_size the bytes of its
 * struct; layout->var.mheap_ a variable, layout->konst.mSpanInUse a constant.
 */
struct layout {
#define STRUCT(id, names, need)                                                \
	struct {                                                               \
		bool struct_present;                                           \
		uint32_t struct_size; /* bytes */
#define MEMBER(owner, id, need) struct member id;
#define MEMBER_AS(owner, id, names, need) struct member id;
#define END_STRUCT(id)                                                         \
	}                                                                      \
	id;
#define VARIABLE(id, names, need)
#define CONSTANT(id, names, need)
#include "runtime/members.def"
#undef STRUCT
#undef MEMBER
#undef MEMBER_AS
#undef END_STRUCT
#undef VARIABLE
#undef CONSTANT

#define STRUCT(id, names, need)
#define MEMBER(owner, id, need)
#define MEMBER_AS(owner, id, names, need)
#define END_STRUCT(id)
	struct {
#define VARIABLE(id, names, need) struct variable id;
#define CONSTANT(id, names, need)
#include "runtime/members.def"
#undef VARIABLE
#undef CONSTANT
	} var;
	struct {
#define VARIABLE(id, names, need)
#define CONSTANT(id, names, need) struct constant id;
#include "runtime/members.def"
#undef VARIABLE
#undef CONSTANT
	} konst;
#undef STRUCT
#undef MEMBER
#undef MEMBER_AS
#undef END_STRUCT
};

/*
 * Resolves all names from the DWARF of exe, or of its separate debug file,
 * which is looked for below root too, where the target has its own (else NULL).
 * Variables keep their addresses of the file. Errors: ERR_MISSING, naming
 * what is required and not there (or: no DWARF at all); those of
 * elf/dwarf_names.h.
 */
struct err *layout_resolve(const struct elf_file *exe, const char *root,
			   struct layout *out) must_check;

/* Adds the load bias to every variable. */
void layout_relocate(struct layout *layout, uint64_t bias);

/* Calls fn for each optional name that this release does not have. */
void layout_absent(const struct layout *layout,
		   void (*fn)(void *arg, const char *name), void *arg);

/*
 * The unsigned value of a member in the bytes of its struct, 0 if this release
 * does not have it. Atomic wrappers (internal/runtime/atomic) hold nothing
 * but their word and are read as it.
 */
static inline uint64_t field(const struct member *m, const void *bytes)
{
	if (!m->present)
		return 0;
	return load_le((const uint8_t *)bytes + m->offset,
		       m->width < 8 ? m->width : 8);
}

#endif
