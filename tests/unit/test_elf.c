/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"
#include "elf/elf_file.h"
#include "tests/unit/elf_image.h"
#include "tests/unit/expect.h"

#include <errno.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <zlib.h>

static const uint8_t build_id_note[] = {
	4, 0, 0,   0,	4,   0, 0,    0,    3,	  0,
	0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 0xef, 0x01,
};

static const char strings[] = "\0alpha\0beta\0twice\0gone\0file.c";

/* .symtab of the sample: 0 is the null symbol. */
static const Elf64_Sym symbols[] = {
	{},
	{ .st_name = 1,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
	  .st_shndx = 1,
	  .st_value = 0x401000,
	  .st_size = 24 },
	{ .st_name = 7,
	  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
	  .st_shndx = 1,
	  .st_value = 0x402000,
	  .st_size = 8 },
	{ .st_name = 12,
	  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
	  .st_shndx = 1,
	  .st_value = 1 },
	{ .st_name = 12,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	  .st_shndx = 1,
	  .st_value = 2 },
	{ .st_name = 12,
	  .st_info = ELF64_ST_INFO(STB_WEAK, STT_FUNC),
	  .st_shndx = 1,
	  .st_value = 3 },
	{ .st_name = 18,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	  .st_shndx = SHN_UNDEF },
	{ .st_name = 23,
	  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FILE),
	  .st_shndx = SHN_ABS },
	/* Beyond the strings. */
	{ .st_name = 0xffffff,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	  .st_shndx = 1 },
};

static const char dynstrings[] = "\0alpha\0dyn";

static const Elf64_Sym dynsyms[] = {
	{},
	{ .st_name = 1,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
	  .st_shndx = 1,
	  .st_value = 9 },
	{ .st_name = 7,
	  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	  .st_shndx = 1,
	  .st_value = 0x1234 },
};

static const struct image_section sample_sections[] = {
	{ ".text", SHT_PROGBITS, SHF_ALLOC, 0x401000, "code", 4, 0 },
	{ ".bss", SHT_NOBITS, SHF_ALLOC, 0x500000, NULL, 0x1000, 0 },
	{ ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 0x400100, build_id_note,
	  sizeof(build_id_note), 0 },
	{ ".symtab", SHT_SYMTAB, 0, 0, symbols, sizeof(symbols), 5 },
	{ ".strtab", SHT_STRTAB, 0, 0, strings, sizeof(strings), 0 },
	{ ".dynsym", SHT_DYNSYM, SHF_ALLOC, 0, dynsyms, sizeof(dynsyms), 7 },
	{ ".dynstr", SHT_STRTAB, SHF_ALLOC, 0, dynstrings, sizeof(dynstrings),
	  0 },
};

static const struct image_segment sample_segments[] = {
	{ { .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_X,
	    .p_vaddr = 0x400000,
	    .p_filesz = 0x200,
	    .p_memsz = 0x2000,
	    .p_align = 4096 },
	  0 },
	{ { .p_type = PT_NOTE, .p_align = 4 }, 3 },
};

static const struct image sample = {
	.type = ET_DYN,
	.sections = sample_sections,
	.section_count = ARRAY_SIZE(sample_sections),
	.segments = sample_segments,
	.segment_count = ARRAY_SIZE(sample_segments),
};

static struct elf_file *open_image(const struct image *image)
{
	struct buf bytes = image_bytes(image);
	struct elf_file *f = NULL;

	expect_ok(elf_file_open(scratch_write("elf", bytes.v, bytes.len), &f));
	buf_deinit(&bytes);
	return f;
}

static struct elf_file *open_sections(const struct image_section *sections,
				      size_t count)
{
	return open_image(&(struct image){
		.type = ET_DYN, .sections = sections, .section_count = count });
}

