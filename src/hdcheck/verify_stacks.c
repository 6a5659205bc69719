/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutine, StackFrame, Defer, Panic.
 */
#include "hdcheck/verifier.h"

#include "hdcheck/utf8.h"

/* A list is written to its end. */
static struct err *check_list_end(struct verifier *v, const char *what,
				  uint64_t link)
{
	if (!link)
		return NULL;
	return problems_add(&v->problems, v->stack.offset,
			    "Goroutine: its list of %s goes on at %#llx, but "
			    "there is no record",
			    what, (ull)link);
}

struct err *finish_goroutine(struct verifier *v)
{
	struct stack_state *s = &v->stack;

	s->active = false;
	TRY(check_list_end(v, "defers", s->defer_link));
	TRY(check_list_end(v, "panics", s->panic_link));
	if (!s->frames)
		return NULL;
	return vec_push(&v->stacks,
			(struct range){ s->first_sp, s->last_end, s->offset });
}

struct err *check_goroutine(struct verifier *v, const struct record *r)
{
	const struct goroutine_record *g = &r->goroutine;
	uint64_t old;

	if (v->stack.active)
		TRY(finish_goroutine(v));
	v->stack = (struct stack_state){
		.active = true,
		.g = *g,
		.offset = r->offset,
		.defer_link = g->defer,
		.panic_link = g->panic,
	};
	EXPECT(v, r, g->addr, "its address is 0");
	EXPECT(v, r, goroutine_status_name(g->status),
	       "%llu has status %llu, which is none of a dump", (ull)g->goid,
	       (ull)g->status);
	EXPECT(v, r, utf8_valid(g->wait_reason.data, g->wait_reason.size),
	       "%llu waits for what is not UTF-8", (ull)g->goid);
	TRY(remember(&v->goroutines, g->addr, r, &old));
	EXPECT(v, r, !old, "%#llx is at offset %llu already", (ull)g->addr,
	       (ull)old);
	TRY(remember(&v->goids, g->goid, r, &old));
	EXPECT(v, r, g->goid && !old, "number %llu is not its own",
	       (ull)g->goid);
	if (!g->m)
		return NULL;
	return vec_push(&v->thread_refs,
			(struct thread_ref){ g->m, r->offset });
}

/* Where a frame lies, given the one before it, which it called. */
static struct err *check_chain(struct verifier *v, const struct record *r)
{
	const struct stack_frame_record *f = &r->frame;
	struct stack_state *s = &v->stack;

	EXPECT(v, r, f->depth == s->frames,
	       "goroutine %llu: depth %llu follows %lld", (ull)s->g.goid,
	       (ull)f->depth, (long long)s->frames - 1);
	EXPECT(v, r, f->child_sp == s->last_sp,
	       "goroutine %llu: child sp %#llx, but the frame before is at "
	       "%#llx",
	       (ull)s->g.goid, (ull)f->child_sp, (ull)s->last_sp);
	if (s->frames) {
		EXPECT(v, r, f->sp >= s->last_end,
		       "goroutine %llu: sp %#llx is inside the frame before, "
		       "which ends at %#llx",
		       (ull)s->g.goid, (ull)f->sp, (ull)s->last_end);
		return NULL;
	}
	/* Without a pc, the unwinder starts behind a return address. */
	EXPECT(v, r, f->sp == s->g.sp || f->sp == s->g.sp + v->pointer_size,
	       "goroutine %llu: the first frame is at %#llx, its sp is %#llx",
	       (ull)s->g.goid, (ull)f->sp, (ull)s->g.sp);
	return NULL;
}

struct err *check_frame(struct verifier *v, const struct record *r)
{
	const struct stack_frame_record *f = &r->frame;
	struct stack_state *s = &v->stack;
	uint64_t end = f->sp + f->contents.size;

	EXPECT(v, r,
	       f->sp && f->sp % v->pointer_size == 0 && end >= f->sp &&
		       f->contents.size % v->pointer_size == 0,
	       "%#llx of %llu bytes is no frame", (ull)f->sp,
	       (ull)f->contents.size);
	EXPECT(v, r, f->entry && f->pc >= f->entry,
	       "pc %#llx is not in the function at %#llx", (ull)f->pc,
	       (ull)f->entry);
	EXPECT(v, r, !f->continpc || f->continpc >= f->entry,
	       "continpc %#llx is not in the function at %#llx",
	       (ull)f->continpc, (ull)f->entry);
	TRY(check_name(v, r, "function's name", f->function));
	if (s->active) {
		TRY(check_chain(v, r));
		if (!s->frames++)
			s->first_sp = f->sp;
		s->last_sp = f->sp;
		s->last_end = end;
	}
	/*
	 * dumpframe() lists the words between the arguments and the locals
	 * twice if a function has no map and the machine a link register.
	 */
	return check_fields(v, r, &f->fields, f->contents.size,
			    v->link_register);
}

/* A list of defers or panics: the goroutine tells the first, each record the
 * next. */
static struct err *check_link(struct verifier *v, const struct record *r,
			      uint64_t g, uint64_t addr, uint64_t expected)
{
	if (!v->stack.active)
		return NULL;
	EXPECT(v, r, addr, "its address is 0");
	EXPECT(v, r, g == v->stack.g.addr,
	       "%#llx is of goroutine %#llx, but follows %#llx", (ull)addr,
	       (ull)g, (ull)v->stack.g.addr);
	EXPECT(v, r, addr == expected,
	       "%#llx is not the next of goroutine %llu, which is %#llx",
	       (ull)addr, (ull)v->stack.g.goid, (ull)expected);
	return NULL;
}

struct err *check_defer(struct verifier *v, const struct record *r)
{
	const struct defer_record *d = &r->defer;

	TRY(check_link(v, r, d->g, d->addr, v->stack.defer_link));
	v->stack.defer_link = d->link;
	return NULL;
}

struct err *check_panic(struct verifier *v, const struct record *r)
{
	const struct panic_record *p = &r->panic;

	TRY(check_link(v, r, p->g, p->addr, v->stack.panic_link));
	EXPECT(v, r, !p->defer, "%#llx has a defer, which none has",
	       (ull)p->addr);
	v->stack.panic_link = p->link;
	return NULL;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct err *check_overlaps(struct verifier *v)
{
	if (v->stacks.len)
		qsort(v->stacks.v, v->stacks.len, sizeof(*v->stacks.v),
		      range_compare);
	for (size_t i = 1; i < v->stacks.len; i++) {
		const struct range *a = &v->stacks.v[i - 1];
		const struct range *b = &v->stacks.v[i];

		if (a->end > b->start)
			TRY(problems_add(&v->problems, b->offset,
					 "Goroutine: its frames at %#llx "
					 "overlap those of the one at offset "
					 "%llu",
					 (ull)b->start, (ull)a->offset));
	}
	return NULL;
}

struct err *finish_stacks(struct verifier *v)
{
	for (size_t i = 0; i < v->thread_refs.len; i++) {
		const struct thread_ref *t = &v->thread_refs.v[i];

		if (!addr_map_find(&v->threads, t->m))
			TRY(problems_add(&v->problems, t->offset,
					 "Goroutine: its m %#llx is no "
					 "OSThread",
					 (ull)t->m));
	}
	return check_overlaps(v);
}
