/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/deadlock.h"

#include "runtime/damage.h"
#include "runtime/live_roots.h"
#include "runtime/runtime.h"
#include "runtime/stack_pointers.h"

#include <stdlib.h>
#include <string.h>

/* What is found out about a goroutine. */
enum fate {
	FATE_UNKNOWN, /* blocked, and nothing to wake it has been found */
	FATE_ALIVE,
	FATE_UNREACHABLE,
	FATE_ASLEEP,
	FATE_LOCKED,
};

struct search {
	struct runtime *rt;
	const struct wait_table *t;
	struct deadlocks *d;
	struct graph *graph;
	uint8_t *fates;	   /* enum fate, of each of t->list */
	uint32_t *leaders; /* of each of t->list: union-find */
};

/* ---- who is alive -------------------------------------------------------- */

/* Whether all that could wake it is known. */
static bool is_blocked(const struct waiter *w)
{
	if (!w->waiting || w->g.system || w->synctest || w->damaged)
		return false;
	switch (w->kind) {
	case WAIT_FOREVER:
	case WAIT_CHANNEL:
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
	case WAIT_GROUP:
	case WAIT_COND:
		return true;
	default:
		return false;
	}
}

static struct err *reach(void *arg, uint64_t word)
{
	graph_reach(arg, word);
	return NULL;
}

/* What a goroutine that goes on has at hand. */
static struct err *follow(struct search *s, const struct waiter *w)
{
	graph_open(s->graph, w->g.addr);
	for (size_t i = 0; i < w->count; i++) {
		const struct wait_case *c = &s->t->cases.v[w->first + i];

		graph_reach(s->graph, s->t->objects.v[c->object].addr);
	}
	return forgive(stack_pointers_each(s->rt, &w->g, reach, s->graph),
		       &s->d->damaged);
}

/* Whether something that it waits for is within reach. */
static bool can_be_woken(const struct search *s, const struct waiter *w,
			 bool by_variables)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct wait_case *c = &s->t->cases.v[w->first + i];
		const struct wait_object *o = &s->t->objects.v[c->object];

		if (o->in_heap ? graph_reached(s->graph, o->addr)
			       : by_variables)
			return true;
	}
	return false;
}

/*
 * What describes goroutines leads to what they wait for, by way of sudogs, and
 * to what they have deferred. None of that wakes anybody.
 */
static void cut_descriptions(struct search *s)
{
	const struct addr_map *sudogs = &s->t->sudogs;

	for (size_t i = 0; i < s->t->list.len; i++)
		graph_cut(s->graph, s->t->list.v[i].g.addr);
	for (size_t i = 0; i < sudogs->cap; i++)
		if (sudogs->slots[i].value)
			graph_cut(s->graph, sudogs->slots[i].key);
}

static struct err *begin_graph(struct search *s)
{
	graph_destroy(s->graph);
	s->graph = NULL;
	TRY(graph_create(s->rt, &s->graph));
	for (size_t i = 0; i < s->t->objects.len; i++)
		TRY(graph_watch(s->graph, s->t->objects.v[i].addr));
	cut_descriptions(s);
	TRY(forgive(finalizer_roots_each(s->rt, reach, s->graph),
		    &s->d->damaged));
	return forgive(thread_roots_each(s->rt, reach, s->graph),
		       &s->d->damaged);
}

static struct err *sum_up(struct search *s)
{
	const struct graph_totals *t = graph_totals(s->graph);

	s->d->graph.objects += t->objects;
	s->d->graph.unreadable += t->unreadable;
	s->d->graph.untyped += t->untyped;
	s->d->graph.windows += t->windows;
	return NULL;
}

/* Lets everyone live who can be woken, and whom they can wake in turn. */
static struct err *wake_all(struct search *s, bool by_variables)
{
	bool again = true;

