/* SPDX-License-Identifier: Apache-2.0 */
#include "output/deadlock_json.h"

#include "output/deadlock_text.h"
#include "output/wait_json.h"
#include "runtime/runtime.h"
#include "runtime/traceback.h"

struct teller {
	struct json_builder json;
	const struct wait_text *t;
	const struct deadlocks *d;
	struct symbols symbols;
	struct trace trace;
};

/* The outermost function, and where the program's own code waits. */
static struct err *set_place(struct teller *x, const struct waiter *w,
			     json_t *object)
{
	const struct trace_options options = {};
	const struct trace *trace = &x->trace;
	const struct call *call;
	json_t *at;

	TRY(trace_read(&x->trace, &x->symbols, &w->g, &options));
	if (trace->calls.len)
		json_set_text(&x->json, object, "function",
			      trace->calls.v[trace->calls.len - 1].call->name);
	call = deadlock_own_call(trace);
	if (!call)
		return NULL;
	at = json_object();
	json_set(&x->json, object, "at", at);
	json_set_text(&x->json, at, "function", call->name);
	json_set_text(&x->json, at, "file", call->file);
	json_set_int(&x->json, at, "line", call->line);
	return NULL;
}

static struct err *set_member(struct teller *x, size_t i, json_t *object)
{
	const struct waiter *w = &x->t->table->list.v[i];
	cleanup(buf_deinit) struct buf reason = {};

	json_set_int(&x->json, object, "id", w->g.id);
	TRY(goroutine_waitreason(x->t->rt, &w->g, &reason));
	json_set_buf(&x->json, object, "state", &reason);
	TRY(set_place(x, w, object));
	return wait_json_set(&x->json, x->t, i, object);
}

static const char *verdict(const struct teller *x,
			   const struct deadlock_group *g)
{
	const struct waiter *w =
		&x->t->table->list.v[x->d->members.v[g->first]];

	if (g->kind == DEADLOCK_ASLEEP)
		return "asleep";
	if (g->kind == DEADLOCK_LOCKS)
		return "possible";
	return w->kind == WAIT_FOREVER ? "for ever" : "unreachable";
}

static struct err *set_group(struct teller *x, const struct deadlock_group *g,
			     json_t *object)
{
	json_t *members;

	json_set_text(&x->json, object, "verdict", verdict(x, g));
	members = json_set_array(&x->json, object, "goroutines");
	for (size_t k = 0; k < g->count; k++) {
		size_t i = x->d->members.v[g->first + k];

		TRY(err_wrap(
			set_member(x, i, json_add_object(&x->json, members)),
			"goroutine %llu",
			(unsigned long long)x->t->table->list.v[i].g.id));
	}
	return NULL;
}

static struct err *put_groups(struct teller *x, struct buf *out)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < x->d->groups.len; i++) {
		struct err *e = set_group(x, &x->d->groups.v[i],
					  json_add_object(&x->json, groups));

		if (e) {
			json_decref(groups);
			return e;
		}
	}
	return json_append_lines(&x->json, "deadlocks", groups, out);
}

static struct err *put_process(struct teller *x, struct buf *out)
{
	const struct target *t = x->t->rt->target;
	json_t *process = json_object();

	json_set_text(&x->json, process, "name", t->exe_name);
	json_set_int(&x->json, process, "pid", (uint64_t)t->pid);
	json_set_text(&x->json, process, "release", x->t->rt->release);
	return json_append(&x->json, process, out);
}

static struct err *put_account(struct teller *x, struct buf *out)
{
	const struct deadlocks *d = x->d;
	json_t *account = json_object();

	json_set_int(&x->json, account, "goroutines", d->goroutines);
	json_set_int(&x->json, account, "blocked", d->blocked);
	json_set_int(&x->json, account, "could_be_woken", d->woken);
	json_set_int(&x->json, account, "timers", d->timers);
	json_set_int(&x->json, account, "objects", d->graph.objects);
	json_set_true(&x->json, account, "cgo", d->cgo);
	json_set_true(&x->json, account, "unreadable",
		      d->damaged || d->graph.unreadable);
	return json_append(&x->json, account, out);
}

static struct err *put_all(struct teller *x, struct buf *out)
{
	TRY(buf_printf(out, "{\"process\":"));
	TRY(put_process(x, out));
	TRY(buf_printf(out, ",\n"));
	TRY(put_groups(x, out));
	TRY(buf_printf(out, ",\n"));
	TRY(wait_json_objects(&x->json, x->t, out));
	TRY(buf_printf(out, ",\n\"account\":"));
	TRY(put_account(x, out));
	return buf_printf(out, "}\n");
}

struct err *deadlock_json(const struct wait_text *t, const struct deadlocks *d,
			  struct buf *out)
{
	struct teller x = { .t = t, .d = d };

	symbols_init(&x.symbols, t->rt);
	struct err *e = put_all(&x, out);
	trace_deinit(&x.trace);
	symbols_deinit(&x.symbols);
	return e;
}
