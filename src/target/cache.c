/* SPDX-License-Identifier: Apache-2.0 */
#include "target/cache.h"

#include "base/bits.h"

#include <string.h>

/* No block begins there: its address is not a multiple of the block's size. */
#define READ_CACHE_EMPTY UINT64_MAX

struct err *read_cache_init(struct read_cache *c, struct target *target)
{
	return read_cache_init_blocks(c, target, READ_CACHE_BLOCKS);
}

struct err *read_cache_init_blocks(struct read_cache *c, struct target *target,
				   size_t blocks)
{
	cleanup_free uint64_t *tags = NULL;
	uint8_t *data;

	tags = malloc(blocks * sizeof(*tags));
	data = malloc(blocks * READ_CACHE_BLOCK);
	if (!tags || !data) {
		free(data);
		return &err_nomem;
	}
	*c = (struct read_cache){
		.target = target,
		.blocks = blocks,
		.tags = steal(&tags),
		.data = data,
	};
	read_cache_reset(c);
	return NULL;
}

void read_cache_deinit(struct read_cache *c)
{
	free(c->tags);
	free(c->data);
	*c = (struct read_cache){};
}

void read_cache_reset(struct read_cache *c)
{
	for (size_t i = 0; i < c->blocks; i++)
		c->tags[i] = READ_CACHE_EMPTY;
}

/* From the target itself, or from what it is the same as. */
static struct err *read_past(struct read_cache *c, uint64_t addr, void *buf,
			     size_t len)
{
	if (!c->copy)
		return target_read(c->target, addr, buf, len);
	if (!page_copy_may_read(c->copy, addr, len))
		return err_fault(addr, "not copied at the stop");
	return page_copy_read(c->copy, addr, buf, len);
}

static struct err *read_block(struct read_cache *c, uint64_t addr, void *block)
{
	TRY(read_past(c, addr, block, READ_CACHE_BLOCK));
	return c->copy && c->copy->state == COPY_KEEP
		       ? page_copy_keep(c->copy, addr, block)
		       : NULL;
}

/*
 * The cached block that begins at addr, of which the part is wanted; or NULL:
 * not all of it can be read, though the part may be (the end of a core's
 * segment).
 */
static const uint8_t *get_block(struct read_cache *c, uint64_t addr,
				size_t offset, size_t len)
{
	size_t i = addr / READ_CACHE_BLOCK % c->blocks;
	uint8_t *block = c->data + i * READ_CACHE_BLOCK;

	if (c->tags[i] == addr)
		return block;
	const uint8_t *copied =
		c->copy ? page_copy_find(c->copy, addr, offset, len) : NULL;
	if (copied)
		return copied;
	c->tags[i] = READ_CACHE_EMPTY;
	struct err *e = read_block(c, addr, block);
	if (e) {
		err_free(e);
		return NULL;
	}
	c->tags[i] = addr;
	return block;
}

struct err *cache_read(struct read_cache *c, uint64_t addr, void *buf,
		       size_t len)
{
	if ((len >= READ_CACHE_BLOCK && !c->copy) || len > UINT64_MAX - addr)
		return target_read(c->target, addr, buf, len);
	for (size_t done = 0; done < len;) {
		size_t offset = (addr + done) % READ_CACHE_BLOCK;
		size_t n = min_u64(len - done, READ_CACHE_BLOCK - offset);
		const uint8_t *block =
			get_block(c, addr + done - offset, offset, n);
		uint8_t *to = (uint8_t *)buf + done;

		if (block)
			memcpy(to, block + offset, n);
		else
			TRY(read_past(c, addr + done, to, n));
		done += n;
	}
	return NULL;
}

struct err *cache_read_uint(struct read_cache *c, uint64_t addr,
			    unsigned int width, uint64_t *out)
{
	uint8_t bytes[8];

	TRY(cache_read(c, addr, bytes, width));
	*out = load_uint(bytes, width, c->target->arch->big_endian);
	return NULL;
}
