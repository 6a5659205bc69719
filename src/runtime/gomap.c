/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gomap.h"

#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

/* Set in the control byte of an empty or deleted slot (maps/group.go:ctrl). */
enum { CTRL_FREE = 1 << 7 };

/* Maps with more buckets, groups or tables are not believed. */
#define MAX_BUCKETS (1ull << 26)

struct walk {
	struct runtime *rt;
	const struct gomap_shape *shape;
	struct err *(*fn)(void *arg, uint64_t key, uint64_t value);
	void *arg;
};

static struct err *entry(const struct walk *w, uint64_t at, unsigned int i)
{
	const struct gomap_shape *s = w->shape;

	return w->fn(w->arg, at + s->keys + i * s->key_stride,
		     at + s->values + i * s->value_stride);
}

/* ---- buckets with overflow chains: runtime/map.go ------------------------ */

/*
 * A bucket and those behind it. A tophash below minTopHash is that of a free
 * cell, or of one that has been moved to the new buckets.
 */
static struct err *chain(const struct walk *w, uint64_t bucket)
{
	const struct layout *l = &w->rt->layout;
	struct list_guard guard = {};
	uint8_t tophash[GOMAP_ENTRIES];

	while (bucket) {
		if (list_circles(&guard, bucket))
			return err_new(ERR_FORMAT, "its buckets do not end");
		TRY(rt_read(w->rt, bucket, tophash, sizeof(tophash)));
		for (unsigned int i = 0; i < GOMAP_ENTRIES; i++)
			if (tophash[i] >= l->konst.minTopHash.value)
				TRY(entry(w, bucket, i));
		/* The last word: map.go:(*bmap).overflow. */
		TRY(rt_ptr(w->rt,
			   bucket + w->shape->size - w->rt->arch->ptr_size,
			   &bucket));
	}
	return NULL;
}

static struct err *buckets(const struct walk *w, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; first && i < n; i++)
		TRY(chain(w, first + i * w->shape->size));
	return NULL;
}

static struct err *walk_hmap(const struct walk *w, uint64_t map)
{
	const struct layout *l = &w->rt->layout;
	uint64_t log, flags, new, old, n;

	TRY(rt_field(w->rt, map, &l->hmap.B, &log));
	TRY(rt_field(w->rt, map, &l->hmap.flags, &flags));
	TRY(rt_field(w->rt, map, &l->hmap.buckets, &new));
	TRY(rt_field(w->rt, map, &l->hmap.oldbuckets, &old));
	if (log >= 64 || 1ull << log > MAX_BUCKETS)
		return err_new(ERR_FORMAT, "it has 2^%" PRIu64 " buckets", log);
	n = 1ull << log;
	TRY(buckets(w, new, n));
	/* map.go:(*hmap).noldbuckets */
	if (!(flags & (uint64_t)l->konst.sameSizeGrow.value) && n > 1)
		n /= 2;
	return buckets(w, old, n);
}

/* ---- groups, Swiss tables: internal/runtime/maps ------------------------- */

static struct err *group(const struct walk *w, uint64_t at)
{
	uint8_t ctrl[GOMAP_ENTRIES];

	TRY(rt_read(w->rt, at, ctrl, sizeof(ctrl)));
	for (unsigned int i = 0; i < GOMAP_ENTRIES; i++)
		if (!(ctrl[i] & CTRL_FREE))
			TRY(entry(w, at, i));
	return NULL;
}

static struct err *table(const struct walk *w, uint64_t at)
{
	const struct layout *l = &w->rt->layout;
	uint64_t data, mask;

	at += l->swissTable.groups.offset;
	TRY(rt_field(w->rt, at, &l->swissGroups.data, &data));
	TRY(rt_field(w->rt, at, &l->swissGroups.lengthMask, &mask));
	if (mask >= MAX_BUCKETS || (mask & (mask + 1)))
		return err_new(ERR_FORMAT,
			       "a table of it has %#" PRIx64 " groups",
			       mask + 1);
	for (uint64_t i = 0; i <= mask; i++)
		TRY(group(w, data + i * w->shape->size));
	return NULL;
}

/* Small maps are a single group, without a directory (maps/map.go:Map). */
static struct err *walk_swiss(const struct walk *w, uint64_t map)
{
	const struct layout *l = &w->rt->layout;
	uint64_t dir, n, last = 0;

	TRY(rt_field(w->rt, map, &l->swissMap.dirPtr, &dir));
	TRY(rt_field(w->rt, map, &l->swissMap.dirLen, &n));
	if (n > MAX_BUCKETS)
		return err_new(ERR_FORMAT, "it has %" PRIu64 " tables", n);
	if (!n)
		return dir ? group(w, dir) : NULL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at;

		TRY(rt_ptr(w->rt, dir + i * w->rt->arch->ptr_size, &at));
		/* Neighbours share a table that has not been split. */
		if (at != last)
			TRY(table(w, at));
		last = at;
	}
	return NULL;
}

struct err *
gomap_each(struct runtime *rt, uint64_t map, const struct gomap_shape *shape,
	   struct err *(*fn)(void *arg, uint64_t key, uint64_t value),
	   void *arg)
{
	const struct layout *l = &rt->layout;
	const struct walk w = { rt, shape, fn, arg };
	struct err *e;

	if (!map)
		return NULL;
	if (l->swissMap.struct_present && l->swissTable.struct_present &&
	    l->swissGroups.struct_present)
		e = walk_swiss(&w, map);
	else if (l->hmap.struct_present && l->konst.minTopHash.present)
		e = walk_hmap(&w, map);
	else
		return err_new(ERR_UNSUPPORTED, "maps of an unknown kind");
	return err_wrap(e, "map at %#" PRIx64, map);
}
