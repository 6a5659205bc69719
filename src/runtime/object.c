/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/object.h"

#include "runtime/pointers.h"
#include "runtime/runtime.h"
#include "target/cache.h"

#include <stdlib.h>

enum {
	BITMAP_WORDS = WINDOW_BYTES / 8 / 64, /* a bit a word of a window */
	MAX_SLOTS = SPAN_SLOTS,
	SLOT_WORDS = MAX_SLOTS / 64,
};

struct object_reader {
	struct runtime *rt;
	struct object_wants wants;
	struct pointer_reader *pointers;
	struct read_cache marks; /* neighbours' bitmaps share blocks */
	struct object_batch batch;
	uint8_t *contents;			      /* WINDOW_BYTES */
	uint64_t bitmap[BITMAP_WORDS];		      /* pointers */
	uint64_t allocated[WINDOW_SPANS][SLOT_WORDS]; /* of each span */
	uint8_t bits[WINDOW_SPANS][MAX_SLOTS / 8];    /* as in the target */
	uint8_t inline_marks[WINDOW_SPANS][MAX_SLOTS / 8];
	struct read_range ranges[2 * WINDOW_SPANS];
};

struct err *object_reader_create(struct runtime *rt, struct object_wants wants,
				 struct object_reader **out)
{
	struct object_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return &err_nomem;
	r->rt = rt;
	r->wants = wants;
	r->contents = malloc(WINDOW_BYTES);
	struct err *e = r->contents ? pointer_reader_create(rt, &r->pointers)
				    : &err_nomem;
	if (!e)
		e = read_cache_init(&r->marks, rt->target);
	if (e) {
		object_reader_destroy(r);
		return e;
	}
	*out = r;
	return NULL;
}

void object_reader_destroy(struct object_reader *r)
{
	if (!r)
		return;
	pointer_reader_destroy(r->pointers);
	read_cache_deinit(&r->marks);
	free(r->contents);
	free(r);
}

/* ---- windows ------------------------------------------------------------- */

static bool next_piece(struct object_walk *w, const struct span *s,
		       struct object_window *out)
{
	uint64_t bytes = span_bytes(&w->rt->spans, s);
	uint64_t len = min_u64(bytes - w->offset, WINDOW_BYTES);

	*out = (struct object_window){ w->phase, w->next, 1, w->offset, len };
	w->offset += len;
	if (w->offset < bytes)
		return true;
	w->offset = 0;
	if (w->phase == WINDOW_CONTENTS) {
		w->phase = WINDOW_POINTERS;
	} else {
		w->phase = WINDOW_OBJECTS;
		w->next++;
	}
	return true;
}

bool object_walk_next(struct object_walk *w, struct object_window *out)
{
	const struct span_table *t = &w->rt->spans;
	uint64_t bytes = 0;
	size_t n = 0;

	if (w->next == t->list.len)
		return false;
	const struct span *s = &t->list.v[w->next];
	if (span_bytes(t, s) > WINDOW_BYTES) {
		if (w->phase == WINDOW_OBJECTS)
			w->phase = WINDOW_CONTENTS;
		return next_piece(w, s, out);
	}
	while (w->next + n < t->list.len && n < WINDOW_SPANS) {
		bytes += span_bytes(t, &s[n]);
		if (bytes > WINDOW_BYTES)
			break;
		n++;
	}
	*out = (struct object_window){ WINDOW_OBJECTS, w->next, n, 0, 0 };
	w->next += n;
	return true;
}

/* ---- which slots are allocated ------------------------------------------- */

/* What can't be read of it stays as it is. */
static void read_bitmap(struct object_reader *r, const struct span *s,
			uint8_t *bits)
{
	size_t size = span_bits_size(s);

	if (s->nelems > MAX_SLOTS)
		return;
	struct err *e = cache_read(&r->marks, s->bits, bits, size);
	if (e)
		r->batch.unreadable += size;
	err_free(e);
}

