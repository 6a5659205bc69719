/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child of a process does not have: areas that the program has marked
 * MADV_DONTFORK (as for RDMA) or MADV_WIPEONFORK; and what it has, but goes on
 * sharing: shared mappings.
 *
 * An area that the child lacks has no page there, and some in the parent. (A
 * private mapping of a file that was never written to, too, of which what is
 * copied is then what is in the file.)
 */
#include "target/pagemap.h"
#include "target/snapshot_parts.h"

#include "base/bits.h"
#include "base/log.h"
#include "base/vec.h"

#include <string.h>

/* Of what is missing altogether, and of shared memory. Bytes. */
#define MAX_MISSING (512ull << 20)
#define MAX_SHARED (16ull << 20)

static void ranges_deinit(struct address_ranges *r)
{
	vec_deinit(r);
}

static uint64_t bytes_of(const struct address_ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->len; i++)
		sum += r->v[i].end - r->v[i].start;
	return sum;
}

/* Without a pagemap of the child: is there any memory? */
static bool can_read(const struct memory *child, const struct mapping *m)
{
	char byte;

	return memory_read(child, m->start, &byte, 1) == 1;
}

static struct err *is_lacking(const struct pagemap *pm,
			      const struct memory *child,
			      const struct mapping *m, bool *out)
{
	bool any;

	*out = false;
	if (!m->write)
		return NULL;
	*out = true;
	if (m->shared)
		return NULL;
	TRY(pagemap_any(pm, m->start, m->end, &any));
	*out = !any || (pm->fd < 0 && !can_read(child, m));
	return NULL;
}

static struct err *add_runs(struct image *lacking,
			    const struct address_ranges *runs)
{
	for (size_t i = 0; i < runs->len; i++)
		TRY(image_add(lacking, runs->v[i].start,
			      runs->v[i].end - runs->v[i].start));
	return NULL;
}

/* One area of the parent that may be copied, as far as it is there. */
static struct err *take(const struct pagemap *pm, const struct mapping *m,
			struct image *lacking, uint64_t *shared)
{
	cleanup(ranges_deinit) struct address_ranges runs = {};

	TRY(pagemap_runs(pm, m->start, m->end, &runs));
	uint64_t bytes = bytes_of(&runs);
	if (m->shared && *shared + bytes > MAX_SHARED) {
		log_verbose("%s is shared memory, and goes on being written "
			    "to: %llu MiB of it are too much to be copied",
			    *m->path ? m->path : "an area",
			    (unsigned long long)(bytes >> 20));
		return NULL;
	}
	if (m->shared)
		*shared += bytes;
	else if (image_bytes(lacking) + bytes > MAX_MISSING)
		return err_new(ERR_UNSUPPORTED,
			       "a child has not all of its memory (%llu MiB "
			       "are missing: MADV_DONTFORK?)",
			       (unsigned long long)(bytes >> 20));
	return add_runs(lacking, &runs);
}

struct err *lacking_find(const struct live *parent, const struct memory *child,
			 const struct proc *child_proc, struct image *lacking)
{
	cleanup_pagemap struct pagemap of_parent, of_child;
	const struct target *t = &parent->base;
	uint64_t shared = 0;

	pagemap_open(&of_parent, &parent->proc, parent->memory.tid);
	pagemap_open(&of_child, child_proc, child_proc->pid);
	for (size_t i = 0; i < t->mapping_count; i++) {
		const struct mapping *m = &t->mappings[i];
		bool take_it;

		TRY(is_lacking(&of_child, child, m, &take_it));
		if (take_it)
			TRY(take(&of_parent, m, lacking, &shared));
	}
	return NULL;
}
