/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/wait.h"

#include "runtime/damage.h"
#include "runtime/poll_desc.h"
#include "runtime/runtime.h"
#include "runtime/sudog.h"
#include "runtime/sync_wait.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_REASONS = 256 }; /* g.waitreason is a byte */

/* What a wait reason means. */
struct reason {
	enum wait_kind kind;
	bool write; /* RWMutex.Lock */
	bool synctest;
};

struct loader {
	struct runtime *rt;
	struct wait_table *t;
	struct reason reasons[MAX_REASONS];
	struct addr_map semaphores; /* g to the semaphore it waits for */
	struct cond_finder conds;
	uint32_t waiter; /* the one at hand */
};

/* ---- wait reasons -------------------------------------------------------- */

/* The runtime's words for it (runtime/runtime2.go:waitReasonStrings), which
 * have outlived their numbers. */
static const struct {
	const char *text;
	struct reason reason;
} known_reasons[] = {
	{ "chan receive", { WAIT_CHANNEL } },
	{ "chan send", { WAIT_CHANNEL } },
	{ "select", { WAIT_CHANNEL } },
	{ "chan receive (nil chan)", { WAIT_FOREVER } },
	{ "chan send (nil chan)", { WAIT_FOREVER } },
	{ "select (no cases)", { WAIT_FOREVER } },
	{ "sync.Mutex.Lock", { WAIT_MUTEX } },
	{ "sync.RWMutex.RLock", { WAIT_RWMUTEX } },
	{ "sync.RWMutex.Lock", { WAIT_RWMUTEX, .write = true } },
	{ "sync.WaitGroup.Wait", { WAIT_GROUP } }, /* 1.24+ */
	{ "semacquire", { WAIT_SEMAPHORE } },
	{ "sync.Cond.Wait", { WAIT_COND } },
	{ "IO wait", { WAIT_FD } },
	{ "sleep", { WAIT_SLEEP } },
	/* 1.24 */
	{ "chan receive (synctest)", { WAIT_CHANNEL, .synctest = true } },
	{ "chan send (synctest)", { WAIT_CHANNEL, .synctest = true } },
	{ "select (synctest)", { WAIT_CHANNEL, .synctest = true } },
	/* 1.25+ */
	{ "chan receive (durable)", { WAIT_CHANNEL, .synctest = true } },
	{ "chan send (durable)", { WAIT_CHANNEL, .synctest = true } },
	{ "select (durable)", { WAIT_CHANNEL, .synctest = true } },
	{ "sync.WaitGroup.Wait (durable)", { WAIT_GROUP, .synctest = true } },
};

static struct reason meaning(const struct buf *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_reasons); i++)
		if (text->len == strlen(known_reasons[i].text) &&
		    !memcmp(known_reasons[i].text, text->v, text->len))
			return known_reasons[i].reason;
	return (struct reason){ WAIT_INTERNAL };
}

static struct err *learn_reasons(struct loader *l)
{
	const struct layout *layout = &l->rt->layout;
	const struct variable *v = &layout->var.waitReasonStrings;
	uint64_t size = layout->string.struct_size;

	for (size_t i = 0; i < MAX_REASONS; i++)
		l->reasons[i] = (struct reason){ WAIT_INTERNAL };
	for (size_t i = 0; i < v->size / size && i < MAX_REASONS; i++) {
		cleanup(buf_deinit) struct buf text = {};

		TRY(forgive(rt_string(l->rt, v->addr + i * size, &text),
			    &l->t->damaged));
		l->reasons[i] = meaning(&text);
	}
	return NULL;
}

/* ---- objects ------------------------------------------------------------- */

static struct err *note_sudog(struct loader *l, const struct sudog *s,
			      enum wait_direction direction)
{
	uint64_t old;

	return addr_map_insert(&l->t->sudogs, s->addr, 1 + (uint64_t)direction,
			       &old);
}

static struct err *note_receiver(void *arg, const struct sudog *s)
{
	return note_sudog(arg, s, WAIT_RECV);
}

static struct err *note_sender(void *arg, const struct sudog *s)
{
	return note_sudog(arg, s, WAIT_SEND);
}

/* Reads a channel, and learns who is in which of its two queues. */
static struct err *read_channel(struct loader *l, struct wait_object *o)
{
	struct runtime *rt = l->rt;
	const struct layout *layout = &rt->layout;
	uint64_t closed, timer, receivers, senders;
	uint64_t recvq = o->addr + layout->hchan.recvq.offset;
	uint64_t sendq = o->addr + layout->hchan.sendq.offset;

	TRY(rt_field(rt, o->addr, &layout->hchan.qcount, &o->len));
	TRY(rt_field(rt, o->addr, &layout->hchan.dataqsiz, &o->cap));
	TRY(rt_field(rt, o->addr, &layout->hchan.closed, &closed));
	TRY(rt_field(rt, o->addr, &layout->hchan.timer, &timer));
	TRY(rt_field(rt, o->addr, &layout->hchan.elemtype, &o->elem_type));
	o->closed = closed != 0;
	o->timer = timer != 0;
	TRY(rt_field(rt, recvq, &layout->waitq.first, &receivers));
	TRY(rt_field(rt, sendq, &layout->waitq.first, &senders));
	TRY(sudog_each_queued(rt, receivers, note_receiver, l));
	return sudog_each_queued(rt, senders, note_sender, l);
}

