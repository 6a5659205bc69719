/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/dwarf_names.h"

#include "base/bits.h"
#include "base/cursor.h"
#include "base/vec.h"
#include "elf/dwarf_open.h"
#include "elf/name_hash.h"

#include <dwarf.h>
#include <string.h>

/* Types of types of types: more than this is a loop. */
#define MAX_TYPE_DEPTH 32

#define SIZE_CACHE_SLOTS 1024

struct reader {
	const char *path;
	struct dwarf_file *file;
	Dwarf_Debug dbg; /* of file */
	struct dwarf_name *names;
	size_t count;
	size_t missing; /* names not yet found */
	/* Index of names, open addressing: number + 1, or 0. */
	uint32_t *slots;
	size_t mask;
	/* Of the unit that is being read. */
	Dwarf_Half address_size; /* bytes */
	/* Sizes of types, by the offset of their DIE (0, none's, is unused). */
	struct {
		Dwarf_Off die;
		uint64_t size;
	} sizes[SIZE_CACHE_SLOTS];
};

struct member_list {
	VEC(struct dwarf_member) members;
};

/* The guards need no Dwarf_Debug, and take NULL. */
static void cleanup_die_fn(Dwarf_Die *die)
{
	if (*die)
		dwarf_dealloc_die(*die);
}
#define cleanup_die cleanup(cleanup_die_fn)

static void cleanup_attr_fn(Dwarf_Attribute *attr)
{
	if (*attr)
		dwarf_dealloc_attribute(*attr);
}
#define cleanup_attr cleanup(cleanup_attr_fn)

/* ---- errors -------------------------------------------------------------- */

/*
 * ERR_FORMAT, at the DIE if there is one, with what libdwarf says, if it does.
 * Takes error.
 */
static struct err *dwarf_failed(const struct reader *r, Dwarf_Die die,
				const char *what, Dwarf_Error error)
{
	Dwarf_Error ignored = NULL;
	Dwarf_Off offset = 0;
	struct err *e;

	if (die && dwarf_dieoffset(die, &offset, &ignored) != DW_DLV_OK)
		dwarf_dealloc_error(r->dbg, ignored);
	e = err_new(ERR_FORMAT, "%s: .debug_info: offset %llu: %s%s%s", r->path,
		    (unsigned long long)offset, what, error ? ": " : "",
		    error ? dwarf_errmsg(error) : "");
	if (error)
		dwarf_dealloc_error(r->dbg, error);
	return e;
}

/* ---- attributes ---------------------------------------------------------- */

/* The attribute, or NULL if the DIE has none of that number. */
static struct err *get_attr(const struct reader *r, Dwarf_Die die,
			    Dwarf_Half number, Dwarf_Attribute *out)
{
	Dwarf_Error error = NULL;
	int rc = dwarf_attr(die, number, out, &error);

	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, die, "bad attribute", error);
	if (rc == DW_DLV_NO_ENTRY)
		*out = NULL;
	return NULL;
}

static struct err *get_form(const struct reader *r, Dwarf_Die die,
			    Dwarf_Attribute attr, Dwarf_Half *out)
{
	Dwarf_Error error = NULL;

	if (dwarf_whatform(attr, out, &error) != DW_DLV_OK)
		return dwarf_failed(r, die, "bad attribute's form", error);
	return NULL;
}

/*
 * The bytes of an attribute in a block form, in place; *found is false if it
 * has another form.
 */
static struct err *get_block(const struct reader *r, Dwarf_Die die,
			     Dwarf_Attribute attr, struct cursor *out,
			     bool *found)
{
	Dwarf_Error error = NULL;
	Dwarf_Unsigned size = 0;
	Dwarf_Ptr bytes = NULL;
	Dwarf_Block *block;
	Dwarf_Half form;

	*found = false;
	TRY(get_form(r, die, attr, &form));
	switch (form) {
	case DW_FORM_exprloc:
		if (dwarf_formexprloc(attr, &size, &bytes, &error) != DW_DLV_OK)
			return dwarf_failed(r, die, "bad expression", error);
		break;
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		if (dwarf_formblock(attr, &block, &error) != DW_DLV_OK)
			return dwarf_failed(r, die, "bad block", error);
		size = block->bl_len;
		bytes = block->bl_data;
		dwarf_dealloc(r->dbg, block, DW_DLA_BLOCK);
		break;
	default:
		return NULL;
	}
	cursor_init(out, r->path, bytes, size, 0);
	out->big_endian = dwarf_file_big_endian(r->file);
	*found = true;
	return NULL;
}

