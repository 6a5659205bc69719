/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF of this very program, and DWARF made byte by byte, in forms that Go's
 * linker writes and others.
 */
#include "base/bits.h"
#include "elf/dwarf_names.h"
#include "elf/elf_file.h"
#include "tests/unit/elf_image.h"
#include "tests/unit/expect.h"

#include <dwarf.h>
#include <sys/auxv.h>

#define LANG_GO 0x16
#define LANG_C 0x0c

/* ---- this program ---- */

enum sample_enum { SAMPLE_ENUM };
typedef uint16_t sample_u16;
typedef const volatile sample_u16 sample_qualified;

struct sample_part {
	uint64_t a;
	char b;
};

struct sample_struct {
	char c;
	sample_qualified typedefed;
	struct sample_part part;
	struct sample_part *pointer;
	uint32_t array[3][5];
	void (*function)(int);
	enum sample_enum enumerator;
	char empty[];
};

/* The same name as the struct's, for another type. */
typedef struct sample_part sample_both;
struct sample_both {
	char c[7];
};

struct sample_struct sample_variable;
uint8_t sample_array[77];
struct sample_both sample_other;
sample_both sample_third;

static void check_member(const struct dwarf_name *name, const char *member,
			 size_t offset, size_t size)
{
	const struct dwarf_member *m = dwarf_name_member(name, member);

	ck_assert_msg(m != NULL, "no member %s", member);
	ck_assert_uint_eq(m->offset, offset);
	ck_assert_uint_eq(m->size, size);
}

