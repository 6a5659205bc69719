/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/graph.h"

#include "base/addr_map.h"
#include "runtime/heap_index.h"
#include "runtime/object.h"
#include "runtime/runtime.h"

#include <stdlib.h>

struct graph {
	struct runtime *rt;
	struct heap_index index;
	struct object_reader *reader;
	uint64_t *reached;	 /* a bit a slot */
	uint64_t *pending;	 /* a bit a slot: to be looked into */
	uint64_t *spans;	 /* a bit a span: some slot of it is pending */
	struct addr_map watched; /* locks in shared slots, to enum lock */
	struct graph_totals totals;
};

static size_t words(uint64_t bits)
{
	return (size_t)(bits / 64 + 1);
}

static bool get(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set(uint64_t *bits, uint64_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void clear(uint64_t *bits, uint64_t i)
{
	bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* The first bit that is set in [from, to), or to. */
static uint64_t next_set(const uint64_t *bits, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t word = bits[from / 64] >> (from % 64);

		if (word)
			return min_u64(to,
				       from + (uint64_t)__builtin_ctzll(word));
		from = (from / 64 + 1) * 64;
	}
	return to;
}

static struct err *init(struct graph *g)
{
	const struct object_wants wants = { .contents = true,
					    .pointers = true,
					    .pointers_of_pieces = true };

	TRY(heap_index_init(&g->index, g->rt));
	uint64_t slots = heap_index_slots(&g->index);
	g->reached = calloc(words(slots), 8);
	g->pending = calloc(words(slots), 8);
	g->spans = calloc(words(g->rt->spans.list.len), 8);
	if (!g->reached || !g->pending || !g->spans)
		return &err_nomem;
	return object_reader_create(g->rt, wants, &g->reader);
}

struct err *graph_create(struct runtime *rt, struct graph **out)
{
	struct graph *g = calloc(1, sizeof(*g));

	if (!g)
		return &err_nomem;
	g->rt = rt;
	struct err *e = init(g);
	if (e) {
		graph_destroy(g);
		return e;
	}
	*out = g;
	return NULL;
}

void graph_destroy(struct graph *g)
{
	if (!g)
		return;
	object_reader_destroy(g->reader);
	heap_index_deinit(&g->index);
	addr_map_deinit(&g->watched);
	free(g->reached);
	free(g->pending);
	free(g->spans);
	free(g);
}

const struct graph_totals *graph_totals(const struct graph *g)
{
	return &g->totals;
}

/* ---- single objects ------------------------------------------------------ */

enum { TINY_SIZE = 16 }; /* bytes of a slot: runtime.maxTinySize */

/* What is known of a lock in a shared slot, by its address. */
enum lock { LOCK_WATCHED = 1, LOCK_REACHED };

static bool is_shared(const struct graph *g, const struct heap_slot *at)
{
	const struct span_table *t = &g->rt->spans;
	const struct span *s = &t->list.v[at->span];

	return span_noscan(s) && span_elemsize(t, s) == TINY_SIZE;
}

/* A lock at the start of a slot is an object, or begins one: words that lead
 * behind it are to another, or to a part of it that is not the lock. */
static void reach_watched(struct graph *g, uint64_t addr)
{
	uint64_t slot = addr & ~(uint64_t)(TINY_SIZE - 1);

	if (addr < slot + TINY_SIZE / 2)
		addr_map_replace(&g->watched, slot, LOCK_REACHED);
}

struct err *graph_watch(struct graph *g, uint64_t addr)
{
	struct heap_slot at;
	uint64_t old;

	if (!heap_index_find(&g->index, addr, &at) || !is_shared(g, &at) ||
	    addr % TINY_SIZE)
		return NULL;
	return addr_map_insert(&g->watched, addr, LOCK_WATCHED, &old);
}

static void open_slot(struct graph *g, const struct heap_slot *at)
{
	set(g->reached, at->number);
	if (span_noscan(&g->rt->spans.list.v[at->span]))
		return;
	set(g->pending, at->number);
	set(g->spans, at->span);
}

void graph_reach(struct graph *g, uint64_t addr)
{
	struct heap_slot at;

	if (!heap_index_find(&g->index, addr, &at))
		return;
	if (g->watched.len && is_shared(g, &at))
		reach_watched(g, addr);
	if (!get(g->reached, at.number))
		open_slot(g, &at);
}

void graph_cut(struct graph *g, uint64_t addr)
{
	struct heap_slot at;

	if (heap_index_find(&g->index, addr, &at))
		set(g->reached, at.number);
}

void graph_open(struct graph *g, uint64_t addr)
{
	struct heap_slot at;

	if (heap_index_find(&g->index, addr, &at))
		open_slot(g, &at);
}

bool graph_reached(const struct graph *g, uint64_t addr)
{
	struct heap_slot at;
	uint64_t lock;

	if (!heap_index_find(&g->index, addr, &at))
		return false;
	lock = is_shared(g, &at) ? addr_map_find(&g->watched, addr) : 0;
	return lock ? lock == LOCK_REACHED : get(g->reached, at.number);
}

/* ---- windows ------------------------------------------------------------- */

/* Memory, and which of its words are pointers; NULL: any of them may be. */
struct extent {
	const uint8_t *bytes;
	const uint64_t *pointers; /* a bit a word */
	uint64_t from, to;	  /* words of it */
};

static void reach_word(struct graph *g, const struct extent *x, uint64_t word)
{
	uint64_t value =
		load_uint(x->bytes + word * 8, 8, g->rt->arch->big_endian);

	if (value)
		graph_reach(g, value);
}

static void reach_words(struct graph *g, const struct extent *x)
{
	uint64_t i = x->from;

	if (!x->pointers) {
		for (; i < x->to; i++)
			reach_word(g, x, i);
		return;
	}
	while ((i = next_set(x->pointers, i, x->to)) < x->to)
		reach_word(g, x, i++);
}

/* Looks into the pending slots of a span of a batch. */
static void look_into_slots(struct graph *g, const struct object_batch *b,
			    const struct span_objects *o, size_t span)
{
	uint64_t first = g->index.first[span], end = first + o->nelems;
	uint64_t i = first, size = o->elemsize / 8;

	clear(g->spans, span);
	while ((i = next_set(g->pending, i, end)) < end) {
		uint64_t slot = i - first;

		clear(g->pending, i++);
		if (!o->contents || !get(o->allocated, slot))
			continue;
		g->totals.objects++;
		if (!o->pointers && !b->untyped)
			continue;
		reach_words(g,
			    &(struct extent){ o->contents,
					      b->untyped ? NULL : o->pointers,
					      slot * size, (slot + 1) * size });
	}
}

static struct err *read_window(struct graph *g,
			       const struct object_window *window,
			       const struct object_batch **out)
{
	TRY(object_reader_read(g->reader, window, out));
	g->totals.windows++;
	g->totals.unreadable += (*out)->unreadable;
	g->totals.untyped += (*out)->untyped;
	return NULL;
}

/* Until nothing in the window leads to anything else in it. */
static struct err *look_into_window(struct graph *g,
				    const struct object_window *window)
{
	const struct object_batch *b;
	bool again = true;

	TRY(read_window(g, window, &b));
	while (again) {
		again = false;
		for (size_t i = 0; i < window->count; i++) {
			size_t span = window->first + i;

			if (!get(g->spans, span))
				continue;
			look_into_slots(g, b, &b->spans[i], span);
			again = true;
		}
	}
	return NULL;
}

/* A large object, piece by piece. */
static struct err *look_into_large(struct graph *g, size_t span)
{
	const struct span_table *t = &g->rt->spans;
	uint64_t size = span_bytes(t, &t->list.v[span]);
	const struct object_batch *b;

	clear(g->spans, span);
	clear(g->pending, g->index.first[span]);
	g->totals.objects++;
	for (uint64_t at = 0; at < size; at += WINDOW_BYTES) {
		const struct object_window window = {
			WINDOW_CONTENTS, span, 1, at,
			min_u64(size - at, WINDOW_BYTES)
		};

		TRY(read_window(g, &window, &b));
		if (b->piece && (b->pointers || b->untyped))
			reach_words(g, &(struct extent){
					       b->piece,
					       b->untyped ? NULL : b->pointers,
					       0, b->len / 8 });
	}
	return NULL;
}

/* The spans from `first` on, which is pending, that make a window: neighbours
 * in the table of which each is pending. */
static struct object_window gather(const struct graph *g, size_t first)
{
	const struct span_table *t = &g->rt->spans;
	uint64_t bytes = 0;
	size_t n = 0;

	while (first + n < t->list.len && n < WINDOW_SPANS &&
	       get(g->spans, first + n)) {
		bytes += span_bytes(t, &t->list.v[first + n]);
		if (bytes > WINDOW_BYTES)
			break;
		n++;
	}
	return (struct object_window){ WINDOW_OBJECTS, first, n, 0, 0 };
}

/* One way through all spans. */
static struct err *pass(struct graph *g, bool *any)
{
	size_t n = g->rt->spans.list.len;
	size_t i = 0;

	*any = false;
	while ((i = next_set(g->spans, i, n)) < n) {
		struct object_window window = gather(g, i);

		if (target_interrupted)
			return err_new(ERR_INTERRUPTED, "interrupted");
		*any = true;
		if (window.count) {
			TRY(look_into_window(g, &window));
			i += window.count;
		} else {
			TRY(look_into_large(g, i++));
		}
	}
	return NULL;
}

struct err *graph_spread(struct graph *g)
{
	bool any = true;

	while (any)
		TRY(pass(g, &any));
	return NULL;
}
