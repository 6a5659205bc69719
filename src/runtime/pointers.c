/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pointers.h"

#include "runtime/object.h"
#include "runtime/runtime.h"

#include <stdlib.h>

enum { WORD = 8 }; /* bytes of a pointer on every machine known */

/* The type met last: objects of one type are often neighbours. */
struct last_type {
	uint64_t addr;
	struct type_mask mask;
};

struct pointer_reader {
	struct runtime *rt;
	struct last_type last;

	/* Arena bitmaps: the raw bits of a window, and noMorePtrs. */
	bool arena_bitmap;
	uint64_t bitmap_offset, no_more_offset; /* in heapArena, bytes */
	uint8_t raw[WINDOW_BYTES / WORD / 8];
	uint8_t no_more[WINDOW_BYTES / WORD / 64 / 8];

	/* The large object that is read in pieces: where its pointers end. */
	uint64_t piece_base, piece_end;
};

/* The release's place of the arena bitmap, if it has one. */
static void find_arena_bitmap(struct pointer_reader *r)
{
	const struct layout *l = &r->rt->layout;
	uint64_t inner = l->heapArena.heapArenaPtrScalar.offset;

	if (l->heapArena.bitmap.present && l->heapArena.noMorePtrs.present) {
		r->arena_bitmap = true;
		r->bitmap_offset = l->heapArena.bitmap.offset;
		r->no_more_offset = l->heapArena.noMorePtrs.offset;
	} else if (l->heapArenaPtrScalar.bitmap.present &&
		   l->heapArenaPtrScalar.noMorePtrs.present) {
		r->arena_bitmap = true;
		r->bitmap_offset = inner + l->heapArenaPtrScalar.bitmap.offset;
		r->no_more_offset =
			inner + l->heapArenaPtrScalar.noMorePtrs.offset;
	}
}

struct err *pointer_reader_create(struct runtime *rt,
				  struct pointer_reader **out)
{
	const struct layout *l = &rt->layout;
	struct pointer_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return &err_nomem;
	r->rt = rt;
	find_arena_bitmap(r);
	if (!r->arena_bitmap && !(l->mspan.largeType.present &&
				  l->konst.minSizeForMallocHeader.present &&
				  l->konst.mallocHeaderSize.present)) {
		free(r);
		return err_new(ERR_MISSING,
			       "this release's pointer bits are neither in "
			       "heapArena.bitmap nor in headers");
	}
	*out = r;
	return NULL;
}

void pointer_reader_destroy(struct pointer_reader *r)
{
	free(r);
}

static inline bool word_bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

/* 64 bits of src from bit `from` on; those beyond nbits are 0. */
static inline uint64_t bits_at(const uint64_t *src, uint64_t nbits,
			       uint64_t from)
{
	uint64_t w = from / 64, shift = from % 64, bits;

	if (from >= nbits)
		return 0;
	bits = src[w] >> shift;
	if (shift && (w + 1) * 64 < nbits)
		bits |= src[w + 1] << (64 - shift);
	if (nbits - from < 64)
		bits &= (1ull << (nbits - from)) - 1;
	return bits;
}

/* Ors n bits of src, from bit `from` on, into dst at bit `to`. */
static void or_bits(uint64_t *dst, uint64_t to, const uint64_t *src,
		    uint64_t nbits, uint64_t from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 64) {
		uint64_t bits = bits_at(src, nbits, from + i);
		uint64_t at = to + i, shift = at % 64;

		if (n - i < 64)
			bits &= (1ull << (n - i)) - 1;
		if (!bits)
			continue;
		dst[at / 64] |= bits << shift;
		if (shift && bits >> (64 - shift))
			dst[at / 64 + 1] |= bits >> (64 - shift);
	}
}

/*
 * Sets the bits of words [from, from + n) of a value that repeats the type,
 * at bit `to` of dst. Follows runtime/mbitmap.go:typePointers.next.
 */
static void tile(uint64_t *dst, uint64_t to, const struct type_mask *mask,
		 uint64_t from, uint64_t n)
{
	uint64_t stride = mask->size / WORD, done = 0;

	if (!stride || !mask->nwords)
		return;
	while (done < n) {
		uint64_t in = (from + done) % stride;
		uint64_t take = min_u64(stride - in, n - done);

		if (in < mask->nwords)
			or_bits(dst, to + done, mask->bits, mask->nwords, in,
				min_u64(take, mask->nwords - in));
		done += take;
	}
}

/* ---- headers ------------------------------------------------------------- */

static struct err *mask_of(struct pointer_reader *r, uint64_t type)
{
	if (r->last.addr == type)
		return NULL;
	r->last.addr = 0;
	TRY(type_mask(&r->rt->types, type, &r->last.mask));
	r->last.addr = type;
	return NULL;
}

