/* SPDX-License-Identifier: Apache-2.0 */
#include "output/crash_json.h"

static void set_panics(struct json_builder *b, const struct crash *c,
		       json_t *object)
{
	json_t *panics = json_set_array(b, object, "panics");

	for (size_t i = 0; i < c->panics.len; i++) {
		const struct crash_panic *p = &c->panics.v[i];
		json_t *panic = json_add_object(b, panics);

		if (!p->goexit)
			json_set_buf(b, panic, "value", &p->value);
		json_set_true(b, panic, "goexit", p->goexit);
		json_set_true(b, panic, "recovered", p->recovered);
		json_set_true(b, panic, "repanicked", p->repanicked);
	}
}

static void set_signal(struct json_builder *b, const struct crash_signal *s,
		       json_t *object)
{
	json_t *signal = json_object();

	json_set(b, object, "signal", signal);
	json_set_int(b, signal, "number", s->number);
	if (s->name.len)
		json_set_buf(b, signal, "name", &s->name);
	json_set(b, signal, "code", json_integer(s->code));
	json_set_address(b, signal, "addr", s->addr);
	json_set_address(b, signal, "pc", s->pc);
}

static void set_crash(struct json_builder *b, const struct crash *c,
		      json_t *object)
{
	static const char *const kinds[] = {
		[CRASH_PENDING] = "pending signal",
		[CRASH_DEFERRED] = "pending panic",
		[CRASH_SIGNAL] = "signal",
		[CRASH_PANIC] = "panic",
		[CRASH_FATAL] = "fatal error",
	};

	json_set_text(b, object, "kind", kinds[c->kind]);
	if (c->goroutine)
		json_set_int(b, object, "goroutine", c->goroutine);
	if (c->kind == CRASH_FATAL)
		json_set_buf(b, object, "message", &c->message);
	if (c->panics.len)
		set_panics(b, c, object);
	if (c->signal.number)
		set_signal(b, &c->signal, object);
	json_set_buf(b, object, "text", &c->text);
}

struct err *crash_json(struct json_builder *b, const struct crashes *all,
		       struct buf *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->list.len; i++)
		set_crash(b, &all->list.v[i], json_add_object(b, list));
	return json_append_lines(b, "crash", list, out);
}