START_TEST(header_and_segments)
{
	cleanup_elf_file struct elf_file *f = open_image(&sample);
	size_t count;
	const struct elf_segment *s = elf_file_segments(f, &count);

	ck_assert_str_eq(elf_file_path(f), scratch_path("elf"));
	ck_assert_uint_eq(elf_file_machine(f), EM_X86_64);
	ck_assert_uint_eq(elf_file_type(f), ET_DYN);
	ck_assert(!elf_file_big_endian(f));
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(s[0].type, PT_LOAD);
	ck_assert_uint_eq(s[0].vaddr, 0x400000);
	ck_assert_uint_eq(s[0].filesz, 0x200);
	ck_assert_uint_eq(s[0].memsz, 0x2000);
	ck_assert_uint_eq(s[0].offset, 0);
	ck_assert_uint_eq(s[0].align, 4096);
	ck_assert_uint_eq(s[0].flags, PF_R | PF_X);
	ck_assert_uint_eq(s[1].type, PT_NOTE);
}
END_TEST

START_TEST(no_elf)
{
	struct elf_file *f = NULL;
	struct buf bytes = image_bytes(&sample);

	struct err *e = elf_file_open(scratch_path("nowhere"), &f);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->code, ERR_OS);
	ck_assert_int_eq(e->errnum, ENOENT);
	err_free(e);
	expect_error(elf_file_open(scratch_folder(), &f), ERR_FORMAT, "");
	expect_error(elf_file_open(scratch_write("empty", "", 0), &f),
		     ERR_FORMAT, "");
	expect_error(
		elf_file_open(scratch_write("text", "#!/bin/sh\n", 10), &f),
		ERR_FORMAT, "");
	bytes.v[EI_CLASS] = ELFCLASS32;
	expect_error(
		elf_file_open(scratch_write("elf32", bytes.v, bytes.len), &f),
		ERR_FORMAT, "");
	ck_assert_ptr_null(f);
	buf_deinit(&bytes);
}
END_TEST

START_TEST(section_contents)
{
	cleanup_elf_file struct elf_file *f = open_image(&sample);
	cleanup_free uint8_t *data = NULL;
	struct elf_section s;
	size_t size;

	ck_assert(elf_file_section(f, ".text", &s));
	ck_assert_str_eq(s.name, ".text");
	ck_assert_uint_eq(s.addr, 0x401000);
	ck_assert_uint_eq(s.size, 4);
	ck_assert_uint_gt(s.file_offset, 0);
	ck_assert(elf_file_section(f, ".bss", &s));
	ck_assert_uint_eq(s.size, 0x1000);
	ck_assert(!elf_file_section(f, ".none", &s));
	expect_ok(elf_file_section_data(f, ".text", &data, &size));
	ck_assert_uint_eq(size, 4);
	ck_assert_mem_eq(data, "code", 4);
	uint8_t *none = NULL;
	expect_error(elf_file_section_data(f, ".bss", &none, &size),
		     ERR_MISSING, "");
	expect_error(elf_file_section_data(f, ".none", &none, &size),
		     ERR_MISSING, "");
	ck_assert_ptr_null(none);
}
END_TEST

/* An Elf64_Chdr and the zlib stream of size bytes. */
static struct buf compressed(const void *data, size_t size)
{
	uLongf stream_size = compressBound(size);
	cleanup_free uint8_t *stream = malloc(stream_size);
	struct buf b = {};

	put_int(&b, ELFCOMPRESS_ZLIB, 4);
	put_int(&b, 0, 4);
	put_int(&b, size, 8);
	put_int(&b, 1, 8);
	ck_assert_int_eq(compress(stream, &stream_size, data, size), Z_OK);
	put_bytes(&b, stream, stream_size);
	return b;
}

