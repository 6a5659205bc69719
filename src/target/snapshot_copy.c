/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot by copy: what the target may write to, as far as it is there and
 * anybody needs it, is copied to our memory in the pause. What it may not
 * write to (code, constants) is read from itself, later. So is memory that it
 * shares with others, which holds nothing of Go's.
 */
#include "target/pagemap.h"
#include "target/snapshot_parts.h"

#include "base/bits.h"
#include "base/vec.h"

#include <string.h>

enum {
	COPY_THREADS = 2,
};

struct copy_snapshot {
	struct target base;
	const struct live *live;	/* borrowed */
	const struct image *image;	/* the maker's */
	struct address_ranges unneeded; /* not copied; by address */
};

static struct copy_snapshot *self(struct target *t)
{
	return (struct copy_snapshot *)((char *)t -
					offsetof(struct copy_snapshot, base));
}

/* The content of a private mapping may change as long as it is writable. */
static bool is_copied(const struct mapping *m)
{
	return m->write && !m->shared;
}

/* ---- the target that it is ----------------------------------------------- */

/*
 * From addr on, up to n bytes that are alike: copied, never touched (0), or not
 * there. Returns how many; 0: they can't be read.
 */
static size_t read_copied(const struct copy_snapshot *s, uint64_t addr,
			  char *to, size_t n)
{
	const struct address_ranges *gaps[] = { &s->unneeded,
						&s->image->missing };
	const struct image_part *part = image_find(s->image, addr);

	if (part && part->addr <= addr) {
		n = (size_t)min_u64(n, part->addr + part->len - addr);
		memcpy(to, part->bytes + (addr - part->addr), n);
		return n;
	}
	if (part)
		n = (size_t)min_u64(n, part->addr - addr);
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		const struct address_range *gap = ranges_find(gaps[i], addr);

		if (gap && gap->start <= addr)
			return 0;
		if (gap)
			n = (size_t)min_u64(n, gap->start - addr);
	}
	memset(to, 0, n);
	return n;
}

static size_t copy_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	const struct copy_snapshot *s = self(t);
	size_t done = 0;

	while (done < len) {
		const struct mapping *m = target_mapping(t, addr + done);
		char *to = (char *)buf + done;
		size_t got, n;

		if (!m)
			break;
		n = (size_t)min_u64(len - done, m->end - (addr + done));
		got = is_copied(m) ? read_copied(s, addr + done, to, n)
				   : memory_read(&s->live->memory, addr + done,
						 to, n);
		if (!got)
			break;
		done += got;
	}
	return done;
}

static void copy_read_many(struct target *t, struct read_range *ranges,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		ranges[i].ok = copy_read(t, ranges[i].addr, ranges[i].buf,
					 ranges[i].len) == ranges[i].len;
}

/* As long as the target is there: not all is a copy. */
static bool copy_gone(struct target *t)
{
	return memory_gone(&self(t)->live->memory);
}

static void copy_close(struct target *t)
{
	struct copy_snapshot *s = self(t);

	vec_deinit(&s->unneeded);
	free(s);
}

static const struct target_ops copy_ops = {
	.stop = snapshot_no_stop,
	.resume = snapshot_no_resume,
	.read = copy_read,
	.read_many = copy_read_many,
	.gone = copy_gone,
	.close = copy_close,
};

/* ---- making one ---------------------------------------------------------- */

static void ranges_deinit(struct address_ranges *r)
{
	vec_deinit(r);
}

/* Adds what of a run is not unneeded. */
static struct err *add_needed(struct image *im, const struct address_range *run,
			      const struct address_ranges *unneeded)
{
	uint64_t at = run->start;

	while (at < run->end) {
		const struct address_range *gap = ranges_find(unneeded, at);
		uint64_t end = gap ? min_u64(gap->start, run->end) : run->end;

		if (at < end)
			TRY(image_add(im, at, end - at));
		at = gap ? max_u64(gap->end, end) : end;
	}
	return NULL;
}

static struct err *plan(struct snapshot_maker *m,
			const struct address_ranges *unneeded)
{
	cleanup(ranges_deinit) struct address_ranges runs = {};
	cleanup_pagemap struct pagemap pm;
	const struct target *t = m->target;

	pagemap_open(&pm, &m->live->proc, m->live->memory.tid);
	for (size_t i = 0; i < t->mapping_count; i++) {
		const struct mapping *map = &t->mappings[i];

		/* A file's page that was not touched is not 0. */
		if (is_copied(map) && map->inode)
			TRY(vec_push(&runs, (struct address_range){
						    map->start, map->end }));
		else if (is_copied(map))
			TRY(pagemap_runs(&pm, map->start, map->end, &runs));
	}
	for (size_t i = 0; i < runs.len; i++)
		TRY(add_needed(&m->image, &runs.v[i], unneeded));
	return NULL;
}

struct err *copy_take(struct snapshot_maker *m, struct target **out)
{
	struct copy_snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return &err_nomem;
	s->base.ops = &copy_ops;
	s->live = m->live;
	s->image = &m->image;
	cleanup_target struct target *t = &s->base;
	image_clear(&m->image);
	TRY(m->wants.unneeded(m->wants.arg, &s->unneeded));
	TRY(plan(m, &s->unneeded));
	TRY(image_fill(&m->image, &m->live->memory, COPY_THREADS));
	TRY(snapshot_describe(m->live, m->target->pid, t));
	*out = steal(&t);
	return NULL;
}

/* As much as the process has to itself, and some that may come until then. */
struct err *copy_prepare(struct snapshot_maker *m)
{
	uint64_t anon = m->room.anon;

	return image_reserve(&m->image, (size_t)(anon + anon / 16 + (4 << 20)));
}