/*
 * The attribute's value as 64 bits, sign-extended where the form is signed;
 * *found is false if there is no such attribute or it is no number.
 */
static struct err *get_number(const struct reader *r, Dwarf_Die die,
			      Dwarf_Half number, uint64_t *out, bool *found)
{
	cleanup_attr Dwarf_Attribute attr = NULL;
	Dwarf_Error error = NULL;
	Dwarf_Unsigned value;
	Dwarf_Signed signed_value;
	Dwarf_Half form;
	int rc;

	*found = false;
	TRY(get_attr(r, die, number, &attr));
	if (!attr)
		return NULL;
	TRY(get_form(r, die, attr, &form));
	switch (form) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		rc = dwarf_formsdata(attr, &signed_value, &error);
		value = (Dwarf_Unsigned)signed_value;
		break;
	case DW_FORM_udata:
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
		rc = dwarf_formudata(attr, &value, &error);
		break;
	default:
		return NULL;
	}
	if (rc != DW_DLV_OK)
		return dwarf_failed(r, die, "bad number", error);
	*out = value;
	*found = true;
	return NULL;
}

/* ---- sizes of types ------------------------------------------------------ */

static struct err *type_size(struct reader *r, Dwarf_Die die,
			     unsigned int depth, uint64_t *out);

/* The number of elements that one DW_TAG_subrange_type gives; 0 if unknown. */
static struct err *subrange_count(const struct reader *r, Dwarf_Die die,
				  uint64_t *out)
{
	uint64_t bound;
	bool found;

	*out = 0;
	TRY(get_number(r, die, DW_AT_count, out, &found));
	if (found)
		return NULL;
	/* The lower bound is 0 in C and Go. */
	TRY(get_number(r, die, DW_AT_upper_bound, &bound, &found));
	if (found)
		*out = bound + 1;
	return NULL;
}

/* Bytes of an array that does not say so itself: the counts times element. */
static struct err *array_size(struct reader *r, Dwarf_Die array,
			      unsigned int depth, uint64_t *out)
{
	cleanup_die Dwarf_Die die = NULL;
	Dwarf_Error error = NULL;
	uint64_t size, count;
	Dwarf_Half tag;

	TRY(type_size(r, array, depth + 1, &size));
	int rc = dwarf_child(array, &die, &error);
	while (rc == DW_DLV_OK) {
		Dwarf_Die next = NULL;

		if (dwarf_tag(die, &tag, &error) != DW_DLV_OK)
			return dwarf_failed(r, die, "bad tag", error);
		if (tag == DW_TAG_subrange_type) {
			TRY(subrange_count(r, die, &count));
			if (__builtin_mul_overflow(size, count, &size))
				size = 0;
		}
		rc = dwarf_siblingof_b(r->dbg, die, 1, &next, &error);
		cleanup_die_fn(&die);
		die = next;
	}
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, array, "bad array", error);
	*out = size;
	return NULL;
}

/* Bytes of the type that die describes. */
static struct err *size_of(struct reader *r, Dwarf_Die die, unsigned int depth,
			   uint64_t *out)
{
	Dwarf_Error error = NULL;
	Dwarf_Half tag;
	bool found;

	TRY(get_number(r, die, DW_AT_byte_size, out, &found));
	if (found)
		return NULL;
	if (dwarf_tag(die, &tag, &error) != DW_DLV_OK)
		return dwarf_failed(r, die, "bad tag", error);
	switch (tag) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		*out = r->address_size;
		return NULL;
	case DW_TAG_array_type:
		return array_size(r, die, depth, out);
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_enumeration_type:
		return type_size(r, die, depth + 1, out);
	default:
		*out = 0;
		return NULL;
	}
}

/* Bytes of the type that die's DW_AT_type refers to; 0 if unknown. */
static struct err *type_size(struct reader *r, Dwarf_Die die,
			     unsigned int depth, uint64_t *out)
{
	cleanup_attr Dwarf_Attribute attr = NULL;
	cleanup_die Dwarf_Die type = NULL;
	Dwarf_Error error = NULL;
	Dwarf_Off offset;
	Dwarf_Half form;

	*out = 0;
	if (depth > MAX_TYPE_DEPTH)
		return dwarf_failed(r, die, "the type refers to itself", NULL);
	TRY(get_attr(r, die, DW_AT_type, &attr));
	if (!attr)
		return NULL;
	TRY(get_form(r, die, attr, &form));
	if (form == DW_FORM_ref_sig8)
		return NULL; /* of a type unit; not what Go writes */
	if (dwarf_global_formref(attr, &offset, &error) != DW_DLV_OK)
		return dwarf_failed(r, die, "bad reference to a type", error);
	size_t slot = (offset ^ offset / SIZE_CACHE_SLOTS) % SIZE_CACHE_SLOTS;
	if (offset && r->sizes[slot].die == offset) {
		*out = r->sizes[slot].size;
		return NULL;
	}
	if (dwarf_offdie_b(r->dbg, offset, 1, &type, &error) != DW_DLV_OK)
		return dwarf_failed(r, die, "bad type", error);
	TRY(size_of(r, type, depth, out));
	r->sizes[slot].die = offset;
	r->sizes[slot].size = *out;
	return NULL;
}

