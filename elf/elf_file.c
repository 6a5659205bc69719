/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/elf_file.h"

#include "base/vec.h"
#include "elf/symtab.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>

struct elf_file {
	char *path;
	int fd;
	Elf *elf;
	uint64_t size; /* bytes of the file */
	GElf_Ehdr ehdr;
	size_t shstrndx; /* section with the sections' names */
	VEC(struct elf_segment) segments;
	uint8_t *build_id;
	size_t build_id_size;
	/* Both are made by the first look-up, which sets symbols_made. */
	struct symtab *symtab, *dynsym;
	bool symbols_made;
};

/* ERR_FORMAT with what libelf says. */
static struct err *libelf_error(const struct elf_file *f, uint64_t offset,
				const char *what)
{
	return err_new(ERR_FORMAT, "%s: offset %llu: %s: %s", f->path,
		       (unsigned long long)offset, what, elf_errmsg(-1));
}

/* Whether count records of size bytes at offset lie in the file. */
static struct err *check_table(const struct elf_file *f, const char *what,
			       uint64_t offset, uint64_t count, uint64_t size)
{
	uint64_t bytes;

	if (!__builtin_mul_overflow(count, size, &bytes) && offset <= f->size &&
	    bytes <= f->size - offset)
		return NULL;
	return err_new(ERR_FORMAT,
		       "%s: offset %llu: %s (%llu entries of %llu bytes) "
		       "exceeds the file of %llu bytes",
		       f->path, (unsigned long long)offset, what,
		       (unsigned long long)count, (unsigned long long)size,
		       (unsigned long long)f->size);
}

static struct err *open_file(struct elf_file *f, const char *path)
{
	struct stat st;

	f->path = strdup(path);
	if (!f->path)
		return &err_nomem;
	/* O_NONBLOCK: a fifo must not hang us; files don't know it. */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0)
		return err_os(errno, "cannot open %s", path);
	if (fstat(f->fd, &st) < 0)
		return err_os(errno, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_FORMAT, "%s: not a regular file", path);
	f->size = (uint64_t)st.st_size;
	return NULL;
}

static struct err *open_elf(struct elf_file *f)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return libelf_error(f, 0, "libelf is too old");
	/*
	 * A private mapping: decompressing a section changes its header,
	 * which may lie in the mapping.
	 */
	f->elf = elf_begin(f->fd, ELF_C_READ_MMAP_PRIVATE, NULL);
	if (!f->elf)
		return libelf_error(f, 0, "cannot read as ELF");
	if (elf_kind(f->elf) != ELF_K_ELF)
		return err_new(ERR_FORMAT, "%s: offset 0: not an ELF file",
			       f->path);
	if (gelf_getclass(f->elf) != ELFCLASS64)
		return err_new(ERR_FORMAT,
			       "%s: offset 4: a 32-bit ELF file; only 64-bit "
			       "ones are supported",
			       f->path);
	if (!gelf_getehdr(f->elf, &f->ehdr))
		return libelf_error(f, 0, "bad ELF header");
	return NULL;
}

static struct err *read_segments(struct elf_file *f)
{
	size_t count;

	if (elf_getphdrnum(f->elf, &count) < 0)
		return libelf_error(f, f->ehdr.e_phoff, "bad program headers");
	/* libelf cuts count down to what the file has; a cut is an error. */
	if (f->ehdr.e_phnum != PN_XNUM)
		count = f->ehdr.e_phnum;
	if (!count)
		return NULL;
	if (f->ehdr.e_phentsize != sizeof(Elf64_Phdr))
		return err_new(ERR_FORMAT,
			       "%s: offset 54: program headers of %u bytes",
			       f->path, f->ehdr.e_phentsize);
	TRY(check_table(f, "program header table", f->ehdr.e_phoff, count,
			sizeof(Elf64_Phdr)));
	TRY(vec_reserve(&f->segments, count));
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(f->elf, (int)i, &ph))
			return libelf_error(f, f->ehdr.e_phoff,
					    "bad program header");
		TRY(vec_push(&f->segments, (struct elf_segment){
						   .type = ph.p_type,
						   .flags = ph.p_flags,
						   .vaddr = ph.p_vaddr,
						   .memsz = ph.p_memsz,
						   .offset = ph.p_offset,
						   .filesz = ph.p_filesz,
						   .align = ph.p_align,
					   }));
	}
	return NULL;
}

/*
 * Checks the section headers. Those of a core are at its end and say little:
 * a core that was cut off is one without sections.
 */
static struct err *check_sections(struct elf_file *f)
{
	bool is_core = f->ehdr.e_type == ET_CORE;

	if (f->ehdr.e_shoff && !is_core) {
		/* More than 0xff00 sections: the first header has the count. */
		TRY(check_table(f, "section header table", f->ehdr.e_shoff,
				f->ehdr.e_shnum ? f->ehdr.e_shnum : 1,
				sizeof(Elf64_Shdr)));
		if (f->ehdr.e_shentsize != sizeof(Elf64_Shdr))
			return err_new(ERR_FORMAT,
				       "%s: offset 58: section headers of %u "
				       "bytes",
				       f->path, f->ehdr.e_shentsize);
	}
	if (elf_getshdrstrndx(f->elf, &f->shstrndx) < 0) {
		if (f->ehdr.e_shoff && !is_core)
			return libelf_error(f, f->ehdr.e_shoff,
					    "bad section header table");
		f->shstrndx = 0;
	}
	return NULL;
}

