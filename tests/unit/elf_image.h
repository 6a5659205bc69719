/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files made byte by byte, without libelf, for tests of what reads them.
 * Running out of memory or disk ends the test.
 */
#ifndef HD_TESTS_ELF_IMAGE_H
#define HD_TESTS_ELF_IMAGE_H

#include "base/buf.h"

#include <elf.h>

struct image_section {
	const char *name;
	uint32_t type; /* SHT_*; SHT_NOBITS has a size, but no bytes */
	uint64_t flags, addr;
	const void *data;
	size_t size;
	uint32_t link; /* number of another section, from 1 */
};

struct image_segment {
	Elf64_Phdr ph;
	/* Number of the section that it is, which gives offset and filesz. */
	size_t section;
};

struct image {
	uint16_t type; /* ET_* */
	const struct image_section *sections;
	size_t section_count;
	const struct image_segment *segments;
	size_t segment_count;
};

/*
 * The file: header, program headers (at 64), contents, and, unless there are
 * none, section headers. Freed by buf_deinit().
 */
struct buf image_bytes(const struct image *image);

/* Little-endian integers of width bytes, LEB128, strings with their NUL. */
void put_bytes(struct buf *b, const void *data, size_t size);
void put_int(struct buf *b, uint64_t value, unsigned int width);
void put_uleb(struct buf *b, uint64_t value);
void put_sleb(struct buf *b, int64_t value);
void put_str(struct buf *b, const char *text);

/*
 * A folder for files of tests, made by the first call, named by $TMPDIR; gone
 * when the program exits.
 */
const char *scratch_folder(void);

/* "SCRATCH/NAME", in one of a few static buffers. */
const char *scratch_path(const char *name);

/* Writes the file, with the folders it is in, and returns its path. */
const char *scratch_write(const char *name, const void *data, size_t size);

#endif