static struct err *read_object(struct loader *l, struct wait_object *o)
{
	if (o->kind == WAIT_CHANNEL)
		return read_channel(l, o);
	return sync_state(l->rt, o->kind, o->addr, &o->state);
}

/* A sync.RWMutex begins with the sync.Mutex that its writers take first. */
static void merge_kinds(struct wait_object *o, enum wait_kind kind)
{
	if (o->kind == WAIT_MUTEX && kind == WAIT_RWMUTEX)
		o->kind = kind;
}

/* The index of the object at addr, which is added if it is new. */
static struct err *find_object(struct loader *l, uint64_t addr,
			       enum wait_kind kind, uint32_t *out)
{
	struct wait_table *t = l->t;
	struct wait_object o = { .kind = kind, .addr = addr, .slot = addr };
	struct heap_address at;
	uint64_t old, before = t->damaged;

	TRY(addr_map_insert(&t->by_addr, addr, t->objects.len + 1, &old));
	if (old) {
		*out = (uint32_t)(old - 1);
		merge_kinds(&t->objects.v[*out], kind);
		return NULL;
	}
	o.in_heap = span_find(&l->rt->spans, addr, &at);
	if (o.in_heap)
		o.slot = at.base;
	TRY(forgive(read_object(l, &o), &t->damaged));
	o.damaged = t->damaged != before;
	*out = (uint32_t)t->objects.len;
	return vec_push(&t->objects, o);
}

/* That the waiter at hand waits for the object at addr. */
static struct err *add_case(struct loader *l, uint64_t addr,
			    enum wait_kind kind, uint64_t sudog)
{
	struct wait_table *t = l->t;
	struct waiter *w = &t->list.v[l->waiter];
	struct wait_case c = { .direction = WAIT_ANY };

	TRY(find_object(l, addr, kind, &c.object));
	uint64_t seen = addr_map_find(&t->sudogs, sudog);
	if (seen)
		c.direction = (enum wait_direction)(seen - 1);
	w->count++;
	return vec_push(&t->cases, c);
}

/* ---- goroutines ---------------------------------------------------------- */

static struct err *add_channel(void *arg, const struct sudog *s)
{
	struct loader *l = arg;
	const struct waiter *w = &l->t->list.v[l->waiter];

	if (s->g != w->g.addr || !s->c)
		return err_new(ERR_FORMAT,
			       "the sudog at %#" PRIx64 " is another's",
			       s->addr);
	TRY(add_case(l, s->c, WAIT_CHANNEL, s->addr));
	return note_sudog(l, s, WAIT_ANY);
}

static struct err *load_channels(struct loader *l, struct waiter *w)
{
	uint64_t first;

	TRY(rt_field(l->rt, w->g.addr, &l->rt->layout.g.waiting, &first));
	TRY(sudog_each_case(l->rt, first, add_channel, l));
	return l->t->list.v[l->waiter].count
		       ? NULL
		       : err_new(ERR_FORMAT, "blocked on no channel");
}

/* A lock or WaitGroup, by the semaphore that is part of it. */
static struct err *load_sync(struct loader *l, struct waiter *w)
{
	uint64_t semaphore = addr_map_find(&l->semaphores, w->g.addr);
	uint64_t addr;

	if (!semaphore)
		return err_new(ERR_FORMAT, "not in line for a semaphore");
	if (w->kind == WAIT_SEMAPHORE)
		TRY(sync_is_wait_group(l->rt, &w->g, &w->kind));
	addr = sync_of_semaphore(l->rt, w->kind, w->write, semaphore);
	return add_case(l, addr, w->kind, 0);
}

static struct err *load_cond(struct loader *l, struct waiter *w)
{
	uint64_t addr;

	TRY(cond_find(&l->conds, &w->g, &addr));
	if (!addr)
		return err_new(ERR_FORMAT, "its sync.Cond was not found");
	return add_case(l, addr, WAIT_COND, 0);
}

static struct err *load_fd(struct loader *l, struct waiter *w)
{
	struct poll_desc pd;

	w->fd = -1;
	TRY(poll_desc_find(l->rt, &w->g, &pd));
	if (!pd.addr)
		return NULL;
	w->fd = pd.fd;
	w->write = pd.write;
	w->until = pd.deadline;
	return NULL;
}

/* runtime/time.go:timeSleep; before Go 1.23 the time is the timer's alone. */
static struct err *load_sleep(struct loader *l, struct waiter *w)
{
	const struct layout *layout = &l->rt->layout;
	uint64_t timer, when;

	TRY(rt_field(l->rt, w->g.addr, &layout->g.sleepWhen, &when));
	if (!layout->g.sleepWhen.present) {
		TRY(rt_field(l->rt, w->g.addr, &layout->g.timer, &timer));
		if (timer)
			TRY(rt_field(l->rt, timer, &layout->timer.when, &when));
	}
	w->until = (int64_t)when;
	return NULL;
}