START_TEST(section_compressed)
{
	static uint8_t plain[10000];
	struct buf b = {};
	struct elf_section s;
	const uint8_t *data;
	size_t size;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i / 16);
	b = compressed(plain, sizeof(plain));
	struct image_section section = {
		".debug_x", SHT_PROGBITS, SHF_COMPRESSED, 0, b.v, b.len, 0
	};
	cleanup_elf_file struct elf_file *f = open_sections(&section, 1);
	ck_assert(elf_file_section(f, ".debug_x", &s));
	ck_assert_uint_eq(s.size, sizeof(plain));
	for (int twice = 0; twice < 2; twice++) {
		expect_ok(elf_file_section_bytes(f, ".debug_x", &data, &size));
		ck_assert_uint_eq(size, sizeof(plain));
		ck_assert_mem_eq(data, plain, size);
	}
	/* Sizes beyond reason, and a stream that is none. */
	memset(b.v + 8, 0x7f, 8);
	cleanup_elf_file struct elf_file *large = open_sections(&section, 1);
	expect_error(elf_file_section_bytes(large, ".debug_x", &data, &size),
		     ERR_FORMAT, "");
	memcpy(b.v + 8, &(uint64_t){ sizeof(plain) }, 8);
	b.v[30] ^= 0xff;
	cleanup_elf_file struct elf_file *bad = open_sections(&section, 1);
	expect_error(elf_file_section_bytes(bad, ".debug_x", &data, &size),
		     ERR_FORMAT, "offset 64: ");
	buf_deinit(&b);
}
END_TEST

static void check_symbol(struct elf_file *f, const char *name, uint64_t value,
			 uint64_t size, uint8_t type)
{
	struct elf_symbol s;

	expect_ok(elf_file_symbol(f, name, &s));
	ck_assert_uint_eq(s.value, value);
	ck_assert_uint_eq(s.size, size);
	ck_assert_uint_eq(s.type, type);
}

START_TEST(symbols_found)
{
	cleanup_elf_file struct elf_file *f = open_image(&sample);
	struct elf_symbol s;

	check_symbol(f, "alpha", 0x401000, 24, STT_OBJECT);
	check_symbol(f, "beta", 0x402000, 8, STT_FUNC);
	check_symbol(f, "twice", 2, 0, STT_FUNC);
	check_symbol(f, "dyn", 0x1234, 0, STT_FUNC);
	expect_error(elf_file_symbol(f, "gone", &s), ERR_MISSING, "");
	expect_error(elf_file_symbol(f, "file.c", &s), ERR_MISSING, "");
	expect_error(elf_file_symbol(f, "", &s), ERR_MISSING, "");
}
END_TEST

START_TEST(symbols_none_or_bad)
{
	struct image_section sections[2] = {
		{ ".symtab", SHT_SYMTAB, 0, 0, symbols, sizeof(symbols), 77 },
	};
	cleanup_elf_file struct elf_file *none =
		open_sections(&sample_sections[0], 1);
	cleanup_elf_file struct elf_file *bad = open_sections(sections, 1);
	struct elf_symbol s;

	expect_error(elf_file_symbol(none, "alpha", &s), ERR_MISSING,
		     "no symbol table");
	expect_error(elf_file_symbol(bad, "alpha", &s), ERR_FORMAT, "");
	/* Strings that end without a NUL: the last one is no name. */
	sections[0].link = 2;
	sections[1] = (struct image_section){ .name = ".strtab",
					      .type = SHT_STRTAB,
					      .data = strings,
					      .size = 10 };
	cleanup_elf_file struct elf_file *cut = open_sections(sections, 2);
	check_symbol(cut, "alpha", 0x401000, 24, STT_OBJECT);
	expect_error(elf_file_symbol(cut, "bet", &s), ERR_MISSING, "");
}
END_TEST

static void check_bias(uint16_t type, const struct image_segment *segment,
		       uint64_t at_phdr, uint64_t bias)
{
	cleanup_elf_file struct elf_file *f = open_image(&(struct image){
		.type = type, .segments = segment, .segment_count = 1 });
	uint64_t out = 1;

	if (bias == UINT64_MAX) {
		expect_error(elf_file_bias(f, at_phdr, &out), ERR_FORMAT, "");
		ck_assert_uint_eq(out, 1);
		return;
	}
	expect_ok(elf_file_bias(f, at_phdr, &out));
	ck_assert_uint_eq(out, bias);
}