#define CHECK_MEMBER(name, type, member, size)                                 \
	check_member(name, #member, offsetof(type, member), size)

START_TEST(self_structs)
{
	struct dwarf_name names[] = {
		{ .kind = DWARF_STRUCT, .name = "sample_struct" },
		{ .kind = DWARF_STRUCT, .name = "sample_both" },
		{ .kind = DWARF_STRUCT, .name = "sample_nowhere" },
		{ .kind = DWARF_STRUCT, .name = "sample_variable" },
		{ .kind = DWARF_STRUCT, .name = "sample_struct" },
	};
	const struct dwarf_name *s = &names[0];

	expect_ok(dwarf_names_resolve("/proc/self/exe", names,
				      ARRAY_SIZE(names)));
	ck_assert(s->found);
	ck_assert_uint_eq(s->size, sizeof(struct sample_struct));
	ck_assert_uint_eq(s->member_count, 8);
	CHECK_MEMBER(s, struct sample_struct, c, 1);
	CHECK_MEMBER(s, struct sample_struct, typedefed, 2);
	CHECK_MEMBER(s, struct sample_struct, part, sizeof(struct sample_part));
	CHECK_MEMBER(s, struct sample_struct, pointer, sizeof(void *));
	CHECK_MEMBER(s, struct sample_struct, array, 60);
	CHECK_MEMBER(s, struct sample_struct, function, sizeof(void *));
	CHECK_MEMBER(s, struct sample_struct, enumerator,
		     sizeof(enum sample_enum));
	CHECK_MEMBER(s, struct sample_struct, empty, 0);
	ck_assert_str_eq(s->members[0].name, "c");
	ck_assert_ptr_null(dwarf_name_member(s, "nowhere"));
	ck_assert(names[1].found);
	ck_assert_uint_eq(names[1].size, 7);
	ck_assert(!names[2].found);
	ck_assert(!names[3].found);
	ck_assert(names[4].found);
	ck_assert_uint_eq(names[4].member_count, 8);
	dwarf_names_deinit(names, ARRAY_SIZE(names));
	ck_assert(!names[0].found);
	ck_assert_ptr_null(names[0].members);
}
END_TEST

START_TEST(self_variables)
{
	struct dwarf_name names[] = {
		{ .kind = DWARF_VARIABLE, .name = "sample_variable" },
		{ .kind = DWARF_VARIABLE, .name = "sample_array" },
		{ .kind = DWARF_VARIABLE, .name = "sample_struct" },
	};
	cleanup_elf_file struct elf_file *f = NULL;
	uint64_t bias;

	expect_ok(elf_file_open("/proc/self/exe", &f));
	expect_ok(elf_file_bias(f, getauxval(AT_PHDR), &bias));
	expect_ok(dwarf_names_resolve("/proc/self/exe", names,
				      ARRAY_SIZE(names)));
	ck_assert(names[0].found);
	ck_assert_uint_eq(names[0].value + bias, (uintptr_t)&sample_variable);
	ck_assert_uint_eq(names[0].size, sizeof(sample_variable));
	ck_assert(names[1].found);
	ck_assert_uint_eq(names[1].value + bias, (uintptr_t)sample_array);
	ck_assert_uint_eq(names[1].size, sizeof(sample_array));
	ck_assert(!names[2].found);
	ck_assert_uint_eq(sizeof(sample_other) + sizeof(sample_third), 7 + 16);
	dwarf_names_deinit(names, ARRAY_SIZE(names));
}
END_TEST

/* ---- DWARF made here ---- */

enum abbrev {
	CU = 1,
	STRUCT,
	DECLARATION,
	MEMBER,
	BASE,
	TYPEDEF,
	POINTER,
	ARRAY,
	COUNT,
	BOUND,
	VARIABLE,
	EXTERN,
	FIXED,
	CONST_SDATA,
	CONST_UDATA,
	CONST_BLOCK,
	CONST_STRING,
	FUNCTION,
};

static const struct {
	uint8_t code, tag, children;
	uint8_t attrs[4][2];
} abbrevs[] = {
	{ CU,
	  DW_TAG_compile_unit,
	  1,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_language, DW_FORM_data1 },
	    { DW_AT_addr_base, DW_FORM_sec_offset } } },
	{ STRUCT,
	  DW_TAG_structure_type,
	  1,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_byte_size, DW_FORM_udata } } },
	{ DECLARATION,
	  DW_TAG_structure_type,
	  0,
	  { { DW_AT_name, DW_FORM_string } } },
	{ MEMBER,
	  DW_TAG_member,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_data_member_location, DW_FORM_udata },
	    { DW_AT_type, DW_FORM_ref_addr } } },
	{ BASE, DW_TAG_base_type, 0, { { DW_AT_byte_size, DW_FORM_data1 } } },
	{ TYPEDEF,
	  DW_TAG_typedef,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_type, DW_FORM_ref_addr } } },
	{ POINTER, DW_TAG_pointer_type, 0, {} },
	{ ARRAY, DW_TAG_array_type, 1, { { DW_AT_type, DW_FORM_ref_addr } } },
	{ COUNT, DW_TAG_subrange_type, 0, { { DW_AT_count, DW_FORM_udata } } },
	{ BOUND,
	  DW_TAG_subrange_type,
	  0,
	  { { DW_AT_upper_bound, DW_FORM_data1 } } },
	{ VARIABLE,
	  DW_TAG_variable,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_location, DW_FORM_block1 },
	    { DW_AT_type, DW_FORM_ref_addr } } },
	{ EXTERN, DW_TAG_variable, 0, { { DW_AT_name, DW_FORM_string } } },
	{ FIXED,
	  DW_TAG_variable,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_const_value, DW_FORM_sdata } } },
	{ CONST_SDATA,
	  DW_TAG_constant,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_const_value, DW_FORM_sdata } } },
	{ CONST_UDATA,
	  DW_TAG_constant,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_const_value, DW_FORM_udata } } },
	{ CONST_BLOCK,
	  DW_TAG_constant,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_const_value, DW_FORM_block1 } } },
	{ CONST_STRING,
	  DW_TAG_constant,
	  0,
	  { { DW_AT_name, DW_FORM_string },
	    { DW_AT_const_value, DW_FORM_string } } },
	{ FUNCTION, DW_TAG_subprogram, 1, { { DW_AT_name, DW_FORM_string } } },
};

static struct buf abbrev_bytes(void)
{
	struct buf b = {};

