/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mcache.h"

#include "runtime/runtime.h"

#include <inttypes.h>

enum { MAX_PROCS = 1 << 16 };

struct err *mcache_each(struct runtime *rt,
			struct err *(*fn)(struct runtime *, uint64_t mcache,
					  void *arg),
			void *arg)
{
	const struct layout *l = &rt->layout;
	struct go_slice allp;
	uint64_t procs;

	TRY(rt_var(rt, &l->var.gomaxprocs, &procs));
	TRY(rt_slice(rt, l->var.allp.addr, MAX_PROCS, &allp));
	if (procs > allp.len)
		return err_new(ERR_FORMAT,
			       "GOMAXPROCS is %" PRIu64 " of %" PRIu64 " Ps",
			       procs, allp.len);
	for (uint64_t i = 0; i < procs; i++) {
		uint64_t p, mcache;

		TRY(rt_ptr(rt, allp.addr + i * rt->arch->ptr_size, &p));
		if (!p)
			continue;
		TRY(rt_field(rt, p, &l->p.mcache, &mcache));
		if (mcache)
			TRY(fn(rt, mcache, arg));
	}
	return NULL;
}

struct err *mcache_each_mspan(struct runtime *rt, uint64_t mcache,
			      struct err *(*fn)(struct runtime *,
						uint64_t mspan, void *arg),
			      void *arg)
{
	const struct layout *l = &rt->layout;
	uint64_t word = rt->arch->ptr_size;
	uint64_t n = l->mcache.alloc.width / word;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t mspan;

		TRY(rt_ptr(rt, mcache + l->mcache.alloc.offset + i * word,
			   &mspan));
		if (mspan && mspan != l->var.emptymspan.addr)
			TRY(fn(rt, mspan, arg));
	}
	return NULL;
}

struct span_sink {
	struct err *(*fn)(struct runtime *, const struct span *, void *);
	void *arg;
};

/* A cache may be in the midst of giving back a span that is free by now. */
static struct err *tell_span(struct runtime *rt, uint64_t mspan, void *arg)
{
	const struct span_sink *sink = arg;
	struct heap_address at;
	uint64_t base;

	TRY(rt_field(rt, mspan, &rt->layout.mspan.startAddr, &base));
	if (!span_find(&rt->spans, base, &at) || at.span->mspan != mspan)
		return NULL;
	return sink->fn(rt, at.span, sink->arg);
}

static struct err *tell_spans(struct runtime *rt, uint64_t mcache, void *arg)
{
	return mcache_each_mspan(rt, mcache, tell_span, arg);
}

struct err *mcache_each_span(struct runtime *rt,
			     struct err *(*fn)(struct runtime *,
					       const struct span *, void *arg),
			     void *arg)
{
	struct span_sink sink = { fn, arg };

	return mcache_each(rt, tell_spans, &sink);
}

/* A cached span's sweepgen is ahead of the heap's, until it is given back. */
static struct err *count_leaving(struct runtime *rt, uint64_t mspan, void *arg)
{
	uint64_t *count = arg, sweepgen;

	TRY(rt_field(rt, mspan, &rt->layout.mspan.sweepgen, &sweepgen));
	*count += sweepgen == rt->spans.sweepgen;
	return NULL;
}

static struct err *count_all_leaving(struct runtime *rt, uint64_t mcache,
				     void *arg)
{
	return mcache_each_mspan(rt, mcache, count_leaving, arg);
}

struct err *mcache_count_leaving(struct runtime *rt, uint64_t *out)
{
	uint64_t count = 0;

	TRY(mcache_each(rt, count_all_leaving, &count));
	*out = count;
	return NULL;
}
