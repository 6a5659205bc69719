/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/special.h"

#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum {
	MAX_SPECIAL = 128, /* bytes of a special with what it is part of */
	/* Of the cache: as many as the specials of a span mostly take. */
	BLOCKS_A_SPAN = 4,
	LEAST_BLOCKS = 64,
	MOST_BLOCKS = 8192, /* 32 MiB: some 700,000 specials */
};

_Static_assert(sizeof(((struct special_list *)0)->allocated) * 8 == SPAN_SLOTS,
	       "a bit a slot");

void special_list_deinit(struct special_list *l)
{
	vec_deinit(&l->list);
}

struct err *special_cache_init(struct runtime *rt)
{
	uint64_t blocks = rt->spans.with_specials * BLOCKS_A_SPAN;

	blocks = min_u64(max_u64(blocks, LEAST_BLOCKS), MOST_BLOCKS);
	return read_cache_init_blocks(&rt->specials, rt->target, blocks);
}

/* ---- reading ------------------------------------------------------------- */

static enum special_kind kind_of(const struct layout *l, uint64_t kind)
{
	const struct {
		const struct constant *constant;
		enum special_kind kind;
	} kinds[] = {
		{ &l->konst.KindSpecialFinalizer, SPECIAL_FINALIZER },
		{ &l->konst.KindSpecialWeakHandle, SPECIAL_WEAK_HANDLE },
		{ &l->konst.KindSpecialProfile, SPECIAL_PROFILE },
		{ &l->konst.KindSpecialCleanup, SPECIAL_CLEANUP },
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].constant->present &&
		    (uint64_t)kinds[i].constant->value == kind)
			return kinds[i].kind;
	return SPECIAL_OTHER;
}

/* Bytes of what a special of a kind is the beginning of. */
static uint32_t size_of(const struct layout *l, enum special_kind kind)
{
	switch (kind) {
	case SPECIAL_FINALIZER:
		return l->specialfinalizer.struct_size;
	case SPECIAL_WEAK_HANDLE:
		return l->specialWeakHandle.struct_size;
	case SPECIAL_PROFILE:
		return l->specialprofile.struct_size;
	case SPECIAL_CLEANUP:
		return l->specialCleanup.struct_size;
	case SPECIAL_OTHER:
		break;
	}
	return l->special.struct_size;
}

/* The special at addr, and the one behind it. */
static struct err *read_special(struct runtime *rt, const struct span *span,
				uint64_t addr, struct special *out,
				uint64_t *next)
{
	const struct layout *l = &rt->layout;
	uint8_t bytes[MAX_SPECIAL];
	uint32_t size = l->special.struct_size;

	TRY(cache_read(&rt->specials, addr, bytes, size));
	uint64_t offset = field(&l->special.offset, bytes);
	struct special s = {
		.addr = addr,
		.object = span->base + offset,
		.kind = kind_of(l, field(&l->special.kind, bytes)),
	};
	if (offset >= span_bytes(&rt->spans, span))
		return err_new(ERR_FORMAT,
			       "a special of span %#" PRIx64 " lies outside it",
			       (uint64_t)span->base);
	s.slot = (uint32_t)(offset / span_elemsize(&rt->spans, span));
	TRY(cache_read(&rt->specials, addr + size, bytes + size,
		       size_of(l, s.kind) - size));
	switch (s.kind) {
	case SPECIAL_FINALIZER:
		s.fn = field(&l->specialfinalizer.fn, bytes);
		s.fint = field(&l->specialfinalizer.fint, bytes);
		s.ot = field(&l->specialfinalizer.ot, bytes);
		break;
	case SPECIAL_WEAK_HANDLE:
		s.handle = field(&l->specialWeakHandle.handle, bytes);
		break;
	case SPECIAL_PROFILE:
		s.bucket = field(&l->specialprofile.b, bytes);
		break;
	case SPECIAL_CLEANUP:
		s.fn = field(&l->specialCleanup.fn, bytes);
		break;
	case SPECIAL_OTHER:
		break;
	}
	*next = field(&l->special.next, bytes);
	*out = s;
	return NULL;
}

