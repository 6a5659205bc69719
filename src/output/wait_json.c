/* SPDX-License-Identifier: Apache-2.0 */
#include "output/wait_json.h"

#include "base/bits.h"
#include "runtime/damage.h"
#include "runtime/runtime.h"
#include "target/fd_name.h"

static const char *kind_name(enum wait_kind kind)
{
	static const char *const names[] = {
		[WAIT_FOREVER] = "nothing",	[WAIT_CHANNEL] = "channel",
		[WAIT_MUTEX] = "mutex",		[WAIT_RWMUTEX] = "rwmutex",
		[WAIT_GROUP] = "waitgroup",	[WAIT_COND] = "cond",
		[WAIT_SEMAPHORE] = "semaphore", [WAIT_FD] = "fd",
		[WAIT_SLEEP] = "sleep",
	};

	return names[kind];
}

/* ---- of a goroutine ------------------------------------------------------ */

static const char *direction_name(const struct waiter *w,
				  const struct wait_case *c)
{
	if (w->kind == WAIT_CHANNEL)
		return c->direction == WAIT_RECV   ? "receive"
		       : c->direction == WAIT_SEND ? "send"
						   : NULL;
	if (w->kind == WAIT_RWMUTEX)
		return w->write ? "write" : "read";
	return NULL;
}

static void set_cases(struct json_builder *b, const struct wait_text *t,
		      const struct waiter *w, json_t *object)
{
	json_t *cases = json_set_array(b, object, "cases");

	for (size_t k = 0; k < w->count; k++) {
		const struct wait_case *c = &t->table->cases.v[w->first + k];
		const char *direction = direction_name(w, c);
		json_t *one = json_add_object(b, cases);

		json_set_address(b, one, "object",
				 t->table->objects.v[c->object].addr);
		if (direction)
			json_set_text(b, one, "to", direction);
	}
}

static void set_deadline(struct json_builder *b, const struct wait_text *t,
			 const struct waiter *w, json_t *object)
{
	if (w->until)
		json_set_int(b, object, "for_ns",
			     w->until > (int64_t)t->now
				     ? (uint64_t)w->until - t->now
				     : 0);
}

/* Its name is " (NAME)" in text. */
static struct err *set_fd(struct json_builder *b, const struct wait_text *t,
			  const struct waiter *w, json_t *object)
{
	cleanup(buf_deinit) struct buf name = {};

	if (w->fd < 0)
		return NULL;
	json_set_int(b, object, "fd", (uint64_t)w->fd);
	json_set_text(b, object, "to", w->write ? "write" : "read");
	TRY(fd_name_append(t->rt->target, w->fd, &name));
	if (name.len > 3)
		json_set(b, object, "name",
			 json_text((const char *)name.v + 2, name.len - 3));
	return NULL;
}

struct err *wait_json_set(struct json_builder *b, const struct wait_text *t,
			  size_t i, json_t *object)
{
	const struct waiter *w = &t->table->list.v[i];
	json_t *waits;

	if (w->kind == WAIT_NOT || w->kind == WAIT_INTERNAL)
		return NULL;
	waits = json_object();
	json_set(b, object, "waits", waits);
	json_set_text(b, waits, "for", kind_name(w->kind));
	json_set_true(b, waits, "unreadable", w->damaged);
	if (w->damaged || w->kind == WAIT_FOREVER)
		return NULL;
	if (w->kind == WAIT_FD)
		TRY(set_fd(b, t, w, waits));
	else if (w->kind != WAIT_SLEEP)
		set_cases(b, t, w, waits);
	set_deadline(b, t, w, waits);
	return NULL;
}

/* ---- what is waited for -------------------------------------------------- */

static struct err *append_type(struct runtime *rt, uint64_t addr,
			       struct buf *out)
{
	struct type_info type;

	TRY(type_read(rt, addr, &type));
	return type_name(rt, &type, out);
}

static struct err *set_channel(struct json_builder *b,
			       const struct wait_text *t,
			       const struct wait_object *o, json_t *object)
{
	cleanup(buf_deinit) struct buf type = {};
	uint64_t damaged = 0;

	TRY(forgive(append_type(t->rt, o->elem_type, &type), &damaged));
	if (!damaged)
		json_set_buf(b, object, "type", &type);
	json_set_int(b, object, "len", o->len);
	json_set_int(b, object, "cap", o->cap);
	json_set_true(b, object, "closed", o->closed);
	json_set_true(b, object, "timer", o->timer);
	return NULL;
}

static struct err *set_state(struct json_builder *b, const struct wait_text *t,
			     const struct wait_object *o, json_t *object)
{
	struct wait_lock lock;

	switch (o->kind) {
	case WAIT_CHANNEL:
		return set_channel(b, t, o, object);
	case WAIT_MUTEX:
	case WAIT_RWMUTEX:
		lock = wait_text_lock(o);
		json_set(b, object, "locked", json_boolean(lock.locked));
		if (o->kind == WAIT_RWMUTEX)
			json_set_int(b, object, "readers",
				     (uint64_t)lock.readers);
		return NULL;
	case WAIT_GROUP:
		json_set_int(b, object, "counter", (uint64_t)o->state);
		return NULL;
	default:
		return NULL;
	}
}

static void set_goroutines(struct json_builder *b, const struct wait_text *t,
			   json_t *object, const char *key,
			   const struct wait_link *links, size_t n)
{
	json_t *ids = json_set_array(b, object, key);

	for (size_t i = 0; i < n; i++)
		json_add(b, ids,
			 json_integer((json_int_t)t->table->list
					      .v[links[i].goroutine]
					      .g.id));
}

static struct err *set_object(struct json_builder *b, const struct wait_text *t,
			      const struct wait_object *o, json_t *object)
{
	json_set_address(b, object, "object", o->addr);
	json_set_text(b, object, "kind", kind_name(o->kind));
	json_set_true(b, object, "unreadable", o->damaged);
	if (!o->damaged)
		TRY(set_state(b, t, o, object));
	set_goroutines(b, t, object, "waiters",
		       wait_object_waiters(t->table, o), o->waiters);
	set_goroutines(b, t, object, "at_hand_of",
		       wait_object_refs(t->table, o), o->refs);
	return NULL;
}

struct err *wait_json_objects(struct json_builder *b, const struct wait_text *t,
			      struct buf *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->table->objects.len; i++) {
		struct err *e = set_object(b, t, &t->table->objects.v[i],
					   json_add_object(b, list));

		if (e) {
			json_decref(list);
			return e;
		}
	}
	return json_append_lines(b, "objects", list, out);
}