START_TEST(bias)
{
	const struct image_segment phdr = {
		{ .p_type = PT_PHDR, .p_offset = 64, .p_vaddr = 0x400040 }, 0
	};
	const struct image_segment load = {
		{ .p_type = PT_LOAD, .p_vaddr = 0x10000, .p_filesz = 0x1000 }, 0
	};
	const struct image_segment other = { { .p_type = PT_LOAD,
					       .p_offset = 0x1000,
					       .p_vaddr = 0x10000,
					       .p_filesz = 0x1000 },
					     0 };

	check_bias(ET_DYN, &phdr, 0x555555400040, 0x555555000000);
	check_bias(ET_EXEC, &phdr, 0x400040, 0);
	check_bias(ET_DYN, &load, 0x7f0000000040, 0x7effffff0000);
	/* Below the address in the file: the sum wraps, and is right. */
	check_bias(ET_DYN, &phdr, 0x10040, (uint64_t)-0x3f0000);
	check_bias(ET_EXEC, &phdr, 0x555555400040, UINT64_MAX);
	check_bias(ET_DYN, &phdr, 0x555555400041, UINT64_MAX);
	check_bias(ET_DYN, &other, 0x555555400040, UINT64_MAX);
}
END_TEST

/* By the lowest address that a library is mapped at. */
START_TEST(bias_of_a_mapping)
{
	const struct image_segment segments[] = {
		{ { .p_type = PT_NOTE, .p_vaddr = 0x70000 }, 0 },
		{ { .p_type = PT_LOAD,
		    .p_offset = 0x40,
		    .p_vaddr = 0x10040,
		    .p_filesz = 0x1000,
		    .p_align = 0x1000 },
		  0 },
	};
	cleanup_elf_file struct elf_file *f = open_image(&(struct image){
		.type = ET_DYN, .segments = segments, .segment_count = 2 });
	cleanup_elf_file struct elf_file *none = open_image(&(struct image){
		.type = ET_DYN, .segments = segments, .segment_count = 1 });
	uint64_t at;

	expect_ok(elf_file_bias_at(f, 0x7f0000010000, &at));
	ck_assert_uint_eq(at, 0x7f0000000000);
	expect_error(elf_file_bias_at(f, 0x7f0000010008, &at), ERR_FORMAT,
		     "not loaded at");
	expect_error(elf_file_bias_at(none, 0x10000, &at), ERR_FORMAT,
		     "not loaded at");
}
END_TEST

START_TEST(imports)
{
	cleanup_elf_file struct elf_file *self = NULL;
	cleanup_elf_file struct elf_file *f = open_image(&sample);
	bool imported = true;

	/* dyn is defined there, and alpha in .symtab. */
	expect_ok(elf_file_imports(f, "dyn", &imported));
	ck_assert(!imported);
	expect_ok(elf_file_imports(f, "alpha", &imported));
	ck_assert(!imported);
	expect_ok(elf_file_open("/proc/self/exe", &self));
	expect_ok(elf_file_imports(self, "elf_version", &imported));
	ck_assert(imported);
	expect_ok(elf_file_imports(self, "exported_for_test", &imported));
	ck_assert(!imported);
}
END_TEST

int exported_for_test = 1;

/* This program itself. */
START_TEST(self)
{
	cleanup_elf_file struct elf_file *f = NULL;
	struct elf_symbol s;
	uint64_t at;

	expect_ok(elf_file_open("/proc/self/exe", &f));
	expect_ok(elf_file_bias(f, getauxval(AT_PHDR), &at));
	expect_ok(elf_file_symbol(f, "exported_for_test", &s));
	/* ASan may add to it. */
	ck_assert_uint_ge(s.size, sizeof(int));
	ck_assert_uint_eq(at + s.value, (uintptr_t)&exported_for_test);
}
END_TEST

static void check_id(const struct elf_file *f, size_t want)
{
	size_t size = 77;
	const uint8_t *id = elf_file_build_id(f, &size);

	ck_assert_uint_eq(size, want);
	if (want)
		ck_assert_mem_eq(id, build_id_note + 16, want);
	else
		ck_assert_ptr_null(id);
}

START_TEST(build_id)
{
	struct buf bytes = image_bytes(&sample);
	struct elf_file *f = NULL;

	cleanup_elf_file struct elf_file *full = open_image(&sample);
	check_id(full, 4);
	cleanup_elf_file struct elf_file *none =
		open_sections(&sample_sections[0], 1);
	check_id(none, 0);
	/* Without section headers: by the segment. */
	memset(bytes.v + offsetof(Elf64_Ehdr, e_shoff), 0, 8);
	memset(bytes.v + offsetof(Elf64_Ehdr, e_shnum), 0, 4);
	expect_ok(elf_file_open(scratch_write("bare", bytes.v, bytes.len), &f));
	check_id(f, 4);
	ck_assert(!elf_file_section(f, ".text", &(struct elf_section){}));
	elf_file_close(f);
	buf_deinit(&bytes);
}
END_TEST