/* A struct that a special is the beginning of is larger, and not by far. */
static struct err *check_sizes(const struct layout *l)
{
	for (int kind = SPECIAL_OTHER; kind <= SPECIAL_CLEANUP; kind++) {
		uint32_t size = size_of(l, (enum special_kind)kind);

		if (size &&
		    (size < l->special.struct_size || size > MAX_SPECIAL))
			return err_new(ERR_FORMAT, "a special has %u bytes",
				       size);
	}
	return NULL;
}

struct err *special_list_read(struct runtime *rt, const struct span *s,
			      struct special_list *out)
{
	struct list_guard guard = {};
	struct special special;
	uint64_t addr;

	out->list.len = 0;
	TRY(check_sizes(&rt->layout));
	TRY(rt_field(rt, s->mspan, &rt->layout.mspan.specials, &addr));
	while (addr) {
		if (list_circles(&guard, addr))
			return err_new(ERR_FORMAT,
				       "the specials of span %#" PRIx64
				       " do not end",
				       (uint64_t)s->base);
		TRY(read_special(rt, s, addr, &special, &addr));
		TRY(vec_push(&out->list, special));
	}
	return s->flags & SPAN_UNSWEPT ? sweep_specials(rt, s, out) : NULL;
}

struct err *
special_each_span(struct runtime *rt, uint8_t flags,
		  struct err *(*fn)(struct runtime *, const struct span *,
				    const struct special_list *, void *arg),
		  void *arg)
{
	cleanup(special_list_deinit) struct special_list l = {};

	for (size_t i = 0; i < rt->spans.list.len; i++) {
		const struct span *s = &rt->spans.list.v[i];

		if (!(s->flags & SPAN_SPECIALS) ||
		    (flags && !(s->flags & flags)))
			continue;
		TRY(special_list_read(rt, s, &l));
		TRY(fn(rt, s, &l, arg));
	}
	return NULL;
}

/* ---- finalizers and samples ---------------------------------------------- */

struct err *special_funcval(struct runtime *rt, uint64_t fn, uint64_t *pc)
{
	return cache_read_uint(&rt->specials, fn + rt->layout.funcval.fn.offset,
			       rt->arch->ptr_size, pc);
}

struct finalizer_sink {
	struct err *(*fn)(void *, const struct finalizer *);
	void *arg;
};

static struct err *tell_finalizers(struct runtime *rt, const struct span *span,
				   const struct special_list *l, void *arg)
{
	const struct finalizer_sink *sink = arg;

	(void)span;
	for (size_t i = 0; i < l->list.len; i++) {
		const struct special *s = &l->list.v[i];
		struct finalizer f = { s->object, s->fn, 0, s->fint, s->ot };

		if (s->kind != SPECIAL_FINALIZER || s->freed)
			continue;
		TRY(special_funcval(rt, f.fn, &f.pc));
		TRY(sink->fn(sink->arg, &f));
	}
	return NULL;
}

struct err *finalizer_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct finalizer *),
			   void *arg)
{
	struct finalizer_sink sink = { fn, arg };

	return special_each_span(rt, 0, tell_finalizers, &sink);
}

struct sample_sink {
	struct err *(*fn)(void *, const struct alloc_sample *);
	void *arg;
};

static struct err *tell_samples(struct runtime *rt, const struct span *span,
				const struct special_list *l, void *arg)
{
	const struct sample_sink *sink = arg;

	(void)rt;
	(void)span;
	for (size_t i = 0; i < l->list.len; i++) {
		const struct special *s = &l->list.v[i];
		struct alloc_sample sample = { s->object, s->bucket };

		if (s->kind == SPECIAL_PROFILE && !s->freed)
			TRY(sink->fn(sink->arg, &sample));
	}
	return NULL;
}

struct err *alloc_sample_each(struct runtime *rt,
			      struct err *(*fn)(void *,
						const struct alloc_sample *),
			      void *arg)
{
	struct sample_sink sink = { fn, arg };

	return special_each_span(rt, 0, tell_samples, &sink);
}
