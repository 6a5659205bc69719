/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/find.h"

#include "base/addr_map.h"
#include "base/bits.h"
#include "hdcheck/object_index.h"
#include "hdcheck/reader.h"
#include "hdcheck/summary.h"

typedef unsigned long long ull;

struct finder {
	struct reader lookup; /* for records that were read before */
	struct object_index objects;
	struct addr_map offsets; /* objects to their records */
	struct addr_map reached; /* objects */
	VEC(uint64_t) todo;	 /* reached, and not followed yet */
	unsigned int pointer_size;
	bool big_endian;
};

static void finder_deinit(struct finder *f)
{
	object_index_deinit(&f->objects);
	addr_map_deinit(&f->offsets);
	addr_map_deinit(&f->reached);
	vec_deinit(&f->todo);
}

/* Calls fn for each record of the file. */
static struct err *each(const struct dump_file *file,
			struct err *(*fn)(struct finder *,
					  const struct record *),
			struct finder *f)
{
	struct reader reader;
	struct record r;
	bool more;

	TRY(reader_init(&reader, file));
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			return NULL;
		TRY(fn(f, &r));
	}
}

static struct err *begin(struct finder *f, const struct params_record *p)
{
	uint64_t mask = HEAP_PAGE_SIZE - 1;

	if (f->pointer_size || (p->pointer_size != 8 && p->pointer_size != 4) ||
	    p->arena_start > p->arena_end || (p->arena_start & mask) ||
	    (p->arena_end & mask) || p->arena_end - p->arena_start > 1ull << 48)
		return err_new(ERR_FORMAT, "no sound parameters");
	f->pointer_size = (unsigned int)p->pointer_size;
	f->big_endian = p->big_endian;
	return object_index_init(&f->objects, p->arena_start, p->arena_end);
}

static struct err *add(struct finder *f, const struct record *r)
{
	enum object_fit fit;
	uint64_t other;

	if (r->kind == RECORD_PARAMS)
		return begin(f, &r->params);
	if (r->kind != RECORD_OBJECT || r->memory.contents.size < 8)
		return NULL;
	if (!f->pointer_size)
		return err_new(ERR_FORMAT, "no parameters");
	TRY(object_index_insert(&f->objects, r->memory.addr,
				r->memory.contents.size, &fit, &other));
	return addr_map_insert(&f->offsets, r->memory.addr, r->offset, &other);
}

/* ---- what is reached ----------------------------------------------------- */

static struct err *reach(struct finder *f, uint64_t pointer)
{
	uint64_t start, size, old;

	if (!object_index_find(&f->objects, pointer, &start, &size))
		return NULL;
	TRY(addr_map_insert(&f->reached, start, 1, &old));
	return old ? NULL : vec_push(&f->todo, start);
}

static struct err *reach_fields(struct finder *f, const struct bytes *contents,
				struct field_list fields)
{
	struct field field;

	while (field_take(&fields, &field)) {
		if (field.offset > contents->size ||
		    contents->size - field.offset < f->pointer_size)
			break; /* verify() has said it */
		TRY(reach(f, load_uint(contents->data + field.offset,
				       f->pointer_size, f->big_endian)));
	}
	return NULL;
}

static struct err *reach_goroutine(struct finder *f,
				   const struct goroutine_record *g)
{
	TRY(reach(f, g->addr));
	TRY(reach(f, g->m));
	TRY(reach(f, g->ctxt));
	TRY(reach(f, g->defer));
	return reach(f, g->panic);
}

static struct err *reach_root(struct finder *f, const struct record *r)
{
	switch (r->kind) {
	case RECORD_DATA:
	case RECORD_BSS:
		return reach_fields(f, &r->memory.contents, r->memory.fields);
	case RECORD_STACK_FRAME:
		return reach_fields(f, &r->frame.contents, r->frame.fields);
	case RECORD_GOROUTINE:
		return reach_goroutine(f, &r->goroutine);
	case RECORD_OS_THREAD:
		return reach(f, r->thread.m);
	case RECORD_DEFER:
		return reach(f, r->defer.fn);
	case RECORD_PANIC:
		return reach(f, r->panic.arg_data);
	case RECORD_QUEUED_FINALIZER:
		TRY(reach(f, r->finalizer.object));
		return reach(f, r->finalizer.fn);
	case RECORD_OTHER_ROOT:
		return reach(f, r->other_root.pointer);
	default:
		return NULL;
	}
}

static struct err *follow_all(struct finder *f)
{
	struct record r;

	while (f->todo.len) {
		uint64_t object = f->todo.v[--f->todo.len];

		TRY(reader_at(&f->lookup, addr_map_find(&f->offsets, object),
			      &r));
		TRY(reach_fields(f, &r.memory.contents, r.memory.fields));
	}
	return NULL;
}

/* ---- what is shown ------------------------------------------------------- */

static bool inside(uint64_t addr, uint64_t start, uint64_t size)
{
	return addr >= start && addr - start < size;
}

/* A record other than an object that holds addr. */
static struct err *find_memory(const struct dump_file *file, uint64_t addr,
			       struct record *out, bool *found)
{
	struct reader reader;
	bool more;

	*found = false;
	TRY(reader_init(&reader, file));
	for (;;) {
		TRY(reader_next(&reader, out, &more));
		if (!more)
			return NULL;
		if (out->kind == RECORD_DATA || out->kind == RECORD_BSS)
			*found = inside(addr, out->memory.addr,
					out->memory.contents.size);
		else if (out->kind == RECORD_STACK_FRAME)
			*found = inside(addr, out->frame.sp,
					out->frame.contents.size);
		if (*found)
			return NULL;
	}
}

static struct err *show(const struct finder *f, const struct dump_file *file,
			uint64_t addr, FILE *out)
{
	uint64_t start, size;
	struct record r;
	bool found;

	fprintf(out, "%#llx: ", (ull)addr);
	if (object_index_find(&f->objects, addr, &start, &size)) {
		fprintf(out, "in Object %#llx of %llu bytes, %sreached\n",
			(ull)start, (ull)size,
			addr_map_find(&f->reached, start) ? "" : "not ");
		return NULL;
	}
	TRY(find_memory(file, addr, &r, &found));
	if (!found) {
		fputs("nowhere\n", out);
	} else if (r.kind == RECORD_STACK_FRAME) {
		fprintf(out, "in StackFrame %#llx of %llu bytes (",
			(ull)r.frame.sp, (ull)r.frame.contents.size);
		string_print(out, r.frame.function, r.frame.function.size);
		fputs(")\n", out);
	} else {
		fprintf(out, "in %s %#llx of %llu bytes\n", record_name(r.kind),
			(ull)r.memory.addr, (ull)r.memory.contents.size);
	}
	return NULL;
}

struct err *find_print(const struct dump_file *file, const uint64_t *addresses,
		       size_t count, FILE *out)
{
	cleanup(finder_deinit) struct finder f = { 0 };

	TRY(reader_init(&f.lookup, file));
	TRY(each(file, add, &f));
	if (!f.pointer_size)
		return err_new(ERR_FORMAT, "no parameters");
	TRY(each(file, reach_root, &f));
	TRY(follow_all(&f));
	for (size_t i = 0; i < count; i++)
		TRY(show(&f, file, addresses[i], out));
	fprintf(out, "%llu of %llu objects reached\n", (ull)f.reached.len,
		(ull)f.offsets.len);
	return NULL;
}
