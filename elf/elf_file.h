/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file, by libelf: header, segments, sections, symbols, notes. Takes a
 * file, never a process.
 */
#ifndef HD_ELF_ELF_FILE_H
#define HD_ELF_ELF_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct elf_file;

struct elf_section {
	const char *name; /* valid as long as the file is open */
	uint64_t addr;	  /* virtual address; 0 if not loaded */
	uint64_t size;	  /* bytes, uncompressed */
	uint64_t file_offset;
};

struct elf_symbol {
	uint64_t value; /* virtual address, before relocation */
	uint64_t size;	/* bytes */
	uint8_t type;	/* STT_* */
};

struct elf_segment {
	uint32_t type; /* PT_* */
	uint64_t vaddr, memsz, offset, filesz, align;
	uint32_t flags; /* PF_* */
};

/*
 * Opens the ELF file at path (64-bit). Errors: ERR_OS, ERR_FORMAT (not an
 * ELF file, damaged, 32-bit).
 */
struct err *elf_file_open(const char *path, struct elf_file **out) must_check;
void elf_file_close(struct elf_file *f);

static inline void cleanup_elf_file_fn(struct elf_file **f)
{
	elf_file_close(*f);
}
#define cleanup_elf_file cleanup(cleanup_elf_file_fn)

const char *elf_file_path(const struct elf_file *f);
uint16_t elf_file_machine(const struct elf_file *f); /* EM_* */
uint16_t elf_file_type(const struct elf_file *f);    /* ET_* */
bool elf_file_big_endian(const struct elf_file *f);

/* Segments in file order; valid as long as the file is open. */
const struct elf_segment *elf_file_segments(const struct elf_file *f,
					    size_t *count);

/*
 * The run-time address minus the virtual address of everything in the file,
 * from the AT_PHDR that its process was given; 0 for a file that is loaded
 * where it says (ET_EXEC).
 */
struct err *elf_file_bias(const struct elf_file *f, uint64_t at_phdr,
			  uint64_t *out) must_check;

/*
 * The same from the lowest address at which a process has the file mapped.
 * ERR_FORMAT if its first segment can't have come to lie there.
 */
struct err *elf_file_bias_at(const struct elf_file *f, uint64_t start,
			     uint64_t *out) must_check;

/* The section of that name; false if there is none. */
bool elf_file_section(const struct elf_file *f, const char *name,
		      struct elf_section *out);

/*
 * The section's bytes, decompressed; valid as long as the file is open. A
 * section that is compressed in the file takes memory until then. ERR_MISSING
 * if there is no such section, or it has no contents.
 */
struct err *elf_file_section_bytes(const struct elf_file *f, const char *name,
				   const uint8_t **bytes,
				   size_t *size) must_check;

/* The same in memory of the caller's, who frees it. */
struct err *elf_file_section_data(const struct elf_file *f, const char *name,
				  uint8_t **data, size_t *size) must_check;

/*
 * The symbol of that name in .symtab (or .dynsym); ERR_MISSING if there is
 * none.
 */
struct err *elf_file_symbol(struct elf_file *f, const char *name,
			    struct elf_symbol *out) must_check;

/*
 * Whether the dynamic linker is to look the symbol of that name up elsewhere:
 * it is undefined in .dynsym.
 */
struct err *elf_file_imports(const struct elf_file *f, const char *name,
			     bool *out) must_check;

/*
 * GNU build id, NULL (size 0) if there is none; valid as long as the file is
 * open.
 */
const uint8_t *elf_file_build_id(const struct elf_file *f, size_t *size);

/*
 * The separate file with f's debug information: by build id below
 * /usr/lib/debug/.build-id, or by .gnu_debuglink beside the executable, in
 * .debug beside it and below /usr/lib/debug. A file of another build (build
 * id, CRC) is passed over. *out is NULL where there is none, else to be freed
 * by the caller. ERR_FORMAT if .gnu_debuglink is damaged.
 */
struct err *elf_file_debug_path(const struct elf_file *f,
				char **out) must_check;
/* The same with another folder for /usr/lib/debug (a container's). */
struct err *elf_file_debug_path_in(const struct elf_file *f, const char *root,
				   char **out) must_check;

#endif
