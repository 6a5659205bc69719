/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/machine.h"

#include "base/cleanup.h"
#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum {
	TLS_WINDOW = 8192, /* bytes in which g is looked for */
	TLS_THREADS = 16,  /* that are asked where it is */
};

/* ---- the list ------------------------------------------------------------ */

static struct err *index_add(struct machine_table *t, uint64_t addr)
{
	uint64_t old;

	return addr ? addr_map_insert(&t->index, addr, t->list.len, &old)
		    : NULL;
}

static struct err *add_machine(struct runtime *rt, struct machine_table *t,
			       uint64_t m)
{
	const struct layout *l = &rt->layout;
	struct machine mach = { .m = m };

	TRY(rt_field(rt, m, &l->m.procid, &mach.procid));
	TRY(rt_field(rt, m, &l->m.g0, &mach.g0));
	TRY(rt_field(rt, m, &l->m.gsignal, &mach.gsignal));
	TRY(rt_field(rt, m, &l->m.curg, &mach.curg));
	TRY(vec_push(&t->list, mach));
	TRY(index_add(t, m));
	TRY(index_add(t, mach.g0));
	TRY(index_add(t, mach.gsignal));
	return index_add(t, mach.curg);
}

static struct err *list_machines(struct runtime *rt, struct machine_table *t)
{
	struct list_guard guard = {};
	uint64_t m;

	TRY(rt_var(rt, &rt->layout.var.allm, &m));
	while (m) {
		if (list_circles(&guard, m))
			return err_new(ERR_FORMAT,
				       "the links of the m at %#" PRIx64
				       " do not end",
				       m);
		TRY(add_machine(rt, t, m));
		TRY(rt_field(rt, m, &rt->layout.m.alllink, &m));
	}
	return NULL;
}

static struct machine *find(const struct machine_table *t, uint64_t addr)
{
	uint64_t i = addr ? addr_map_find(&t->index, addr) : 0;

	return i ? &t->list.v[i - 1] : NULL;
}

struct machine *machine_find(const struct machine_table *t, uint64_t m)
{
	struct machine *mach = find(t, m);

	return mach && mach->m == m ? mach : NULL;
}

static enum machine_g which_g(const struct machine *mach, uint64_t g)
{
	if (g && g == mach->curg)
		return ON_CURG;
	if (g && g == mach->g0)
		return ON_G0;
	return g && g == mach->gsignal ? ON_GSIGNAL : ON_UNKNOWN;
}

/* ---- where threads keep g ------------------------------------------------ */

/* procid -> index of machine + 1; several may claim the same. */
static struct err *index_procids(const struct machine_table *t,
				 struct addr_map *out)
{
	uint64_t old;

	for (size_t i = 0; i < t->list.len; i++)
		if (t->list.v[i].procid)
			TRY(addr_map_insert(out, t->list.v[i].procid, i + 1,
					    &old));
	return NULL;
}

static struct machine *by_procid(const struct machine_table *t,
				 const struct addr_map *procids,
				 const struct thread *thread)
{
	uint64_t i = addr_map_find(procids, (uint64_t)thread->ns_tid);

	return i ? &t->list.v[i - 1] : NULL;
}

/* How many of the asked threads have their g at a distance from regs.tls. */
struct votes {
	uint16_t hits[TLS_WINDOW / 8]; /* [i]: i words (and 1, below) away */
	unsigned int threads;
};

/* The part of a thread's window that can be read; false if there is none. */
static bool tls_window(const struct runtime *rt, uint64_t tls, uint64_t *from,
		       uint64_t *to)
{
	bool above = rt->arch->tls_above;
	const struct mapping *m =
		target_mapping(rt->target, above ? tls : tls - 1);

	*from = above ? tls : tls - TLS_WINDOW;
	*to = above ? tls + TLS_WINDOW : tls;
	if (m && *from < m->start)
		*from = m->start;
	if (m && *to > m->end)
		*to = m->end;
	return !(tls % 8) && tls > TLS_WINDOW;
}

static void vote(const struct runtime *rt, const struct machine *mach,
		 const struct thread *thread, struct votes *votes)
{
	uint64_t from, to, tls = thread->regs.tls;
	uint8_t bytes[TLS_WINDOW];

	if (!tls_window(rt, tls, &from, &to))
		return;
	from = round_up(from, 8);
	struct err *e = target_read(rt->target, from, bytes, to - from);
	if (e) {
		err_free(e);
		return;
	}
	votes->threads++;
	for (uint64_t at = from; at + 8 <= to; at += 8) {
		uint64_t g = load_le(bytes + (at - from), 8);
		uint64_t i = rt->arch->tls_above ? (at - tls) / 8
						 : (tls - at) / 8 - 1;

		if (which_g(mach, g) != ON_UNKNOWN)
			votes->hits[i]++;
	}
}

