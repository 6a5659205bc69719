/* SPDX-License-Identifier: Apache-2.0 */
#include "target/image.h"

#include "base/bits.h"
#include "base/vec.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE /* glibc before 2.35 */
#define MADV_POPULATE_WRITE 23
#endif

enum {
	PIECE = 4 << 20, /* bytes that a thread copies at once */
	MAX_THREADS = 4,
};

void image_deinit(struct image *im)
{
	if (im->memory)
		munmap(im->memory, im->size);
	vec_deinit(im);
	vec_deinit(&im->missing);
	*im = (struct image){};
}

void image_clear(struct image *im)
{
	im->len = im->missing.len = 0;
}

struct err *image_add(struct image *im, uint64_t addr, uint64_t len)
{
	struct image_part *last = im->len ? &im->v[im->len - 1] : NULL;

	if (!len)
		return NULL;
	if (last && last->addr + last->len == addr) {
		last->len += len;
		return NULL;
	}
	return vec_push(im, (struct image_part){ addr, len, NULL });
}

uint64_t image_bytes(const struct image *im)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < im->len; i++)
		sum += im->v[i].len;
	return sum;
}

struct err *image_reserve(struct image *im, size_t size)
{
	if (size <= im->size)
		return NULL;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return &err_nomem;
	madvise(p, size, MADV_HUGEPAGE); /* fewer faults; no matter if not */
	/* Not MAP_POPULATE, which would not say that there is no memory. */
	if (madvise(p, size, MADV_POPULATE_WRITE) < 0 && errno == ENOMEM) {
		munmap(p, size);
		return &err_nomem;
	}
	if (im->memory)
		munmap(im->memory, im->size);
	im->memory = p;
	im->size = size;
	return NULL;
}

/* What the threads share. */
struct filling {
	const struct memory *from;
	struct read_range *ranges;
	size_t *groups; /* where each begins: what is copied at once */
	size_t count, group_count;
	atomic_size_t next; /* group */
};

static void filling_deinit(struct filling *f)
{
	free(f->ranges);
	free(f->groups);
}

static void *fill(void *arg)
{
	struct filling *f = arg;
	size_t i;

	while ((i = atomic_fetch_add(&f->next, 1)) < f->group_count) {
		size_t first = f->groups[i];

		memory_read_many(f->from, &f->ranges[first],
				 f->groups[i + 1] - first);
	}
	return NULL;
}

static void fill_by(struct filling *f, unsigned int threads)
{
	pthread_t ids[MAX_THREADS];
	unsigned int started = 0;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (started + 1 < threads && started < MAX_THREADS &&
	       !pthread_create(&ids[started], NULL, fill, f))
		started++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	fill(f);
	while (started)
		pthread_join(ids[--started], NULL);
}

/* Gives each part its bytes, and cuts them into pieces. */
static struct err *lay_out(struct image *im, struct filling *f)
{
	uint8_t *at = im->memory;
	size_t n = 0;

	for (size_t i = 0; i < im->len; i++)
		n += im->v[i].len / PIECE + 1;
	f->ranges = calloc(n, sizeof(*f->ranges));
	f->groups = calloc(n + 1, sizeof(*f->groups));
	if (!f->ranges || !f->groups)
		return &err_nomem;
	for (size_t i = 0; i < im->len; i++) {
		struct image_part *part = &im->v[i];

		part->bytes = at;
		at += part->len;
		for (uint64_t o = 0; o < part->len; o += PIECE)
			f->ranges[f->count++] = (struct read_range){
				.addr = part->addr + o,
				.len = (size_t)min_u64(part->len - o, PIECE),
				.buf = part->bytes + o,
			};
	}
	return NULL;
}

/* Neighbours together, up to about a piece's bytes. */
static void make_groups(struct filling *f)
{
	size_t bytes = PIECE;

	for (size_t i = 0; i < f->count; i++) {
		if (bytes >= PIECE) {
			f->groups[f->group_count++] = i;
			bytes = 0;
		}
		bytes += f->ranges[i].len;
	}
	f->groups[f->group_count] = f->count;
}

/* Adds what was read of one range to the parts, or to what is missing. */
static struct err *settle(struct image *im, const struct read_range *r)
{
	struct image_part *last = im->len ? &im->v[im->len - 1] : NULL;

	if (!r->ok)
		return vec_push(
			&im->missing,
			(struct address_range){ r->addr, r->addr + r->len });
	if (last && last->addr + last->len == r->addr &&
	    last->bytes + last->len == r->buf) {
		last->len += r->len;
		return NULL;
	}
	return vec_push(im, (struct image_part){ r->addr, r->len, r->buf });
}

struct err *image_fill(struct image *im, const struct memory *from,
		       unsigned int threads)
{
	cleanup(filling_deinit) struct filling f = { .from = from };

	if (!im->len)
		return NULL;
	TRY(image_reserve(im, image_bytes(im)));
	TRY(lay_out(im, &f));
	make_groups(&f);
	fill_by(&f, threads);
	im->len = 0; /* the ranges know all of it */
	for (size_t i = 0; i < f.count; i++)
		TRY(settle(im, &f.ranges[i]));
	return NULL;
}

const struct address_range *ranges_find(const struct address_ranges *r,
					uint64_t addr)
{
	size_t low = 0, high = r->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->v[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->len ? &r->v[low] : NULL;
}

const struct image_part *image_find(const struct image *im, uint64_t addr)
{
	size_t low = 0, high = im->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (im->v[mid].addr + im->v[mid].len <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < im->len ? &im->v[low] : NULL;
}