/* A type that makes no sense costs its object the pointers, no more. */
static struct err *tolerate(struct object_batch *b, struct err *e)
{
	if (!e)
		return NULL;
	if (e->code != ERR_FAULT && e->code != ERR_FORMAT &&
	    e->code != ERR_UNSUPPORTED)
		return e;
	b->untyped++;
	err_free(e);
	return NULL;
}

/* Bits at the end of the span: a bit for each of its words.
 * Follows runtime/mbitmap.go:spanHeapBitsRange. */
static void copy_span_bits(struct pointer_reader *r,
			   const struct span_objects *o, uint64_t *bitmap)
{
	const struct layout *l = &r->rt->layout;
	uint64_t bytes = span_bytes(&r->rt->spans, o->span);
	uint64_t size = bytes / WORD / 8;
	uint64_t at = bytes - size;

	if (o->span->flags & SPAN_INLINE_MARKS)
		at -= l->spanInlineMarkBits.struct_size;
	for (uint64_t i = 0; i < size / 8; i++)
		bitmap[i] = load_le(o->contents + at + i * 8, 8);
}

static struct err *read_headers(struct pointer_reader *r,
				struct object_batch *b, struct span_objects *o,
				uint64_t *bitmap)
{
	uint64_t header = (uint64_t)r->rt->layout.konst.mallocHeaderSize.value;
	uint64_t words = o->elemsize / WORD, skip = header / WORD;

	for (uint32_t i = 0; i < o->nelems; i++) {
		uint64_t type;

		if (!word_bit(o->allocated, i) || i + 1 == o->allocating)
			continue;
		type = load_le(o->contents + i * o->elemsize, WORD);
		if (!type) /* it is just being made */
			continue;
		struct err *e = mask_of(r, type);
		if (e) {
			TRY(tolerate(b, e));
			continue;
		}
		o->headers = true;
		tile(bitmap, i * words + skip, &r->last.mask, 0, words - skip);
	}
	return NULL;
}

static struct err *large_type(struct pointer_reader *r, const struct span *s,
			      uint64_t *out)
{
	const struct member *m = &r->rt->layout.mspan.largeType;
	uint8_t bytes[WORD];

	TRY(target_read(r->rt->target, s->mspan + m->offset, bytes, WORD));
	*out = load_le(bytes, WORD);
	return NULL;
}

/* Words [from, from + n) of a large object; none while it has no type yet. */
static struct err *read_large(struct pointer_reader *r, struct object_batch *b,
			      const struct span *s, uint64_t from, uint64_t n,
			      uint64_t *bitmap)
{
	uint64_t type = 0;

	TRY(tolerate(b, large_type(r, s, &type)));
	if (!type)
		return NULL;
	struct err *e = mask_of(r, type);
	if (e)
		return tolerate(b, e);
	tile(bitmap, 0, &r->last.mask, from, n);
	return NULL;
}

static struct err *span_by_headers(struct pointer_reader *r,
				   struct object_batch *b,
				   struct span_objects *o, uint64_t *bitmap)
{
	if (!span_sizeclass(o->span))
		return read_large(r, b, o->span, 0, o->elemsize / WORD, bitmap);
	if (o->elemsize <=
	    (uint64_t)r->rt->layout.konst.minSizeForMallocHeader.value) {
		copy_span_bits(r, o, bitmap);
		return NULL;
	}
	return read_headers(r, b, o, bitmap);
}

/* ---- arena bitmaps ------------------------------------------------------- */

/*
 * Reads the raw bits and noMorePtrs of len bytes of heap at addr, both whole
 * pages. A large object may lie in several arenas.
 */
static struct err *read_raw(struct pointer_reader *r, uint64_t addr,
			    uint64_t len, uint8_t *raw, uint8_t *no_more)
{
	const struct span_table *t = &r->rt->spans;

	while (len) {
		uint64_t ha = span_heap_arena(t, addr);
		uint64_t in = addr % t->arena_size;
		uint64_t n = min_u64(len, t->arena_size - in);
		struct read_range ranges[2] = {
			{ ha + r->bitmap_offset + in / WORD / 8, n / WORD / 8,
			  raw, false },
			{ ha + r->no_more_offset + in / WORD / 64 / 8,
			  n / WORD / 64 / 8, no_more, false },
		};

		if (!ha)
			return err_fault(addr, "no arena holds it");
		target_read_many(r->rt->target, ranges, 2);
		if (!ranges[0].ok || !ranges[1].ok)
			return err_fault(ranges[0].addr, "an arena's bitmap");
		raw += n / WORD / 8;
		no_more += n / WORD / 64 / 8;
		addr += n;
		len -= n;
	}
	return NULL;
}