	while (again) {
		again = false;
		TRY(graph_spread(s->graph));
		for (size_t i = 0; i < s->t->list.len; i++) {
			const struct waiter *w = &s->t->list.v[i];

			if (s->fates[i] != FATE_UNKNOWN ||
			    !can_be_woken(s, w, by_variables))
				continue;
			s->fates[i] = FATE_ALIVE;
			TRY(follow(s, w));
			again = true;
		}
	}
	return sum_up(s);
}

/* ---- out of reach -------------------------------------------------------- */

/* The main goroutine of many programs has done its work, and means to wait. */
static bool is_content(const struct waiter *w)
{
	return w->g.id == 1 && w->kind == WAIT_FOREVER;
}

static struct err *find_unreachable(struct search *s)
{
	TRY(begin_graph(s));
	TRY(forgive(global_roots_each(s->rt, reach, s->graph), &s->d->damaged));
	for (size_t i = 0; i < s->t->list.len; i++) {
		const struct waiter *w = &s->t->list.v[i];

		s->d->blocked += is_blocked(w);
		if (is_blocked(w))
			continue;
		s->fates[i] = FATE_ALIVE;
		TRY(follow(s, w));
	}
	TRY(wake_all(s, true));
	for (size_t i = 0; i < s->t->list.len; i++)
		if (s->fates[i] == FATE_UNKNOWN &&
		    !is_content(&s->t->list.v[i]))
			s->fates[i] = FATE_UNREACHABLE;
	return NULL;
}

/* ---- asleep -------------------------------------------------------------- */

/* The goroutine that hands signals on (os/signal/signal_unix.go:loop): it does
 * nothing but send on the channels in os/signal.handlers. */
static struct err *is_signal_loop(struct runtime *rt, const struct waiter *w,
				  bool *out)
{
	static const char loop[] = "os/signal.loop";
	cleanup(buf_deinit) struct buf name = {};
	struct func f;

	*out = false;
	if (!rt->layout.var.signal_handlers.present)
		return NULL;
	TRY(func_find(rt, w->g.startpc, &f));
	if (!f.addr)
		return NULL;
	TRY(func_name(rt, &f, &name));
	*out = name.len == sizeof(loop) - 1 && !memcmp(name.v, loop, name.len);
	return NULL;
}

/* Whether somebody of the program's own is not blocked. */
static struct err *somebody_runs(struct search *s, bool *out)
{
	for (size_t i = 0; i < s->t->list.len; i++) {
		const struct waiter *w = &s->t->list.v[i];
		bool signals;

		*out = false;
		if (is_blocked(w) || w->g.system)
			continue;
		TRY(is_signal_loop(s->rt, w, &signals));
		*out = !signals;
		if (*out)
			return NULL;
	}
	return NULL;
}

/*
 * Where nobody runs, nobody comes by what variables lead to. What is left is
 * the runtime itself, finalizers, and signals that are listened to. As
 * runtime/proc.go:checkdead has it, but for signals, which keep it from
 * looking.
 */
static struct err *find_asleep(struct search *s)
{
	const struct variable *handlers = &s->rt->layout.var.signal_handlers;
	bool awake, any = false;

	TRY(somebody_runs(s, &awake));
	if (awake || s->d->timers)
		return NULL;
	TRY(begin_graph(s));
	if (handlers->present)
		TRY(words_each(s->rt, handlers->addr,
			       handlers->addr + handlers->size, reach,
			       s->graph));
	TRY(graph_spread(s->graph));
	TRY(sum_up(s));
	for (size_t i = 0; i < s->t->list.len; i++)
		if (is_blocked(&s->t->list.v[i]))
			any |= can_be_woken(s, &s->t->list.v[i], false);
	for (size_t i = 0; i < s->t->list.len && !any; i++)
		if (is_blocked(&s->t->list.v[i]) && s->fates[i] == FATE_ALIVE)
			s->fates[i] = FATE_ASLEEP;
	return NULL;
}

/* ---- locks --------------------------------------------------------------- */

static const struct wait_object *lock_of(const struct search *s, size_t i)
{
	const struct waiter *w = &s->t->list.v[i];

	return &s->t->objects.v[s->t->cases.v[w->first].object];
}

