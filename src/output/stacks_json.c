/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks for programs: one object, a line a goroutine. Addresses are strings
 * ("0xc000012345"), for numbers of that size are not exact everywhere; the
 * form is in doc/stacks.md.
 */
#include "output/stacks_writer.h"
#include "runtime/args.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/*
 * jansson's setters take the value, and fail if it or the object is NULL: what
 * could not be allocated is noticed at the end of an object.
 */
struct builder {
	struct stacks_writer *w;
	bool failed;
};

static void set(struct builder *b, json_t *object, const char *key,
		json_t *value)
{
	b->failed |= json_object_set_new(object, key, value) != 0;
}

static void set_int(struct builder *b, json_t *object, const char *key,
		    uint64_t n)
{
	set(b, object, key, json_integer((json_int_t)n));
}

static void set_address(struct builder *b, json_t *object, const char *key,
			uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	set(b, object, key, json_string(text));
}

/* What is not UTF-8 has all but its ASCII replaced by '?'. */
static json_t *make_string(const char *s, size_t n)
{
	json_t *value = json_stringn(s, n);
	cleanup_free char *copy = NULL;

	if (value)
		return value;
	copy = strndup(s, n);
	for (char *c = copy; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return copy ? json_string(copy) : NULL;
}

static void set_text(struct builder *b, json_t *object, const char *key,
		     const char *s)
{
	set(b, object, key, make_string(s, strlen(s)));
}

static void set_buf(struct builder *b, json_t *object, const char *key,
		    const struct buf *s)
{
	set(b, object, key,
	    make_string(s->len ? (const char *)s->v : "", s->len));
}

/* Appends the object, which is used up, as one line. */
static struct err *put_object(struct builder *b, json_t *object)
{
	cleanup_free char *text = NULL;

	if (!b->failed)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text ? buf_append(&b->w->out, text, strlen(text)) : &err_nomem;
}

/* ---- a goroutine --------------------------------------------------------- */

static struct err *set_args(struct builder *b, json_t *object,
			    const struct trace_call *c)
{
	struct buf *args = &b->w->scratch;

	args->len = 0;
	struct err *e = args_append(b->w->rt, &c->site->func, c->argp,
				    c->site->pc, args);
	if (e && e->code != ERR_FAULT && e->code != ERR_FORMAT)
		return e;
	if (!e)
		set_buf(b, object, "args", args);
	err_free(e);
	return NULL;
}

static void set_place(struct builder *b, json_t *object,
		      const struct call *call)
{
	set_text(b, object, "function", call->name);
	set_text(b, object, "file", call->file);
	set_int(b, object, "line", call->line);
}

struct native_arg {
	struct builder *b;
	json_t *frames; /* an array */
};

static struct err *append_native(void *arg, const struct native_frame *f)
{
	struct native_arg *n = arg;
	json_t *object = json_object();

	n->b->failed |= json_array_append_new(n->frames, object) != 0;
	set(n->b, object, "native", json_true());
	if (f->name[0]) {
		set_text(n->b, object, "function", f->name);
		set_int(n->b, object, "offset", f->offset);
	}
	set_address(n->b, object, "pc", f->pc);
	set_address(n->b, object, "sp", f->sp);
	return NULL;
}

static struct err *append_call(struct builder *b, json_t *calls,
			       const struct trace_call *c)
{
	struct native_arg n = { b, calls };
	json_t *object;

	if (c->callback_sp)
		return stacks_each_callback(b->w, c, append_native, &n);
	object = json_object();
	b->failed |= json_array_append_new(calls, object) != 0;
	set_place(b, object, c->call);
	if (c->call->inlined) {
		set(b, object, "inlined", json_true());
		return NULL;
	}
	TRY(set_args(b, object, c));
	set_int(b, object, "offset", c->pc - c->site->func.entry);
	set_address(b, object, "pc", c->pc);
	set_address(b, object, "sp", c->sp);
	set_address(b, object, "fp", c->fp);
	return NULL;
}

static struct err *set_calls(struct builder *b, json_t *object,
			     const struct goroutine *g)
{
	const struct trace *t = &b->w->trace;
	json_t *calls = json_array();

	struct native_arg n = { b, calls };

	set(b, object, "calls", calls);
	TRY(stacks_each_native(b->w, g, append_native, &n));
	if (t->elided) {
		set_int(b, object, "elided", t->elided);
		set_int(b, object, "elided_behind", t->inner);
	}
	if (t->end != STACK_WHOLE)
		set_text(b, object, "broken", stack_end_text(t->end));
	for (size_t i = 0; i < t->calls.len; i++)
		TRY(append_call(b, calls, &t->calls.v[i]));
	return NULL;
}

static struct err *set_creator(struct builder *b, json_t *object,
			       const struct goroutine *g)
{
	const struct site *site;

	TRY(trace_creator(&b->w->symbols, g, &b->w->trace_options, &site));
	if (!site)
		return NULL;
	json_t *creator = json_object();
	const struct call at = { .name = site->calls[site->count - 1].name,
				 .file = site->calls[0].file,
				 .line = site->calls[0].line };
	set(b, object, "created_by", creator);
	set_place(b, creator, &at);
	if (g->parent)
		set_int(b, creator, "goroutine", g->parent);
	return NULL;
}

struct label_arg {
	struct builder *b;
	json_t *labels;
};

static struct err *set_label(void *arg, const struct buf *key,
			     const struct buf *value)
{
	struct label_arg *l = arg;
	cleanup_free char *name = NULL;

	/* Keys are text; what is not has its odd bytes replaced. */
	json_t *text =
		make_string(key->len ? (const char *)key->v : "", key->len);
	name = text ? strdup(json_string_value(text)) : NULL;
	json_decref(text);
	if (!name)
		return &err_nomem;
	set_buf(l->b, l->labels, name, value);
	return NULL;
}

static struct err *set_state(struct builder *b, json_t *object,
			     const struct goroutine *g)
{
	struct buf *text = &b->w->scratch;
	uint64_t blocked = state_blocked_ns(b->w->rt, g, b->w->stacks->now);
	struct label_arg l = { b, NULL };
	uint64_t bubble;

	text->len = 0;
	TRY(state_append(b->w->rt, g, text));
	TRY(state_append_marks(b->w->rt, g, text));
	set_buf(b, object, "state", text);
	if (blocked)
		set_int(b, object, "blocked_ns", blocked);
	if (g->lockedm)
		set(b, object, "locked", json_true());
	if (g->system)
		set(b, object, "system", json_true());
	TRY(state_bubble(b->w->rt, g, &bubble));
	if (bubble)
		set_int(b, object, "bubble", bubble);
	if (!g->labels || !b->w->stacks->labels)
		return NULL;
	l.labels = json_object();
	set(b, object, "labels", l.labels);
	return state_each_label(b->w->rt, g, set_label, &l);
}

static struct err *fill(struct builder *b, json_t *object,
			const struct goroutine *g)
{
	set_int(b, object, "id", g->id);
	TRY(set_state(b, object, g));
	TRY(set_calls(b, object, g));
	return set_creator(b, object, g);
}

static struct err *json_goroutine(struct stacks_writer *w,
				  const struct goroutine *g)
{
	struct builder b = { .w = w };
	json_t *object = json_object();

	struct err *e = fill(&b, object, g);
	if (e) {
		json_decref(object);
		return e;
	}
	if (w->result.goroutines)
		TRY(buf_append(&w->out, ",\n", 2));
	return put_object(&b, object);
}

/* ---- the document -------------------------------------------------------- */

static struct err *json_begin(struct stacks_writer *w)
{
	const struct target *t = w->rt->target;
	const struct stacks *s = w->stacks;
	struct builder b = { .w = w };
	json_t *process = json_object();
	char when[64];
	struct tm tm;

	gmtime_r(&s->wall.tv_sec, &tm);
	size_t n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + n, sizeof(when) - n, ".%09ldZ", s->wall.tv_nsec);
	set_text(&b, process, "name", t->exe_name);
	set_int(&b, process, "pid", (uint64_t)t->pid);
	set_text(&b, process, "release", w->rt->release);
	set_text(&b, process, "time", when);
	set_int(&b, process, "uptime_ns", s->uptime);
	TRY(buf_append(&w->out, "{\"process\":", 11));
	TRY(put_object(&b, process));
	return buf_append(&w->out, ",\n\"goroutines\":[\n", 17);
}

static struct err *json_end(struct stacks_writer *w)
{
	return buf_append(&w->out, "\n]}\n", 4);
}

static void json_deinit(struct stacks_writer *w)
{
	(void)w;
}

const struct stacks_ops stacks_json = {
	.begin = json_begin,
	.goroutine = json_goroutine,
	.end = json_end,
	.deinit = json_deinit,
};
