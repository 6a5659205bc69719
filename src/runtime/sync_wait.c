/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync_wait.h"

#include "runtime/damage.h"
#include "runtime/runtime.h"
#include "runtime/sudog.h"
#include "runtime/unwind.h"

#include <string.h>

enum {
	/* Frames between (*WaitGroup).Wait and the goroutine's place. */
	WAIT_FRAMES = 8,
	/* Bytes of stack that the frames from gopark to (*Cond).Wait take. */
	COND_BYTES = 512,
};

uint64_t sync_of_semaphore(const struct runtime *rt, enum wait_kind kind,
			   bool write, uint64_t addr)
{
	const struct layout *l = &rt->layout;

	switch (kind) {
	case WAIT_MUTEX:
		return addr - l->syncMutex.sema.offset;
	case WAIT_RWMUTEX:
		return addr - (write ? l->syncRWMutex.writerSem.offset
				     : l->syncRWMutex.readerSem.offset);
	case WAIT_GROUP:
		return addr - l->syncWaitGroup.sema.offset;
	default:
		return addr;
	}
}

struct err *sync_is_wait_group(struct runtime *rt, const struct goroutine *g,
			       enum wait_kind *kind)
{
	static const char wait[] = "sync.(*WaitGroup).Wait";
	struct unwinder u;

	TRY(unwind_start(&u, rt, g));
	for (int i = 0; u.valid && i < WAIT_FRAMES; i++) {
		cleanup(buf_deinit) struct buf name = {};

		TRY(func_name(rt, &u.func, &name));
		if (name.len == sizeof(wait) - 1 &&
		    !memcmp(name.v, wait, name.len)) {
			*kind = WAIT_GROUP;
			return NULL;
		}
		TRY(unwind_next(&u));
	}
	return NULL;
}

struct err *sync_state(struct runtime *rt, enum wait_kind kind, uint64_t addr,
		       int64_t *out)
{
	const struct layout *l = &rt->layout;
	uint64_t word = 0;

	if (kind == WAIT_MUTEX) {
		TRY(rt_field(rt, addr, &l->syncMutex.state, &word));
		*out = (int32_t)word;
	} else if (kind == WAIT_RWMUTEX) {
		TRY(rt_field(rt, addr, &l->syncRWMutex.readerCount, &word));
		*out = (int32_t)word;
	} else if (kind == WAIT_GROUP) {
		TRY(rt_field(rt, addr, &l->syncWaitGroup.state, &word));
		*out = (int32_t)(word >> 32);
	}
	return NULL;
}

/* ---- sync.Cond ----------------------------------------------------------- */

void cond_finder_init(struct cond_finder *f, struct runtime *rt,
		      const struct addr_map *all)
{
	*f = (struct cond_finder){ .rt = rt, .all = all };
}

void cond_finder_deinit(struct cond_finder *f)
{
	addr_map_deinit(&f->found);
}

/* A list that may be one: every member must be a goroutine. */
struct candidate {
	struct cond_finder *finder;
	uint64_t g; /* wanted */
	bool has_g;
};

static struct err *check_member(void *arg, const struct sudog *s)
{
	struct candidate *c = arg;

	if (!addr_map_find(c->finder->all, s->g))
		return err_new(ERR_FORMAT, "not a list of goroutines");
	c->has_g = c->has_g || s->g == c->g;
	return NULL;
}

struct members {
	struct cond_finder *finder;
	uint64_t list;
};

static struct err *note_member(void *arg, const struct sudog *s)
{
	const struct members *m = arg;
	uint64_t old;

	return addr_map_insert(&m->finder->found, s->g, m->list, &old);
}

/* Whether addr is that of a notifyList with g in it: then all that are in it
 * have been found. */
static struct err *try_list(struct cond_finder *f, uint64_t addr, uint64_t g)
{
	const struct layout *l = &f->rt->layout;
	struct candidate c = { .finder = f, .g = g };
	struct members m = { f, addr };
	uint64_t head, wrong = 0;

	if (!target_mapping(f->rt->target, addr))
		return NULL;
	TRY(forgive(rt_field(f->rt, addr, &l->notifyList.head, &head), &wrong));
	if (wrong || !head || !target_mapping(f->rt->target, head))
		return NULL;
	TRY(forgive(sudog_each_queued(f->rt, head, check_member, &c), &wrong));
	if (wrong || !c.has_g)
		return NULL;
	return sudog_each_queued(f->rt, head, note_member, &m);
}

static struct err *search_stack(struct cond_finder *f,
				const struct goroutine *g)
{
	const struct layout *l = &f->rt->layout;
	uint64_t notify = l->syncCond.notify.offset;
	uint64_t end = min_u64(g->stack_hi, g->sp + COND_BYTES);
	uint64_t word = f->rt->arch->ptr_size, value;

	for (uint64_t at = g->sp; at + word <= end; at += word) {
		if (addr_map_find(&f->found, g->addr))
			return NULL;
		TRY(rt_ptr(f->rt, at, &value));
		if (!value || value % word)
			continue;
		TRY(try_list(f, value, g->addr));
		if (l->syncCond.notify.present)
			TRY(try_list(f, value + notify, g->addr));
	}
	return NULL;
}

struct err *cond_find(struct cond_finder *f, const struct goroutine *g,
		      uint64_t *out)
{
	const struct layout *l = &f->rt->layout;
	uint64_t list;

	if (!l->notifyList.struct_present) {
		*out = 0;
		return NULL;
	}
	if (!addr_map_find(&f->found, g->addr))
		TRY(search_stack(f, g));
	list = addr_map_find(&f->found, g->addr);
	*out = list && l->syncCond.notify.present
		       ? list - l->syncCond.notify.offset
		       : list;
	return NULL;
}