static void read_bits(struct object_reader *r, const struct span *spans,
		      size_t n)
{
	const struct layout *l = &r->rt->layout;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		memset(r->bits[i], 0, sizeof(r->bits[i]));
		memset(r->inline_marks[i], 0, sizeof(r->inline_marks[i]));
		read_bitmap(r, &spans[i], r->bits[i]);
		if (span_wants_inline_marks(&spans[i]))
			r->ranges[count++] = (struct read_range){
				.addr = span_inline_marks(r->rt, &spans[i]),
				.len = min_u64(
					l->spanInlineMarkBits.marks.width,
					sizeof(r->inline_marks[i])),
				.buf = r->inline_marks[i],
			};
	}
	target_read_many(r->rt->target, r->ranges, count);
	for (size_t i = 0; i < count; i++)
		if (!r->ranges[i].ok)
			r->batch.unreadable += r->ranges[i].len;
}

/*
 * Objects that the sweep is going to free are gone, but for those that a
 * finalizer revives. Follows runtime/mbitmap.go:(*mspan).isFree and
 * runtime/mgcsweep.go.
 */
static uint32_t find_allocated(struct object_reader *r, const struct span *s,
			       size_t i)
{
	size_t index = (size_t)(s - r->rt->spans.list.v);
	uint32_t count = span_combine(s, r->bits[i], r->inline_marks[i],
				      r->allocated[i]);

	return count + sweep_revive(&r->rt->sweep, index, r->allocated[i]);
}

/* See span_objects.allocating. An object that the last sweep left has its bit.
 */
static uint32_t find_allocating(const struct object_reader *r,
				const struct span *s, size_t i)
{
	if (!(s->flags & SPAN_ALLOCATING) || !s->freeindex ||
	    bit_get(r->bits[i], s->freeindex - 1u))
		return 0;
	return s->freeindex;
}

/* ---- reading a window ---------------------------------------------------- */

static int by_base(const void *a, const void *b)
{
	const struct span_objects *const *x = a, *const *y = b;

	return ((*x)->base > (*y)->base) - ((*x)->base < (*y)->base);
}

/* In the order of addresses: neighbours are read as one, several times as
 * fast, and spans are often made from higher addresses to lower ones. */
static struct err *read_contents(struct object_reader *r)
{
	struct object_batch *b = &r->batch;
	const struct span_table *t = &r->rt->spans;
	struct span_objects *sorted[WINDOW_SPANS];
	uint8_t *at = r->contents;
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->spans[i].allocated_count)
			sorted[count++] = &b->spans[i];
	qsort(sorted, count, sizeof(sorted[0]), by_base);
	for (size_t i = 0; i < count; i++) {
		struct span_objects *o = sorted[i];

		o->contents = at;
		r->ranges[i] = (struct read_range){
			.addr = o->base,
			.len = span_bytes(t, o->span),
			.buf = at,
		};
		at += span_bytes(t, o->span);
	}
	target_read_many(r->rt->target, r->ranges, count);
	for (size_t i = 0; i < count; i++) {
		if (r->ranges[i].ok) {
			sweep_clear_cells(&r->rt->sweep, r->ranges[i].addr,
					  r->ranges[i].len, r->ranges[i].buf);
			continue;
		}
		memset(r->ranges[i].buf, 0, r->ranges[i].len);
		b->unreadable += r->ranges[i].len;
	}
	return NULL;
}

/* What an object that is just being allocated begins with: nothing. */
static void clear_allocating(struct object_reader *r)
{
	for (size_t i = 0; i < r->batch.count; i++) {
		const struct span_objects *o = &r->batch.spans[i];

		if (!o->allocating || !o->contents)
			continue;
		size_t at = (size_t)(o->contents - r->contents);
		memset(r->contents + at + (o->allocating - 1) * o->elemsize, 0,
		       o->elemsize);
	}
}