/* ---- answers ------------------------------------------------------------- */

static void free_members(struct dwarf_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(members[i].name);
	free(members);
}

static void cleanup_members_fn(struct member_list *list)
{
	free_members(list->members.v, list->members.len);
}

/* Appends the member that die describes. */
static struct err *add_member(struct reader *r, Dwarf_Die die,
			      struct member_list *list)
{
	Dwarf_Error error = NULL;
	uint64_t offset, size;
	char *name;
	bool found;

	int rc = dwarf_diename(die, &name, &error);
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, die, "bad member's name", error);
	if (rc == DW_DLV_NO_ENTRY)
		return NULL;
	TRY(get_number(r, die, DW_AT_data_member_location, &offset, &found));
	if (!found)
		return NULL; /* a bit-field, a static member */
	if (offset > UINT32_MAX)
		return dwarf_failed(r, die, "member's offset exceeds 32 bits",
				    NULL);
	TRY(type_size(r, die, 0, &size));
	TRY(vec_reserve(&list->members, 1));
	name = strdup(name);
	if (!name)
		return &err_nomem;
	return vec_push(&list->members, (struct dwarf_member){
						.name = name,
						.offset = (uint32_t)offset,
						.size = size,
					});
}

static struct err *read_members(struct reader *r, Dwarf_Die parent,
				struct member_list *list)
{
	cleanup_die Dwarf_Die die = NULL;
	Dwarf_Error error = NULL;
	Dwarf_Half tag;

	int rc = dwarf_child(parent, &die, &error);
	while (rc == DW_DLV_OK) {
		Dwarf_Die next = NULL;

		if (dwarf_tag(die, &tag, &error) != DW_DLV_OK)
			return dwarf_failed(r, die, "bad tag", error);
		if (tag == DW_TAG_member)
			TRY(add_member(r, die, list));
		rc = dwarf_siblingof_b(r->dbg, die, 1, &next, &error);
		cleanup_die_fn(&die);
		die = next;
	}
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, parent, "bad members", error);
	return NULL;
}

static struct err *answer_struct(struct reader *r, Dwarf_Die die,
				 struct dwarf_name *name)
{
	cleanup(cleanup_members_fn) struct member_list list = {};
	uint64_t size;
	bool found;

	TRY(get_number(r, die, DW_AT_byte_size, &size, &found));
	if (!found)
		return NULL; /* a declaration */
	TRY(read_members(r, die, &list));
	name->size = size;
	name->member_count = list.members.len;
	name->members = steal(&list.members.v);
	list.members.len = 0;
	name->found = true;
	return NULL;
}

/* The address that a location expression gives, if it is only that. */
static struct err *location_address(const struct reader *r, Dwarf_Die die,
				    struct cursor *c, uint64_t *out,
				    bool *found)
{
	Dwarf_Error error = NULL;
	Dwarf_Addr address;
	uint64_t index;
	uint8_t op;

	*found = false;
	if (cursor_left(c) == 0)
		return NULL; /* optimized away */
	TRY(cursor_u8(c, &op));
	switch (op) {
	case DW_OP_addr:
		TRY(cursor_uint(c, r->address_size, out));
		break;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		TRY(cursor_uvarint(c, &index));
		if (dwarf_debug_addr_index_to_addr(die, index, &address,
						   &error) != DW_DLV_OK)
			return dwarf_failed(r, die, "bad index of an address",
					    error);
		*out = address;
		break;
	default:
		return NULL;
	}
	*found = cursor_left(c) == 0;
	return NULL;
}

static struct err *answer_variable(struct reader *r, Dwarf_Die die,
				   struct dwarf_name *name)
{
	cleanup_attr Dwarf_Attribute attr = NULL;
	uint64_t address, size;
	struct cursor c;
	bool found;