	for (size_t i = 0; i < ARRAY_SIZE(abbrevs); i++) {
		put_uleb(&b, abbrevs[i].code);
		put_uleb(&b, abbrevs[i].tag);
		put_int(&b, abbrevs[i].children, 1);
		for (size_t j = 0; j < 4 && abbrevs[i].attrs[j][0]; j++) {
			put_uleb(&b, abbrevs[i].attrs[j][0]);
			put_uleb(&b, abbrevs[i].attrs[j][1]);
		}
		put_int(&b, 0, 2);
	}
	put_int(&b, 0, 1);
	return b;
}

/* .debug_info in the making; unit is where the open unit begins. */
struct info {
	struct buf b;
	size_t unit;
	unsigned int version;
};

static void begin_unit(struct info *info, const char *name, uint8_t language)
{
	info->unit = info->b.len;
	put_int(&info->b, 0, 4);
	put_int(&info->b, info->version, 2);
	if (info->version == 5) {
		put_int(&info->b, DW_UT_compile, 1);
		put_int(&info->b, 8, 1);
		put_int(&info->b, 0, 4);
	} else {
		put_int(&info->b, 0, 4);
		put_int(&info->b, 8, 1);
	}
	put_uleb(&info->b, CU);
	put_str(&info->b, name);
	put_int(&info->b, language, 1);
	/* Behind the header of .debug_addr. */
	put_int(&info->b, 8, 4);
}

static void end_unit(struct info *info)
{
	uint32_t size;

	put_int(&info->b, 0, 1); /* end of the children */
	size = (uint32_t)(info->b.len - info->unit - 4);
	memcpy(info->b.v + info->unit, &size, 4);
}

/* Begins a DIE that has a name first; returns its offset. */
static uint32_t begin_die(struct info *info, enum abbrev abbrev,
			  const char *name)
{
	uint32_t offset = (uint32_t)info->b.len;

	put_uleb(&info->b, abbrev);
	if (name)
		put_str(&info->b, name);
	return offset;
}

static void put_member(struct info *info, const char *name, uint64_t offset,
		       uint32_t type)
{
	begin_die(info, MEMBER, name);
	put_uleb(&info->b, offset);
	put_int(&info->b, type, 4);
}

static void put_variable(struct info *info, const char *name, uint64_t address,
			 uint32_t type)
{
	begin_die(info, VARIABLE, name);
	put_int(&info->b, 9, 1);
	put_int(&info->b, DW_OP_addr, 1);
	put_int(&info->b, address, 8);
	put_int(&info->b, type, 4);
}

static void put_expression(struct info *info, const char *name,
			   const char *bytes, size_t size, uint32_t type)
{
	begin_die(info, VARIABLE, name);
	put_int(&info->b, size, 1);
	put_bytes(&info->b, bytes, size);
	put_int(&info->b, type, 4);
}

static const char *write_file(const void *info, size_t info_size,
			      const void *abbrev, size_t abbrev_size)
{
	struct buf addr = {}, bytes;

	put_int(&addr, 20, 4);
	put_int(&addr, 5, 2);
	put_int(&addr, 8, 1);
	put_int(&addr, 0, 1);
	put_int(&addr, 0x11111111, 8);
	put_int(&addr, 0x22222222, 8);
	const struct image_section sections[] = {
		{ ".debug_info", SHT_PROGBITS, 0, 0, info, info_size, 0 },
		{ ".debug_abbrev", SHT_PROGBITS, 0, 0, abbrev, abbrev_size, 0 },
		{ ".debug_addr", SHT_PROGBITS, 0, 0, addr.v, addr.len, 0 },
	};
	bytes = image_bytes(&(struct image){
		.type = ET_EXEC, .sections = sections, .section_count = 3 });
	const char *path = scratch_write("dwarf", bytes.v, bytes.len);
	buf_deinit(&bytes);
	buf_deinit(&addr);
	return path;
}

static struct err *resolve(const struct info *info, struct dwarf_name *names,
			   size_t count)
{
	struct buf abbrev = abbrev_bytes();
	const char *path =
		write_file(info->b.v, info->b.len, abbrev.v, abbrev.len);

	buf_deinit(&abbrev);
	return dwarf_names_resolve(path, names, count);
}

