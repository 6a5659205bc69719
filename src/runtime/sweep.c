/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sweep.h"

#include "runtime/mcache.h"
#include "runtime/runtime.h"

#include <stdlib.h>

void sweep_deinit(struct sweep *s)
{
	vec_deinit(&s->revived);
	vec_deinit(&s->cells);
	vec_deinit(&s->queue);
	*s = (struct sweep){};
}

/* ---- the specials of a span ---------------------------------------------- */

static bool slot_get(const uint64_t *bits, uint32_t slot)
{
	return bits[slot / 64] >> (slot % 64) & 1;
}

static void slot_set(uint64_t *bits, uint32_t slot)
{
	bits[slot / 64] |= 1ull << (slot % 64);
}

/* The specials of the object whose first is the i-th: up to the result. */
static size_t object_end(const struct special_list *l, size_t i,
			 bool *finalizer)
{
	uint32_t slot = l->list.v[i].slot;

	*finalizer = false;
	for (; i < l->list.len && l->list.v[i].slot == slot; i++)
		*finalizer |= l->list.v[i].kind == SPECIAL_FINALIZER;
	return i;
}

/*
 * An object that is not marked loses all its specials, unless it has a
 * finalizer: then only finalizers and weak handles go, and it stays.
 */
struct err *sweep_specials(struct runtime *rt, const struct span *s,
			   struct special_list *l)
{
	size_t end;

	memset(l->revived, 0, sizeof(l->revived));
	TRY(span_allocated(rt, s, l->allocated));
	for (size_t i = 0; i < l->list.len; i = end) {
		uint32_t slot = l->list.v[i].slot;
		bool finalizer;

		end = object_end(l, i, &finalizer);
		if (slot >= s->nelems || slot_get(l->allocated, slot))
			continue;
		for (size_t k = i; k < end; k++) {
			struct special *special = &l->list.v[k];

			special->freed = !finalizer ||
					 special->kind == SPECIAL_FINALIZER ||
					 special->kind == SPECIAL_WEAK_HANDLE;
		}
		if (!finalizer)
			continue;
		slot_set(l->revived, slot);
		slot_set(l->allocated, slot);
	}
	return NULL;
}

/* ---- what it comes to in all --------------------------------------------- */

/* From Go 1.25 on cleanups have a queue of their own, which is in no dump. */
static bool cleanups_are_queued(const struct layout *l)
{
	return l->specialCleanup.fn.present && !l->var.gcCleanups.present;
}

/* Follows runtime/mfinal.go:queuefinalizer. */
static struct err *enqueue(struct runtime *rt, struct finalizer f)
{
	TRY(special_funcval(rt, f.fn, &f.pc));
	return vec_push(&rt->sweep.queue, f);
}

static struct err *free_special(struct runtime *rt, const struct special *s)
{
	struct sweep *sweep = &rt->sweep;

	switch (s->kind) {
	case SPECIAL_FINALIZER:
		sweep->finalizers++;
		return enqueue(rt, (struct finalizer){ .object = s->object,
						       .fn = s->fn,
						       .fint = s->fint,
						       .ot = s->ot });
	case SPECIAL_CLEANUP:
		sweep->cleanups++;
		if (!cleanups_are_queued(&rt->layout))
			return NULL;
		return enqueue(rt, (struct finalizer){ .fn = s->fn });
	case SPECIAL_WEAK_HANDLE:
		return vec_push(&sweep->cells, s->handle);
	case SPECIAL_PROFILE:
	case SPECIAL_OTHER:
		break;
	}
	return NULL;
}

static struct err *add_revived(struct sweep *sweep, size_t span,
			       const struct special_list *l)
{
	for (uint32_t w = 0; w < SPAN_SLOTS / 64; w++)
		for (uint64_t b = l->revived[w]; b; b &= b - 1) {
			struct revived r = {
				.span = (uint32_t)span,
				.slot = w * 64 + (uint32_t)__builtin_ctzll(b),
			};

			TRY(vec_push(&sweep->revived, r));
		}
	return NULL;
}

static struct err *sweep_span(struct runtime *rt, const struct span *s,
			      const struct special_list *l)
{
	for (size_t i = 0; i < l->list.len; i++)
		if (l->list.v[i].freed)
			TRY(free_special(rt, &l->list.v[i]));
	return add_revived(&rt->sweep, (size_t)(s - rt->spans.list.v), l);
}

/* Those in caches of Ps: flushing swept them. */
static struct err *sweep_uncached(struct runtime *rt, const struct span *s,
				  const struct special_list *l, void *arg)
{
	(void)arg;
	return s->flags & SPAN_CACHED ? NULL : sweep_span(rt, s, l);
}

static struct err *sweep_cached(struct runtime *rt, const struct span *s,
				void *arg)
{
	struct special_list *l = arg;

	if (!(s->flags & SPAN_UNSWEPT) || !(s->flags & SPAN_SPECIALS))
		return NULL;
	TRY(special_list_read(rt, s, l));
	return sweep_span(rt, s, l);
}

static int by_slot(const void *a, const void *b)
{
	const struct revived *x = a, *y = b;

	if (x->span != y->span)
		return x->span < y->span ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * In the order of the runtime, which is that of the queue: flushing the Ps'
 * caches sweeps the spans in them, then WriteHeapDump sweeps all others
 * (runtime/heapdump.go:writeheapdump_m, mdump).
 */
struct err *sweep_load(struct runtime *rt)
{
	cleanup(special_list_deinit) struct special_list l = {};
	struct sweep *sweep = &rt->sweep;

	if (!rt->spans.unswept && !rt->spans.torn)
		return NULL;
	TRY(mcache_each_span(rt, sweep_cached, &l));
	TRY(special_each_span(rt, SPAN_UNSWEPT, sweep_uncached, NULL));
	if (sweep->revived.len)
		qsort(sweep->revived.v, sweep->revived.len,
		      sizeof(*sweep->revived.v), by_slot);
	if (sweep->cells.len)
		qsort(sweep->cells.v, sweep->cells.len, sizeof(*sweep->cells.v),
		      by_addr);
	return NULL;
}

/* ---- asked by readers of objects ----------------------------------------- */

uint32_t sweep_revive(const struct sweep *sweep, size_t span, uint64_t *bits)
{
	size_t low = 0, high = sweep->revived.len, i;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sweep->revived.v[middle].span < span)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = low; i < sweep->revived.len; i++) {
		if (sweep->revived.v[i].span != span)
			break;
		slot_set(bits, sweep->revived.v[i].slot);
	}
	return (uint32_t)(i - low);
}

struct err *sweep_count(struct runtime *rt, const struct span *s, uint64_t *out)
{
	uint64_t bits[SPAN_SLOTS / 64];

	TRY(span_allocated(rt, s, bits));
	sweep_revive(&rt->sweep, (size_t)(s - rt->spans.list.v), bits);
	*out = 0;
	for (size_t i = 0; i < SPAN_SLOTS / 64; i++)
		*out += (uint64_t)__builtin_popcountll(bits[i]);
	return NULL;
}

void sweep_clear_cells(const struct sweep *sweep, uint64_t addr, uint64_t len,
		       uint8_t *contents)
{
	size_t low = 0, high = sweep->cells.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sweep->cells.v[middle] < addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < sweep->cells.len; low++) {
		uint64_t offset = sweep->cells.v[low] - addr;

		if (offset >= len || len - offset < 8)
			break;
		memset(contents + offset, 0, 8);
	}
}
