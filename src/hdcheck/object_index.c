/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/object_index.h"

#include "base/bits.h"

#define ARENA_SIZE (UINT64_C(64) << 20)
#define PAGES_PER_ARENA (ARENA_SIZE / HEAP_PAGE_SIZE)

/* A page: the objects that begin in it, and one that began before it. */
struct object_page {
	uint64_t size;	 /* bytes of the objects that begin here; 0 none */
	uint32_t bitmap; /* index of the slots' first word in bitmaps */
	uint32_t back;	 /* pages back to where the object of head began */
	uint16_t phase;	 /* offset of the first slot */
	uint16_t head;	 /* first bytes, of an object that began before */
};

struct err *object_index_init(struct object_index *ix, uint64_t start,
			      uint64_t end)
{
	struct object_index new = {
		.start = start,
		.end = end,
		.arena_count = (end - start + ARENA_SIZE - 1) / ARENA_SIZE,
	};

	new.arenas = calloc(new.arena_count + 1, sizeof(struct object_page *));
	if (!new.arenas)
		return &err_nomem;
	*ix = new;
	return NULL;
}

void object_index_deinit(struct object_index *ix)
{
	for (size_t i = 0; i < ix->arena_count; i++)
		free(ix->arenas[i]);
	free(ix->arenas);
	vec_deinit(&ix->bitmaps);
	*ix = (struct object_index){ 0 };
}

/* Page number n of the heap, NULL if its arena has no object. */
static struct object_page *page_find(const struct object_index *ix, uint64_t n)
{
	struct object_page *arena = ix->arenas[n / PAGES_PER_ARENA];

	return arena ? &arena[n % PAGES_PER_ARENA] : NULL;
}

static struct err *page_get(struct object_index *ix, uint64_t n,
			    struct object_page **out)
{
	struct object_page **arena = &ix->arenas[n / PAGES_PER_ARENA];

	if (!*arena)
		*arena = calloc(PAGES_PER_ARENA, sizeof(**arena));
	if (!*arena)
		return &err_nomem;
	*out = &(*arena)[n % PAGES_PER_ARENA];
	return NULL;
}

/* Number of slots that begin in the page. */
static uint32_t slot_count(const struct object_page *p)
{
	uint32_t room = HEAP_PAGE_SIZE - p->phase;

	return p->size >= room ? 1 : (uint32_t)((room + p->size - 1) / p->size);
}

static uint64_t slot_addr(const struct object_index *ix,
			  const struct object_page *p, uint64_t page,
			  uint32_t slot)
{
	return ix->start + page * HEAP_PAGE_SIZE + p->phase + slot * p->size;
}

static bool slot_used(const struct object_index *ix,
		      const struct object_page *p, uint32_t slot)
{
	return ix->bitmaps.v[p->bitmap + slot / 64] >> (slot % 64) & 1;
}

/*
 * The slot at an offset in the page, or of which the offset is a byte; false
 * if the first slot lies behind it. within is the offset in the slot.
 */
static bool slot_at(const struct object_page *p, uint32_t offset,
		    uint32_t *slot, uint32_t *within)
{
	uint32_t distance = offset - p->phase;

	if (!p->size || offset < p->phase)
		return false;
	if (p->size >= HEAP_PAGE_SIZE) {
		*slot = 0;
		*within = distance;
	} else {
		*slot = distance / (uint32_t)p->size;
		*within = distance % (uint32_t)p->size;
	}
	return true;
}

/* The object that covers the first bytes of the page, whose head is not 0. */
static uint64_t head_start(const struct object_index *ix,
			   const struct object_page *p, uint64_t page)
{
	const struct object_page *from = page_find(ix, page - p->back);

	return slot_addr(ix, from, page - p->back, slot_count(from) - 1);
}

/* The first object that begins in the page, if one does before end. */
static bool begins_before(const struct object_index *ix,
			  const struct object_page *p, uint64_t page,
			  uint32_t end, uint64_t *addr)
{
	if (!p->size)
		return false;
	for (uint32_t i = 0; i < slot_count(p); i++) {
		if (p->phase + i * p->size >= end)
			return false;
		if (slot_used(ix, p, i)) {
			*addr = slot_addr(ix, p, page, i);
			return true;
		}
	}
	return false;
}

/*
 * Whether [addr, addr + size) is free in the pages behind its first one;
 * first is the first page behind it, last the one of its last byte.
 */
static struct err *tail_fits(struct object_index *ix, uint64_t first,
			     uint64_t last, uint32_t last_bytes, bool *fits,
			     uint64_t *other)
{
	for (uint64_t n = first; n <= last; n++) {
		struct object_page *p;

		TRY(page_get(ix, n, &p));
		*fits = false;
		if (p->head) {
			*other = head_start(ix, p, n);
			return NULL;
		}
		if (begins_before(ix, p, n,
				  n == last ? last_bytes : HEAP_PAGE_SIZE,
				  other))
			return NULL;
	}
	*fits = true;
	return NULL;
}