/* Takes the build id out of notes, if it is there and none was found yet. */
static struct err *find_build_id(struct elf_file *f, Elf_Data *notes)
{
	size_t pos = 0, name, desc;
	GElf_Nhdr nhdr;

	while (notes && !f->build_id &&
	       (pos = gelf_getnote(notes, pos, &nhdr, &name, &desc)) > 0) {
		const char *bytes = notes->d_buf;

		if (nhdr.n_type != NT_GNU_BUILD_ID || nhdr.n_descsz == 0 ||
		    nhdr.n_namesz != sizeof("GNU") ||
		    memcmp(bytes + name, "GNU", sizeof("GNU")) != 0)
			continue;
		f->build_id = malloc(nhdr.n_descsz);
		if (!f->build_id)
			return &err_nomem;
		memcpy(f->build_id, bytes + desc, nhdr.n_descsz);
		f->build_id_size = nhdr.n_descsz;
	}
	return NULL;
}

/*
 * Sections first: in a separate debug file the segments' offsets are those of
 * the program it was taken from. Damaged notes are as good as none.
 */
static struct err *read_build_id(struct elf_file *f)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	if (f->ehdr.e_type == ET_CORE)
		return NULL; /* its notes are those of a process */
	while ((scn = elf_nextscn(f->elf, scn))) {
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_NOTE &&
		    !(shdr.sh_flags & SHF_COMPRESSED))
			TRY(find_build_id(f, elf_getdata(scn, NULL)));
	}
	for (size_t i = 0; i < f->segments.len; i++) {
		const struct elf_segment *s = &f->segments.v[i];

		if (s->type != PT_NOTE || s->offset > f->size ||
		    s->filesz > f->size - s->offset)
			continue;
		TRY(find_build_id(
			f, elf_getdata_rawchunk(
				   f->elf, (int64_t)s->offset, s->filesz,
				   s->align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)));
	}
	return NULL;
}

struct err *elf_file_open(const char *path, struct elf_file **out)
{
	cleanup_elf_file struct elf_file *f = calloc(1, sizeof(*f));

	if (!f)
		return &err_nomem;
	f->fd = -1;
	TRY(open_file(f, path));
	TRY(open_elf(f));
	TRY(read_segments(f));
	TRY(check_sections(f));
	TRY(read_build_id(f));
	*out = steal(&f);
	return NULL;
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	symtab_destroy(f->symtab);
	symtab_destroy(f->dynsym);
	free(f->build_id);
	vec_deinit(&f->segments);
	elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

const char *elf_file_path(const struct elf_file *f)
{
	return f->path;
}

uint16_t elf_file_machine(const struct elf_file *f)
{
	return f->ehdr.e_machine;
}

uint16_t elf_file_type(const struct elf_file *f)
{
	return f->ehdr.e_type;
}

bool elf_file_big_endian(const struct elf_file *f)
{
	return f->ehdr.e_ident[EI_DATA] == ELFDATA2MSB;
}

const struct elf_segment *elf_file_segments(const struct elf_file *f,
					    size_t *count)
{
	*count = f->segments.len;
	return f->segments.v;
}

const uint8_t *elf_file_build_id(const struct elf_file *f, size_t *size)
{
	*size = f->build_id_size;
	return f->build_id;
}

/* The virtual address of the program headers, as the file says. */
static struct err *phdr_vaddr(const struct elf_file *f, uint64_t *out)
{
	for (size_t i = 0; i < f->segments.len; i++) {
		if (f->segments.v[i].type == PT_PHDR) {
			*out = f->segments.v[i].vaddr;
			return NULL;
		}
	}
	for (size_t i = 0; i < f->segments.len; i++) {
		const struct elf_segment *s = &f->segments.v[i];
		uint64_t phoff = f->ehdr.e_phoff;

		if (s->type == PT_LOAD && s->offset <= phoff &&
		    phoff - s->offset < s->filesz) {
			*out = s->vaddr + (phoff - s->offset);
			return NULL;
		}
	}
	return err_new(ERR_FORMAT,
		       "%s: offset %llu: no segment loads the program headers",
		       f->path, (unsigned long long)f->ehdr.e_phoff);
}

struct err *elf_file_bias_at(const struct elf_file *f, uint64_t start,
			     uint64_t *out)
{
	for (size_t i = 0; i < f->segments.len; i++) {
		const struct elf_segment *s = &f->segments.v[i];

		if (s->type != PT_LOAD)
			continue;
		/* Mapped from the start of its page on. */
		if (s->offset >= s->align ||
		    (start - s->vaddr + s->offset) % 4096)
			break;
		*out = start - (s->vaddr - s->offset);
		return NULL;
	}
	return err_new(ERR_FORMAT, "%s: not loaded at %#llx", f->path,
		       (unsigned long long)start);
}

struct err *elf_file_bias(const struct elf_file *f, uint64_t at_phdr,
			  uint64_t *out)
{
	uint64_t vaddr = 0;

	TRY(phdr_vaddr(f, &vaddr));
	uint64_t bias = at_phdr - vaddr;
	/* What is loaded is moved by whole pages, of 4 KiB at least. */
	if (bias % 4096 || (bias && f->ehdr.e_type == ET_EXEC))
		return err_new(ERR_FORMAT,
			       "%s: not the program that runs: its program "
			       "headers are at %#llx, the process has them at "
			       "%#llx",
			       f->path, (unsigned long long)vaddr,
			       (unsigned long long)at_phdr);
	*out = bias;
	return NULL;
}

/* The section of that name and its header, or NULL. */
static Elf_Scn *find_section(const struct elf_file *f, const char *name,
			     GElf_Shdr *shdr, const char **name_out)
{
	Elf_Scn *scn = NULL;

	if (!f->shstrndx)
		return NULL;
	while ((scn = elf_nextscn(f->elf, scn))) {
		if (!gelf_getshdr(scn, shdr))
			continue;
		*name_out = elf_strptr(f->elf, f->shstrndx, shdr->sh_name);
		if (*name_out && strcmp(*name_out, name) == 0)
			return scn;
	}
	return NULL;
}

bool elf_file_section(const struct elf_file *f, const char *name,
		      struct elf_section *out)
{
	const char *own_name;
	GElf_Shdr shdr;
	GElf_Chdr chdr;
	Elf_Scn *scn = find_section(f, name, &shdr, &own_name);

