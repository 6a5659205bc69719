/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object, Data, BSS, and what refers to objects: Finalizer, QueuedFinalizer,
 * AllocSample.
 */
#include "hdcheck/verifier.h"

/* Slots of this size hold several tiny objects (runtime/malloc.go). */
#define TINY_SIZE 16
/*
 * From Go 1.22 on, slots whose pointer bits fill more than a word, up to the
 * largest size class, may begin with a type word (runtime/mbitmap.go:
 * minSizeForMallocHeader; it is of 8 bytes on 32-bit machines too).
 */
#define HEADER_SIZE 8
#define HEADER_SLOT_MAX 32768

static unsigned int field_size(struct verifier *v, uint64_t kind)
{
	return kind == FIELD_POINTER ? v->pointer_size : 2 * v->pointer_size;
}

struct err *check_fields(struct verifier *v, const struct record *r,
			 const struct field_list *fields, uint64_t size,
			 bool repeats)
{
	struct field_list list = *fields;
	struct field f;
	uint64_t least = 0; /* the next offset is at least that */

	while (field_take(&list, &f)) {
		const char *wrong = NULL;

		if (f.kind != FIELD_POINTER)
			wrong = "is of a kind that no release writes";
		else if (f.offset % v->pointer_size)
			wrong = "is not aligned";
		else if (f.offset > size ||
			 size - f.offset < field_size(v, f.kind))
			wrong = "is outside the contents";
		else if (f.offset < least)
			wrong = "is not behind the one before";
		if (wrong) {
			EXPECT(v, r, false,
			       "%#llx: field at %llu of %llu bytes %s",
			       (ull)r->memory.addr, (ull)f.offset, (ull)size,
			       wrong);
			return NULL;
		}
		least = f.offset + !repeats;
	}
	return NULL;
}

static struct err *insert_object(struct verifier *v, const struct record *r)
{
	uint64_t addr = r->memory.addr, other = 0;
	enum object_fit fit;

	TRY(object_index_insert(&v->objects, addr, r->memory.contents.size,
				&fit, &other));
	switch (fit) {
	case OBJECT_FITS:
		break;
	case OBJECT_OUTSIDE:
		EXPECT(v, r, false, "%#llx is outside the arena bounds",
		       (ull)addr);
		break;
	case OBJECT_DUPLICATE:
		EXPECT(v, r, false, "%#llx is there twice", (ull)addr);
		break;
	case OBJECT_OVERLAPS:
		EXPECT(v, r, false, "%#llx overlaps the slot at %#llx",
		       (ull)addr, (ull)other);
		break;
	case OBJECT_MIXED:
		EXPECT(v, r, false,
		       "%#llx of %llu bytes is in a page of objects of %llu",
		       (ull)addr, (ull)r->memory.contents.size, (ull)other);
		break;
	}
	return NULL;
}

struct err *check_object(struct verifier *v, const struct record *r)
{
	const struct memory_record *m = &r->memory;
	bool sane = m->contents.size >= 8 && m->contents.size % 8 == 0 &&
		    m->addr % 8 == 0;

	EXPECT(v, r, sane, "%#llx of %llu bytes is no slot", (ull)m->addr,
	       (ull)m->contents.size);
	if (sane && v->have_objects)
		TRY(insert_object(v, r));
	return check_fields(v, r, &m->fields, m->contents.size, false);
}

struct err *check_segment(struct verifier *v, const struct record *r)
{
	const struct memory_record *m = &r->memory;
	struct range new = { m->addr, m->addr + m->contents.size, r->offset };

	EXPECT(v, r, m->addr && m->addr % v->pointer_size == 0,
	       "%#llx is no address of a segment", (ull)m->addr);
	EXPECT(v, r, new.end >= new.start,
	       "%#llx: %llu bytes exceed the address space", (ull)m->addr,
	       (ull)m->contents.size);
	for (size_t i = 0; i < v->segments.len; i++) {
		const struct range *s = &v->segments.v[i];

		EXPECT(v, r, new.end <= s->start || new.start >= s->end,
		       "%#llx overlaps the segment at %#llx", (ull) new.start,
		       (ull)s->start);
	}
	TRY(vec_push(&v->segments, new));
	return check_fields(v, r, &m->fields, m->contents.size, false);
}

/*
 * Whether addr is what the program knows an object by: its start, behind its
 * type word, or that of a tiny object inside its block.
 */
static bool names_object(const struct verifier *v, uint64_t addr)
{
	uint64_t start, size;

	if (!object_index_find(&v->objects, addr, &start, &size))
		return false;
	if (addr == start || size == TINY_SIZE)
		return true;
	return v->release.headers && addr - start == HEADER_SIZE &&
	       size > 8 * v->pointer_size * v->pointer_size &&
	       size <= HEADER_SLOT_MAX;
}

struct err *check_finalizer(struct verifier *v, const struct record *r)
{
	const struct finalizer_record *f = &r->finalizer;
	uint64_t old;

	EXPECT(v, r, f->fn && f->code, "of %#llx calls no function",
	       (ull)f->object);
	/* Go 1.24 queues cleanups, which have no object, as finalizers. */
	if (r->kind == RECORD_QUEUED_FINALIZER && !f->object)
		return NULL;
	if (v->have_objects)
		EXPECT(v, r, names_object(v, f->object), "%#llx is no object",
		       (ull)f->object);
	if (r->kind == RECORD_QUEUED_FINALIZER)
		return NULL;
	TRY(remember(&v->finalizers, f->object, r, &old));
	EXPECT(v, r, !old, "%#llx has another at offset %llu", (ull)f->object,
	       (ull)old);
	return NULL;
}

struct err *check_sample(struct verifier *v, const struct record *r)
{
	const struct alloc_sample_record *s = &r->sample;
	uint64_t old;

	if (v->have_objects)
		EXPECT(v, r, names_object(v, s->object), "%#llx is no object",
		       (ull)s->object);
	EXPECT(v, r, addr_map_find(&v->buckets, s->bucket),
	       "%#llx is of bucket %#llx, which no MemProf record describes",
	       (ull)s->object, (ull)s->bucket);
	TRY(remember(&v->samples, s->object, r, &old));
	EXPECT(v, r, !old, "%#llx has another at offset %llu", (ull)s->object,
	       (ull)old);
	return NULL;
}

struct err *finish_heap(struct verifier *v)
{
	const struct summary *s = &v->summary;
	struct problems *p = &v->problems;

	if (!s->have_stats)
		return NULL;
	if (s->object_bytes > s->stats.heap_inuse)
		TRY(problems_add(p, PROBLEM_OF_DUMP,
				 "%llu bytes of objects, but HeapInuse is %llu",
				 (ull)s->object_bytes,
				 (ull)s->stats.heap_inuse));
	if (!v->options->counters)
		return NULL;
	if (s->count[RECORD_OBJECT] != s->stats.heap_objects)
		TRY(problems_add(p, PROBLEM_OF_DUMP,
				 "%llu objects, but HeapObjects is %llu",
				 (ull)s->count[RECORD_OBJECT],
				 (ull)s->stats.heap_objects));
	if (s->object_bytes != s->stats.heap_alloc)
		TRY(problems_add(p, PROBLEM_OF_DUMP,
				 "%llu bytes of objects, but HeapAlloc is %llu",
				 (ull)s->object_bytes,
				 (ull)s->stats.heap_alloc));
	return NULL;
}
