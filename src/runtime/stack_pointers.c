/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stack_pointers.h"

#include "runtime/damage.h"
#include "runtime/frame.h"
#include "runtime/runtime.h"

#include <stdlib.h>

enum {
	CHUNK = 4096,		     /* bytes read at once */
	MAX_STACK_OBJECTS = 1 << 16, /* of a frame; more are not believed */
};

/* A variable on the stack whose address was taken. */
struct stack_object {
	uint64_t start, end;
	bool done; /* its words have been looked at */
};

struct stack_walk {
	struct runtime *rt;
	const struct goroutine *g;
	struct err *(*fn)(void *, uint64_t word);
	void *arg;
	VEC(struct stack_object) objects;
	VEC(uint64_t) inside; /* words that lead into the stack itself */
	uint64_t damaged;
};

struct err *words_each(struct runtime *rt, uint64_t from, uint64_t to,
		       struct err *(*fn)(void *, uint64_t word), void *arg)
{
	const uint8_t word = rt->arch->ptr_size;
	uint8_t bytes[CHUNK];

	from = round_up(from, word);
	while (from + word <= to) {
		uint64_t n = min_u64(to - from, CHUNK - from % CHUNK);

		n -= n % word;
		TRY(rt_read(rt, from, bytes, n));
		for (uint64_t i = 0; i < n; i += word) {
			uint64_t value = load_uint(bytes + i, word,
						   rt->arch->big_endian);

			if (value)
				TRY(fn(arg, value));
		}
		from += n;
	}
	return NULL;
}

/* ---- exact --------------------------------------------------------------- */

static struct err *visit_word(void *arg, uint64_t word)
{
	struct stack_walk *w = arg;

	if (word >= w->g->stack_lo && word < w->g->stack_hi)
		return vec_push(&w->inside, word);
	return w->fn(w->arg, word);
}

/* Follows runtime/stkframe.go:(*stkframe).getStackMap. */
static struct err *add_stack_objects(struct stack_walk *w,
				     const struct unwinder *at)
{
	const struct layout *l = &w->rt->layout;
	uint64_t table, count, off, size;

	if (!l->stackObjectRecord.struct_present)
		return err_new(ERR_FORMAT, "stack objects are not known");
	TRY(func_data(w->rt, &at->func, l->konst.FUNCDATA_StackObjects.value,
		      &table));
	if (!table)
		return NULL;
	TRY(rt_ptr(w->rt, table, &count));
	if (count > MAX_STACK_OBJECTS)
		return err_new(ERR_FORMAT, "too many stack objects");
	table += w->rt->arch->ptr_size;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t record = table + i * l->stackObjectRecord.struct_size;

		TRY(rt_field(w->rt, record, &l->stackObjectRecord.off, &off));
		TRY(rt_field(w->rt, record, &l->stackObjectRecord.size, &size));
		int64_t offset = (int32_t)off;
		uint64_t start =
			(offset < 0 ? at->varp : at->argp) + (uint64_t)offset;
		uint64_t end = min_u64(start + size, at->g->stack_hi);
		if (start >= at->sp && start < at->g->stack_hi)
			TRY(vec_push(&w->objects,
				     (struct stack_object){ start, end }));
	}
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct stack_object *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The object that addr is in, or NULL. */
static struct stack_object *find_stack_object(const struct stack_walk *w,
					      uint64_t addr)
{
	size_t lo = 0, hi = w->objects.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->objects.v[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < w->objects.v[lo - 1].end ? &w->objects.v[lo - 1]
						     : NULL;
}

/*
 * A variable whose address was taken is alive if something alive leads to it:
 * the stack maps leave it out, and until then its memory may be anything.
 * Follows runtime/mgcstack.go.
 */
static struct err *visit_stack_objects(struct stack_walk *w)
{
	if (w->objects.len)
		qsort(w->objects.v, w->objects.len, sizeof(*w->objects.v),
		      by_start);
	while (w->inside.len) {
		struct stack_object *o =
			find_stack_object(w, w->inside.v[--w->inside.len]);

		if (!o || o->done)
			continue;
		o->done = true;
		TRY(words_each(w->rt, o->start, o->end, visit_word, w));
	}
	return NULL;
}

static struct err *visit_frame(void *arg, const struct frame *f)
{
	struct stack_walk *w = arg;
	uint64_t value;

	for (size_t i = 0; i < f->pointer_count; i++) {
		TRY(rt_ptr(w->rt, f->at->sp + f->pointers[i], &value));
		if (value)
			TRY(visit_word(w, value));
	}
	return add_stack_objects(w, f->at);
}

static struct err *visit_defer(void *arg, const struct defer *d)
{
	struct stack_walk *w = arg;

	TRY(visit_word(w, d->addr));
	return d->fn ? visit_word(w, d->fn) : NULL;
}

static struct err *visit_panic(void *arg, const struct panic *p)
{
	struct stack_walk *w = arg;

	TRY(visit_word(w, p->addr));
	return p->data ? visit_word(w, p->data) : NULL;
}

static struct err *visit_exactly(struct stack_walk *w,
				 const struct goroutine *g)
{
	enum stack_end end;

	TRY(frame_each(w->rt, g, visit_frame, w, &end));
	if (end != STACK_WHOLE)
		return err_new(ERR_FORMAT, "the stack makes no sense");
	TRY(defer_each(w->rt, g, visit_defer, w));
	TRY(panic_each(w->rt, g, visit_panic, w));
	if (g->ctxt)
		TRY(visit_word(w, g->ctxt));
	return visit_stack_objects(w);
}

/* ---- word by word -------------------------------------------------------- */

/* Whether it gave way at a call. One that could run on may have been stopped
 * by a signal, at any instruction. */
static bool at_safe_point(const struct runtime *rt, const struct goroutine *g)
{
	const struct layout *l = &rt->layout;

	return g->place == PLACE_SAVED &&
	       (g->status == l->konst.Gwaiting.value ||
		g->status == l->konst.Gsyscall.value ||
		(l->konst.Gleaked.present &&
		 g->status == l->konst.Gleaked.value));
}

static struct err *visit_words(struct stack_walk *w, const struct goroutine *g)
{
	uint64_t from = g->sp;

	if (g->place == PLACE_UNKNOWN || from < g->stack_lo ||
	    from > g->stack_hi)
		from = g->stack_lo;
	TRY(words_each(w->rt, from, g->stack_hi, w->fn, w->arg));
	TRY(defer_each(w->rt, g, visit_defer, w));
	return g->ctxt ? w->fn(w->arg, g->ctxt) : NULL;
}

static struct err *visit(struct stack_walk *w, const struct goroutine *g)
{
	if (!at_safe_point(w->rt, g))
		return visit_words(w, g);
	TRY(forgive(visit_exactly(w, g), &w->damaged));
	return w->damaged ? visit_words(w, g) : NULL;
}

/* Frames are found by the runtime's rules: libunwind agrees, in ten times the
 * time, and this is done while the target waits. */
struct err *stack_pointers_each(struct runtime *rt, const struct goroutine *g,
				struct err *(*fn)(void *, uint64_t word),
				void *arg)
{
	struct stack_walk w = { .rt = rt, .g = g, .fn = fn, .arg = arg };
	struct lib_unwinder *lib = rt->lib;

	rt->lib = NULL;
	struct err *e = visit(&w, g);
	rt->lib = lib;
	vec_deinit(&w.objects);
	vec_deinit(&w.inside);
	return e;
}