static void tail_insert(struct object_index *ix, uint64_t start, uint64_t last,
			uint32_t last_bytes)
{
	for (uint64_t n = start + 1; n <= last; n++) {
		struct object_page *p = page_find(ix, n);

		p->head = n == last ? last_bytes : HEAP_PAGE_SIZE;
		p->back = (uint32_t)(n - start);
	}
}

/* Makes the page one of objects of size, one of which is at offset. */
static struct err *page_begin(struct object_index *ix, struct object_page *p,
			      uint32_t offset, uint64_t size)
{
	struct object_page new = *p;

	new.size = size;
	new.phase = size > offset ? offset : offset % (uint32_t)size;
	new.bitmap = (uint32_t)ix->bitmaps.len;
	size_t words = (slot_count(&new) + 63) / 64;
	if (ix->bitmaps.len + words > UINT32_MAX)
		return &err_nomem;
	TRY(vec_reserve(&ix->bitmaps, words));
	memset(ix->bitmaps.v + ix->bitmaps.len, 0, words * sizeof(uint64_t));
	ix->bitmaps.len += words;
	*p = new;
	return NULL;
}

/* Whether an object of size fits at offset of a page, its first. */
static enum object_fit page_fits(const struct object_index *ix,
				 const struct object_page *p, uint64_t page,
				 uint32_t offset, uint64_t size,
				 uint64_t *other)
{
	uint32_t slot = 0, within = 0;

	if (offset < p->head) {
		*other = head_start(ix, p, page);
		return OBJECT_OVERLAPS;
	}
	if (!p->size)
		return OBJECT_FITS;
	if (p->size != size) {
		*other = p->size;
		return OBJECT_MIXED;
	}
	bool behind = slot_at(p, offset, &slot, &within);
	*other = slot_addr(ix, p, page, slot);
	if (!behind || within)
		return OBJECT_OVERLAPS;
	return slot_used(ix, p, slot) ? OBJECT_DUPLICATE : OBJECT_FITS;
}

/* The part of insert that changes the first page. */
static struct err *page_insert(struct object_index *ix, struct object_page *p,
			       uint32_t offset, uint64_t size)
{
	uint32_t slot = 0, within;

	if (!p->size)
		TRY(page_begin(ix, p, offset, size));
	slot_at(p, offset, &slot, &within);
	ix->bitmaps.v[p->bitmap + slot / 64] |= UINT64_C(1) << (slot % 64);
	return NULL;
}

struct err *object_index_insert(struct object_index *ix, uint64_t addr,
				uint64_t size, enum object_fit *fit,
				uint64_t *other)
{
	if (addr < ix->start || addr >= ix->end || size > ix->end - addr) {
		*fit = OBJECT_OUTSIDE;
		return NULL;
	}
	uint64_t page = (addr - ix->start) / HEAP_PAGE_SIZE;
	uint32_t offset = (addr - ix->start) % HEAP_PAGE_SIZE;
	uint64_t last = (addr - ix->start + size - 1) / HEAP_PAGE_SIZE;
	uint32_t last_bytes =
		(addr - ix->start + size - 1) % HEAP_PAGE_SIZE + 1;
	struct object_page *p;
	bool fits = true;

	TRY(page_get(ix, page, &p));
	*fit = page_fits(ix, p, page, offset, size, other);
	if (*fit != OBJECT_FITS)
		return NULL;
	if (last > page)
		TRY(tail_fits(ix, page + 1, last, last_bytes, &fits, other));
	if (!fits) {
		*fit = OBJECT_OVERLAPS;
		return NULL;
	}
	TRY(page_insert(ix, p, offset, size));
	tail_insert(ix, page, last, last_bytes);
	return NULL;
}

bool object_index_find(const struct object_index *ix, uint64_t addr,
		       uint64_t *start, uint64_t *size)
{
	if (addr < ix->start || addr >= ix->end)
		return false;
	uint64_t page = (addr - ix->start) / HEAP_PAGE_SIZE;
	uint32_t offset = (addr - ix->start) % HEAP_PAGE_SIZE;
	const struct object_page *p = page_find(ix, page);
	uint32_t slot, within;

	if (!p)
		return false;
	if (offset < p->head) {
		*start = head_start(ix, p, page);
		*size = page_find(ix, page - p->back)->size;
		return true;
	}
	if (!slot_at(p, offset, &slot, &within) || !slot_used(ix, p, slot))
		return false;
	*start = slot_addr(ix, p, page, slot);
	*size = p->size;
	return true;
}
