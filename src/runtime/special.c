/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/special.h"

#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum { MAX_SPECIAL = 64 }; /* bytes of a runtime.special */

/* Calls fn for each special of one kind, with its address and its object's. */
static struct err *
span_specials(struct runtime *rt, const struct span *s, int64_t kind,
	      struct err *(*fn)(struct runtime *, uint64_t special,
				uint64_t object, void *arg),
	      void *arg)
{
	const struct layout *l = &rt->layout;
	struct list_guard guard = {};
	uint64_t special;

	TRY(rt_field(rt, s->mspan, &l->mspan.specials, &special));
	while (special) {
		uint64_t offset;
		uint8_t bytes[MAX_SPECIAL];

		if (list_circles(&guard, special))
			return err_new(ERR_FORMAT,
				       "the specials of span %#" PRIx64
				       " do not end",
				       (uint64_t)s->base);
		TRY(rt_read(rt, special, bytes, l->special.struct_size));
		offset = field(&l->special.offset, bytes);
		if (offset >= span_bytes(&rt->spans, s))
			return err_new(ERR_FORMAT,
				       "a special of span %#" PRIx64
				       " lies outside it",
				       (uint64_t)s->base);
		if (field(&l->special.kind, bytes) == (uint64_t)kind)
			TRY(fn(rt, special, s->base + offset, arg));
		special = field(&l->special.next, bytes);
	}
	return NULL;
}

static struct err *each_special(struct runtime *rt, int64_t kind,
				struct err *(*fn)(struct runtime *,
						  uint64_t special,
						  uint64_t object, void *arg),
				void *arg)
{
	if (rt->layout.special.struct_size > MAX_SPECIAL)
		return err_new(ERR_FORMAT, "runtime.special has %u bytes",
			       rt->layout.special.struct_size);
	for (size_t i = 0; i < rt->spans.list.len; i++) {
		const struct span *s = &rt->spans.list.v[i];

		if (s->flags & SPAN_SPECIALS)
			TRY(span_specials(rt, s, kind, fn, arg));
	}
	return NULL;
}

struct finalizer_sink {
	struct err *(*fn)(void *, const struct finalizer *);
	void *arg;
};

static struct err *read_finalizer(struct runtime *rt, uint64_t special,
				  uint64_t object, void *arg)
{
	const struct layout *l = &rt->layout;
	const struct finalizer_sink *sink = arg;
	struct finalizer f = { .object = object };

	TRY(rt_field(rt, special, &l->specialfinalizer.fn, &f.fn));
	TRY(rt_field(rt, special, &l->specialfinalizer.fint, &f.fint));
	TRY(rt_field(rt, special, &l->specialfinalizer.ot, &f.ot));
	TRY(rt_field(rt, f.fn, &l->funcval.fn, &f.pc));
	return sink->fn(sink->arg, &f);
}

struct err *finalizer_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct finalizer *),
			   void *arg)
{
	struct finalizer_sink sink = { fn, arg };

	return each_special(rt, rt->layout.konst.KindSpecialFinalizer.value,
			    read_finalizer, &sink);
}

/* One entry of a block of the queue. */
static struct err *read_queued(struct runtime *rt, uint64_t addr,
			       const struct finalizer_sink *sink)
{
	const struct layout *l = &rt->layout;
	struct finalizer f;

	TRY(rt_field(rt, addr, &l->finalizer.arg, &f.object));
	TRY(rt_field(rt, addr, &l->finalizer.fn, &f.fn));
	TRY(rt_field(rt, addr, &l->finalizer.fint, &f.fint));
	TRY(rt_field(rt, addr, &l->finalizer.ot, &f.ot));
	TRY(rt_field(rt, f.fn, &l->funcval.fn, &f.pc));
	return sink->fn(sink->arg, &f);
}

struct err *queued_finalizer_each(struct runtime *rt,
				  struct err *(*fn)(void *,
						    const struct finalizer *),
				  void *arg)
{
	const struct layout *l = &rt->layout;
	struct finalizer_sink sink = { fn, arg };
	uint64_t room = l->finBlock.fin.width / l->finalizer.struct_size;
	struct list_guard guard = {};
	uint64_t block;

	TRY(rt_var(rt, &l->var.allfin, &block));
	while (block) {
		uint64_t count;

		if (list_circles(&guard, block))
			return err_new(ERR_FORMAT,
				       "the queue of finalizers does not end");
		TRY(rt_field(rt, block, &l->finBlock.cnt, &count));
		if (count > room)
			return err_new(ERR_FORMAT,
				       "a block of %" PRIu64
				       " finalizers counts %" PRIu64,
				       room, count);
		for (uint64_t i = 0; i < count; i++)
			TRY(read_queued(rt,
					block + l->finBlock.fin.offset +
						i * l->finalizer.struct_size,
					&sink));
		TRY(rt_field(rt, block, &l->finBlock.alllink, &block));
	}
	return NULL;
}

struct sample_sink {
	struct err *(*fn)(void *, const struct alloc_sample *);
	void *arg;
};

static struct err *read_sample(struct runtime *rt, uint64_t special,
			       uint64_t object, void *arg)
{
	const struct sample_sink *sink = arg;
	struct alloc_sample s = { .object = object };

	TRY(rt_field(rt, special, &rt->layout.specialprofile.b, &s.bucket));
	return sink->fn(sink->arg, &s);
}

struct err *alloc_sample_each(struct runtime *rt,
			      struct err *(*fn)(void *,
						const struct alloc_sample *),
			      void *arg)
{
	struct sample_sink sink = { fn, arg };

	return each_special(rt, rt->layout.konst.KindSpecialProfile.value,
			    read_sample, &sink);
}
