/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/span.h"

#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	CHUNK = 512,	 /* spans that are read at once */
	MAX_MSPAN = 512, /* bytes of an mspan */
};

/* Counts that exceed these are not believed: 48 bits of pages, of arenas. */
#define MAX_SPANS (1ull << 32)
#define MAX_ARENAS (1ull << 22)

void span_table_deinit(struct span_table *t)
{
	vec_deinit(&t->list);
	vec_deinit(&t->manual);
	vec_deinit(&t->arenas);
	*t = (struct span_table){};
}

/* ---- arenas -------------------------------------------------------------- */

/* Reads arena i's entry in the two-level map. Follows runtime/mheap.go:
 * arenaIdx.l1, l2 and arenaBase. */
static struct err *add_arena(struct runtime *rt, uint64_t index)
{
	const struct layout *l = &rt->layout;
	uint64_t l2_bits = (uint64_t)l->konst.arenaL2Bits.value;
	uint64_t l1 = index >> l2_bits;
	uint64_t l2 = index & ((1ull << l2_bits) - 1);
	uint64_t map = l->var.mheap_.addr + l->mheap.arenas.offset;
	struct arena a;

	if (l1 * rt->arch->ptr_size >= l->mheap.arenas.width)
		return err_new(ERR_FORMAT, "no arena has index %" PRIu64,
			       index);
	TRY(rt_ptr(rt, map + l1 * rt->arch->ptr_size, &map));
	TRY(rt_ptr(rt, map + l2 * rt->arch->ptr_size, &a.heap_arena));
	if (!a.heap_arena)
		return NULL;
	a.base = index * rt->spans.arena_size +
		 (uint64_t)l->konst.arenaBaseOffset.value;
	return vec_push(&rt->spans.arenas, a);
}

static int by_base(const void *a, const void *b)
{
	uint64_t x = ((const struct arena *)a)->base;
	uint64_t y = ((const struct arena *)b)->base;

	return x < y ? -1 : x > y;
}

/* Arenas of a list of their indices, where the release has that list. */
static struct err *add_arenas(struct runtime *rt, const struct member *m)
{
	struct go_slice s;

	if (!m->present)
		return NULL;
	TRY(rt_slice(rt, rt->layout.var.mheap_.addr + m->offset, MAX_ARENAS,
		     &s));
	for (uint64_t i = 0; i < s.len; i++) {
		uint64_t index;

		TRY(rt_ptr(rt, s.addr + i * rt->arch->ptr_size, &index));
		TRY(add_arena(rt, index));
	}
	return NULL;
}

static struct err *load_arenas(struct runtime *rt)
{
	const struct layout *l = &rt->layout;

	TRY(add_arenas(rt, &l->mheap.heapArenas));
	TRY(add_arenas(rt, &l->mheap.userArenaArenas));
	if (rt->spans.arenas.len)
		qsort(rt->spans.arenas.v, rt->spans.arenas.len,
		      sizeof(struct arena), by_base);
	return NULL;
}

uint64_t span_heap_arena(const struct span_table *t, uint64_t addr)
{
	size_t lo = 0, hi = t->arenas.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct arena *a = &t->arenas.v[mid];

		if (addr < a->base)
			hi = mid;
		else if (addr - a->base >= t->arena_size)
			lo = mid + 1;
		else
			return a->heap_arena;
	}
	return 0;
}

/*
 * Makes sure that the arena of a span is known, in use or not: up to Go 1.24
 * those of user arenas are in no list, only in the map. What a span that is not
 * in use says need not be true. Follows runtime/mheap.go:arenaIndex.
 */
static struct err *add_arena_of(struct runtime *rt, uint64_t base)
{
	struct span_table *t = &rt->spans;
	size_t before = t->arenas.len;

	if (!base || base >> 48 || span_heap_arena(t, base))
		return NULL;
	base -= (uint64_t)rt->layout.konst.arenaBaseOffset.value;
	struct err *e = add_arena(rt, base / t->arena_size);
	if (e && (e->code == ERR_FAULT || e->code == ERR_FORMAT)) {
		err_free(e);
		return NULL;
	}
	if (t->arenas.len != before)
		qsort(t->arenas.v, t->arenas.len, sizeof(struct arena),
		      by_base);
	return e;
}

/* ---- spans --------------------------------------------------------------- */

static struct err *not_a_span(uint64_t addr, const char *what)
{
	return err_new(ERR_FORMAT, "the mspan at %#" PRIx64 " has %s", addr,
		       what);
}

