/* SPDX-License-Identifier: Apache-2.0 */
#include "output/heapdump.h"

#include "output/encoder.h"
#include "runtime/runtime.h"

enum {
	WORD = 8,
	/* Tag, address and length of an object, and the end of its fields. */
	OBJECT_MAX = 1 + 2 * PUT_MAX + 1,
	FIELD_MAX = 1 + PUT_MAX,
};

/*
 * Puts a field for each of the bits [from, from + n), at the offset of its word
 * from the object's start. Most offsets take one byte.
 */
static void put_fields(struct buf *out, const uint64_t *bits, uint64_t from,
		       uint64_t n, uint64_t offset)
{
	for (uint64_t done = 0; done < n;) {
		uint64_t at = from + done, shift = at % 64;
		uint64_t word = bits[at / 64] >> shift;
		uint64_t take = 64 - shift;

		if (take > n - done) {
			take = n - done;
			word &= (1ull << take) - 1;
		}
		for (; word; word &= word - 1) {
			uint64_t i = done + (uint64_t)__builtin_ctzll(word);

			out->v[out->len++] = FIELD_PTR;
			put_uint(out, offset + i * WORD);
		}
		done += take;
	}
}

void heapdump_mask(uint8_t *words, const uint64_t *bits, uint64_t from,
		   uint64_t n)
{
	if (!bits) {
		memset(words, 0, n * WORD);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		if (!(bits[(from + i) / 64] >> ((from + i) % 64) & 1))
			memset(words + i * WORD, 0, WORD);
}

/* Leaves the pointers of the object that was put last, and its type word. */
static void mask_object(struct buf *out, const struct span_objects *o,
			uint32_t slot)
{
	uint64_t words = o->elemsize / WORD, skip = o->headers ? 1 : 0;

	heapdump_mask(out->v + out->len - o->elemsize + skip * WORD,
		      o->pointers, slot * words + skip, words - skip);
}

static void put_object(struct buf *out, const struct span_objects *o,
		       uint32_t slot, bool masked)
{
	uint64_t words = o->elemsize / WORD;

	out->v[out->len++] = TAG_OBJECT;
	put_uint(out, o->base + slot * o->elemsize);
	put_uint(out, o->elemsize);
	buf_put(out, o->contents + slot * o->elemsize, o->elemsize);
	if (masked)
		mask_object(out, o, slot);
	if (o->pointers)
		put_fields(out, o->pointers, slot * words, words, 0);
	out->v[out->len++] = FIELD_EOL;
}

static struct err *encode_span(const struct span_objects *o, struct buf *out,
			       bool masked)
{
	uint64_t slots = o->allocated_count;
	uint64_t words = slots * (o->elemsize / WORD);

	if (!slots)
		return NULL;
	/* An offset below 2^28 takes four bytes; a window is smaller. */
	TRY(buf_reserve(out, slots * (OBJECT_MAX + o->elemsize) +
				     (o->pointers ? words * 5 : 0) + PUT_MAX));
	for (uint32_t w = 0; w * 64 < o->nelems; w++)
		for (uint64_t bits = o->allocated[w]; bits; bits &= bits - 1)
			put_object(out, o,
				   w * 64 + (uint32_t)__builtin_ctzll(bits),
				   masked);
	return NULL;
}

/* A large object: its head goes with the first piece of its contents. */
static struct err *encode_contents(const struct object_batch *b,
				   struct buf *out, bool masked)
{
	if (!b->allocated)
		return NULL;
	TRY(buf_reserve(out, OBJECT_MAX + b->len));
	if (b->window->offset == 0) {
		out->v[out->len++] = TAG_OBJECT;
		put_uint(out, b->spans[0].base);
		put_uint(out, b->size);
	}
	if (!b->len)
		return NULL;
	buf_put(out, b->piece, b->len);
	if (masked)
		heapdump_mask(out->v + out->len - b->len, b->pointers, 0,
			      b->len / WORD);
	return NULL;
}

static struct err *encode_pointers(const struct object_batch *b,
				   struct buf *out)
{
	uint64_t words = b->len / WORD;

	if (!b->allocated)
		return NULL;
	TRY(buf_reserve(out, (b->pointers ? words * FIELD_MAX : 0) + 1));
	if (b->pointers)
		put_fields(out, b->pointers, 0, words, b->window->offset);
	if (b->last)
		out->v[out->len++] = FIELD_EOL;
	return NULL;
}

static struct err *encode(const struct object_batch *b, struct buf *out,
			  bool masked)
{
	switch (b->window->kind) {
	case WINDOW_CONTENTS:
		return encode_contents(b, out, masked);
	case WINDOW_POINTERS:
		return encode_pointers(b, out);
	case WINDOW_OBJECTS:
		break;
	}
	for (size_t i = 0; i < b->count; i++)
		TRY(encode_span(&b->spans[i], out, masked));
	return NULL;
}

struct err *heapdump_encode_objects(const struct object_batch *b,
				    struct buf *out)
{
	return encode(b, out, false);
}

struct err *heapdump_encode_pointers(const struct object_batch *b,
				     struct buf *out)
{
	return encode(b, out, true);
}
