/* SPDX-License-Identifier: Apache-2.0 */
#include "output/wait_text.h"

#include "base/bits.h"
#include "runtime/damage.h"
#include "runtime/runtime.h"
#include "target/fd_name.h"

#include <inttypes.h>

enum {
	LISTED = 5,	       /* goroutines of a list; of others, the number */
	CASES = 16,	       /* of a select; of others, the number */
	LOCKED = 1,	       /* of a sync.Mutex's state: sync.mutexLocked */
	MAX_READERS = 1 << 30, /* sync.rwmutexMaxReaders */
};

/* ---- objects ------------------------------------------------------------- */

static struct err *put_elem_type(const struct wait_text *t, uint64_t addr,
				 struct buf *out)
{
	struct type_info type;

	TRY(type_read(t->rt, addr, &type));
	return type_name(t->rt, &type, out);
}

static struct err *put_channel(const struct wait_text *t,
			       const struct wait_object *o, struct buf *out)
{
	cleanup(buf_deinit) struct buf type = {};
	uint64_t damaged = 0;

	TRY(forgive(put_elem_type(t, o->elem_type, &type), &damaged));
	TRY(buf_printf(out, "chan %.*s at 0x%" PRIx64, (int)type.len,
		       (const char *)type.v, o->addr));
	if (o->cap)
		TRY(buf_printf(out, ", %" PRIu64 " of %" PRIu64 " buffered",
			       o->len, o->cap));
	else
		TRY(buf_printf(out, ", unbuffered"));
	if (o->timer)
		TRY(buf_printf(out, ", of a timer"));
	return o->closed ? buf_printf(out, ", closed") : NULL;
}

/* Follows sync/rwmutex.go: with a writer, so many are taken off the count. */
struct wait_lock wait_text_lock(const struct wait_object *o)
{
	if (o->kind != WAIT_RWMUTEX)
		return (struct wait_lock){ .locked = o->state & LOCKED };
	return (struct wait_lock){
		.locked = o->state < 0,
		.readers = o->state < 0 ? o->state + MAX_READERS : o->state,
	};
}

static struct err *put_rwmutex(const struct wait_object *o, struct buf *out)
{
	struct wait_lock lock = wait_text_lock(o);

	TRY(buf_printf(out, "sync.RWMutex at 0x%" PRIx64, o->addr));
	if (lock.locked)
		TRY(buf_printf(out, ", a writer holds it or is the next to"));
	return lock.readers
		       ? buf_printf(out,
				    ", %" PRId64 " readers hold it or wait",
				    lock.readers)
		       : NULL;
}

struct err *wait_text_object(const struct wait_text *t,
			     const struct wait_object *o, struct buf *out)
{
	if (o->damaged)
		return buf_printf(
			out, "something at 0x%" PRIx64 " that can't be read",
			o->addr);
	switch (o->kind) {
	case WAIT_CHANNEL:
		return put_channel(t, o, out);
	case WAIT_MUTEX:
		return buf_printf(
			out, "sync.Mutex at 0x%" PRIx64 ", %s", o->addr,
			wait_text_lock(o).locked ? "locked" : "not locked");
	case WAIT_RWMUTEX:
		return put_rwmutex(o, out);
	case WAIT_GROUP:
		return buf_printf(out,
				  "sync.WaitGroup at 0x%" PRIx64
				  ", counter %" PRId64,
				  o->addr, o->state);
	case WAIT_COND:
		return buf_printf(out, "sync.Cond at 0x%" PRIx64, o->addr);
	default:
		return buf_printf(out, "semaphore at 0x%" PRIx64, o->addr);
	}
}

struct err *wait_text_verb(const struct waiter *w, const struct wait_case *c,
			   struct buf *out)
{
	switch (w->kind) {
	case WAIT_CHANNEL:
		return buf_printf(out, "%s",
				  c->direction == WAIT_RECV ? "receive from "
				  : c->direction == WAIT_SEND
					  ? "send to "
					  : "receive from or send to ");
	case WAIT_RWMUTEX:
		return buf_printf(out, w->write ? "write lock of "
						: "read lock of ");
	default:
		return NULL;
	}
}