/* A Go program: "main", "other" and "runtime", whose types are the last. */
static struct info make_program(unsigned int version)
{
	struct info info = { .version = version };
	uint32_t word, pointer, array, part;

	begin_unit(&info, "runtime", LANG_GO);
	begin_die(&info, FUNCTION, "runtime.f");
	begin_die(&info, EXTERN, "runtime.late"); /* a local one */
	put_variable(&info, "runtime.local", 1, 0);
	put_int(&info.b, 0, 1);
	begin_die(&info, CONST_SDATA, "runtime.neg");
	put_sleb(&info.b, -0x800000000000);
	begin_die(&info, CONST_UDATA, "runtime.large");
	put_uleb(&info.b, UINT64_MAX);
	begin_die(&info, CONST_BLOCK, "runtime.block");
	put_bytes(&info.b, "\x03\x01\x02\x83", 4);
	begin_die(&info, CONST_STRING, "runtime.text");
	put_str(&info.b, "five");
	begin_die(&info, FIXED, "runtime.fixed");
	put_sleb(&info.b, 5);
	begin_die(&info, EXTERN, "runtime.var");
	begin_die(&info, TYPEDEF, "runtime.g");
	put_int(&info.b, 0, 4);
	begin_die(&info, DECLARATION, "runtime.g");
	word = begin_die(&info, BASE, NULL);
	put_int(&info.b, 4, 1);
	pointer = begin_die(&info, POINTER, NULL);
	array = begin_die(&info, ARRAY, NULL);
	put_int(&info.b, word, 4);
	begin_die(&info, COUNT, NULL);
	put_uleb(&info.b, 3);
	begin_die(&info, BOUND, NULL);
	put_int(&info.b, 4, 1);
	put_int(&info.b, 0, 1);
	part = begin_die(&info, TYPEDEF, "runtime.part");
	put_int(&info.b, array, 4);
	begin_die(&info, STRUCT, "runtime.g");
	put_uleb(&info.b, 300);
	put_member(&info, "word", 0, word);
	put_member(&info, "ptr", 8, pointer);
	put_member(&info, "part", 200, part);
	put_int(&info.b, 0, 1);
	put_variable(&info, "runtime.var", 0xc000123456, part);
	put_variable(&info, "runtime.var", 0x1, word);
	put_expression(&info, "runtime.addrx", "\xa1\x01", 2, pointer);
	put_expression(&info, "runtime.none", "", 0, pointer);
	put_expression(&info, "runtime.tls", "\x03\1\0\0\0\0\0\0\0\xe0", 10,
		       pointer);
	end_unit(&info);
	begin_unit(&info, "other", LANG_GO);
	put_variable(&info, "runtime.elsewhere", 7, word);
	end_unit(&info);
	begin_unit(&info, "main", LANG_GO);
	put_variable(&info, "main.v", 0x4000, word);
	end_unit(&info);
	begin_unit(&info, "x.c", LANG_C);
	put_variable(&info, "c_variable", 0x5000, word);
	end_unit(&info);
	return info;
}

