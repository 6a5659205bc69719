/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stacks.h"

#include "runtime/ancestor.h"
#include "runtime/machine.h"
#include "runtime/native.h"
#include "runtime/running.h"
#include "runtime/runtime.h"
#include "runtime/sigframe.h"
#include "runtime/state.h"

/* More is not copied: the target stays stopped instead. */
#define MAX_COPY (UINT64_C(1) << 30)

struct areas {
	VEC(struct area) list;
};

static void cleanup_areas_fn(struct areas *a)
{
	vec_deinit(&a->list);
}
#define cleanup_areas cleanup(cleanup_areas_fn)

/* ---- before the stop ----------------------------------------------------- */

/* allglen of a target that may run. */
static struct err *count_goroutines(struct runtime *rt, uint64_t *out)
{
	uint8_t word[8] = {};

	TRY(target_read(rt->target, rt->layout.var.allglen.addr, word,
			rt->arch->ptr_size));
	*out = load_uint(word, 8, rt->arch->big_endian);
	return NULL;
}

/* The target may have ended when its functions' names are wanted. */
static struct err *back_constants(struct runtime *rt)
{
	struct backing *b = &rt->copy.backing;

	for (size_t i = 0; i < rt->constants.list.len; i++) {
		const struct runtime_constant *c = &rt->constants.list.v[i];

		if (c->relocated)
			TRY(backing_add_copy(b, rt->target, c->start, c->end));
		else
			TRY(backing_add_file(b, c->start, c->end,
					     rt->constants.path, c->offset));
	}
	return NULL;
}

struct err *stacks_prepare(struct runtime *rt)
{
	uint64_t n, each = rt->layout.g.struct_size + COPY_PAGE;

	TRY(count_goroutines(rt, &n));
	n = min_u64(n + 64, MAX_COPY / each);
	TRY(page_copy_init(&rt->copy, rt->target, MAX_COPY, n * each));
	return back_constants(rt);
}

/* ---- at the stop --------------------------------------------------------- */

struct taking {
	struct stacks *s;
	struct areas used; /* parts of stacks */
};

static struct err *ignore_label(void *arg, const struct buf *key,
				const struct buf *value)
{
	(void)arg;
	(void)key;
	(void)value;
	return NULL;
}

static struct err *ignore_ancestor(void *arg, const struct ancestor *a)
{
	(void)arg;
	(void)a;
	return NULL;
}

static struct err *ignore_defer(void *arg, const struct defer *d)
{
	(void)arg;
	(void)d;
	return NULL;
}

/* Reads, and so keeps, what a goroutine's header needs beyond its g. */
static struct err *touch(struct stacks *s, const struct goroutine *g)
{
	struct runtime *rt = s->rt;
	uint64_t ignored;

	if (g->bubble)
		TRY(state_bubble(rt, g, &ignored));
	if (g->m)
		TRY(rt_field(rt, g->m, &rt->layout.m.id, &ignored));
	if (g->ancestors)
		TRY(ancestor_each(rt, g, ignore_ancestor, NULL));
	if (g->defer)
		TRY(defer_each(rt, g, ignore_defer, NULL));
	return g->labels && s->labels
		       ? state_each_label(rt, g, ignore_label, NULL)
		       : NULL;
}

/* What makes no sense costs its goroutine something, and not the others. */
static struct err *tolerate(struct err *e)
{
	if (e && e->code != ERR_FAULT && e->code != ERR_FORMAT)
		return e;
	err_free(e);
	return NULL;
}

static struct err *look_at(struct taking *t, uint64_t addr)
{
	struct goroutine g;

	TRY(goroutine_read(t->s->rt, addr, &g));
	TRY(goroutine_place(t->s->rt, &g));
	if (g.sp >= g.stack_lo && g.sp < g.stack_hi)
		TRY(vec_push(&t->used.list, (struct area){ g.sp, g.stack_hi }));
	return touch(t->s, &g);
}

