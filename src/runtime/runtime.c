/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include "base/log.h"
#include "runtime/goroutine.h"
#include "runtime/machine.h"
#include "runtime/runtime_file.h"
#include "runtime/unwind_lib.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The releases whose shapes are known; newer ones are tried by shape. */
enum { OLDEST_MINOR = 21, NEWEST_MINOR = 27 };

/* Strings longer than this are not believed. */
#define MAX_STRING (16u << 20)

static struct err *check_release(const char *release)
{
	int minor;

	if (sscanf(release, "go1.%d", &minor) != 1) {
		log_verbose("built by %s: read by its shape", release);
		return NULL;
	}
	if (minor < OLDEST_MINOR)
		return err_hint(err_new(ERR_UNSUPPORTED,
					"built by %s; hdattach reads Go 1.%d "
					"and newer",
					release, OLDEST_MINOR),
				"build it with a newer Go, or have it call "
				"runtime/debug.WriteHeapDump itself");
	if (minor > NEWEST_MINOR)
		log_warn("built by %s, newer than Go 1.%d: read by its shape",
			 release, NEWEST_MINOR);
	return NULL;
}

static void log_absent(void *arg, const char *name)
{
	(void)arg;
	log_verbose("not in this release: %s", name);
}

/* The dynamic linker is done with PT_GNU_RELRO. */
static struct err *note_constants(struct runtime *rt, const struct elf_file *f)
{
	size_t count;
	const struct elf_segment *s = elf_file_segments(f, &count);

	rt->constants.path = strdup(elf_file_path(f));
	if (!rt->constants.path)
		return &err_nomem;
	for (size_t i = 0; i < count; i++) {
		const struct runtime_constant part = {
			.start = s[i].vaddr + rt->bias,
			.end = s[i].vaddr + s[i].filesz + rt->bias,
			.offset = s[i].offset,
			.relocated = s[i].type == PT_GNU_RELRO,
		};

		if (s[i].filesz && (part.relocated || (s[i].type == PT_LOAD &&
						       !(s[i].flags & PF_W))))
			TRY(vec_push(&rt->constants.list, part));
	}
	return NULL;
}

static struct err *open_file(struct runtime *rt)
{
	cleanup(runtime_file_deinit) struct runtime_file file = {};

	TRY(runtime_file_find(rt->target, &file));
	TRY(check_release(file.release));
	TRY(layout_resolve(file.elf, rt->target->root_path, &rt->layout));
	rt->bias = file.bias;
	layout_relocate(&rt->layout, rt->bias);
	layout_absent(&rt->layout, log_absent, NULL);
	rt->release = steal(&file.release);
	return note_constants(rt, file.elf);
}

struct err *runtime_open(struct target *target, struct runtime **out)
{
	cleanup_runtime struct runtime *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return &err_nomem;
	rt->target = target;
	rt->arch = target->arch;
	TRY(err_wrap(open_file(rt), "%s", target->exe_name));
	*out = steal(&rt);
	return NULL;
}

struct err *runtime_load(struct runtime *rt)
{
	runtime_unload(rt);
	TRY(read_cache_init(&rt->cache, rt->target));
	if (rt->copy.target) {
		page_copy_reset(&rt->copy);
		rt->cache.copy = &rt->copy;
		TRY(goroutine_copy_all(rt));
	}
	TRY(err_wrap(module_table_load(rt), "reading the modules"));
	TRY(type_table_init(&rt->types, rt));
	if (!rt->no_libunwind)
		TRY(lib_unwinder_create(rt, &rt->lib));
	if (rt->no_spans)
		return NULL;
	TRY(err_wrap(span_table_load(rt), "reading the heap's spans"));
	TRY(special_cache_init(rt));
	return err_wrap(sweep_load(rt), "reading what is to be swept");
}

void runtime_unload(struct runtime *rt)
{
	machine_table_destroy(rt->machines);
	rt->machines = NULL;
	lib_unwinder_destroy(rt->lib);
	rt->lib = NULL;
	sweep_deinit(&rt->sweep);
	read_cache_deinit(&rt->specials);
	span_table_deinit(&rt->spans);
	type_table_deinit(&rt->types);
	module_table_deinit(&rt->modules);
	read_cache_deinit(&rt->cache);
}

void runtime_retarget(struct runtime *rt, struct target *target)
{
	rt->target = target;
	rt->cache.target = target;
	rt->types.cache.target = target;
	rt->specials.target = target;
	if (rt->copy.target)
		rt->copy.target = target;
}

void runtime_close(struct runtime *rt)
{
	runtime_unload(rt);
	page_copy_deinit(&rt->copy);
	free(rt->release);
	free(rt->constants.path);
	vec_deinit(&rt->constants.list);
	free(rt);
}

struct err *rt_read(struct runtime *rt, uint64_t addr, void *buf, size_t len)
{
	return cache_read(&rt->cache, addr, buf, len);
}

struct err *rt_ptr(struct runtime *rt, uint64_t addr, uint64_t *out)
{
	return cache_read_uint(&rt->cache, addr, rt->arch->ptr_size, out);
}

struct err *rt_field(struct runtime *rt, uint64_t addr, const struct member *m,
		     uint64_t *out)
{
	if (!m->present) {
		*out = 0;
		return NULL;
	}
	return cache_read_uint(&rt->cache, addr + m->offset,
			       m->width < 8 ? m->width : 8, out);
}

struct err *rt_var(struct runtime *rt, const struct variable *v, uint64_t *out)
{
	if (!v->present) {
		*out = 0;
		return NULL;
	}
	return cache_read_uint(&rt->cache, v->addr,
			       v->size < 8 ? (unsigned int)v->size : 8, out);
}

struct err *rt_slice(struct runtime *rt, uint64_t addr, uint64_t max,
		     struct go_slice *out)
{
	struct go_slice s;

	TRY(rt_field(rt, addr, &rt->layout.slice.array, &s.addr));
	TRY(rt_field(rt, addr, &rt->layout.slice.len, &s.len));
	if (s.len > max)
		return err_new(ERR_FORMAT,
			       "the slice at %#" PRIx64 " has %" PRIu64
			       " elements",
			       addr, s.len);
	*out = s;
	return NULL;
}

struct err *rt_string(struct runtime *rt, uint64_t addr, struct buf *out)
{
	uint64_t str, len;

	TRY(rt_field(rt, addr, &rt->layout.string.str, &str));
	TRY(rt_field(rt, addr, &rt->layout.string.len, &len));
	if (len > MAX_STRING)
		return err_new(ERR_FORMAT,
			       "the string at %#" PRIx64 " has %" PRIu64
			       " bytes",
			       addr, len);
	if (!len)
		return NULL;
	TRY(buf_reserve(out, len));
	TRY(rt_read(rt, str, out->v + out->len, len));
	out->len += len;
	return NULL;
}

struct err *rt_cstr(struct runtime *rt, uint64_t addr, struct buf *out)
{
	size_t start = out->len;

	for (;;) {
		/* Up to the end of a block: what follows may not exist. */
		size_t n = READ_CACHE_BLOCK - addr % READ_CACHE_BLOCK;

		if (n > 64)
			n = 64;
		TRY(buf_reserve(out, n));
		uint8_t *at = out->v + out->len;
		TRY(rt_read(rt, addr, at, n));
		const uint8_t *nul = memchr(at, 0, n);
		if (nul) {
			out->len += (size_t)(nul - at);
			return NULL;
		}
		out->len += n;
		addr += n;
		if (out->len - start > MAX_STRING)
			return err_new(ERR_FORMAT,
				       "the string before %#" PRIx64
				       " does not end",
				       addr);
	}
}
