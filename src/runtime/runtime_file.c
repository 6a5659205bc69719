/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime_file.h"

#include "base/log.h"
#include "elf/buildinfo.h"
#include "target/diagnose.h"
#include "target/target.h"

#include <stdlib.h>
#include <string.h>

void runtime_file_deinit(struct runtime_file *f)
{
	elf_file_close(f->elf);
	free(f->release);
	*f = (struct runtime_file){};
}

/*
 * Opens the file at path: ERR_NOT_GO if the runtime is not in it. Go code that
 * shares a runtime (-linkshared) has build information, and imports what every
 * module registers itself by (cmd/link/internal/ld/symtab.go: addmoduledata).
 */
static struct err *open_candidate(const char *path, struct runtime_file *out)
{
	cleanup_elf_file struct elf_file *elf = NULL;
	cleanup(buildinfo_deinit) struct buildinfo info = {};
	bool elsewhere;

	TRY(elf_file_open(path, &elf));
	TRY(buildinfo_read(elf, &info));
	TRY(elf_file_imports(elf, "runtime.lastmoduledatap", &elsewhere));
	if (elsewhere)
		return err_new(ERR_NOT_GO,
			       "%s: its Go runtime is in a shared library "
			       "that is not mapped",
			       path);
	out->elf = steal(&elf);
	out->release = steal(&info.go_version);
	return NULL;
}

/* Whether it is the first mapping of its file. */
static bool is_first(const struct target *t, size_t i)
{
	const struct mapping *m = &t->mappings[i];

	for (size_t j = 0; j < i; j++)
		if (t->mappings[j].inode == m->inode &&
		    t->mappings[j].dev == m->dev)
			return false;
	return m->inode != 0 && m->file_offset == 0;
}

/* The library that m is the first mapping of; out->elf is NULL if it is none
 * with a runtime, or can't be read. */
static struct err *try_library(const struct target *t, const struct mapping *m,
			       struct runtime_file *out)
{
	cleanup(runtime_file_deinit) struct runtime_file file = {};
	cleanup_free char *path = target_mapped_path(t, m);

	if (!path)
		return NULL;
	cleanup_err struct err *e = open_candidate(path, &file);
	if (!e)
		e = elf_file_bias_at(file.elf, m->start, &file.bias);
	if (e && e->code == ERR_NOMEM)
		return steal(&e);
	/* Fonts and databases are mapped, too. */
	if (e)
		return NULL;
	log_verbose("the Go runtime is in %s", m->path);
	*out = file;
	file = (struct runtime_file){};
	return NULL;
}

static struct err *find_library(struct target *t, struct runtime_file *out)
{
	cleanup(runtime_file_deinit) struct runtime_file first = {};
	const struct mapping *where = NULL;

	TRY(target_map(t));
	for (size_t i = 0; i < t->mapping_count; i++) {
		cleanup(runtime_file_deinit) struct runtime_file file = {};

		if (!is_first(t, i))
			continue;
		TRY(try_library(t, &t->mappings[i], &file));
		if (!file.elf)
			continue;
		if (where) {
			log_warn("there is another Go runtime in %s: only that "
				 "in %s is dumped",
				 t->mappings[i].path, where->path);
			continue;
		}
		where = &t->mappings[i];
		first = file;
		file = (struct runtime_file){};
	}
	*out = first;
	first = (struct runtime_file){};
	return NULL;
}

/* A shell, or whatever else has started the program that is meant. */
static struct err *hint_children(const struct target *t, struct err *e)
{
	cleanup_free char *children = t->pid ? diagnose_children(t->pid) : NULL;

	return children ? err_hint(e, "its children are %s", children) : e;
}

struct err *runtime_file_find(struct target *t, struct runtime_file *out)
{
	cleanup(runtime_file_deinit) struct runtime_file file = {};
	cleanup_err struct err *e = open_candidate(t->exe_path, &file);

	if (e && e->code == ERR_NOT_GO) {
		TRY(find_library(t, &file));
		if (!file.elf)
			return hint_children(t, steal(&e));
	} else {
		TRY(steal(&e));
		TRY(elf_file_bias(file.elf, t->at_phdr, &file.bias));
	}
	*out = file;
	file = (struct runtime_file){};
	return NULL;
}