/*
 * Ors the bits of an object's words [from, from + n) into bitmap, up to the
 * word behind which it has no more pointers. Follows
 * runtime/mbitmap.go:heapBitsForAddr of Go 1.21.
 */
static void filter_object(const struct pointer_reader *r, uint64_t from,
			  uint64_t n, uint64_t *bitmap)
{
	for (uint64_t end = from + n; from < end;) {
		uint64_t word = from / 64, shift = from % 64;
		uint64_t take = min_u64(64 - shift, end - from);
		uint64_t bits = load_le(r->raw + word * 8, 8) >> shift;

		if (take < 64)
			bits &= (1ull << take) - 1;
		bitmap[word] |= bits << shift;
		from += take;
		if (from < end && bit_get(r->no_more, word))
			break;
	}
}

static struct err *span_by_bitmap(struct pointer_reader *r,
				  struct object_batch *b,
				  const struct span_objects *o,
				  uint64_t *bitmap)
{
	uint64_t words = o->elemsize / WORD;
	struct err *e = read_raw(r, o->base, span_bytes(&r->rt->spans, o->span),
				 r->raw, r->no_more);

	if (e) {
		b->untyped += o->allocated_count - 1;
		return tolerate(b, e);
	}
	for (uint32_t i = 0; i < o->nelems; i++)
		if (word_bit(o->allocated, i))
			filter_object(r, i * words, words, bitmap);
	return NULL;
}

/*
 * Where the pointers of a large object end: behind the first bitmap word that
 * says so, else at its end. Found once an object.
 */
static struct err *find_piece_end(struct pointer_reader *r,
				  const struct object_batch *b)
{
	const struct span *s = b->spans[0].span;
	uint64_t bytes = span_bytes(&r->rt->spans, s), end = b->size;

	if (r->piece_base == s->base)
		return NULL;
	for (uint64_t at = 0; at < end; at += WINDOW_BYTES) {
		uint64_t len = min_u64(bytes - at, WINDOW_BYTES);

		TRY(read_raw(r, s->base + at, len, r->raw, r->no_more));
		for (uint64_t w = 0; w < len / WORD / 64; w++) {
			if (!bit_get(r->no_more, w))
				continue;
			end = min_u64(end, at + (w + 1) * 64 * WORD);
			break;
		}
	}
	r->piece_base = s->base;
	r->piece_end = end;
	return NULL;
}

static struct err *piece_by_bitmap(struct pointer_reader *r,
				   struct object_batch *b, uint64_t *bitmap)
{
	const struct object_window *w = b->window;
	uint64_t n;

	TRY(find_piece_end(r, b));
	if (w->offset >= r->piece_end)
		return NULL;
	n = min_u64(b->len, r->piece_end - w->offset);
	TRY(read_raw(r, b->spans[0].base + w->offset, w->len, r->raw,
		     r->no_more));
	memset(r->no_more, 0, sizeof(r->no_more)); /* piece_end knows */
	filter_object(r, 0, n / WORD, bitmap);
	return NULL;
}

/* What the bits say of a slot that is just being allocated is not of it. */
static void clear_slot(const struct span_objects *o, uint64_t *bitmap)
{
	uint64_t words = o->elemsize / WORD;

	for (uint64_t i = 0; i < words; i++) {
		uint64_t at = (o->allocating - 1) * words + i;

		bitmap[at / 64] &= ~(1ull << (at % 64));
	}
}

/* ---- both ---------------------------------------------------------------- */

struct err *pointer_reader_spans(struct pointer_reader *r,
				 struct object_batch *b, uint64_t *bitmap)
{
	for (size_t i = 0; i < b->count; i++) {
		struct span_objects *o = &b->spans[i];
		uint64_t words = span_bytes(&r->rt->spans, o->span) / WORD;

		if (!o->contents || span_noscan(o->span))
			continue;
		memset(bitmap, 0, words / 8);
		if (r->arena_bitmap)
			TRY(span_by_bitmap(r, b, o, bitmap));
		else
			TRY(span_by_headers(r, b, o, bitmap));
		if (o->allocating)
			clear_slot(o, bitmap);
		o->pointers = bitmap;
		bitmap += words / 64;
	}
	return NULL;
}

struct err *pointer_reader_piece(struct pointer_reader *r,
				 struct object_batch *b, uint64_t *bitmap)
{
	const struct span *s = b->spans[0].span;

	if (span_noscan(s))
		return NULL;
	memset(bitmap, 0, WINDOW_BYTES / WORD / 8);
	if (r->arena_bitmap)
		TRY(tolerate(b, piece_by_bitmap(r, b, bitmap)));
	else
		TRY(read_large(r, b, s, b->window->offset / WORD, b->len / WORD,
			       bitmap));
	b->pointers = bitmap;
	return NULL;
}
