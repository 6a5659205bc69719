/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks for programs: one object, a line a goroutine. The form is in
 * doc/stacks.md.
 */
#include "output/crash_json.h"
#include "output/stacks_writer.h"
#include "output/wait_json.h"
#include "runtime/ancestor.h"
#include "runtime/args.h"
#include "runtime/damage.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <stdio.h>

struct builder {
	struct json_builder json;
	struct stacks_writer *w;
};

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
		json_set_buf(&b->json, object, "args", args);
	err_free(e);
	return NULL;
}

static void set_place(struct builder *b, json_t *object,
		      const struct call *call)
{
	json_set_text(&b->json, object, "function", call->name);
	json_set_text(&b->json, object, "file", call->file);
	json_set_int(&b->json, object, "line", call->line);
}

struct native_arg {
	struct builder *b;
	json_t *frames; /* an array */
};

static struct err *append_native(void *arg, const struct native_frame *f)
{
	struct native_arg *n = arg;
	json_t *object = json_add_object(&n->b->json, n->frames);

	json_set(&n->b->json, object, "native", json_true());
	if (f->name[0]) {
		json_set_text(&n->b->json, object, "function", f->name);
		json_set_int(&n->b->json, object, "offset", f->offset);
	}
	json_set_address(&n->b->json, object, "pc", f->pc);
	json_set_address(&n->b->json, object, "sp", f->sp);
	return NULL;
}

static struct err *append_call(struct builder *b, json_t *calls,
			       const struct trace_call *c)
{
	struct native_arg n = { b, calls };
	json_t *object;

	if (c->callback_sp)
		return stacks_each_callback(b->w, c, append_native, &n);
	object = json_add_object(&b->json, calls);
	set_place(b, object, c->call);
	if (c->call->inlined) {
		json_set(&b->json, object, "inlined", json_true());
		return NULL;
	}
	TRY(set_args(b, object, c));
	json_set_int(&b->json, object, "offset", c->pc - c->site->func.entry);
	json_set_address(&b->json, object, "pc", c->pc);
	json_set_address(&b->json, object, "sp", c->sp);
	json_set_address(&b->json, object, "fp", c->fp);
	return NULL;
}

static struct err *set_calls(struct builder *b, json_t *object,
			     const struct goroutine *g)
{
	const struct trace *t = &b->w->trace;
	json_t *calls = json_array();

	struct native_arg n = { b, calls };

	json_set(&b->json, object, "calls", calls);
	TRY(stacks_each_native(b->w, g, append_native, &n));
	if (t->elided) {
		json_set_int(&b->json, object, "elided", t->elided);
		json_set_int(&b->json, object, "elided_behind", t->inner);
	}
	if (t->end != STACK_WHOLE)
		json_set_text(&b->json, object, "broken",
			      stack_end_text(t->end));
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
	json_set(&b->json, object, "created_by", creator);
	set_place(b, creator, &at);
	if (g->parent)
		json_set_int(&b->json, creator, "goroutine", g->parent);
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
		json_text(key->len ? (const char *)key->v : "", key->len);
	name = text ? strdup(json_string_value(text)) : NULL;
	json_decref(text);
	if (!name)
		return &err_nomem;
	json_set_buf(&l->b->json, l->labels, name, value);
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
	json_set_buf(&b->json, object, "state", text);
	if (blocked)
		json_set_int(&b->json, object, "blocked_ns", blocked);
	if (g->lockedm)
		json_set(&b->json, object, "locked", json_true());
	if (g->system)
		json_set(&b->json, object, "system", json_true());
	TRY(state_bubble(b->w->rt, g, &bubble));
	if (bubble)
		json_set_int(&b->json, object, "bubble", bubble);
	if (!g->labels || !b->w->stacks->labels)
		return NULL;
	l.labels = json_object();
	json_set(&b->json, object, "labels", l.labels);
	return state_each_label(b->w->rt, g, set_label, &l);
}

/* ---- what it descends from ----------------------------------------------- */

struct ancestors {
	struct builder *b;
	json_t *list;
};

static struct err *add_ancestor_call(struct builder *b, json_t *calls,
				     uint64_t pc, bool innermost)
{
	struct stacks_site s;

	TRY(stacks_find_ancestor(b->w, pc, innermost, &s));
	if (s.shown)
		set_place(b, json_add_object(&b->json, calls), &s.at);
	return NULL;
}

static struct err *add_ancestor(void *arg, const struct ancestor *a)
{
	struct ancestors *all = arg;
	struct builder *b = all->b;
	json_t *object = json_add_object(&b->json, all->list);
	const struct goroutine as = { .id = a->id, .gopc = a->gopc };

	json_set_int(&b->json, object, "id", a->id);
	json_t *calls = json_set_array(&b->json, object, "calls");
	for (size_t i = 0; i < a->pc_count; i++)
		TRY(add_ancestor_call(b, calls, a->pcs[i], i == 0));
	return set_creator(b, object, &as);
}

/* What makes no sense is left out. */
static struct err *set_ancestors(struct builder *b, json_t *object,
				 const struct goroutine *g)
{
	struct ancestors all = { b, NULL };
	uint64_t damaged = 0;

	if (!g->ancestors)
		return NULL;
	all.list = json_set_array(&b->json, object, "ancestors");
	return forgive(ancestor_each(b->w->rt, g, add_ancestor, &all),
		       &damaged);
}

static struct err *set_waits(struct builder *b, json_t *object,
			     const struct goroutine *g)
{
	const struct wait_text *t = b->w->options->waits;
	uint64_t i = t ? addr_map_find(&t->table->by_g, g->addr) : 0;

	return i ? wait_json_set(&b->json, t, i - 1, object) : NULL;
}

static struct err *fill(struct builder *b, json_t *object,
			const struct goroutine *g)
{
	json_set_int(&b->json, object, "id", g->id);
	TRY(set_state(b, object, g));
	TRY(set_calls(b, object, g));
	TRY(set_creator(b, object, g));
	TRY(set_ancestors(b, object, g));
	return set_waits(b, object, g);
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
	return json_append(&b.json, object, &w->out);
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
	json_set_text(&b.json, process, "name", t->exe_name);
	json_set_int(&b.json, process, "pid", (uint64_t)t->pid);
	json_set_text(&b.json, process, "release", w->rt->release);
	json_set_text(&b.json, process, "time", when);
	json_set_int(&b.json, process, "uptime_ns", s->uptime);
	TRY(buf_append(&w->out, "{\"process\":", 11));
	TRY(json_append(&b.json, process, &w->out));
	TRY(buf_append(&w->out, ",\n", 2));
	if (w->options->crashes && w->options->crashes->list.len) {
		TRY(crash_json(&b.json, w->options->crashes, &w->out));
		TRY(buf_append(&w->out, ",\n", 2));
	}
	return buf_append(&w->out, "\"goroutines\":[\n", 15);
}

static struct err *json_end(struct stacks_writer *w)
{
	struct builder b = { .w = w };

	TRY(buf_append(&w->out, "\n]", 2));
	if (w->options->waits) {
		TRY(buf_append(&w->out, ",\n", 2));
		TRY(wait_json_objects(&b.json, w->options->waits, &w->out));
	}
	return buf_append(&w->out, "}\n", 2);
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
