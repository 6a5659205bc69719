/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sudog.h"

#include "base/addr_map.h"
#include "base/vec.h"
#include "runtime/damage.h"
#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_SUDOG = 256 }; /* bytes */

bool sudog_known(const struct runtime *rt)
{
	const struct layout *l = &rt->layout;

	return l->sudog.struct_present && l->hchan.struct_present &&
	       l->waitq.struct_present && l->sudog.struct_size <= MAX_SUDOG &&
	       l->g.waiting.present;
}

/*
 * A pointer of a sudog. From Go 1.26 on, the collector may be kept from seeing
 * it; the word that holds it then is another one.
 */
static uint64_t hidden(const struct layout *l, const struct member *m,
		       const uint8_t *bytes)
{
	const struct member *vu = &l->maybeTraceablePtr.vu;

	if (!vu->present || m->width < l->maybeTraceablePtr.struct_size)
		return field(m, bytes);
	return field(vu, bytes + m->offset);
}

struct err *sudog_read(struct runtime *rt, uint64_t addr, struct sudog *out)
{
	const struct layout *l = &rt->layout;
	uint8_t bytes[MAX_SUDOG];

	TRY(rt_read(rt, addr, bytes, l->sudog.struct_size));
	*out = (struct sudog){
		.addr = addr,
		.g = field(&l->sudog.g, bytes),
		.next = field(&l->sudog.next, bytes),
		.prev = field(&l->sudog.prev, bytes),
		.waitlink = field(&l->sudog.waitlink, bytes),
		.elem = hidden(l, &l->sudog.elem, bytes),
		.c = hidden(l, &l->sudog.c, bytes),
	};
	return NULL;
}

static struct err *endless(uint64_t addr)
{
	return err_new(ERR_FORMAT, "the sudogs at %#" PRIx64 " do not end",
		       addr);
}

struct err *sudog_each_case(struct runtime *rt, uint64_t first,
			    struct err *(*fn)(void *, const struct sudog *),
			    void *arg)
{
	struct list_guard guard = {};
	struct sudog s;

	for (uint64_t addr = first; addr; addr = s.waitlink) {
		if (list_circles(&guard, addr))
			return endless(first);
		TRY(sudog_read(rt, addr, &s));
		TRY(fn(arg, &s));
	}
	return NULL;
}

struct err *sudog_each_queued(struct runtime *rt, uint64_t first,
			      struct err *(*fn)(void *, const struct sudog *),
			      void *arg)
{
	struct list_guard guard = {};
	struct sudog s;

	for (uint64_t addr = first; addr; addr = s.next) {
		if (list_circles(&guard, addr))
			return endless(first);
		TRY(sudog_read(rt, addr, &s));
		TRY(fn(arg, &s));
	}
	return NULL;
}

/* ---- semaphores ---------------------------------------------------------- */

/* The walk over one of the trees, whose nodes are the first in line for a
 * semaphore each; the others follow by waitlink. */
struct tree_walk {
	struct runtime *rt;
	struct err *(*fn)(void *, const struct sudog *);
	void *arg;
	struct addr_map seen; /* all trees' sudogs */
	VEC(uint64_t) todo;   /* nodes */
};

static struct err *see(struct tree_walk *w, uint64_t addr)
{
	uint64_t old;

	TRY(addr_map_insert(&w->seen, addr, 1, &old));
	return old ? err_new(ERR_FORMAT,
			     "the sudog at %#" PRIx64 " is queued twice", addr)
		   : NULL;
}

/* A node and who is in line behind it; its branches are to be done. */
static struct err *visit_node(struct tree_walk *w, uint64_t addr)
{
	struct sudog s, first;

	TRY(see(w, addr));
	TRY(sudog_read(w->rt, addr, &first));
	if (first.prev)
		TRY(vec_push(&w->todo, first.prev));
	if (first.next)
		TRY(vec_push(&w->todo, first.next));
	TRY(w->fn(w->arg, &first));
	for (uint64_t next = first.waitlink; next; next = s.waitlink) {
		TRY(see(w, next));
		TRY(sudog_read(w->rt, next, &s));
		TRY(w->fn(w->arg, &s));
	}
	return NULL;
}

static struct err *visit_trees(struct tree_walk *w, uint64_t *damaged)
{
	const struct layout *l = &w->rt->layout;
	const struct variable *v = &l->var.semtable;
	uint64_t count = (uint64_t)l->konst.semTabSize.value;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t root;

		TRY(rt_field(w->rt, v->addr + i * (v->size / count),
			     &l->semaRoot.treap, &root));
		w->todo.len = 0;
		if (root)
			TRY(vec_push(&w->todo, root));
		while (w->todo.len) {
			uint64_t node = w->todo.v[--w->todo.len];

			TRY(forgive(visit_node(w, node), damaged));
		}
	}
	return NULL;
}

struct err *sudog_each_semaphore(struct runtime *rt,
				 struct err *(*fn)(void *,
						   const struct sudog *),
				 void *arg, uint64_t *damaged)
{
	const struct layout *l = &rt->layout;
	struct tree_walk w = { .rt = rt, .fn = fn, .arg = arg };
	struct err *e;

	if (!sudog_known(rt) || !l->semaRoot.struct_present ||
	    !l->var.semtable.present || l->konst.semTabSize.value <= 0)
		return NULL;
	e = visit_trees(&w, damaged);
	addr_map_deinit(&w.seen);
	vec_deinit(&w.todo);
	return e;
}