static struct err *load_waiter(struct loader *l, struct waiter *w)
{
	switch (w->kind) {
	case WAIT_CHANNEL:
		return load_channels(l, w);
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
	case WAIT_GROUP:
	case WAIT_SEMAPHORE:
		return load_sync(l, w);
	case WAIT_COND:
		return load_cond(l, w);
	case WAIT_FD:
		return load_fd(l, w);
	case WAIT_SLEEP:
		return load_sleep(l, w);
	case WAIT_NOT:
	case WAIT_INTERNAL:
	case WAIT_FOREVER:
		break;
	}
	return NULL;
}

/* Whether its wait reason counts. Go 1.26 has another state for goroutines
 * that its own search found to wait for ever. */
static bool is_waiting(const struct layout *l, uint32_t status)
{
	return status == l->konst.Gwaiting.value ||
	       (l->konst.Gleaked.present && status == l->konst.Gleaked.value);
}

static struct err *add_goroutine(void *arg, const struct goroutine *g)
{
	struct loader *l = arg;
	struct wait_table *t = l->t;
	struct waiter w = { .g = *g, .fd = -1 };
	uint64_t old;

	w.waiting = is_waiting(&l->rt->layout, g->status);
	if (w.waiting) {
		const struct reason *r = &l->reasons[g->waitreason];

		w.kind = r->kind;
		w.write = r->write;
		w.synctest = r->synctest;
	}
	if (!sudog_known(l->rt) && w.waiting)
		w.kind = WAIT_INTERNAL;
	TRY(vec_push(&t->list, w));
	return addr_map_insert(&t->by_g, g->addr, t->list.len, &old);
}

static struct err *add_semaphore(void *arg, const struct sudog *s)
{
	struct loader *l = arg;
	uint64_t old;

	if (s->elem)
		TRY(addr_map_insert(&l->semaphores, s->g, s->elem, &old));
	return note_sudog(l, s, WAIT_ANY);
}

static struct err *load_waiters(struct loader *l)
{
	struct wait_table *t = l->t;

	for (size_t i = 0; i < t->list.len; i++) {
		struct waiter *w = &t->list.v[i];
		uint64_t before = t->damaged;

		w->first = t->cases.len;
		l->waiter = (uint32_t)i;
		TRY(forgive(load_waiter(l, w), &t->damaged));
		w->damaged = t->damaged != before;
	}
	return NULL;
}

/* ---- who waits for an object --------------------------------------------- */

static int by_object(const void *a, const void *b)
{
	const struct wait_link *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->goroutine != y->goroutine)
		return x->goroutine < y->goroutine ? -1 : 1;
	return x->exact - y->exact;
}

void wait_links_sort(struct wait_link *v, size_t *n)
{
	size_t kept = 0;

	if (*n)
		qsort(v, *n, sizeof(*v), by_object);
	for (size_t i = 0; i < *n; i++) {
		if (kept && v[kept - 1].object == v[i].object &&
		    v[kept - 1].goroutine == v[i].goroutine)
			kept--;
		v[kept++] = v[i];
	}
	*n = kept;
}

static struct err *link_waiters(struct wait_table *t)
{
	for (size_t i = 0; i < t->list.len; i++)
		for (size_t k = 0; k < t->list.v[i].count; k++) {
			size_t c = t->list.v[i].first + k;

			TRY(vec_push(&t->waiters,
				     (struct wait_link){ t->cases.v[c].object,
							 (uint32_t)i, true }));
		}
	wait_links_sort(t->waiters.v, &t->waiters.len);
	for (size_t i = t->waiters.len; i-- > 0;) {
		struct wait_object *o = &t->objects.v[t->waiters.v[i].object];

		o->first_waiter = i;
		o->waiters++;
	}
	return NULL;
}

static struct err *load(struct loader *l)
{
	TRY(learn_reasons(l));
	TRY(goroutine_each(l->rt, add_goroutine, l));
	TRY(sudog_each_semaphore(l->rt, add_semaphore, l, &l->t->damaged));
	TRY(load_waiters(l));
	return link_waiters(l->t);
}

struct err *wait_table_load(struct runtime *rt, struct wait_table *out)
{
	struct wait_table t = {};
	struct loader l = { .rt = rt, .t = &t };

	cond_finder_init(&l.conds, rt, &t.by_g);
	struct err *e = load(&l);
	cond_finder_deinit(&l.conds);
	addr_map_deinit(&l.semaphores);
	if (e) {
		wait_table_deinit(&t);
		return err_wrap(e, "reading what goroutines wait for");
	}
	*out = t;
	return NULL;
}

void wait_table_deinit(struct wait_table *t)
{
	vec_deinit(&t->list);
	vec_deinit(&t->cases);
	vec_deinit(&t->objects);
	vec_deinit(&t->waiters);
	vec_deinit(&t->refs);
	addr_map_deinit(&t->by_g);
	addr_map_deinit(&t->by_addr);
	addr_map_deinit(&t->sudogs);
}

int64_t wait_table_find(const struct wait_table *t, uint64_t addr)
{
	return (int64_t)addr_map_find(&t->by_addr, addr) - 1;
}