/*
 * Where the span is in the cycle of sweeping; H is mheap_.sweepgen.
 * Follows runtime/mheap.go:mspan.sweepgen.
 */
static uint8_t sweep_flags(struct span_table *t, uint32_t sweepgen)
{
	switch (sweepgen - t->sweepgen) {
	case (uint32_t)-2: /* needs sweeping */
		t->unswept++;
		return SPAN_UNSWEPT;
	case 1: /* cached before the cycle began, and needs it */
		t->unswept++;
		t->cached++;
		return SPAN_UNSWEPT | SPAN_CACHED;
	case (uint32_t)-1:
		t->torn++;
		return SPAN_TORN;
	default: /* H: swept; H+3: swept, then cached */
		return 0;
	}
}

/* Follows runtime/mgcmark_greenteagc.go:gcUsesSpanInlineMarkBits. */
static bool has_inline_marks(const struct layout *l, uint64_t elemsize)
{
	return l->spanInlineMarkBits.struct_present && elemsize >= 16 &&
	       elemsize <= (uint64_t)l->konst.minSizeForMallocHeader.value;
}

static struct err *check_geometry(const struct span_table *t,
				  const struct span *s, uint64_t addr,
				  uint64_t nelems, uint64_t elemsize)
{
	if (s->base % t->page_size || !s->base || !s->npages)
		return not_a_span(addr, "no memory");
	if (span_sizeclass(s) >= t->size_classes)
		return not_a_span(addr, "an unknown size class");
	if (!elemsize || elemsize > span_bytes(t, s) ||
	    nelems > span_bytes(t, s) / elemsize ||
	    (nelems > 1 && !span_sizeclass(s)))
		return not_a_span(addr, "more slots than memory");
	if (!span_sizeclass(s)) {
		/* A chunk of a user arena keeps some of it: runtime/arena.go.
		 */
		bool fits = s->flags & SPAN_USER_ARENA
				    ? elemsize > span_bytes(t, s) / 2
				    : elemsize == span_bytes(t, s);

		return fits ? NULL
			    : not_a_span(addr, "a size not its object's");
	}
	if (elemsize != t->size_class[span_sizeclass(s)])
		return not_a_span(addr, "a slot size not of its class");
	if (span_bytes(t, s) > SPAN_SMALL_BYTES)
		return not_a_span(addr, "more memory than its class");
	return NULL;
}

/* The mark bit of a slot, while a collection marks. */
static struct err *is_marked(struct runtime *rt, const struct span *s,
			     const uint8_t *bytes, uint32_t slot, bool *out)
{
	const struct layout *l = &rt->layout;
	uint64_t bits = field(&l->mspan.gcmarkBits, bytes), byte;

	if (s->flags & SPAN_INLINE_MARKS)
		bits = s->base + span_bytes(&rt->spans, s) -
		       l->spanInlineMarkBits.struct_size +
		       l->spanInlineMarkBits.marks.offset;
	TRY(cache_read_uint(&rt->cache, bits + slot / 8, 1, &byte));
	*out = byte >> (slot % 8) & 1;
	return NULL;
}

/*
 * Whether a thread may be in the midst of allocating the slot below freeindex.
 * It publishes an object by freeIndexForScan; while a collection marks, by the
 * mark bit: from Go 1.25 on by that alone, so that freeIndexForScan lags, even
 * in spans that are full by now. Only those matter from which a P allocates,
 * and large ones. Those with pointers get their type last, long after.
 * Follows runtime/malloc.go:mallocgcSmallScanNoHeader, mallocgcLarge.
 */
static struct err *is_allocating(struct runtime *rt, const struct span *s,
				 const uint8_t *bytes, bool *out)
{
	const struct layout *l = &rt->layout;
	uint32_t sweepgen = (uint32_t)field(&l->mspan.sweepgen, bytes);
	bool marked, large = !span_sizeclass(s);

	*out = false;
	if (s->flags & (SPAN_UNSWEPT | SPAN_TORN) || !s->freeindex)
		return NULL;
	*out = large && !span_noscan(s) && l->mspan.largeType.present &&
	       !field(&l->mspan.largeType, bytes);
	if (*out || !l->mspan.freeIndexForScan.present ||
	    field(&l->mspan.freeIndexForScan, bytes) >= s->freeindex)
		return NULL;
	*out = large || sweepgen == rt->spans.sweepgen + 3;
	if (!*out || !rt->spans.marking)
		return NULL;
	TRY(is_marked(rt, s, bytes, s->freeindex - 1u, &marked));
	*out = !marked;
	return NULL;
}