static bool waits_for_lock(const struct search *s, size_t i)
{
	const struct waiter *w = &s->t->list.v[i];

	return s->fates[i] == FATE_ALIVE && is_blocked(w) &&
	       (w->kind == WAIT_MUTEX || w->kind == WAIT_RWMUTEX) && w->count;
}

/*
 * Whether a reference tells that its goroutine has to do with the lock: one
 * that is part of an object with several is referred to by who waits for any
 * of them.
 */
static bool is_evidence(const struct search *s, const struct wait_object *lock,
			const struct wait_link *ref)
{
	return ref->exact || lock_of(s, ref->goroutine)->slot != lock->slot;
}

/* Whether the lock that i waits for is in the hands of FATE_LOCKED alone. */
static bool locks_of_others(const struct search *s, size_t i)
{
	const struct wait_object *lock = lock_of(s, i);
	bool any = false;

	for (size_t k = 0; k < lock->refs; k++) {
		const struct wait_link *ref =
			&s->t->refs.v[lock->first_ref + k];

		if (s->fates[ref->goroutine] != FATE_LOCKED)
			return false;
		any |= is_evidence(s, lock, ref);
	}
	return any;
}

/* Takes out who could be woken by one that is not in the set, until nobody. */
static void prune(struct search *s)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < s->t->list.len; i++) {
			if (s->fates[i] != FATE_LOCKED || locks_of_others(s, i))
				continue;
			s->fates[i] = FATE_ALIVE;
			again = true;
		}
	}
}

/* Takes out who waits for a lock that others come by, by any number of
 * pointers from their stacks. */
static struct err *prune_by_reach(struct search *s)
{
	TRY(begin_graph(s));
	for (size_t i = 0; i < s->t->list.len; i++)
		if (s->fates[i] != FATE_LOCKED)
			TRY(follow(s, &s->t->list.v[i]));
	TRY(graph_spread(s->graph));
	TRY(sum_up(s));
	for (size_t i = 0; i < s->t->list.len; i++)
		if (s->fates[i] == FATE_LOCKED &&
		    graph_reached(s->graph, lock_of(s, i)->addr))
			s->fates[i] = FATE_ALIVE;
	return NULL;
}

static struct err *find_locks(struct search *s)
{
	bool any = false;

	for (size_t i = 0; i < s->t->list.len; i++)
		if (waits_for_lock(s, i))
			s->fates[i] = FATE_LOCKED;
	prune(s);
	for (size_t i = 0; i < s->t->list.len; i++)
		any |= s->fates[i] == FATE_LOCKED;
	if (!any)
		return NULL;
	TRY(prune_by_reach(s));
	prune(s);
	return NULL;
}

/* ---- groups -------------------------------------------------------------- */

static uint32_t leader(struct search *s, uint32_t i)
{
	while (s->leaders[i] != i) {
		s->leaders[i] = s->leaders[s->leaders[i]];
		i = s->leaders[i];
	}
	return i;
}

static void join(struct search *s, uint32_t a, uint32_t b)
{
	a = leader(s, a);
	b = leader(s, b);
	if (a < b)
		s->leaders[b] = a;
	else
		s->leaders[a] = b;
}

static bool is_found(const struct search *s, uint32_t i)
{
	return s->fates[i] >= FATE_UNREACHABLE;
}

/* Those with one fate belong together who wait for the same, or of whom one
 * refers to what the other waits for. */
static void join_by(struct search *s, const struct wait_object *o,
		    const struct wait_link *links, size_t n)
{
	uint32_t first = s->t->waiters.v[o->first_waiter].goroutine;

	for (size_t i = 0; i < n; i++)
		if (is_found(s, links[i].goroutine) &&
		    s->fates[links[i].goroutine] == s->fates[first])
			join(s, first, links[i].goroutine);
}

