/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/dwarf_open.h"

#include "config.h"

#include "base/bits.h"
#include "elf/elf_file.h"

#include <dwarf.h>
#include <elf.h>
#include <malloc.h>
#include <string.h>

/*
 * Up to 20210528, dwarf_init_path() has 12 arguments, and the names of the
 * interface to object files are others than in 0.4 and later.
 */
#if HD_DWARF_INIT_PATH_ARGS == 12

typedef Dwarf_Half section_index;
typedef Dwarf_Obj_Access_Section section_info;
typedef Dwarf_Obj_Access_Methods access_methods;
typedef Dwarf_Obj_Access_Interface access_interface;
typedef Dwarf_Endianness byte_order;
#define SECTION_FIELD(name) name
#define METHOD_FIELD(name) name
#define INTERFACE_FIELD(name) name
#define BIG_ENDIAN_ORDER DW_OBJECT_MSB
#define LITTLE_ENDIAN_ORDER DW_OBJECT_LSB

#elif HD_DWARF_INIT_PATH_ARGS == 8

#if DW_LIBDWARF_VERSION_MAJOR == 0 && DW_LIBDWARF_VERSION_MINOR < 7
typedef Dwarf_Half section_index;
#else
typedef Dwarf_Unsigned section_index;
#endif
typedef Dwarf_Obj_Access_Section_a section_info;
typedef Dwarf_Obj_Access_Methods_a access_methods;
typedef Dwarf_Obj_Access_Interface_a access_interface;
typedef Dwarf_Small byte_order;
#define SECTION_FIELD(name) as_##name
#define METHOD_FIELD(name) om_##name
#define INTERFACE_FIELD(name) ai_##name
#define BIG_ENDIAN_ORDER DW_END_big
#define LITTLE_ENDIAN_ORDER DW_END_little

#else
#error "this release of libdwarf is not known"
#endif

/* Section numbers are those of this list and one more: 0 is no section. */
static const char *const section_names[] = {
	".debug_info", ".debug_abbrev",	     ".debug_str",
	".debug_addr", ".debug_str_offsets", ".debug_line_str",
};

struct dwarf_file {
	struct elf_file *elf;
	struct {
		const uint8_t *bytes; /* NULL if there is no such section */
		size_t size;
	} sections[ARRAY_SIZE(section_names)];
	access_interface access;
	Dwarf_Debug dbg;
};

static int get_section_info(void *object, section_index i, section_info *out,
			    int *error)
{
	const struct dwarf_file *f = object;

	(void)error;
	if (i > ARRAY_SIZE(section_names))
		return DW_DLV_NO_ENTRY;
	memset(out, 0, sizeof(*out));
	out->SECTION_FIELD(name) = "";
	if (i == 0 || !f->sections[i - 1].bytes)
		return DW_DLV_OK;
	out->SECTION_FIELD(name) = section_names[i - 1];
	out->SECTION_FIELD(type) = SHT_PROGBITS;
	out->SECTION_FIELD(size) = f->sections[i - 1].size;
	return DW_DLV_OK;
}

static int load_section(void *object, section_index i, Dwarf_Small **out,
			int *error)
{
	const struct dwarf_file *f = object;

	(void)error;
	if (i == 0 || i > ARRAY_SIZE(section_names) ||
	    !f->sections[i - 1].bytes)
		return DW_DLV_NO_ENTRY;
	/* Nothing is relocated: libdwarf only reads. */
	*out = (Dwarf_Small *)f->sections[i - 1].bytes;
	return DW_DLV_OK;
}

static byte_order get_byte_order(void *object)
{
	const struct dwarf_file *f = object;

	return elf_file_big_endian(f->elf) ? BIG_ENDIAN_ORDER
					   : LITTLE_ENDIAN_ORDER;
}

/* Bytes of an offset and of an address in a 64-bit ELF file. */
static Dwarf_Small get_word_size(void *object)
{
	(void)object;
	return 8;
}

static Dwarf_Unsigned get_section_count(void *object)
{
	(void)object;
	return ARRAY_SIZE(section_names) + 1;
}

#if HD_DWARF_INIT_PATH_ARGS != 12
/* libdwarf refuses offsets beyond it. */
static Dwarf_Unsigned get_filesize(void *object)
{
	const struct dwarf_file *f = object;
	Dwarf_Unsigned size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(section_names); i++)
		size += f->sections[i].size;
	return size;
}
#endif

static const access_methods methods = {
	.METHOD_FIELD(get_section_info) = get_section_info,
	.METHOD_FIELD(get_byte_order) = get_byte_order,
	.METHOD_FIELD(get_length_size) = get_word_size,
	.METHOD_FIELD(get_pointer_size) = get_word_size,
	.METHOD_FIELD(get_section_count) = get_section_count,
	.METHOD_FIELD(load_section) = load_section,
#if HD_DWARF_INIT_PATH_ARGS != 12
	.METHOD_FIELD(get_filesize) = get_filesize,
#endif
};

static struct err *load_sections(struct dwarf_file *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(section_names); i++) {
		struct err *e = elf_file_section_bytes(f->elf, section_names[i],
						       &f->sections[i].bytes,
						       &f->sections[i].size);

		if (e && e->code != ERR_MISSING)
			return e;
		err_free(e);
	}
	if (f->sections[0].bytes)
		return NULL;
	return err_new(ERR_MISSING, "%s: no DWARF debug information",
		       elf_file_path(f->elf));
}

static struct err *open_dwarf(struct dwarf_file *f)
{
	Dwarf_Error error = NULL;
	struct err *e;

	f->access.INTERFACE_FIELD(object) = f;
	f->access.INTERFACE_FIELD(methods) = &methods;
	/* A list of all DIEs, kept to free them at the end, is slow and large.
	 */
	dwarf_set_de_alloc_flag(0);
	int rc = dwarf_object_init_b(&f->access, NULL, NULL, DW_GROUPNUMBER_ANY,
				     &f->dbg, &error);
	if (rc == DW_DLV_OK)
		return NULL;
	f->dbg = NULL;
	e = err_new(ERR_FORMAT, "%s: bad DWARF: %s", elf_file_path(f->elf),
		    error ? dwarf_errmsg(error) : "no section of it");
	if (error)
		dwarf_dealloc_error(NULL, error);
	return e;
}

static void cleanup_dwarf_file_fn(struct dwarf_file **f)
{
	dwarf_file_close(*f);
}

struct err *dwarf_file_open(const char *path, struct dwarf_file **out)
{
	cleanup(cleanup_dwarf_file_fn) struct dwarf_file *f =
		calloc(1, sizeof(*f));

	if (!f)
		return &err_nomem;
	TRY(elf_file_open(path, &f->elf));
	TRY(load_sections(f));
	TRY(open_dwarf(f));
	*out = steal(&f);
	return NULL;
}

void dwarf_file_close(struct dwarf_file *f)
{
	if (!f)
		return;
#if HD_DWARF_INIT_PATH_ARGS == 12
	if (f->dbg)
		dwarf_object_finish(f->dbg, NULL);
#else
	if (f->dbg)
		dwarf_object_finish(f->dbg);
#endif
	elf_file_close(f->elf);
	free(f);
	malloc_trim(0);
}

Dwarf_Debug dwarf_file_debug(const struct dwarf_file *f)
{
	return f->dbg;
}

bool dwarf_file_big_endian(const struct dwarf_file *f)
{
	return elf_file_big_endian(f->elf);
}
