/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_runtime.h"

#include <stdlib.h>

enum { MAX_ARENAS = 8 };

void fake_word(struct fake_runtime *f, uint64_t addr, uint64_t value)
{
	fake_put(&f->target, addr, 8, value);
}

void fake_set(struct fake_runtime *f, uint64_t addr, const struct member *m,
	      uint64_t value)
{
	ck_assert(m->present);
	ck_assert_uint_le(m->width, 8);
	fake_put(&f->target, addr + m->offset, m->width, value);
}

void fake_set_var(struct fake_runtime *f, const struct variable *v,
		  uint64_t value)
{
	ck_assert_uint_le(v->size, 8);
	fake_put(&f->target, v->addr, (unsigned int)v->size, value);
}

uint64_t fake_new(struct fake_runtime *f, uint64_t size)
{
	uint64_t addr = f->next;

	f->next = round_up(addr + size, 16);
	ck_assert_uint_le(f->next, FAKE_STRUCTS + FAKE_STRUCTS_SIZE);
	return addr;
}

uint64_t fake_new_copy(struct fake_runtime *f, const void *data, uint64_t size)
{
	uint64_t addr = fake_new(f, size);

	memcpy(fake_at(&f->target, addr, size), data, size);
	return addr;
}

void fake_slice(struct fake_runtime *f, uint64_t addr, uint64_t array,
		uint64_t len)
{
	fake_set(f, addr, &f->rt.layout.slice.array, array);
	fake_set(f, addr, &f->rt.layout.slice.len, len);
}

void fake_string(struct fake_runtime *f, uint64_t addr, const char *text)
{
	size_t len = strlen(text);

	fake_set(f, addr, &f->rt.layout.string.str,
		 fake_new_copy(f, text, len));
	fake_set(f, addr, &f->rt.layout.string.len, len);
}

/* A module without functions, types or data: two entries of ftab end it. */
static void add_module(struct fake_runtime *f)
{
	const struct layout *l = &f->rt.layout;

	fake_slice(f, l->var.firstmoduledata.addr + l->moduledata.ftab.offset,
		   fake_new(f, 2 * l->functab.struct_size), 2);
}

void fake_runtime_init(struct fake_runtime *f, enum fake_release release)
{
	struct layout *l = &f->rt.layout;

	*f = (struct fake_runtime){ .next = FAKE_STRUCTS };
	fake_target_init(&f->target);
	f->rt.target = &f->target.base;
	f->rt.arch = f->target.base.arch;
	fake_layout_init(l, release);
	fake_map(&f->target, FAKE_VARS, fake_vars_end(l) - FAKE_VARS);
	fake_map(&f->target, FAKE_STRUCTS, FAKE_STRUCTS_SIZE);
	fake_map(&f->target, FAKE_ALLSPANS, FAKE_SPANS * 8);
	for (int i = 0; i < FAKE_CLASSES; i++)
		fake_put(&f->target, l->var.class_to_size.addr + i * 2, 2,
			 fake_class_size[i]);
	fake_set(f, l->var.mheap_.addr, &l->mheap.sweepgen, FAKE_SWEEPGEN);
	fake_slice(f, l->var.mheap_.addr + l->mheap.heapArenas.offset,
		   fake_new(f, MAX_ARENAS * 8), 0);
	add_module(f);
}

void fake_runtime_deinit(struct fake_runtime *f)
{
	runtime_unload(&f->rt);
	fake_target_deinit(&f->target);
}

void fake_load(struct fake_runtime *f)
{
	expect_ok(runtime_load(&f->rt));
}

/* ---- the heap ------------------------------------------------------------ */

uint64_t fake_add_arena(struct fake_runtime *f, uint64_t i)
{
	const struct layout *l = &f->rt.layout;
	uint64_t index = FAKE_ARENA_INDEX + i;
	uint64_t heap = l->var.mheap_.addr;
	uint64_t list = heap + l->mheap.heapArenas.offset;
	uint64_t l1 =
		heap + l->mheap.arenas.offset + (index >> FAKE_L2_BITS) * 8;
	uint64_t ha = fake_new(f, l->heapArena.struct_size);

	ck_assert_uint_lt(f->arena_count, MAX_ARENAS);
	if (!fake_get(&f->target, l1, 8))
		fake_word(f, l1, fake_new(f, 8 << FAKE_L2_BITS));
	fake_word(f,
		  fake_get(&f->target, l1, 8) + index % (1 << FAKE_L2_BITS) * 8,
		  ha);
	uint64_t array = fake_get(&f->target, list + l->slice.array.offset, 8);
	fake_word(f, array + f->arena_count * 8, index);
	fake_slice(f, list, array, ++f->arena_count);
	return ha;
}

