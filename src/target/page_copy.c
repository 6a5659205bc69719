/* SPDX-License-Identifier: Apache-2.0 */
#include "target/page_copy.h"

#include "base/bits.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
	BATCH = 512,	  /* ranges of a vectored read */
	LONGEST = 1 << 8, /* pages of a range: what fails costs no more */
};

struct err *page_copy_init(struct page_copy *c, struct target *target,
			   uint64_t max_bytes, uint64_t expected_bytes)
{
	struct page_copy new = {
		.target = target,
		.max = (size_t)(max_bytes / COPY_PAGE),
	};
	size_t expected = (size_t)min_u64(expected_bytes, max_bytes);

	/* Memory is taken as it is written to, but for what is expected. */
	void *pages = mmap(NULL, new.max *COPY_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return err_os(errno, "mmap");
	new.pages = pages;
	madvise(pages, expected, MADV_HUGEPAGE);
	for (size_t i = 0; i < expected; i += COPY_PAGE)
		((volatile uint8_t *)pages)[i] = 0;
	*c = new;
	return NULL;
}

void page_copy_deinit(struct page_copy *c)
{
	if (c->pages)
		munmap(c->pages, c->max * COPY_PAGE);
	addr_map_deinit(&c->index);
	vec_deinit(&c->constant);
	*c = (struct page_copy){};
}

void page_copy_reset(struct page_copy *c)
{
	addr_map_deinit(&c->index);
	c->count = 0;
	c->constant.len = 0;
	c->full = false;
	c->state = COPY_KEEP;
}

const uint8_t *page_copy_find(const struct page_copy *c, uint64_t addr)
{
	uint64_t i = addr_map_find(&c->index, addr);

	return i ? c->pages + (i - 1) * COPY_PAGE : NULL;
}

struct err *page_copy_keep(struct page_copy *c, uint64_t addr,
			   const uint8_t *page)
{
	uint64_t old;

	c->full |= c->count == c->max;
	if (c->full)
		return NULL;
	TRY(addr_map_insert(&c->index, addr, c->count + 1, &old));
	if (!old)
		memcpy(c->pages + c->count++ * COPY_PAGE, page, COPY_PAGE);
	return NULL;
}

/* ---- many pages at once -------------------------------------------------- */

static int compare_areas(const void *a, const void *b)
{
	const struct area *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

struct batch {
	struct page_copy *copy;
	struct read_range ranges[BATCH];
	size_t count;
};

/* Reads what is in the batch. Pages that could not be read leave gaps. */
static struct err *flush(struct batch *b)
{
	struct page_copy *c = b->copy;
	uint64_t old;

	target_read_many(c->target, b->ranges, b->count);
	for (size_t i = 0; i < b->count; i++) {
		const struct read_range *r = &b->ranges[i];
		size_t place =
			(size_t)((uint8_t *)r->buf - c->pages) / COPY_PAGE;

		for (size_t at = 0; r->ok && at < r->len; at += COPY_PAGE)
			TRY(addr_map_insert(&c->index, r->addr + at, ++place,
					    &old));
	}
	b->count = 0;
	return NULL;
}

static struct err *add_page(struct batch *b, uint64_t addr)
{
	struct page_copy *c = b->copy;
	struct read_range *last = b->count ? &b->ranges[b->count - 1] : NULL;

	if (page_copy_find(c, addr))
		return NULL;
	c->full |= c->count == c->max;
	if (c->full)
		return NULL;
	uint8_t *to = c->pages + c->count++ * COPY_PAGE;
	if (last && last->addr + last->len == addr &&
	    last->len < LONGEST * COPY_PAGE) {
		last->len += COPY_PAGE;
		return NULL;
	}
	if (b->count == BATCH)
		TRY(flush(b));
	b->ranges[b->count++] = (struct read_range){
		.addr = addr,
		.len = COPY_PAGE,
		.buf = to,
	};
	return NULL;
}

struct err *page_copy_add(struct page_copy *c, struct area *areas, size_t n)
{
	struct batch b = { .copy = c };
	uint64_t done = 0; /* pages below are in the batch */

	if (n)
		qsort(areas, n, sizeof(*areas), compare_areas);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = areas[i].start & ~(uint64_t)(COPY_PAGE - 1);

		for (at = max_u64(at, done); at < areas[i].end; at += COPY_PAGE)
			TRY(add_page(&b, at));
		done = max_u64(done, at);
	}
	return flush(&b);
}

/* ---- when the target runs ------------------------------------------------ */

/* Joins areas that touch, so that a read across them is in one. */
static void join(struct page_copy *c)
{
	size_t len = 0;

	if (!c->constant.len)
		return;
	qsort(c->constant.v, c->constant.len, sizeof(*c->constant.v),
	      compare_areas);
	for (size_t i = 1; i < c->constant.len; i++) {
		struct area *last = &c->constant.v[len];
		const struct area *next = &c->constant.v[i];

		if (next->start <= last->end)
			last->end = max_u64(last->end, next->end);
		else
			c->constant.v[++len] = *next;
	}
	c->constant.len = len + 1;
}

struct err *page_copy_seal(struct page_copy *c, const struct area *constant,
			   size_t n)
{
	const struct target *t = c->target;

	for (size_t i = 0; i < n; i++)
		TRY(vec_push(&c->constant, constant[i]));
	for (size_t i = 0; i < t->mapping_count; i++) {
		const struct mapping *m = &t->mappings[i];

		if (m->read && !m->write && !m->shared)
			TRY(vec_push(&c->constant,
				     (struct area){ m->start, m->end }));
	}
	join(c);
	c->state = COPY_ONLY;
	return NULL;
}

bool page_copy_may_read(const struct page_copy *c, uint64_t addr, size_t len)
{
	size_t low = 0, high = c->constant.len;

	if (!c->target || c->state != COPY_ONLY)
		return true;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->constant.v[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->constant.len && c->constant.v[low].start <= addr &&
	       len <= c->constant.v[low].end - addr;
}