static uint64_t count_bits(const uint8_t *bits, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i += 8)
		count += (uint64_t)__builtin_popcountll(load_le(bits + i, 8));
	return count;
}

/*
 * Whether the sweep that a span is in the midst of has made the mark bits its
 * allocBits: then it has fresh mark bits, and its count is right again. (A span
 * that nothing was allocated in since the last sweep, and of which nothing is
 * marked, looks the same.) Follows runtime/mgcsweep.go:(*sweepLocked).sweep.
 */
static struct err *is_swapped(struct runtime *rt, const struct span *s,
			      const uint8_t *bytes, bool *out)
{
	const struct layout *l = &rt->layout;
	uint64_t marks = field(&l->mspan.gcmarkBits, bytes);
	uint64_t allocs = field(&l->mspan.allocBits, bytes);
	uint8_t bits[SPAN_SLOTS / 8] = {};
	size_t size = span_bits_size(s);

	*out = marks == allocs;
	if (*out || s->freeindex)
		return NULL;
	TRY(rt_read(rt, marks, bits, size));
	if (count_bits(bits, size))
		return NULL;
	TRY(rt_read(rt, allocs, bits, size));
	*out = count_bits(bits, size) == field(&l->mspan.allocCount, bytes);
	return NULL;
}

/* Makes the best of a span in mid-sweep: as swept, or else as not. */
static struct err *settle_torn(struct runtime *rt, struct span *s,
			       const uint8_t *bytes)
{
	const struct layout *l = &rt->layout;
	bool swapped;

	TRY(is_swapped(rt, s, bytes, &swapped));
	if (swapped)
		return NULL;
	s->flags |= SPAN_UNSWEPT;
	s->bits = field(&l->mspan.gcmarkBits, bytes);
	return NULL;
}

/* Notes a span that holds no objects, unless it is mSpanDead, which is 0:
 * mSpanManual is the only other state there is. */
static struct err *add_manual(struct runtime *rt, const uint8_t *bytes)
{
	const struct layout *l = &rt->layout;
	uint64_t start = field(&l->mspan.startAddr, bytes);
	uint64_t npages = field(&l->mspan.npages, bytes);

	if (!field(&l->mspan.state, bytes) || npages > UINT32_MAX)
		return NULL;
	return vec_push(&rt->spans.manual,
			(struct manual_span){
				start, start + npages * rt->spans.page_size });
}

/* Appends the span whose mspan is at addr, if it is in use. */
static struct err *add_span(struct runtime *rt, uint64_t addr,
			    const uint8_t *bytes)
{
	const struct layout *l = &rt->layout;
	struct span_table *t = &rt->spans;
	uint64_t nelems = field(&l->mspan.nelems, bytes);
	uint64_t freeindex = field(&l->mspan.freeindex, bytes);
	uint64_t elemsize = field(&l->mspan.elemsize, bytes);
	uint64_t base = field(&l->mspan.startAddr, bytes), bits;
	uint64_t npages = field(&l->mspan.npages, bytes);
	uint8_t flags;
	bool allocating;

	TRY(add_arena_of(rt, base));
	if (field(&l->mspan.state, bytes) !=
	    (uint64_t)l->konst.mSpanInUse.value)
		return add_manual(rt, bytes);
	/* A chunk that was freed has no memory, and counts as freed: noscan,
	 * until nothing leads there (arena.go:setUserArenaChunkToFault). */
	if (field(&l->mspan.isUserArenaChunk, bytes) &&
	    field(&l->mspan.spanclass, bytes) & 1)
		return NULL;
	flags = sweep_flags(t, (uint32_t)field(&l->mspan.sweepgen, bytes));
	if (field(&l->mspan.specials, bytes))
		flags |= SPAN_SPECIALS;
	if (field(&l->mspan.isUserArenaChunk, bytes))
		flags |= SPAN_USER_ARENA;
	if (has_inline_marks(l, elemsize))
		flags |= SPAN_INLINE_MARKS;
	bits = field(flags & SPAN_UNSWEPT ? &l->mspan.gcmarkBits
					  : &l->mspan.allocBits,
		     bytes);
	struct span s = {
		.base = base,
		.spanclass = field(&l->mspan.spanclass, bytes),
		.flags = flags,
		.mspan = addr,
		.freeindex = freeindex,
		.bits = bits,
		.nelems = nelems,
		.npages = (uint32_t)npages,
	};
	/* What the bit-fields of s can't hold, included. */
	if ((base | bits | addr) >> 48 || npages > UINT32_MAX)
		return not_a_span(addr, "no memory");
	if (nelems > SPAN_SLOTS || freeindex > nelems)
		return not_a_span(addr, "impossible counts");
	TRY(check_geometry(t, &s, addr, nelems, elemsize));
	if (flags & SPAN_TORN)
		TRY(settle_torn(rt, &s, bytes));
	TRY(is_allocating(rt, &s, bytes, &allocating));
	if (allocating)
		s.flags |= SPAN_ALLOCATING;
	t->bytes += span_bytes(t, &s);
	t->with_specials += (flags & SPAN_SPECIALS) != 0;
	return vec_push(&t->list, s);
}