/*
 * Where threads keep g, which the linker has decided: next to regs.tls in a
 * program without C, among C's variables elsewhere. It is the place nearest to
 * it that holds a g of its M for most of the threads whose M is known by id.
 */
static int64_t find_tls_offset(const struct runtime *rt,
			       const struct machine_table *t,
			       const struct addr_map *procids)
{
	const struct target *target = rt->target;
	struct votes votes = {};

	for (size_t i = 0;
	     i < target->thread_count && votes.threads < TLS_THREADS; i++) {
		const struct thread *thread = &target->threads[i];
		const struct machine *mach = by_procid(t, procids, thread);

		if (mach && thread->have_regs && thread->regs.tls)
			vote(rt, mach, thread, &votes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(votes.hits); i++) {
		if (votes.hits[i] * 2u <= votes.threads)
			continue;
		return rt->arch->tls_above ? (int64_t)i * 8
					   : -(int64_t)(i + 1) * 8;
	}
	return 0;
}

/* ---- threads ------------------------------------------------------------- */

static bool seat(struct machine *mach, const struct thread *thread, uint64_t g)
{
	if (!mach || mach->thread || which_g(mach, g) == ON_UNKNOWN)
		return false;
	mach->thread = thread;
	mach->on = which_g(mach, g);
	return true;
}

/* Reads what each thread keeps as its g; 0 where that is not known. */
static void read_gs(struct runtime *rt, const struct machine_table *t,
		    struct read_range *ranges, uint64_t *gs)
{
	const struct target *target = rt->target;
	size_t n = target->thread_count;

	for (size_t i = 0; i < n; i++)
		ranges[i] = (struct read_range){
			.addr = target->threads[i].regs.tls +
				(uint64_t)t->tls_offset,
			.len = 8,
			.buf = &gs[i],
		};
	if (t->tls_offset)
		target_read_many(rt->target, ranges, n);
	for (size_t i = 0; i < n; i++)
		gs[i] = ranges[i].ok ? load_le(&gs[i], 8) : 0;
}

/* Gives machines their threads: by g those that say it, the others by id. */
static struct err *seat_threads(struct runtime *rt, struct machine_table *t,
				const struct addr_map *procids)
{
	const struct target *target = rt->target;
	size_t n = target->thread_count;
	cleanup_free struct read_range *ranges = calloc(n + 1, sizeof(*ranges));
	cleanup_free uint64_t *gs = calloc(n + 1, sizeof(*gs));
	cleanup_free bool *seated = calloc(n + 1, sizeof(*seated));

	if (!ranges || !gs || !seated)
		return &err_nomem;
	read_gs(rt, t, ranges, gs);
	for (size_t i = 0; i < n; i++) {
		const struct thread *thread = &target->threads[i];
		uint64_t g = thread->regs.g;

		seated[i] = !thread->have_regs ||
			    (rt->arch->g_in_register &&
			     seat(find(t, g), thread, g)) ||
			    seat(find(t, gs[i]), thread, gs[i]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct thread *thread = &target->threads[i];
		struct machine *mach = by_procid(t, procids, thread);

		if (mach && !mach->thread && !seated[i])
			mach->thread = thread;
	}
	return NULL;
}

static struct err *load(struct runtime *rt, struct machine_table *t)
{
	cleanup(addr_map_deinit) struct addr_map procids = {};

	TRY(list_machines(rt, t));
	TRY(index_procids(t, &procids));
	t->tls_offset = find_tls_offset(rt, t, &procids);
	return seat_threads(rt, t, &procids);
}

struct err *machine_table_load(struct runtime *rt, struct machine_table **out)
{
	struct machine_table *t = calloc(1, sizeof(*t));

	if (!t)
		return &err_nomem;
	struct err *e = load(rt, t);
	if (e) {
		machine_table_destroy(t);
		return err_wrap(e, "reading the Ms");
	}
	*out = t;
	return NULL;
}

void machine_table_destroy(struct machine_table *t)
{
	if (!t)
		return;
	vec_deinit(&t->list);
	addr_map_deinit(&t->index);
	free(t);
}