/* ---- goroutines ---------------------------------------------------------- */

struct err *wait_text_goroutines(const struct wait_text *t,
				 const struct wait_link *links, size_t n,
				 size_t except, struct buf *out, bool *any)
{
	const struct wait_table *table = t->table;
	size_t shown = 0, all = 0;

	for (size_t i = 0; i < n; i++)
		all += links[i].goroutine != except;
	*any = all != 0;
	if (!all)
		return NULL;
	TRY(buf_printf(out, all == 1 ? "goroutine" : "goroutines"));
	for (size_t i = 0; i < n && shown < LISTED; i++) {
		if (links[i].goroutine == except)
			continue;
		TRY(buf_printf(out, "%s%" PRIu64, shown++ ? ", " : " ",
			       table->list.v[links[i].goroutine].g.id));
	}
	return shown < all ? buf_printf(out, " and %zu more", all - shown)
			   : NULL;
}

/* ---- all of it ----------------------------------------------------------- */

static struct err *put_case(const struct wait_text *t, size_t i,
			    const struct wait_case *c, const char *indent,
			    struct buf *out)
{
	const struct wait_table *table = t->table;
	const struct waiter *w = &table->list.v[i];
	const struct wait_object *o = &table->objects.v[c->object];
	size_t before;
	bool any;

	TRY(buf_printf(out, "%swaits for: ", indent));
	TRY(wait_text_verb(w, c, out));
	TRY(wait_text_object(t, o, out));
	TRY(buf_printf(out, "\n"));
	before = out->len;
	TRY(buf_printf(out, "%s\tso does: ", indent));
	TRY(wait_text_goroutines(t, wait_object_waiters(table, o), o->waiters,
				 i, out, &any));
	TRY(buf_printf(out, "\n"));
	if (!any)
		out->len = before;
	before = out->len;
	TRY(buf_printf(out, "%s\tat hand of: ", indent));
	TRY(wait_text_goroutines(t, wait_object_refs(table, o), o->refs, i, out,
				 &any));
	TRY(buf_printf(out, "\n"));
	if (!any)
		out->len = before;
	return NULL;
}

static struct err *put_cases(const struct wait_text *t, size_t i,
			     const char *indent, struct buf *out)
{
	const struct waiter *w = &t->table->list.v[i];

	for (size_t k = 0; k < w->count && k < CASES; k++)
		TRY(put_case(t, i, &t->table->cases.v[w->first + k], indent,
			     out));
	return w->count > CASES ? buf_printf(out, "%swaits for: %zu more\n",
					     indent, w->count - CASES)
				: NULL;
}

static struct err *put_time(const struct wait_text *t, int64_t until,
			    struct buf *out)
{
	double left = (double)(until - (int64_t)t->now) / 1e9;

	return until ? buf_printf(out, ", for another %.3f s at most",
				  left > 0 ? left : 0)
		     : NULL;
}

static struct err *put_fd(const struct wait_text *t, const struct waiter *w,
			  const char *indent, struct buf *out)
{
	if (w->fd < 0)
		return NULL;
	TRY(buf_printf(out, "%swaits for: %s file descriptor %" PRId64, indent,
		       w->write ? "write to" : "read from", w->fd));
	TRY(fd_name_append(t->rt->target, w->fd, out));
	TRY(put_time(t, w->until, out));
	return buf_printf(out, "\n");
}

struct err *wait_text_append(const struct wait_text *t, size_t i,
			     const char *indent, struct buf *out)
{
	const struct waiter *w = &t->table->list.v[i];

	if (w->damaged)
		return buf_printf(out, "%swaits for: can't be read\n", indent);
	switch (w->kind) {
	case WAIT_NOT:
	case WAIT_INTERNAL:
		return NULL;
	case WAIT_FOREVER:
		return buf_printf(out, "%swaits for: nothing, for ever\n",
				  indent);
	case WAIT_FD:
		return put_fd(t, w, indent, out);
	case WAIT_SLEEP:
		TRY(buf_printf(out, "%swaits for: the clock", indent));
		TRY(put_time(t, w->until, out));
		return buf_printf(out, "\n");
	default:
		return put_cases(t, i, indent, out);
	}
}