	if (!scn)
		return false;
	*out = (struct elf_section){
		.name = own_name,
		.addr = shdr.sh_addr,
		.size = shdr.sh_size,
		.file_offset = shdr.sh_offset,
	};
	if ((shdr.sh_flags & SHF_COMPRESSED) && gelf_getchdr(scn, &chdr))
		out->size = chdr.ch_size;
	return true;
}

struct err *elf_file_section_bytes(const struct elf_file *f, const char *name,
				   const uint8_t **bytes, size_t *size)
{
	const char *own_name;
	GElf_Shdr shdr;
	Elf_Scn *scn = find_section(f, name, &shdr, &own_name);

	if (!scn)
		return err_new(ERR_MISSING, "%s: no section %s", f->path, name);
	/*
	 * libelf keeps what it decompressed until the file is closed. It
	 * refuses a size that the compressed bytes can't yield.
	 */
	if (shdr.sh_type != SHT_NOBITS && (shdr.sh_flags & SHF_COMPRESSED) &&
	    elf_compress(scn, 0, 0) < 0)
		return libelf_error(f, shdr.sh_offset, name);
	Elf_Data *raw = elf_rawdata(scn, NULL);
	if (!raw)
		return libelf_error(f, shdr.sh_offset, name);
	if (!raw->d_buf || !raw->d_size)
		return err_new(ERR_MISSING, "%s: section %s has no contents",
			       f->path, name);
	*bytes = raw->d_buf;
	*size = raw->d_size;
	return NULL;
}

struct err *elf_file_section_data(const struct elf_file *f, const char *name,
				  uint8_t **data, size_t *size)
{
	const uint8_t *bytes;
	size_t bytes_size;

	TRY(elf_file_section_bytes(f, name, &bytes, &bytes_size));
	*data = malloc(bytes_size);
	if (!*data)
		return &err_nomem;
	memcpy(*data, bytes, bytes_size);
	*size = bytes_size;
	return NULL;
}

static struct err *make_symbols(struct elf_file *f)
{
	if (f->symbols_made)
		return NULL;
	/* The first may be left of a call that failed at the second. */
	if (!f->symtab)
		TRY(symtab_create(f->path, f->elf, SHT_SYMTAB, &f->symtab));
	TRY(symtab_create(f->path, f->elf, SHT_DYNSYM, &f->dynsym));
	f->symbols_made = true;
	return NULL;
}

struct err *elf_file_symbol(struct elf_file *f, const char *name,
			    struct elf_symbol *out)
{
	TRY(make_symbols(f));
	if (symtab_find(f->symtab, name, out) ||
	    symtab_find(f->dynsym, name, out))
		return NULL;
	return err_new(ERR_MISSING, "%s: no symbol %s%s", f->path, name,
		       f->symtab ? "" : " (the file has no symbol table)");
}

static void cleanup_symtab_fn(struct symtab **t)
{
	symtab_destroy(*t);
}

struct err *elf_file_imports(const struct elf_file *f, const char *name,
			     bool *out)
{
	cleanup(cleanup_symtab_fn) struct symtab *dynsym = NULL;

	/* .symtab, which may be large, is of no use here. */
	TRY(symtab_create(f->path, f->elf, SHT_DYNSYM, &dynsym));
	*out = symtab_imports(dynsym, name);
	return NULL;
}