	TRY(get_attr(r, die, DW_AT_location, &attr));
	if (!attr)
		return NULL; /* a declaration */
	TRY(get_block(r, die, attr, &c, &found));
	if (!found)
		return NULL; /* a list: not one place */
	TRY(location_address(r, die, &c, &address, &found));
	if (!found)
		return NULL;
	TRY(type_size(r, die, 0, &size));
	name->value = address;
	name->size = size;
	name->found = true;
	return NULL;
}

static struct err *answer_constant(const struct reader *r, Dwarf_Die die,
				   struct dwarf_name *name)
{
	cleanup_attr Dwarf_Attribute attr = NULL;
	struct cursor c;
	uint64_t value;
	bool found;

	TRY(get_number(r, die, DW_AT_const_value, &value, &found));
	if (!found) {
		TRY(get_attr(r, die, DW_AT_const_value, &attr));
		if (!attr)
			return NULL;
		TRY(get_block(r, die, attr, &c, &found));
		if (!found || cursor_left(&c) == 0 || cursor_left(&c) > 8)
			return NULL;
		value = load_uint(c.pos, (unsigned int)cursor_left(&c),
				  c.big_endian);
	}
	name->value = value;
	name->found = true;
	return NULL;
}

static struct err *answer(struct reader *r, Dwarf_Die die,
			  struct dwarf_name *name)
{
	switch (name->kind) {
	case DWARF_STRUCT:
		return answer_struct(r, die, name);
	case DWARF_VARIABLE:
		return answer_variable(r, die, name);
	case DWARF_CONSTANT:
		return answer_constant(r, die, name);
	}
	return NULL;
}

/* ---- the pass over the units --------------------------------------------- */

static struct err *make_index(struct reader *r)
{
	size_t size = 8;

	while (size / 2 < r->count)
		size *= 2;
	r->slots = calloc(size, sizeof(*r->slots));
	if (!r->slots)
		return &err_nomem;
	r->mask = size - 1;
	for (size_t i = 0; i < r->count; i++) {
		size_t slot = name_hash(r->names[i].name) & r->mask;

		while (r->slots[slot])
			slot = (slot + 1) & r->mask;
		r->slots[slot] = (uint32_t)i + 1;
	}
	return NULL;
}

/* Answers all that is asked for and is what die describes. */
static struct err *visit(struct reader *r, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	enum dwarf_kind kind;
	Dwarf_Half tag;
	char *text;

	if (dwarf_tag(die, &tag, &error) != DW_DLV_OK)
		return dwarf_failed(r, die, "bad tag", error);
	if (tag == DW_TAG_structure_type)
		kind = DWARF_STRUCT;
	else if (tag == DW_TAG_variable)
		kind = DWARF_VARIABLE;
	else if (tag == DW_TAG_constant)
		kind = DWARF_CONSTANT;
	else
		return NULL;
	int rc = dwarf_diename(die, &text, &error);
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, die, "bad name", error);
	if (rc == DW_DLV_NO_ENTRY)
		return NULL;
	for (size_t slot = name_hash(text) & r->mask; r->slots[slot];
	     slot = (slot + 1) & r->mask) {
		struct dwarf_name *name = &r->names[r->slots[slot] - 1];

		if (name->found || name->kind != kind ||
		    strcmp(name->name, text) != 0)
			continue;
		TRY(answer(r, die, name));
		r->missing -= name->found;
	}
	return NULL;
}

static struct err *scan_unit(struct reader *r, Dwarf_Die unit)
{
	cleanup_die Dwarf_Die die = NULL;
	Dwarf_Error error = NULL;

	int rc = dwarf_child(unit, &die, &error);
	while (rc == DW_DLV_OK && r->missing) {
		Dwarf_Die next = NULL;

		TRY(visit(r, die));
		rc = dwarf_siblingof_b(r->dbg, die, 1, &next, &error);
		cleanup_die_fn(&die);
		die = next;
	}
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, unit, "bad unit", error);
	return NULL;
}

/* Whether one of the names is of that Go package. */
static bool asked_of_package(const struct reader *r, const char *package)
{
	size_t len = strlen(package);

	for (size_t i = 0; i < r->count; i++) {
		const char *name = r->names[i].name;

		if (strncmp(name, package, len) == 0 && name[len] == '.')
			return true;
	}
	return false;
}

/* Whether one of the names is of no package. */
static bool asked_of_none(const struct reader *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strchr(r->names[i].name, '.'))
			return true;
	return false;
}

/*
 * Whether the unit can have what is asked for. Go's linker names units by
 * their package, puts a package's variables and constants into its units, and
 * all types into one of those of `runtime`
 * (cmd/link/internal/ld/dwarf.go:dwarfGenerateDebugInfo, movetomodule). Names
 * with a package are not in units of other languages. Most units of a large
 * program so need not be read.
 */
