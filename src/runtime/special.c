/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/special.h"

#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum {
	MAX_SPECIAL = 128, /* bytes of a special with what it is part of */
	/* Spans whose lists are walked side by side, so that one system call
	 * reads an element of each. */
	BATCH = 64,
};

_Static_assert(sizeof(((struct special_list *)0)->allocated) * 8 == SPAN_SLOTS,
	       "a bit a slot");

void special_list_deinit(struct special_list *l)
{
	vec_deinit(&l->list);
}

/* ---- reading ------------------------------------------------------------- */

/* A list that is being read. */
struct walk {
	const struct span *span;
	struct special_list *out;
	uint64_t next; /* address of the special to be read; 0: the end */
	struct list_guard guard;
	uint8_t bytes[MAX_SPECIAL];
};

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

/* Bytes that hold a special of any kind. */
static uint32_t largest_size(const struct layout *l)
{
	uint64_t size = 0;

	for (int kind = SPECIAL_OTHER; kind <= SPECIAL_CLEANUP; kind++)
		size = max_u64(size, size_of(l, (enum special_kind)kind));
	return (uint32_t)size;
}

/* The special in w->bytes, if this is what they are. */
static struct err *decode(struct runtime *rt, struct walk *w)
{
	const struct layout *l = &rt->layout;
	const uint8_t *bytes = w->bytes;
	uint64_t offset = field(&l->special.offset, bytes);
	struct special s = {
		.object = w->span->base + offset,
		.kind = kind_of(l, field(&l->special.kind, bytes)),
	};

	if (offset >= span_bytes(&rt->spans, w->span))
		return err_new(ERR_FORMAT,
			       "a special of span %#" PRIx64 " lies outside it",
			       (uint64_t)w->span->base);
	s.slot = (uint32_t)(offset / span_elemsize(&rt->spans, w->span));
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
	w->next = field(&l->special.next, bytes);
	return vec_push(&w->out->list, s);
}

/* Reads the next special by itself: behind it there may be nothing mapped. */
static struct err *read_alone(struct runtime *rt, struct walk *w)
{
	const struct layout *l = &rt->layout;
	uint32_t size = l->special.struct_size;

	TRY(rt_read(rt, w->next, w->bytes, size));
	size = size_of(l, kind_of(l, field(&l->special.kind, w->bytes)));
	return rt_read(rt, w->next, w->bytes, size);
}

/* Reads one special of each of the lists; *left says how many go on. */
static struct err *step(struct runtime *rt, struct walk *walks, size_t n,
			size_t *left)
{
	struct read_range ranges[BATCH];
	struct walk *at[BATCH];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct walk *w = &walks[i];

		if (!w->next)
			continue;
		if (list_circles(&w->guard, w->next))
			return err_new(ERR_FORMAT,
				       "the specials of span %#" PRIx64
				       " do not end",
				       (uint64_t)w->span->base);
		at[count] = w;
		ranges[count++] = (struct read_range){
			.addr = w->next,
			.len = largest_size(&rt->layout),
			.buf = w->bytes,
		};
	}
	*left = count;
	if (count)
		target_read_many(rt->target, ranges, count);
	for (size_t i = 0; i < count; i++) {
		if (!ranges[i].ok)
			TRY(read_alone(rt, at[i]));
		TRY(decode(rt, at[i]));
	}
	return NULL;
}

/* Reads the lists of up to BATCH spans. */
static struct err *read_lists(struct runtime *rt, struct walk *walks, size_t n)
{
	const struct layout *l = &rt->layout;
	size_t left;

	if (largest_size(l) > MAX_SPECIAL)
		return err_new(ERR_FORMAT, "a special has %u bytes",
			       largest_size(l));
	for (size_t i = 0; i < n; i++) {
		struct walk *w = &walks[i];

		w->out->list.len = 0;
		w->guard = (struct list_guard){};
		TRY(rt_field(rt, w->span->mspan, &l->mspan.specials, &w->next));
	}
	do
		TRY(step(rt, walks, n, &left));
	while (left);
	for (size_t i = 0; i < n; i++)
		if (walks[i].span->flags & SPAN_UNSWEPT)
			TRY(sweep_specials(rt, walks[i].span, walks[i].out));
	return NULL;
}

struct err *special_list_read(struct runtime *rt, const struct span *s,
			      struct special_list *out)
{
	struct walk w = { .span = s, .out = out };

	return read_lists(rt, &w, 1);
}

/* ---- all spans ----------------------------------------------------------- */

struct batch {
	struct walk walks[BATCH];
	struct special_list lists[BATCH];
	size_t n;
};

static void batch_destroy(struct batch **b)
{
	if (!*b)
		return;
	for (size_t i = 0; i < BATCH; i++)
		special_list_deinit(&(*b)->lists[i]);
	free(*b);
}

/* Takes the next spans that are wanted, from *next on. */
static void fill(struct batch *b, const struct span_table *t, uint8_t flags,
		 size_t *next)
{
	b->n = 0;
	for (; *next < t->list.len && b->n < BATCH; ++*next) {
		const struct span *s = &t->list.v[*next];

		if (!(s->flags & SPAN_SPECIALS) ||
		    (flags && !(s->flags & flags)))
			continue;
		b->walks[b->n].span = s;
		b->walks[b->n].out = &b->lists[b->n];
		b->n++;
	}
}

struct err *
special_each_span(struct runtime *rt, uint8_t flags,
		  struct err *(*fn)(struct runtime *, const struct span *,
				    const struct special_list *, void *arg),
		  void *arg)
{
	cleanup(batch_destroy) struct batch *b = calloc(1, sizeof(*b));
	size_t next = 0;

	if (!b)
		return &err_nomem;
	for (;;) {
		fill(b, &rt->spans, flags, &next);
		if (!b->n)
			return NULL;
		TRY(read_lists(rt, b->walks, b->n));
		for (size_t i = 0; i < b->n; i++)
			TRY(fn(rt, b->walks[i].span, &b->lists[i], arg));
	}
}

/* ---- finalizers and samples ---------------------------------------------- */

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
		TRY(rt_field(rt, f.fn, &rt->layout.funcval.fn, &f.pc));
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
