/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stack_objects.h"

#include "base/vec.h"
#include "runtime/frame.h"
#include "runtime/goroutine.h"
#include "runtime/runtime.h"

#include <stdlib.h>

/* Functions with more stack objects are not believed. */
enum { MAX_OBJECTS = 1 << 16 };

struct object {
	uint64_t addr, size; /* bytes */
	uint64_t ptr_bytes;  /* prefix that can have pointers */
	uint64_t mask;	     /* address of a bit a word; 0: not known */
	bool found;	     /* something leads to it */
};

struct search {
	struct runtime *rt;
	const struct goroutine *g;
	VEC(struct object) objects; /* by address */
	VEC(uint64_t) todo;	    /* pointers into the stack */
	struct err *(*fn)(void *arg, uint64_t object, uint64_t pointer);
	void *arg;
};

static void search_deinit(struct search *s)
{
	vec_deinit(&s->objects);
	vec_deinit(&s->todo);
}

static bool in_stack(const struct search *s, uint64_t addr)
{
	return addr >= s->g->stack_lo && addr < s->g->stack_hi;
}

static struct err *lead(struct search *s, uint64_t pointer)
{
	return in_stack(s, pointer) ? vec_push(&s->todo, pointer) : NULL;
}

/* ---- what there is ------------------------------------------------------- */

/* One record of a function's. Follows runtime/stack.go:stackObjectRecord. */
static struct err *add_object(struct search *s, const struct unwinder *at,
			      uint64_t record)
{
	const struct layout *l = &s->rt->layout;
	uint64_t off, size, ptr_bytes, gcdata;

	TRY(rt_field(s->rt, record, &l->stackObjectRecord.off, &off));
	TRY(rt_field(s->rt, record, &l->stackObjectRecord.size, &size));
	TRY(rt_field(s->rt, record, &l->stackObjectRecord.ptrBytes,
		     &ptr_bytes));
	TRY(rt_field(s->rt, record, &l->stackObjectRecord.gcdataoff, &gcdata));
	int64_t offset = (int32_t)off, pointers = (int32_t)ptr_bytes;
	struct object o = {
		.addr = (offset < 0 ? at->varp : at->argp) + (uint64_t)offset,
		.size = size,
		/* Negative where a program tells them: Go 1.21 to 1.23. */
		.ptr_bytes = (uint64_t)llabs(pointers),
		.mask = pointers < 0 ? 0 : at->func.module->rodata + gcdata,
	};
	/* Or it has not been made room for yet. */
	if (o.addr < at->sp || !in_stack(s, o.addr) ||
	    size > s->g->stack_hi - o.addr || o.ptr_bytes > size)
		return NULL;
	return vec_push(&s->objects, o);
}

static struct err *add_objects(struct search *s, const struct unwinder *at)
{
	const struct layout *l = &s->rt->layout;
	uint64_t data, n, word = s->rt->arch->ptr_size;

	TRY(func_data(s->rt, &at->func, l->konst.FUNCDATA_StackObjects.value,
		      &data));
	if (!data)
		return NULL;
	TRY(rt_ptr(s->rt, data, &n));
	if (n > MAX_OBJECTS)
		return err_new(ERR_FORMAT, "no list of stack objects");
	for (uint64_t i = 0; i < n; i++)
		TRY(add_object(s, at,
			       data + word +
				       i * l->stackObjectRecord.struct_size));
	return NULL;
}

/* The words of a frame that have a field lead on; a dead frame has none, and
 * one at no safe point all that matter. */
static struct err *look_at_frame(void *arg, const struct frame *f)
{
	const struct unwinder *at = f->at;
	struct search *s = arg;
	uint64_t value;

	for (size_t i = 0; i < f->pointer_count; i++) {
		TRY(rt_ptr(s->rt, at->sp + f->pointers[i], &value));
		TRY(lead(s, value));
	}
	return at->continpc ? add_objects(s, at) : NULL;
}

static struct err *look_at_defer(void *arg, const struct defer *d)
{
	struct search *s = arg;

	TRY(lead(s, d->fn));
	return lead(s, d->link);
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = ((const struct object *)a)->addr;
	uint64_t y = ((const struct object *)b)->addr;

	return x < y ? -1 : x > y;
}

static struct err *look(struct search *s)
{
	enum stack_end end;

	TRY(frame_each(s->rt, s->g, look_at_frame, s, &end));
	TRY(defer_each(s->rt, s->g, look_at_defer, s));
	TRY(lead(s, s->g->panic));
	TRY(lead(s, s->g->ctxt));
	if (s->objects.len)
		qsort(s->objects.v, s->objects.len, sizeof(*s->objects.v),
		      by_address);
	return NULL;
}

/* ---- what is alive ------------------------------------------------------- */

static struct object *find(struct search *s, uint64_t addr)
{
	size_t lo = 0, hi = s->objects.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct object *o = &s->objects.v[mid];

		if (addr < o->addr)
			hi = mid;
		else if (addr - o->addr >= o->size)
			lo = mid + 1;
		else
			return o;
	}
	return NULL;
}

/* Whether word i of the object is a pointer, as far as is known. */
static struct err *is_pointer(struct search *s, const struct object *o,
			      uint64_t i, uint64_t value, bool *out)
{
	struct heap_address at;
	uint64_t byte;

	if (o->mask) {
		TRY(cache_read_uint(&s->rt->cache, o->mask + i / 8, 1, &byte));
		*out = byte >> i % 8 & 1;
		return NULL;
	}
	*out = in_stack(s, value);
	if (*out || !span_find(&s->rt->spans, value, &at))
		return NULL;
	return span_slot_allocated(s->rt, &at, out);
}

static struct err *scan(struct search *s, const struct object *o)
{
	uint64_t word = s->rt->arch->ptr_size, value;
	bool pointer;

	for (uint64_t i = 0; i < o->ptr_bytes / word; i++) {
		TRY(rt_ptr(s->rt, o->addr + i * word, &value));
		TRY(is_pointer(s, o, i, value, &pointer));
		if (!pointer)
			continue;
		TRY(lead(s, value));
		if (!in_stack(s, value))
			TRY(s->fn(s->arg, o->addr, value));
	}
	return NULL;
}

struct err *stack_objects_each(struct runtime *rt, const struct goroutine *g,
			       struct err *(*fn)(void *arg, uint64_t object,
						 uint64_t pointer),
			       void *arg)
{
	cleanup(search_deinit) struct search s = {
		.rt = rt,
		.g = g,
		.fn = fn,
		.arg = arg,
	};

	if (!rt->layout.stackObjectRecord.struct_present ||
	    !rt->layout.konst.FUNCDATA_StackObjects.present)
		return NULL;
	TRY(look(&s));
	while (s.todo.len) {
		struct object *o = find(&s, s.todo.v[--s.todo.len]);

		if (!o || o->found)
			continue;
		o->found = true;
		TRY(scan(&s, o));
	}
	return NULL;
}
