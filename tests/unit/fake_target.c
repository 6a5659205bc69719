/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_target.h"

#include "base/bits.h"

#include <check.h>
#include <stdlib.h>

static struct fake_target *fake_of(struct target *t)
{
	return (struct fake_target *)t;
}

static const struct fake_region *region_of(const struct fake_target *f,
					   uint64_t addr)
{
	for (size_t i = 0; i < f->region_count; i++) {
		const struct fake_region *r = &f->regions[i];

		if (addr >= r->addr && addr - r->addr < r->len)
			return r;
	}
	return NULL;
}

static size_t read_bytes(struct target *t, uint64_t addr, void *buf, size_t len)
{
	const struct fake_target *f = fake_of(t);
	size_t done = 0;

	while (!f->gone && done < len) {
		const struct fake_region *r = region_of(f, addr + done);

		if (!r)
			break;
		size_t offset = (size_t)(addr + done - r->addr);
		size_t n = min_u64(len - done, r->len - offset);

		memcpy((uint8_t *)buf + done, r->bytes + offset, n);
		done += n;
	}
	return done;
}

static void read_many(struct target *t, struct read_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct read_range *r = &ranges[i];

		r->ok = read_bytes(t, r->addr, r->buf, r->len) == r->len;
	}
}

static struct err *stop(struct target *t)
{
	struct fake_target *f = fake_of(t);
	struct err *e = f->stop_error;

	f->stops++;
	f->stop_error = NULL;
	clock_gettime(CLOCK_MONOTONIC, &t->stop_began);
	if (!e && f->on_stop)
		f->on_stop(f);
	return e;
}

static struct err *resume(struct target *t)
{
	(void)t;
	return NULL;
}

static bool is_gone(struct target *t)
{
	return fake_of(t)->gone;
}

static void keep(struct target *t)
{
	(void)t; /* it is the test's */
}

static const struct target_ops ops = {
	.stop = stop,
	.resume = resume,
	.read = read_bytes,
	.read_many = read_many,
	.gone = is_gone,
	.close = keep,
};

void fake_target_init(struct fake_target *f)
{
	*f = (struct fake_target){
		.base = { .ops = &ops, .arch = &arch_amd64, .pid = 1 },
	};
}

void fake_target_deinit(struct fake_target *f)
{
	target_close(&f->base);
	err_free(f->stop_error);
	while (f->region_count)
		free(f->regions[--f->region_count].bytes);
}

uint8_t *fake_map(struct fake_target *f, uint64_t addr, size_t len)
{
	uint8_t *bytes = calloc(len, 1);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_lt(f->region_count, FAKE_REGIONS);
	f->regions[f->region_count++] = (struct fake_region){
		.addr = addr,
		.len = len,
		.bytes = bytes,
	};
	return bytes;
}

void fake_unmap(struct fake_target *f, uint64_t addr)
{
	size_t i = 0;

	while (i < f->region_count && f->regions[i].addr != addr)
		i++;
	ck_assert_uint_lt(i, f->region_count);
	free(f->regions[i].bytes);
	f->regions[i] = f->regions[--f->region_count];
}

uint8_t *fake_at(const struct fake_target *f, uint64_t addr, size_t len)
{
	const struct fake_region *r = region_of(f, addr);

	ck_assert_msg(r && addr - r->addr + len <= r->len,
		      "no %zu bytes are mapped at %#llx", len,
		      (unsigned long long)addr);
	return r->bytes + (addr - r->addr);
}

void fake_put(struct fake_target *f, uint64_t addr, unsigned int width,
	      uint64_t value)
{
	uint64_t le = htole64(value);

	memcpy(fake_at(f, addr, width), &le, width);
}

uint64_t fake_get(const struct fake_target *f, uint64_t addr,
		  unsigned int width)
{
	return load_le(fake_at(f, addr, width), width);
}
