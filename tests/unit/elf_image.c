/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/elf_image.h"

#include "base/bits.h"
#include "tests/unit/expect.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

void put_bytes(struct buf *b, const void *data, size_t size)
{
	if (size)
		expect_ok(buf_append(b, data, size));
}

void put_int(struct buf *b, uint64_t value, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++)
		put_bytes(b, &(uint8_t){ (uint8_t)(value >> (8 * i)) }, 1);
}

void put_uleb(struct buf *b, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_int(b, (value & 0x7f) | 0x80, 1);
	put_int(b, value, 1);
}

void put_sleb(struct buf *b, int64_t value)
{
	while (value < -64 || value > 63) {
		put_int(b, ((uint64_t)value & 0x7f) | 0x80, 1);
		value >>= 7;
	}
	put_int(b, (uint64_t)value & 0x7f, 1);
}

void put_str(struct buf *b, const char *text)
{
	put_bytes(b, text, strlen(text) + 1);
}

static void put_zeros(struct buf *b, size_t until)
{
	while (b->len < until)
		put_int(b, 0, 1);
}

/* Appends the contents and returns section headers, with names' section. */
static Elf64_Shdr *put_sections(struct buf *b, const struct image *image)
{
	size_t count = image->section_count + 2;
	Elf64_Shdr *sh = calloc(count, sizeof(*sh));
	struct buf names = {};

	ck_assert_ptr_nonnull(sh);
	put_int(&names, 0, 1);
	for (size_t i = 0; i < image->section_count; i++) {
		const struct image_section *s = &image->sections[i];

		put_zeros(b, round_up(b->len, 8));
		sh[i + 1] = (Elf64_Shdr){
			.sh_name = (uint32_t)names.len,
			.sh_type = s->type,
			.sh_flags = s->flags,
			.sh_addr = s->addr,
			.sh_offset = b->len,
			.sh_size = s->size,
			.sh_link = s->link,
			.sh_addralign = s->type == SHT_NOTE ? 4 : 8,
			.sh_entsize =
				s->type == SHT_SYMTAB || s->type == SHT_DYNSYM
					? sizeof(Elf64_Sym)
					: 0,
		};
		put_str(&names, s->name);
		if (s->type != SHT_NOBITS)
			put_bytes(b, s->data, s->size);
	}
	sh[count - 1] = (Elf64_Shdr){
		.sh_name = (uint32_t)names.len,
		.sh_type = SHT_STRTAB,
		.sh_offset = b->len,
		.sh_addralign = 1,
	};
	put_str(&names, ".shstrtab");
	sh[count - 1].sh_size = names.len;
	put_bytes(b, names.v, names.len);
	buf_deinit(&names);
	put_zeros(b, round_up(b->len, 8));
	return sh;
}

static void put_segments(struct buf *b, const struct image *image,
			 const Elf64_Shdr *sh)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		Elf64_Phdr ph = image->segments[i].ph;
		size_t section = image->segments[i].section;

		if (section) {
			ph.p_offset = sh[section].sh_offset;
			ph.p_filesz = sh[section].sh_size;
		}
		memcpy(b->v + sizeof(Elf64_Ehdr) + i * sizeof(ph), &ph,
		       sizeof(ph));
	}
}

struct buf image_bytes(const struct image *image)
{
	struct buf b = {};
	size_t table = image->segment_count * sizeof(Elf64_Phdr);
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = image->type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(eh),
		.e_phoff = table ? sizeof(eh) : 0,
		.e_phentsize = table ? sizeof(Elf64_Phdr) : 0,
		.e_phnum = (uint16_t)image->segment_count,
	};

	put_zeros(&b, sizeof(eh) + table);
	Elf64_Shdr *sh = put_sections(&b, image);
	put_segments(&b, image, sh);
	if (image->section_count) {
		eh.e_shoff = b.len;
		eh.e_shentsize = sizeof(*sh);
		eh.e_shnum = (uint16_t)(image->section_count + 2);
		eh.e_shstrndx = (uint16_t)(image->section_count + 1);
		put_bytes(&b, sh, eh.e_shnum * sizeof(*sh));
	}
	memcpy(b.v, &eh, sizeof(eh));
	free(sh);
	return b;
}

static char scratch[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_scratch(void)
{
	nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	if (scratch[0])
		return scratch;
	snprintf(scratch, sizeof(scratch), "%s/hdattach-test.XXXXXX",
		 tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	atexit(remove_scratch);
	return scratch;
}

const char *scratch_path(const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_folder(), name);
	return path;
}

const char *scratch_write(const char *name, const void *data, size_t size)
{
	const char *path = scratch_path(name);
	char folder[PATH_MAX + 256];

	for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(folder, sizeof(folder), "%s/%.*s", scratch_folder(),
			 (int)(p - name), name);
		mkdir(folder, 0700);
	}
	FILE *f = fopen(path, "wb");
	ck_assert_msg(f != NULL, "cannot write %s", path);
	if (size)
		ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
	return path;
}
