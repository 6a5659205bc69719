/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/heap_index.h"

#include "runtime/runtime.h"

#include <stdlib.h>

/* Pages of a table at most: those of 2 TiB of addresses, gaps included. */
#define MAX_PAGES (UINT64_C(1) << 28)

/* Numbers the slots. */
static void count_slots(struct heap_index *x)
{
	const struct span_table *t = &x->rt->spans;
	uint64_t n = 0;

	for (size_t i = 0; i < t->list.len; i++) {
		x->first[i] = n;
		n += t->list.v[i].nelems;
	}
	x->first[t->list.len] = n;
}

static void find_bounds(const struct span_table *t, uint64_t *low,
			uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (size_t i = 0; i < t->list.len; i++) {
		const struct span *s = &t->list.v[i];

		*low = min_u64(*low, s->base);
		*high = max_u64(*high, s->base + span_bytes(t, s));
	}
}

/* Untouched pages of the table cost nothing: arenas may lie far apart. */
static struct err *map_pages(struct heap_index *x)
{
	const struct span_table *t = &x->rt->spans;
	uint64_t high;

	find_bounds(t, &x->low, &high);
	if (high <= x->low || (high - x->low) / t->page_size > MAX_PAGES)
		return NULL;
	x->spans = calloc((high - x->low) / t->page_size, sizeof(*x->spans));
	if (!x->spans)
		return NULL; /* spans are searched for */
	x->pages = (high - x->low) / t->page_size;
	for (size_t i = 0; i < t->list.len; i++) {
		uint64_t page = (t->list.v[i].base - x->low) / t->page_size;

		for (uint32_t k = 0; k < t->list.v[i].npages; k++)
			x->spans[page + k] = (uint32_t)i + 1;
	}
	return NULL;
}

struct err *heap_index_init(struct heap_index *x, const struct runtime *rt)
{
	*x = (struct heap_index){ .rt = rt };
	x->first = calloc(rt->spans.list.len + 1, sizeof(*x->first));
	if (!x->first)
		return &err_nomem;
	count_slots(x);
	return map_pages(x);
}

void heap_index_deinit(struct heap_index *x)
{
	free(x->first);
	free(x->spans);
	*x = (struct heap_index){};
}

uint64_t heap_index_slots(const struct heap_index *x)
{
	return x->first[x->rt->spans.list.len];
}

static bool search(const struct heap_index *x, uint64_t addr,
		   struct heap_slot *out)
{
	struct heap_address at;

	if (!span_find(&x->rt->spans, addr, &at))
		return false;
	out->span = (uint32_t)(at.span - x->rt->spans.list.v);
	out->slot = at.slot;
	out->number = x->first[out->span] + at.slot;
	return true;
}

bool heap_index_find(const struct heap_index *x, uint64_t addr,
		     struct heap_slot *out)
{
	const struct span_table *t = &x->rt->spans;

	if (!x->pages)
		return search(x, addr, out);
	uint64_t page = (addr - x->low) / t->page_size;
	if (addr < x->low || page >= x->pages || !x->spans[page])
		return false;
	out->span = x->spans[page] - 1;
	const struct span *s = &t->list.v[out->span];
	uint64_t slot = (addr - s->base) / span_elemsize(t, s);
	if (slot >= s->nelems)
		return false;
	out->slot = (uint32_t)slot;
	out->number = x->first[out->span] + slot;
	return true;
}