uint64_t fake_add_span(struct fake_runtime *f, const struct fake_span *s)
{
	const struct layout *l = &f->rt.layout;
	uint64_t npages = s->npages ? s->npages : 1, nelems = s->nelems;
	uint64_t elemsize = s->elemsize ? s->elemsize
			    : s->class	? fake_class_size[s->class]
					: npages * FAKE_PAGE;
	uint64_t mspan = fake_new(f, l->mspan.struct_size);
	uint64_t bits;

	if (!nelems)
		nelems = s->class ? npages * FAKE_PAGE / elemsize : 1;
	bits = (nelems + 63) / 64 * 8;
	fake_set(f, mspan, &l->mspan.startAddr, s->base);
	fake_set(f, mspan, &l->mspan.npages, npages);
	fake_set(f, mspan, &l->mspan.nelems, nelems);
	fake_set(f, mspan, &l->mspan.elemsize, elemsize);
	fake_set(f, mspan, &l->mspan.freeindex, s->freeindex);
	fake_set(f, mspan, &l->mspan.freeIndexForScan,
		 s->freeindex - s->allocating);
	fake_set(f, mspan, &l->mspan.allocBits, fake_new(f, bits));
	fake_set(f, mspan, &l->mspan.gcmarkBits, fake_new(f, bits));
	fake_set(f, mspan, &l->mspan.sweepgen,
		 s->sweepgen ? s->sweepgen : FAKE_SWEEPGEN);
	fake_set(f, mspan, &l->mspan.spanclass,
		 (uint64_t)s->class << 1 | s->noscan);
	if (!s->class && !s->noscan && l->mspan.largeType.present)
		fake_set(f, mspan, &l->mspan.largeType, fake_add_type(f, 1, 0));
	fake_set(f, mspan, &l->mspan.state, !s->free);
	if (!s->unmapped)
		fake_map(&f->target, s->base, npages * FAKE_PAGE);
	ck_assert_uint_lt(f->span_count, FAKE_SPANS);
	fake_word(f, FAKE_ALLSPANS + f->span_count * 8, mspan);
	fake_slice(f, l->var.mheap_.addr + l->mheap.allspans.offset,
		   FAKE_ALLSPANS, ++f->span_count);
	return mspan;
}

static void set_bit(struct fake_runtime *f, uint64_t mspan,
		    const struct member *m, uint64_t bit)
{
	uint64_t bits = fake_get(&f->target, mspan + m->offset, 8);

	*fake_at(&f->target, bits + bit / 8, 1) |= (uint8_t)(1 << bit % 8);
}

void fake_allocate(struct fake_runtime *f, uint64_t mspan, uint64_t slot)
{
	set_bit(f, mspan, &f->rt.layout.mspan.allocBits, slot);
}

void fake_mark(struct fake_runtime *f, uint64_t mspan, uint64_t slot)
{
	set_bit(f, mspan, &f->rt.layout.mspan.gcmarkBits, slot);
}

/* ---- types --------------------------------------------------------------- */

uint64_t fake_add_type(struct fake_runtime *f, uint64_t nwords, uint64_t mask)
{
	const struct layout *l = &f->rt.layout;
	uint64_t type = fake_new(f, l->type.struct_size);
	uint64_t used = mask ? 64 - (uint64_t)__builtin_clzll(mask) : 0;
	uint64_t le = htole64(mask);

	ck_assert_uint_le(used, nwords);
	fake_set(f, type, &l->type.Size_, nwords * 8);
	fake_set(f, type, &l->type.PtrBytes, used * 8);
	fake_set(f, type, &l->type.GCData, fake_new_copy(f, &le, 8));
	fake_set(f, type, &l->type.Kind_, (uint64_t)l->konst.KindStruct.value);
	return type;
}
