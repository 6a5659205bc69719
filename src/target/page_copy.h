/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a target, copied at the stop and read when it runs again: what was
 * changed meanwhile can't be mistaken for what was. Behind a read_cache
 * (cache.h), in one of three states:
 *
 *	COPY_KEEP	stopped; whatever the cache reads is kept
 *	COPY_PASS	stopped; nothing is added
 *	COPY_ONLY	it runs: reads are from what was kept and from memory
 *			that nobody writes to; all others fail
 */
#ifndef HD_TARGET_PAGE_COPY_H
#define HD_TARGET_PAGE_COPY_H

#include "base/addr_map.h"
#include "base/vec.h"
#include "target/backing.h"
#include "target/target.h"

enum copy_state { COPY_KEEP, COPY_PASS, COPY_ONLY };

enum { COPY_PAGE = 4096 }; /* bytes */

/* An area of the target; end is exclusive. */
struct area {
	uint64_t start, end;
};

/* What of a page was copied: from its start, bytes. */
struct page_part {
	uint16_t from, to; /* to is exclusive */
};

struct page_copy {
	struct target *target; /* borrowed; NULL: there is no copy */
	enum copy_state state;
	struct addr_map index; /* address of a page to 1 + its place */
	uint8_t *pages;
	struct page_part *parts;   /* of each page */
	size_t count, max;	   /* pages */
	bool full;		   /* something had no room */
	VEC(struct area) constant; /* by address */
	/* What the target can't be asked for any more when it has ended. */
	struct backing backing;
};

/*
 * An empty copy of at most max_bytes, of which expected_bytes get their memory
 * at once: best before the stop.
 */
struct err *page_copy_init(struct page_copy *c, struct target *target,
			   uint64_t max_bytes,
			   uint64_t expected_bytes) must_check;
void page_copy_deinit(struct page_copy *c);

/* Forgets all pages: for another stop. */
void page_copy_reset(struct page_copy *c);

/*
 * Copies the pages that hold the areas, with few system calls; what can't be
 * read is left out, and so is what has no room. The areas are sorted on the
 * way.
 */
struct err *page_copy_add(struct page_copy *c, struct area *areas,
			  size_t n) must_check;

/* The same, but of the pages no more than the areas, and what is between two of
 * one page. */
struct err *page_copy_add_bytes(struct page_copy *c, struct area *areas,
				size_t n) must_check;

/*
 * To be called before the target runs on: COPY_ONLY. What it can't write to is
 * read from itself from then on, and so are the n areas of `constant`.
 */
struct err *page_copy_seal(struct page_copy *c, const struct area *constant,
			   size_t n) must_check;

/* The page at addr, a multiple of COPY_PAGE, if len bytes at that offset of it
 * were copied; or NULL. */
const uint8_t *page_copy_find(const struct page_copy *c, uint64_t addr,
			      size_t offset, size_t len);

/* Keeps a page that was read elsewhere, if there is room. */
struct err *page_copy_keep(struct page_copy *c, uint64_t addr,
			   const uint8_t *page) must_check;

/* What nobody writes to, of the target, or of what backs it if it has ended. */
struct err *page_copy_read(struct page_copy *c, uint64_t addr, void *buf,
			   size_t len) must_check;

/* Whether [addr, addr + len) may be read from the target itself. */
bool page_copy_may_read(const struct page_copy *c, uint64_t addr, size_t len);

#endif