static void join_all(struct search *s)
{
	for (size_t i = 0; i < s->t->objects.len; i++) {
		const struct wait_object *o = &s->t->objects.v[i];

		if (!o->waiters)
			continue;
		join_by(s, o, s->t->waiters.v + o->first_waiter, o->waiters);
		if (o->refs)
			join_by(s, o, s->t->refs.v + o->first_ref, o->refs);
	}
}

static enum deadlock_kind kind_of(enum fate fate)
{
	switch (fate) {
	case FATE_ASLEEP:
		return DEADLOCK_ASLEEP;
	case FATE_LOCKED:
		return DEADLOCK_LOCKS;
	default:
		return DEADLOCK_UNREACHABLE;
	}
}

/* A group for each leader, in the order of the goroutines. */
static struct err *add_groups(struct search *s)
{
	struct deadlocks *d = s->d;
	size_t n = s->t->list.len;
	cleanup_free uint32_t *groups = calloc(n + 1, sizeof(*groups));

	if (!groups)
		return &err_nomem;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_found(s, i))
			continue;
		uint32_t *group = &groups[leader(s, i)];
		if (!*group) {
			TRY(vec_push(&d->groups,
				     (struct deadlock_group){
					     kind_of(s->fates[i]), 0, 0 }));
			*group = (uint32_t)d->groups.len;
		}
		d->groups.v[*group - 1].count++;
	}
	for (size_t i = 1; i < d->groups.len; i++)
		d->groups.v[i].first =
			d->groups.v[i - 1].first + d->groups.v[i - 1].count;
	for (uint32_t i = 0; i < n; i++)
		if (is_found(s, i))
			d->members.len++;
	return NULL;
}

/* Puts each one into its group's place. */
static struct err *add_members(struct search *s)
{
	struct deadlocks *d = s->d;
	size_t n = s->t->list.len, groups = 0;
	cleanup_free size_t *next = calloc(n + 1, sizeof(*next));

	size_t count = d->members.len;

	d->members.len = 0;
	if (!next)
		return &err_nomem;
	TRY(vec_reserve(&d->members, count + 1));
	d->members.len = count;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_found(s, i))
			continue;
		size_t *at = &next[leader(s, i)];
		if (!*at)
			*at = 1 + d->groups.v[groups++].first;
		d->members.v[(*at)++ - 1] = i;
	}
	return NULL;
}

static struct err *find(struct search *s)
{
	uint64_t iscgo;

	s->d->goroutines = s->t->list.len;
	TRY(rt_var(s->rt, &s->rt->layout.var.iscgo, &iscgo));
	s->d->cgo = iscgo != 0;
	TRY(forgive(timers_pending(s->rt, &s->d->timers), &s->d->damaged));
	TRY(find_unreachable(s));
	TRY(find_asleep(s));
	TRY(find_locks(s));
	for (size_t i = 0; i < s->t->list.len; i++)
		s->d->woken += is_blocked(&s->t->list.v[i]) &&
			       s->fates[i] == FATE_ALIVE;
	join_all(s);
	TRY(add_groups(s));
	return add_members(s);
}

struct err *deadlocks_find(struct runtime *rt, const struct wait_table *t,
			   struct deadlocks *out)
{
	cleanup_free uint8_t *fates = calloc(t->list.len + 1, 1);
	cleanup_free uint32_t *leaders =
		calloc(t->list.len + 1, sizeof(*leaders));
	struct deadlocks d = {};
	struct search s = {
		.rt = rt, .t = t, .d = &d, .fates = fates, .leaders = leaders
	};

	if (!fates || !leaders)
		return &err_nomem;
	for (uint32_t i = 0; i < t->list.len; i++)
		leaders[i] = i;
	struct err *e = find(&s);
	graph_destroy(s.graph);
	if (e) {
		deadlocks_deinit(&d);
		return err_wrap(e, "looking for deadlocks");
	}
	*out = d;
	return NULL;
}

void deadlocks_deinit(struct deadlocks *d)
{
	vec_deinit(&d->groups);
	vec_deinit(&d->members);
}