/* An object as large as its span may end before it: user arenas. */
static struct err *object_size(struct object_reader *r, const struct span *s,
			       uint64_t *out)
{
	const struct member *m = &r->rt->layout.mspan.elemsize;
	uint8_t bytes[8];

	*out = span_elemsize(&r->rt->spans, s);
	if (!(s->flags & SPAN_USER_ARENA))
		return NULL;
	TRY(target_read(r->rt->target, s->mspan + m->offset, bytes, m->width));
	*out = min_u64(*out, load_le(bytes, m->width));
	return NULL;
}

static struct err *read_spans(struct object_reader *r,
			      const struct object_window *window)
{
	const struct span *spans = &r->rt->spans.list.v[window->first];
	struct object_batch *b = &r->batch;

	b->count = window->count;
	read_bits(r, spans, window->count);
	for (size_t i = 0; i < window->count; i++) {
		struct span_objects *o = &b->spans[i];

		*o = (struct span_objects){
			.span = &spans[i],
			.base = spans[i].base,
			.nelems = spans[i].nelems,
			.allocated = r->allocated[i],
			.allocated_count = find_allocated(r, &spans[i], i),
			.allocating = find_allocating(r, &spans[i], i),
		};
		TRY(object_size(r, &spans[i], &o->elemsize));
	}
	/* Headers and pointer bits lie in the spans themselves. */
	if (r->wants.contents || r->wants.pointers)
		TRY(read_contents(r));
	clear_allocating(r);
	if (!r->wants.pointers)
		return NULL;
	return pointer_reader_spans(r->pointers, b, r->bitmap);
}

static struct err *read_piece(struct object_reader *r,
			      const struct object_window *window)
{
	const struct span *s = &r->rt->spans.list.v[window->first];
	struct object_batch *b = &r->batch;
	uint64_t left;

	b->count = 1;
	read_bits(r, s, 1);
	b->allocated = find_allocated(r, s, 0) != 0;
	TRY(object_size(r, s, &b->size));
	b->spans[0] = (struct span_objects){
		.span = s,
		.base = s->base,
		.elemsize = b->size,
		.nelems = 1,
		.allocated = r->allocated[0],
		.allocated_count = b->allocated,
		.allocating = find_allocating(r, s, 0),
	};
	b->last = window->offset + window->len == span_bytes(&r->rt->spans, s);
	left = b->size > window->offset ? b->size - window->offset : 0;
	b->len = min_u64(window->len, left);
	if (!b->allocated || !b->len)
		return NULL;
	if (window->kind == WINDOW_POINTERS) {
		if (!r->wants.pointers || b->spans[0].allocating)
			return NULL;
		return pointer_reader_piece(r->pointers, b, r->bitmap);
	}
	if (!r->wants.contents)
		return NULL;
	if (r->wants.pointers_of_pieces && !b->spans[0].allocating)
		TRY(pointer_reader_piece(r->pointers, b, r->bitmap));
	b->piece = r->contents;
	if (b->spans[0].allocating) {
		memset(r->contents, 0, b->len);
		return NULL;
	}
	struct read_range range = { s->base + window->offset, b->len,
				    r->contents, false };
	target_read_many(r->rt->target, &range, 1);
	if (!range.ok) {
		memset(r->contents, 0, b->len);
		b->unreadable += b->len;
	}
	return NULL;
}

struct err *object_reader_read(struct object_reader *r,
			       const struct object_window *window,
			       const struct object_batch **out)
{
	struct object_batch *b = &r->batch;

	b->window = window;
	b->count = 0;
	b->unreadable = b->untyped = 0;
	b->piece = NULL;
	b->pointers = NULL;
	b->allocated = b->last = false;
	if (window->kind == WINDOW_OBJECTS)
		TRY(read_spans(r, window));
	else
		TRY(read_piece(r, window));
	/* Memory may be missing because the process is. */
	if (b->unreadable || b->untyped)
		TRY(target_check(r->rt->target));
	*out = b;
	return NULL;
}
