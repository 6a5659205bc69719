/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lend.h"

#include "runtime/runtime.h"

#include <stdlib.h>

/* More threads than a kernel has. */
#define MAX_MS (1u << 22)

static struct err *read_word(struct runtime *rt, uint64_t addr, uint64_t *out)
{
	uint8_t bytes[8];

	TRY(target_read(rt->target, addr, bytes, sizeof(bytes)));
	*out = load_le(bytes, sizeof(bytes));
	return NULL;
}

/* The thread and system stack of the M at m. */
static struct err *read_m(struct runtime *rt, uint64_t m,
			  struct system_stack *out)
{
	const struct layout *l = &rt->layout;
	uint64_t procid, g0;

	TRY(read_word(rt, m + l->m.procid.offset, &procid));
	TRY(read_word(rt, m + l->m.g0.offset, &g0));
	out->ns_tid = (pid_t)procid;
	out->lo = out->hi = 0;
	if (!g0)
		return NULL;
	uint64_t stack = g0 + l->g.stack.offset;
	TRY(read_word(rt, stack + l->stack.lo.offset, &out->lo));
	return read_word(rt, stack + l->stack.hi.offset, &out->hi);
}

struct err *runtime_system_stacks(struct runtime *rt,
				  bool (*fn)(void *arg,
					     const struct system_stack *),
				  void *arg)
{
	const struct layout *l = &rt->layout;
	struct system_stack stack;
	uint64_t m;

	TRY(read_word(rt, l->var.allm.addr, &m));
	for (unsigned int n = 0; m; n++) {
		if (n == MAX_MS)
			return err_new(ERR_FORMAT, "allm has no end");
		TRY(read_m(rt, m, &stack));
		if (stack.ns_tid && stack.lo < stack.hi && !fn(arg, &stack))
			return NULL;
		TRY(read_word(rt, m + l->m.alllink.offset, &m));
	}
	return NULL;
}

/* Goes through the memory of all spans, by address. */
struct walk {
	const struct span_table *t;
	size_t span, manual;	/* next of each */
	struct address_range v; /* the current one; empty: no more */
};

static void next_used(struct walk *w)
{
	const struct span_table *t = w->t;
	const struct span *s = NULL;
	const struct manual_span *m = NULL;

	if (w->span < t->list.len)
		s = &t->list.v[t->list.v[w->span].by_address];
	if (w->manual < t->manual.len)
		m = &t->manual.v[w->manual];
	w->v = (struct address_range){ UINT64_MAX, UINT64_MAX };
	if (s && (!m || s->base < m->start)) {
		w->v = (struct address_range){ s->base,
					       s->base + span_bytes(t, s) };
		w->span++;
	} else if (m) {
		w->v = (struct address_range){ m->start, m->end };
		w->manual++;
	}
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct manual_span *)a)->start;
	uint64_t y = ((const struct manual_span *)b)->start;

	return x < y ? -1 : x > y;
}

/* Appends what of [start, end) no span has, from the current one on. */
static struct err *add_gaps(struct walk *w, uint64_t start, uint64_t end,
			    struct address_ranges *out)
{
	while (start < end) {
		uint64_t used = min_u64(w->v.start, end);

		if (start < used)
			TRY(vec_push(out,
				     (struct address_range){ start, used }));
		if (w->v.start >= end)
			return NULL;
		start = max_u64(start, w->v.end);
		if (w->v.end <= end)
			next_used(w); /* else the next arena has more of it */
	}
	return NULL;
}

struct err *runtime_unneeded(struct runtime *rt, struct address_ranges *out)
{
	struct span_table *t = &rt->spans;
	struct walk w = { .t = t };

	if (t->manual.len)
		qsort(t->manual.v, t->manual.len, sizeof(*t->manual.v),
		      by_start);
	next_used(&w);
	for (size_t i = 0; i < t->arenas.len; i++) {
		uint64_t start = t->arenas.v[i].base;

		while (w.v.end <= start)
			next_used(&w); /* in no arena that is known */
		TRY(add_gaps(&w, start, start + t->arena_size, out));
	}
	return NULL;
}

static struct err *stacks(void *arg,
			  bool (*fn)(void *fn_arg, const struct system_stack *),
			  void *fn_arg)
{
	return runtime_system_stacks(arg, fn, fn_arg);
}

static struct err *unneeded(void *arg, struct address_ranges *out)
{
	return runtime_unneeded(arg, out);
}

void runtime_snapshot_wants(struct runtime *rt, struct snapshot_wants *out)
{
	*out = (struct snapshot_wants){
		.stacks = stacks,
		.unneeded = unneeded,
		.arg = rt,
	};
}