/* Reads n mspans, neighbours by one range, into bytes. */
static struct err *read_mspans(struct runtime *rt, const uint8_t *addrs,
			       size_t n, uint8_t *bytes)
{
	size_t size = rt->layout.mspan.struct_size;
	struct read_range ranges[CHUNK];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t addr = load_le(addrs + i * 8, 8);

		if (count &&
		    ranges[count - 1].addr + ranges[count - 1].len == addr) {
			ranges[count - 1].len += size;
			continue;
		}
		ranges[count++] = (struct read_range){
			.addr = addr,
			.len = size,
			.buf = bytes + i * size,
		};
	}
	target_read_many(rt->target, ranges, count);
	for (size_t i = 0; i < count; i++)
		if (!ranges[i].ok)
			return err_fault(ranges[i].addr, "reading an mspan");
	return NULL;
}

static struct err *load_spans(struct runtime *rt)
{
	const struct layout *l = &rt->layout;
	cleanup_free uint8_t *bytes = NULL;
	uint8_t addrs[CHUNK * 8];
	struct go_slice all;

	if (l->mspan.struct_size > MAX_MSPAN)
		return err_new(ERR_FORMAT, "runtime.mspan has %u bytes",
			       l->mspan.struct_size);
	bytes = malloc((size_t)CHUNK * l->mspan.struct_size);
	if (!bytes)
		return &err_nomem;
	TRY(rt_slice(rt, l->var.mheap_.addr + l->mheap.allspans.offset,
		     MAX_SPANS, &all));
	/* There is no room for them unless the list is there to its end. */
	if (all.len)
		TRY(target_read(rt->target, all.addr + (all.len - 1) * 8, addrs,
				8));
	TRY(vec_reserve(&rt->spans.list, all.len));
	for (uint64_t i = 0; i < all.len; i += CHUNK) {
		size_t n = (size_t)min_u64(CHUNK, all.len - i);

		TRY(target_read(rt->target, all.addr + i * 8, addrs, n * 8));
		TRY(read_mspans(rt, addrs, n, bytes));
		for (size_t k = 0; k < n; k++)
			TRY(add_span(rt, load_le(addrs + k * 8, 8),
				     bytes + k * l->mspan.struct_size));
	}
	return NULL;
}

static struct err *load_size_classes(struct runtime *rt)
{
	const struct variable *v = &rt->layout.var.class_to_size;
	struct span_table *t = &rt->spans;
	uint64_t n = v->size / 2; /* [NumSizeClasses]uint16 */

	if (n < 2 || n > 128)
		return err_new(ERR_FORMAT, "%" PRIu64 " size classes", n);
	t->size_classes = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++) {
		TRY(cache_read_uint(&rt->cache, v->addr + i * 2, 2,
				    &t->size_class[i]));
		if (i && (t->size_class[i] <= t->size_class[i - 1] ||
			  t->size_class[i] % rt->arch->ptr_size))
			return err_new(ERR_FORMAT,
				       "size class %" PRIu64 " is not in order",
				       i);
	}
	return NULL;
}

static int by_span_base(const void *a, const void *b, void *list)
{
	uint64_t x = ((const struct span *)list)[*(const uint32_t *)a].base;
	uint64_t y = ((const struct span *)list)[*(const uint32_t *)b].base;

	return x < y ? -1 : x > y;
}

/* Fills in by_address, and checks that no two spans overlap. */
static struct err *index_spans(struct span_table *t)
{
	size_t n = t->list.len;
	cleanup_free uint32_t *order = calloc(n + 1, sizeof(*order));
	uint64_t end = 0;