static struct err *is_promising(const struct reader *r, Dwarf_Die unit,
				bool *out)
{
	Dwarf_Error error = NULL;
	Dwarf_Unsigned language;
	char *package;

	int rc = dwarf_srclang(unit, &language, &error);
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, unit, "bad unit's language", error);
	if (rc == DW_DLV_NO_ENTRY || language != DW_LANG_Go) {
		*out = asked_of_none(r);
		return NULL;
	}
	rc = dwarf_diename(unit, &package, &error);
	if (rc == DW_DLV_ERROR)
		return dwarf_failed(r, unit, "bad unit's name", error);
	*out = rc == DW_DLV_NO_ENTRY || strcmp(package, "runtime") == 0 ||
	       asked_of_package(r, package);
	return NULL;
}

/*
 * The next unit of .debug_info; *unit is NULL behind the last one, and then
 * the first one comes again.
 */
static struct err *next_unit(struct reader *r, Dwarf_Die *unit)
{
	Dwarf_Unsigned length, type_offset, next;
	Dwarf_Half version, length_size, extension_size, type;
	Dwarf_Off abbrevs;
	Dwarf_Sig8 signature;
	Dwarf_Error error = NULL;

	*unit = NULL;
	int rc = dwarf_next_cu_header_d(r->dbg, 1, &length, &version, &abbrevs,
					&r->address_size, &length_size,
					&extension_size, &signature,
					&type_offset, &next, &type, &error);
	if (rc == DW_DLV_NO_ENTRY)
		return NULL;
	if (rc == DW_DLV_OK)
		rc = dwarf_siblingof_b(r->dbg, NULL, 1, unit, &error);
	if (rc != DW_DLV_OK)
		return dwarf_failed(r, NULL, "bad unit", error);
	if (r->address_size == 4 || r->address_size == 8)
		return NULL;
	struct err *e = dwarf_failed(r, *unit, "bad address size", NULL);
	cleanup_die_fn(unit);
	return e;
}

/*
 * Reads all units, or the promising ones, while something is missing. Counts
 * those that were passed, and those that were read.
 */
static struct err *scan(struct reader *r, bool all, size_t *units,
			size_t *scanned)
{
	*units = *scanned = 0;
	do {
		cleanup_die Dwarf_Die unit = NULL;
		bool wanted = all;

		TRY(next_unit(r, &unit));
		if (!unit)
			return NULL;
		++*units;
		if (!all)
			TRY(is_promising(r, unit, &wanted));
		if (wanted) {
			++*scanned;
			TRY(scan_unit(r, unit));
		}
	} while (r->missing);
	return NULL;
}

static struct err *scan_all(struct reader *r)
{
	size_t units, scanned;

	TRY(scan(r, false, &units, &scanned));
	if (!units)
		return err_new(ERR_MISSING, "%s: no DWARF debug information",
			       r->path);
	/* Units are named otherwise: a compiler that is not known. */
	if (!scanned && r->missing)
		TRY(scan(r, true, &units, &scanned));
	return NULL;
}

static void reader_destroy(struct reader **r)
{
	if (!*r)
		return;
	dwarf_file_close((*r)->file);
	free((*r)->slots);
	free(*r);
}

static struct err *resolve(const char *path, struct dwarf_name *names,
			   size_t count)
{
	cleanup(reader_destroy) struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return &err_nomem;
	r->path = path;
	r->names = names;
	r->count = r->missing = count;
	TRY(make_index(r));
	TRY(dwarf_file_open(path, &r->file));
	r->dbg = dwarf_file_debug(r->file);
	return scan_all(r);
}

struct err *dwarf_names_resolve(const char *path, struct dwarf_name *names,
				size_t count)
{
	for (size_t i = 0; i < count; i++)
		names[i] = (struct dwarf_name){
			.kind = names[i].kind,
			.name = names[i].name,
		};
	struct err *e = resolve(path, names, count);
	if (e)
		dwarf_names_deinit(names, count);
	return e;
}

void dwarf_names_deinit(struct dwarf_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free_members(names[i].members, names[i].member_count);
		names[i] = (struct dwarf_name){
			.kind = names[i].kind,
			.name = names[i].name,
		};
	}
}

const struct dwarf_member *dwarf_name_member(const struct dwarf_name *name,
					     const char *member)
{
	for (size_t i = 0; i < name->member_count; i++)
		if (strcmp(name->members[i].name, member) == 0)
			return &name->members[i];
	return NULL;
}