static struct err *visit(void *arg, uint64_t addr)
{
	return tolerate(look_at(arg, addr));
}

static struct err *copy_stacks(struct stacks *s)
{
	struct taking t = { .s = s };

	struct err *e = goroutine_each_address(s->rt, visit, &t);
	if (!e)
		e = page_copy_add_bytes(&s->rt->copy, t.used.list.v,
					t.used.list.len);
	vec_deinit(&t.used.list);
	return e;
}

static struct err *touch_variable(struct runtime *rt, const struct variable *v)
{
	struct area area = { v->addr, v->addr + v->size };

	return v->present ? page_copy_add(&rt->copy, &area, 1) : NULL;
}

/* What tells of all goroutines. */
static struct err *touch_variables(struct stacks *s)
{
	struct runtime *rt = s->rt;
	const struct layout *l = &rt->layout;
	uint64_t start;

	TRY(rt_var(rt, &l->var.runtimeInitTime, &start));
	s->uptime = s->now > start ? s->now - start : 0;
	TRY(state_shows_labels(rt, &s->labels));
	TRY(touch_variable(rt, &l->var.allglen));
	TRY(touch_variable(rt, &l->var.allgptr));
	TRY(touch_variable(rt, &l->var.fingStatus));
	TRY(touch_variable(rt, &l->var.waitReasonStrings));
	return touch_variable(rt, &l->var.isIdleInSynctest);
}

/* ---- threads ------------------------------------------------------------- */

static const struct machine *machine_of(const struct runtime *rt,
					const struct thread *thread)
{
	for (size_t i = 0; rt->machines && i < rt->machines->list.len; i++)
		if (rt->machines->list.v[i].thread == thread)
			return &rt->machines->list.v[i];
	return NULL;
}

/* The part of its stack that is looked at. */
static struct area stack_of(const struct target *t, uint64_t sp)
{
	const struct mapping *m = target_mapping(t, sp);

	return (struct area){ sp, m ? min_u64(sp + NATIVE_STACK, m->end) : sp };
}

/* A thread in Go's handler of a signal that has come in C is told where the
 * signal came. */
static struct err *skip_handler(struct runtime *rt, const struct machine *m,
				struct regs *regs)
{
	const struct layout *l = &rt->layout;
	struct regs interrupted;
	uint64_t hi, found;

	if (!m || m->on != ON_GSIGNAL)
		return NULL;
	TRY(rt_field(rt, m->gsignal + l->g.stack.offset, &l->stack.hi, &hi));
	TRY(sigframe_find(rt, regs->sp, hi, &interrupted, &found));
	if (found && !module_of_pc(rt, interrupted.pc))
		*regs = interrupted;
	return NULL;
}

static struct err *take_thread(struct stacks *s, const struct thread *thread,
			       bool all_threads, struct areas *areas)
{
	struct runtime *rt = s->rt;
	const struct machine *m = machine_of(rt, thread);
	struct stack_thread t = {
		.tid = thread->ns_tid,
		.regs = thread->regs,
		.curg = m ? m->curg : 0,
		.g0 = m ? m->g0 : 0,
	};

	if (!thread->have_regs)
		return NULL;
	TRY(skip_handler(rt, m, &t.regs));
	t.in_go = module_of_pc(rt, t.regs.pc) != NULL;
	if (m)
		TRY(rt_field(rt, m->m, &rt->layout.m.id, &t.m_id));
	if (!t.in_go || (all_threads && !t.curg))
		TRY(vec_push(&areas->list, stack_of(rt->target, t.regs.sp)));
	if (t.g0 && all_threads) /* its bounds */
		TRY(vec_push(&areas->list,
			     (struct area){ t.g0,
					    t.g0 + rt->layout.g.struct_size }));
	return vec_push(&s->threads, t);
}

/* Where C has called Go, it is on a part of the thread's own stack that the
 * scheduler leaves alone meanwhile. */
static struct err *take_callbacks(struct stacks *s, struct areas *areas)
{
	struct runtime *rt = s->rt;
	const struct layout *l = &rt->layout;
	uint64_t sp, calls, extra;