	if (!order)
		return &err_nomem;
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, n, sizeof(*order), by_span_base, t->list.v);
	for (size_t i = 0; i < n; i++) {
		const struct span *s = &t->list.v[order[i]];

		if (s->base < end)
			return not_a_span(s->mspan, "memory of another's");
		end = s->base + span_bytes(t, s);
		t->list.v[i].by_address = order[i];
	}
	return NULL;
}

struct err *span_table_load(struct runtime *rt)
{
	const struct layout *l = &rt->layout;
	struct span_table *t = &rt->spans;
	uint64_t sweepgen, gcphase;

	t->page_size = 1ull << l->konst.PageShift.value;
	t->arena_size = (uint64_t)l->konst.heapArenaBytes.value;
	TRY(rt_field(rt, l->var.mheap_.addr, &l->mheap.sweepgen, &sweepgen));
	t->sweepgen = (uint32_t)sweepgen;
	TRY(rt_var(rt, &l->var.gcphase, &gcphase));
	t->marking = gcphase != (uint64_t)l->konst.GCoff.value;
	TRY(load_size_classes(rt));
	TRY(load_arenas(rt));
	TRY(load_spans(rt));
	return index_spans(t);
}

bool span_find(const struct span_table *t, uint64_t addr,
	       struct heap_address *out)
{
	size_t lo = 0, hi = t->list.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct span *s = &t->list.v[t->list.v[mid].by_address];

		if (addr < s->base) {
			hi = mid;
		} else if (addr - s->base >= span_bytes(t, s)) {
			lo = mid + 1;
		} else {
			uint64_t size = span_elemsize(t, s);
			uint64_t slot = (addr - s->base) / size;

			if (slot >= s->nelems)
				return false;
			*out = (struct heap_address){
				.span = s,
				.slot = (uint32_t)slot,
				.base = s->base + slot * size,
			};
			return true;
		}
	}
	return false;
}

uint64_t span_inline_marks(const struct runtime *rt, const struct span *s)
{
	const struct layout *l = &rt->layout;

	return s->base + span_bytes(&rt->spans, s) -
	       l->spanInlineMarkBits.struct_size +
	       l->spanInlineMarkBits.marks.offset;
}

/* Follows runtime/mbitmap.go:(*mspan).isFree: all below freeindex are
 * allocated. The sweep sets it to 0. */
uint32_t span_combine(const struct span *s, const uint8_t *bits,
		      const uint8_t *inline_marks, uint64_t *out)
{
	uint32_t below = s->flags & SPAN_UNSWEPT ? 0 : s->freeindex;
	uint32_t count = 0;

	for (uint32_t w = 0; w * 64 < s->nelems; w++) {
		uint32_t left = s->nelems - w * 64;
		uint64_t word = load_le(bits + w * 8, 8) |
				load_le(inline_marks + w * 8, 8);

		if (below >= (w + 1) * 64)
			word = ~0ull;
		else if (below > w * 64)
			word |= (1ull << (below - w * 64)) - 1;
		if (left < 64)
			word &= (1ull << left) - 1;
		out[w] = word;
		count += (uint32_t)__builtin_popcountll(word);
	}
	return count;
}

struct err *span_allocated(struct runtime *rt, const struct span *s,
			   uint64_t *out)
{
	const struct member *marks = &rt->layout.spanInlineMarkBits.marks;
	uint8_t bits[SPAN_SLOTS / 8] = {}, inline_marks[SPAN_SLOTS / 8] = {};

	TRY(rt_read(rt, s->bits, bits, span_bits_size(s)));
	if (span_wants_inline_marks(s))
		TRY(rt_read(rt, span_inline_marks(rt, s), inline_marks,
			    min_u64(marks->width, sizeof(inline_marks))));
	memset(out, 0, SPAN_SLOTS / 8);
	span_combine(s, bits, inline_marks, out);
	return NULL;
}

struct err *span_slot_allocated(struct runtime *rt,
				const struct heap_address *at, bool *out)
{
	uint64_t bits[SPAN_SLOTS / 64];

	TRY(span_allocated(rt, at->span, bits));
	sweep_revive(&rt->sweep, (size_t)(at->span - rt->spans.list.v), bits);
	*out = bits[at->slot / 64] >> (at->slot % 64) & 1;
	return NULL;
}