/* ---- separate debug files ---- */

/* A program with a link to "prog.debug" of that CRC, and maybe a build id. */
static struct elf_file *open_linked(uint32_t crc, bool with_id)
{
	struct buf link = {}, bytes;
	struct elf_file *f = NULL;

	put_bytes(&link, "prog.debug\0\0", 12);
	put_int(&link, crc, 4);
	const struct image_section sections[] = {
		{ ".gnu_debuglink", SHT_PROGBITS, 0, 0, link.v, link.len, 0 },
		sample_sections[2],
	};
	bytes = image_bytes(&(struct image){ .type = ET_EXEC,
					     .sections = sections,
					     .section_count = 1 + with_id });
	expect_ok(elf_file_open(scratch_write("bin/prog", bytes.v, bytes.len),
				&f));
	buf_deinit(&bytes);
	buf_deinit(&link);
	return f;
}

static void check_debug_path(const struct elf_file *f, const char *want)
{
	cleanup_free char *real = realpath(scratch_folder(), NULL);
	cleanup_free char *path = NULL;
	char full[8192];

	expect_ok(elf_file_debug_path_in(f, scratch_path("debug"), &path));
	if (!want) {
		ck_assert_ptr_null(path);
		return;
	}
	ck_assert_ptr_nonnull(path);
	snprintf(full, sizeof(full), "%s/%s", real, want);
	ck_assert_str_eq(path, full);
}

START_TEST(debug_by_link)
{
	static const char data[] = "debug file";
	cleanup_free char *real = realpath(scratch_folder(), NULL);
	char below[8192];
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)data, sizeof(data));

	cleanup_elf_file struct elf_file *f = open_linked(crc, false);
	check_debug_path(f, NULL);
	/* In the reverse of the order in which they are tried. */
	snprintf(below, sizeof(below), "debug%s/bin/prog.debug", real);
	scratch_write(below, data, sizeof(data));
	check_debug_path(f, below);
	scratch_write("bin/.debug/prog.debug", data, sizeof(data));
	check_debug_path(f, "bin/.debug/prog.debug");
	scratch_write("bin/prog.debug", "of another build", 16);
	check_debug_path(f, "bin/.debug/prog.debug");
	scratch_write("bin/prog.debug", data, sizeof(data));
	check_debug_path(f, "bin/prog.debug");
	cleanup_elf_file struct elf_file *other = open_linked(crc + 1, false);
	check_debug_path(other, NULL);
}
END_TEST

START_TEST(debug_by_build_id)
{
	static const char at[] = "debug/.build-id/ab/cdef01.debug";
	cleanup_elf_file struct elf_file *f = open_linked(0, true);
	struct buf same = image_bytes(&sample);
	struct buf other = image_bytes(&sample);

	check_debug_path(f, NULL);
	for (size_t i = 0; i + 20 <= other.len; i++)
		if (memcmp(other.v + i, build_id_note, 20) == 0)
			other.v[i + 19] ^= 1;
	scratch_write(at, other.v, other.len);
	check_debug_path(f, NULL);
	scratch_write(at, "text", 4);
	check_debug_path(f, NULL);
	scratch_write(at, same.v, same.len);
	check_debug_path(f, at);
	cleanup_elf_file struct elf_file *no_id = open_linked(0, false);
	check_debug_path(no_id, NULL);
	remove(scratch_path(at));
	buf_deinit(&same);
	buf_deinit(&other);
}
END_TEST