	for (size_t i = 0; rt->machines && i < rt->machines->list.len; i++) {
		const struct machine *m = &rt->machines->list.v[i];
		uint64_t g0 = m->g0;

		TRY(rt_field(rt, m->m, &l->m.ncgo, &calls));
		TRY(rt_field(rt, m->m, &l->m.isextra, &extra));
		if (!g0 || (!calls && !extra))
			continue;
		TRY(rt_field(rt, g0 + l->g.sched.offset, &l->gobuf.sp, &sp));
		if (sp)
			TRY(vec_push(&areas->list, stack_of(rt->target, sp)));
	}
	return NULL;
}

static struct err *take_threads(struct stacks *s, bool all_threads)
{
	const struct target *target = s->rt->target;
	cleanup_areas struct areas areas = {};

	TRY(tolerate(take_callbacks(s, &areas)));

	for (size_t i = 0; i < target->thread_count; i++)
		TRY(tolerate(take_thread(s, &target->threads[i], all_threads,
					 &areas)));
	return page_copy_add(&s->rt->copy, areas.list.v, areas.list.len);
}

/* ---- all of it ----------------------------------------------------------- */

static uint64_t ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;
}

static struct err *take(struct stacks *s, bool all_threads)
{
	TRY(touch_variables(s));
	TRY(take_threads(s, all_threads));
	return copy_stacks(s);
}

struct err *stacks_take(struct runtime *rt, bool all_threads,
			struct stacks *out)
{
	const struct stop_time *stop = &rt->target->stop_time;
	struct stacks s = {
		.rt = rt,
		.now = ns(&stop->monotonic),
		.wall = stop->wall,
	};
	struct err *e = take(&s, all_threads);

	rt->copy.state = COPY_PASS;
	s.whole = !rt->copy.full;
	if (e) {
		stacks_deinit(&s);
		return e;
	}
	*out = s;
	return NULL;
}

static struct err *add_goroutine(void *arg, const struct goroutine *g)
{
	struct stacks *s = arg;

	return vec_push(&s->list, *g);
}

struct err *stacks_load(struct stacks *s)
{
	s->list.len = 0;
	return goroutine_each(s->rt, add_goroutine, s);
}

void stacks_deinit(struct stacks *s)
{
	vec_deinit(&s->list);
	vec_deinit(&s->threads);
}

/* ---- when it runs again -------------------------------------------------- */

/*
 * What is linked between a module's read-only data and its variables is
 * written to by the dynamic linker alone: types, static closures; and so are
 * the tables of functions, wherever they are.
 */
static struct err *add_constant(struct runtime *rt, const struct module *m,
				struct areas *areas)
{
	const struct layout *l = &rt->layout;
	const struct {
		const struct table *table;
		uint64_t size; /* of an element, bytes */
	} tables[] = {
		{ &m->funcnametab, 1 }, { &m->cutab, 4 },
		{ &m->filetab, 1 },	{ &m->pctab, 1 },
		{ &m->pclntable, 1 },	{ &m->ftab, l->functab.struct_size },
	};
	struct area data = { .start = m->rodata };

	TRY(rt_field(rt, m->addr, &l->moduledata.noptrdata, &data.end));
	if (data.end > data.start)
		TRY(vec_push(&areas->list, data));
	TRY(vec_push(&areas->list, (struct area){ m->types, m->etypes }));
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct table *t = tables[i].table;

		TRY(vec_push(
			&areas->list,
			(struct area){ t->addr,
				       t->addr + t->len * tables[i].size }));
	}
	return NULL;
}

struct err *stacks_seal(struct runtime *rt)
{
	cleanup_areas struct areas areas = {};

	for (size_t i = 0; i < rt->modules.list.len; i++)
		TRY(add_constant(rt, &rt->modules.list.v[i], &areas));
	return page_copy_seal(&rt->copy, areas.list.v, areas.list.len);
}