static void check_program(unsigned int version)
{
	struct info info = make_program(version);
	struct dwarf_name names[] = {
		{ .kind = DWARF_STRUCT, .name = "runtime.g" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.var" },
		{ .kind = DWARF_CONSTANT, .name = "runtime.neg" },
		{ .kind = DWARF_CONSTANT, .name = "runtime.large" },
		{ .kind = DWARF_CONSTANT, .name = "runtime.block" },
		{ .kind = DWARF_VARIABLE, .name = "main.v" },
		{ .kind = DWARF_VARIABLE, .name = "c_variable" },
		/* Not there, or not of that kind, or without one answer. */
		{ .kind = DWARF_CONSTANT, .name = "runtime.text" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.local" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.late" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.none" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.tls" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.neg" },
		{ .kind = DWARF_CONSTANT, .name = "runtime.fixed" },
		{ .kind = DWARF_STRUCT, .name = "runtime.part" },
		{ .kind = DWARF_STRUCT, .name = "runtime.nowhere" },
	};

	expect_ok(resolve(&info, names, ARRAY_SIZE(names)));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(names[i].found == (i < 7), "%s", names[i].name);
	ck_assert_uint_eq(names[0].size, 300);
	ck_assert_uint_eq(names[0].member_count, 3);
	check_member(&names[0], "word", 0, 4);
	check_member(&names[0], "ptr", 8, 8);
	check_member(&names[0], "part", 200, 60);
	ck_assert_uint_eq(names[1].value, 0xc000123456);
	ck_assert_uint_eq(names[1].size, 60);
	ck_assert_uint_eq(names[2].value, (uint64_t)-0x800000000000);
	ck_assert_uint_eq(names[3].value, UINT64_MAX);
	ck_assert_uint_eq(names[4].value, 0x830201);
	ck_assert_uint_eq(names[5].value, 0x4000);
	ck_assert_uint_eq(names[5].size, 4);
	ck_assert_uint_eq(names[6].value, 0x5000);
	dwarf_names_deinit(names, ARRAY_SIZE(names));
	buf_deinit(&info.b);
}

START_TEST(program)
{
	check_program(4);
	check_program(5);
}
END_TEST

START_TEST(indexed_address)
{
	struct info info = make_program(5);
	struct dwarf_name name = { .kind = DWARF_VARIABLE,
				   .name = "runtime.addrx" };

	expect_ok(resolve(&info, &name, 1));
	ck_assert(name.found);
	ck_assert_uint_eq(name.value, 0x22222222);
	ck_assert_uint_eq(name.size, 8);
	buf_deinit(&info.b);
}
END_TEST

/*
 * Units of Go packages that nothing is asked of are not read: damage in them
 * goes unseen. Where no unit is such a package's, all are read.
 */
START_TEST(units_chosen)
{
	struct dwarf_name name = { .kind = DWARF_VARIABLE,
				   .name = "runtime.v" };
	struct info info = { .version = 4 };

	begin_unit(&info, "other", LANG_GO);
	put_uleb(&info.b, 99); /* no such abbreviation */
	end_unit(&info);
	begin_unit(&info, "runtime", LANG_GO);
	put_variable(&info, "runtime.v", 0x77, 0);
	end_unit(&info);
	expect_error(resolve(&info, &name, 1), ERR_FORMAT, "");
	ck_assert(!name.found);
	info.b.len = 0;

	begin_unit(&info, "other", LANG_GO);
	put_uleb(&info.b, 99);
	end_unit(&info);
	begin_unit(&info, "runtime", LANG_GO);
	uint32_t type = begin_die(&info, POINTER, NULL);
	put_variable(&info, "runtime.v", 0x77, type);
	end_unit(&info);
	expect_ok(resolve(&info, &name, 1));
	ck_assert(name.found);
	ck_assert_uint_eq(name.value, 0x77);
	info.b.len = 0;

	begin_unit(&info, "strange", LANG_GO);
	type = begin_die(&info, POINTER, NULL);
	put_variable(&info, "runtime.v", 0x78, type);
	end_unit(&info);
	expect_ok(resolve(&info, &name, 1));
	ck_assert(name.found);
	ck_assert_uint_eq(name.value, 0x78);
	buf_deinit(&info.b);
}
END_TEST

START_TEST(type_loop)
{
	struct dwarf_name name = { .kind = DWARF_VARIABLE,
				   .name = "runtime.v" };
	struct info info = { .version = 4 };

	begin_unit(&info, "runtime", LANG_GO);
	uint32_t type = begin_die(&info, TYPEDEF, "runtime.loop");
	put_int(&info.b, type, 4);
	put_variable(&info, "runtime.v", 1, type);
	end_unit(&info);
	expect_error(resolve(&info, &name, 1), ERR_FORMAT, "refers to itself");
	ck_assert(!name.found);
	buf_deinit(&info.b);
}
END_TEST

START_TEST(no_dwarf)
{
	struct dwarf_name name = { .kind = DWARF_STRUCT, .name = "x" };
	const struct image_section text = { ".text", SHT_PROGBITS, 0, 0, "x", 1,
					    0 };
	struct buf bytes = image_bytes(&(struct image){
		.type = ET_EXEC, .sections = &text, .section_count = 1 });

	expect_error(
		dwarf_names_resolve(scratch_write("plain", bytes.v, bytes.len),
				    &name, 1),
		ERR_MISSING, "");
	expect_error(dwarf_names_resolve(scratch_path("nowhere"), &name, 1),
		     ERR_OS, "");
	expect_error(dwarf_names_resolve(scratch_write("text", "hello", 5),
					 &name, 1),
		     ERR_FORMAT, "");
	buf_deinit(&bytes);
	const struct image_section bad = {
		".debug_info", SHT_PROGBITS, SHF_COMPRESSED, 0, "bad", 3, 0
	};
	bytes = image_bytes(&(struct image){
		.type = ET_EXEC, .sections = &bad, .section_count = 1 });
	expect_error(
		dwarf_names_resolve(scratch_write("bad", bytes.v, bytes.len),
				    &name, 1),
		ERR_FORMAT, "");
	buf_deinit(&bytes);
}
END_TEST

/* ---- damage ---- */

/* An answer or ERR_FORMAT, ERR_MISSING; and nothing is leaked. */
static void resolve_damaged(const struct buf *info, size_t info_size,
			    const struct buf *abbrev, size_t abbrev_size)
{
	struct dwarf_name names[] = {
		{ .kind = DWARF_STRUCT, .name = "runtime.g" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.var" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.addrx" },
		{ .kind = DWARF_CONSTANT, .name = "runtime.neg" },
		{ .kind = DWARF_VARIABLE, .name = "c_variable" },
		{ .kind = DWARF_VARIABLE, .name = "runtime.nowhere" },
	};
	struct err *e = dwarf_names_resolve(
		write_file(info->v, info_size, abbrev->v, abbrev_size), names,
		ARRAY_SIZE(names));

	if (e) {
		ck_assert(e->code == ERR_FORMAT || e->code == ERR_MISSING);
		err_free(e);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert(!e || !names[i].found);
	dwarf_names_deinit(names, ARRAY_SIZE(names));
}

START_TEST(truncated)
{
	for (unsigned int version = 4; version <= 5; version++) {
		struct info info = make_program(version);
		struct buf abbrev = abbrev_bytes();

		for (size_t size = 0; size < info.b.len; size++)
			resolve_damaged(&info.b, size, &abbrev, abbrev.len);
		for (size_t size = 0; size < abbrev.len; size++)
			resolve_damaged(&info.b, info.b.len, &abbrev, size);
		buf_deinit(&abbrev);
		buf_deinit(&info.b);
	}
}
END_TEST

static void flip_each(struct buf *flipped, const struct info *info,
		      const struct buf *abbrev)
{
	for (size_t i = 0; i < flipped->len; i++) {
		for (unsigned int bit = 0; bit < 8; bit += 3) {
			flipped->v[i] ^= (uint8_t)(1u << bit);
			resolve_damaged(&info->b, info->b.len, abbrev,
					abbrev->len);
			flipped->v[i] ^= (uint8_t)(1u << bit);
		}
	}
}

START_TEST(flipped)
{
	for (unsigned int version = 4; version <= 5; version++) {
		struct info info = make_program(version);
		struct buf abbrev = abbrev_bytes();

		flip_each(&info.b, &info, &abbrev);
		flip_each(&abbrev, &info, &abbrev);
		buf_deinit(&abbrev);
		buf_deinit(&info.b);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dwarf");
	TCase *tc = tcase_create("dwarf");

	tcase_add_test(tc, self_structs);
	tcase_add_test(tc, self_variables);
	tcase_add_test(tc, program);
	tcase_add_test(tc, indexed_address);
	tcase_add_test(tc, units_chosen);
	tcase_add_test(tc, type_loop);
	tcase_add_test(tc, no_dwarf);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, flipped);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