START_TEST(debug_link_damaged)
{
	static const char *const bad[] = { "prog.debug", "../x\0\0\0\0crc0",
					   "\0\0\0\0crc0", "abc\0crc" };
	static const size_t sizes[] = { 10, 12, 8, 7 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct image_section section = {
			".gnu_debuglink", SHT_PROGBITS, 0, 0,
			bad[i],		  sizes[i],	0
		};
		cleanup_elf_file struct elf_file *f =
			open_sections(&section, 1);
		char *path = NULL;

		expect_error(elf_file_debug_path(f, &path), ERR_FORMAT, "");
		ck_assert_ptr_null(path);
	}
}
END_TEST

/* ---- damage ---- */

/* Asks everything of an open file. */
static void use(struct elf_file *f)
{
	static const char *const names[] = { ".text", ".bss", ".strtab",
					     ".note.gnu.build-id" };
	struct elf_section section;
	struct elf_symbol symbol;
	const uint8_t *data;
	uint64_t at;
	size_t size;
	char *path = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		elf_file_section(f, names[i], &section);
		struct err *e =
			elf_file_section_bytes(f, names[i], &data, &size);
		if (!e) /* under ASan: every byte is there */
			ck_assert_uint_lt(crc32(0, data, (uInt)size),
					  (uint64_t)UINT32_MAX + 1);
		err_free(e);
	}
	err_free(elf_file_symbol(f, "alpha", &symbol));
	err_free(elf_file_symbol(f, "dyn", &symbol));
	err_free(elf_file_symbol(f, "none", &symbol));
	err_free(elf_file_bias(f, 0x400040, &at));
	err_free(elf_file_debug_path_in(f, scratch_path("debug"), &path));
	free(path);
}

START_TEST(truncated)
{
	struct buf bytes = image_bytes(&sample);

	for (size_t size = 0; size < bytes.len; size++) {
		struct elf_file *f = NULL;

		expect_error(
			elf_file_open(scratch_write("cut", bytes.v, size), &f),
			ERR_FORMAT, "");
		ck_assert_ptr_null(f);
	}
	buf_deinit(&bytes);
}
END_TEST

/* Of a core what is left is used, as long as the program headers are. */
START_TEST(core_truncated)
{
	struct image core = sample;
	struct buf bytes;
	size_t count;

	core.type = ET_CORE;
	bytes = image_bytes(&core);
	for (size_t size = 0; size < bytes.len; size++) {
		const char *path = scratch_write("core", bytes.v, size);
		cleanup_elf_file struct elf_file *f = NULL;

		if (size < 64 + 2 * sizeof(Elf64_Phdr)) {
			expect_error(elf_file_open(path, &f), ERR_FORMAT, "");
			continue;
		}
		expect_ok(elf_file_open(path, &f));
		elf_file_segments(f, &count);
		ck_assert_uint_eq(count, 2);
		use(f);
	}
	buf_deinit(&bytes);
}
END_TEST

START_TEST(flipped)
{
	struct buf bytes = image_bytes(&sample);

	for (size_t i = 0; i < bytes.len; i++) {
		for (unsigned int mask = 1; mask < 0x100; mask *= 16) {
			struct elf_file *f = NULL;

			bytes.v[i] ^= (uint8_t)(0x0f * mask);
			struct err *e = elf_file_open(
				scratch_write("flip", bytes.v, bytes.len), &f);
			bytes.v[i] ^= (uint8_t)(0x0f * mask);
			if (e) {
				ck_assert_int_eq(e->code, ERR_FORMAT);
				err_free(e);
				continue;
			}
			use(f);
			elf_file_close(f);
		}
	}
	buf_deinit(&bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("elf");
	TCase *tc = tcase_create("elf");

	tcase_add_test(tc, header_and_segments);
	tcase_add_test(tc, no_elf);
	tcase_add_test(tc, section_contents);
	tcase_add_test(tc, section_compressed);
	tcase_add_test(tc, symbols_found);
	tcase_add_test(tc, symbols_none_or_bad);
	tcase_add_test(tc, bias);
	tcase_add_test(tc, bias_of_a_mapping);
	tcase_add_test(tc, imports);
	tcase_add_test(tc, self);
	tcase_add_test(tc, build_id);
	tcase_add_test(tc, debug_by_link);
	tcase_add_test(tc, debug_by_build_id);
	tcase_add_test(tc, debug_link_damaged);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, core_truncated);
	tcase_add_test(tc, flipped);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
