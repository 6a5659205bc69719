/* SPDX-License-Identifier: Apache-2.0 */
#include "target/page_copy.h"

#include "base/bits.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum {
	BATCH = 1024, /* ranges of a vectored read: UIO_MAXIOV */
	THREADS = 2,  /* read many: one can't have the memory's full speed */
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
	new.parts = calloc(new.max, sizeof(*new.parts));
	if (!new.parts)
		return &err_nomem;
	void *pages = mmap(NULL, new.max *COPY_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED) {
		free(new.parts);
		return err_os(errno, "mmap");
	}
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
	free(c->parts);
	addr_map_deinit(&c->index);
	vec_deinit(&c->constant);
	backing_deinit(&c->backing);
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

static const struct page_part whole_page = { 0, COPY_PAGE };

const uint8_t *page_copy_find(const struct page_copy *c, uint64_t addr,
			      size_t offset, size_t len)
{
	uint64_t i = addr_map_find(&c->index, addr);

	if (!i || offset < c->parts[i - 1].from ||
	    offset + len > c->parts[i - 1].to)
		return NULL;
	return c->pages + (i - 1) * COPY_PAGE;
}

struct err *page_copy_keep(struct page_copy *c, uint64_t addr,
			   const uint8_t *page)
{
	uint64_t i = addr_map_find(&c->index, addr);

	if (!i) {
		c->full |= c->count == c->max;
		if (c->full)
			return NULL;
		TRY(addr_map_insert(&c->index, addr, c->count + 1, &i));
		i = ++c->count;
	}
	memcpy(c->pages + (i - 1) * COPY_PAGE, page, COPY_PAGE);
	c->parts[i - 1] = whole_page;
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
	VEC(struct read_range) ranges;
	uint64_t page;	    /* where the last range ends; any without ranges */
	atomic_size_t next; /* of those that are to be read */
};

static void *read_ranges(void *arg)
{
	struct batch *b = arg;
	size_t from;

	while ((from = atomic_fetch_add(&b->next, BATCH)) < b->ranges.len)
		target_read_many(b->copy->target, b->ranges.v + from,
				 min_u64(BATCH, b->ranges.len - from));
	return NULL;
}

/* A helper that can't be had is done without. It takes no signals. */
static void read_all(struct batch *b)
{
	pthread_t helpers[THREADS - 1];
	size_t count = 0;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (count < THREADS - 1 && (count + 1) * BATCH < b->ranges.len &&
	       !pthread_create(&helpers[count], NULL, read_ranges, b))
		count++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	read_ranges(b);
	while (count)
		pthread_join(helpers[--count], NULL);
}

/* Reads what is in the batch. Pages that could not be read leave gaps. */
static struct err *flush(struct batch *b)
{
	struct page_copy *c = b->copy;
	uint64_t old;

	read_all(b);
	for (size_t i = 0; i < b->ranges.len; i++) {
		const struct read_range *r = &b->ranges.v[i];
		uint64_t at = r->addr & ~(uint64_t)(COPY_PAGE - 1);
		size_t place =
			(size_t)((uint8_t *)r->buf - c->pages) / COPY_PAGE;

		for (; r->ok && at < r->addr + r->len; at += COPY_PAGE)
			TRY(addr_map_insert(&c->index, at, ++place, &old));
	}
	return NULL;
}

/* A page of which other parts were read before is read as a whole. */
static struct err *widen(struct page_copy *c, uint64_t page)
{
	uint8_t bytes[COPY_PAGE];
	struct read_range r = { .addr = page, .len = COPY_PAGE, .buf = bytes };

	target_read_many(c->target, &r, 1);
	return r.ok ? page_copy_keep(c, page, bytes) : NULL;
}

/* Adds what is wanted of a page. Two parts of one page are read with what is
 * between them: the kernel's work is by the piece. */
static struct err *add_part(struct batch *b, uint64_t page,
			    struct page_part part)
{
	struct page_copy *c = b->copy;
	struct read_range *last =
		b->ranges.len ? &b->ranges.v[b->ranges.len - 1] : NULL;

	if (last && b->page == page) {
		struct page_part *p = &c->parts[c->count - 1];

		if (part.to > p->to) {
			last->len += part.to - p->to;
			p->to = part.to;
		}
		return NULL;
	}
	if (page_copy_find(c, page, part.from, part.to - part.from))
		return NULL;
	if (addr_map_find(&c->index, page))
		return widen(c, page);
	c->full |= c->count == c->max;
	if (c->full)
		return NULL;
	c->parts[c->count] = part;
	uint8_t *to = c->pages + c->count++ * COPY_PAGE + part.from;
	b->page = page;
	if (last && last->addr + last->len == page + part.from &&
	    (uint8_t *)last->buf + last->len == to &&
	    last->len < LONGEST * COPY_PAGE) {
		last->len += part.to - part.from;
		return NULL;
	}
	return vec_push(&b->ranges, (struct read_range){
					    .addr = page + part.from,
					    .len = part.to - part.from,
					    .buf = to,
				    });
}

static struct err *add_area(struct batch *b, const struct area *a, bool whole)
{
	uint64_t page = a->start & ~(uint64_t)(COPY_PAGE - 1);

	for (; page < a->end; page += COPY_PAGE) {
		struct page_part part = {
			(uint16_t)(max_u64(a->start, page) - page),
			(uint16_t)min_u64(a->end - page, COPY_PAGE),
		};

		TRY(add_part(b, page, whole ? whole_page : part));
	}
	return NULL;
}

static struct err *add_areas(struct page_copy *c, struct area *areas, size_t n,
			     bool whole)
{
	struct batch b = { .copy = c };
	struct err *e = NULL;

	if (n)
		qsort(areas, n, sizeof(*areas), compare_areas);
	for (size_t i = 0; !e && i < n; i++)
		e = add_area(&b, &areas[i], whole);
	if (!e)
		e = flush(&b);
	vec_deinit(&b.ranges);
	return e;
}

struct err *page_copy_add(struct page_copy *c, struct area *areas, size_t n)
{
	return add_areas(c, areas, n, true);
}

struct err *page_copy_add_bytes(struct page_copy *c, struct area *areas,
				size_t n)
{
	return add_areas(c, areas, n, false);
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

struct err *page_copy_read(struct page_copy *c, uint64_t addr, void *buf,
			   size_t len)
{
	struct err *e = target_read(c->target, addr, buf, len);

	if (!e || e->code != ERR_GONE || c->state != COPY_ONLY ||
	    !backing_read(&c->backing, addr, buf, len))
		return e;
	err_free(e);
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
