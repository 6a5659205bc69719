/* SPDX-License-Identifier: Apache-2.0 */
#include "output/deadlock_text.h"

#include "base/bits.h"
#include "runtime/runtime.h"
#include "runtime/traceback.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	MEMBERS = 8,  /* of a group; of others, the number */
	CASES = 4,    /* of a goroutine; of others, the number */
	GROUPS = 100, /* that are not alike; of others, the number */
};

/* A group as text: `key` has what makes groups alike, no address and no number
 * of a goroutine. */
struct told {
	const struct deadlock_group *group;
	struct buf key, text;
	size_t alike;
};

struct teller {
	const struct wait_text *t;
	const struct deadlocks *d;
	struct symbols symbols;
	struct trace trace;
	VEC(struct told) told;
	struct buf *key, *text; /* of the one at hand */
};

/* ---- where a goroutine is ------------------------------------------------ */

/* Whether a function is one of those that code waits by. */
static bool is_of_waiting(const char *name)
{
	static const char *const prefixes[] = { "runtime.", "sync.",
						"internal/" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

const struct call *deadlock_own_call(const struct trace *trace)
{
	for (size_t i = 0; i < trace->calls.len; i++)
		if (!is_of_waiting(trace->calls.v[i].call->name))
			return trace->calls.v[i].call;
	return NULL;
}

/* "main.run: chan receive in main.next at /src/next.go:7": the outermost call,
 * and where it waits. */
static struct err *put_place(struct teller *x, const struct waiter *w,
			     struct buf *out)
{
	const struct trace_options options = {};
	const struct trace *trace = &x->trace;
	const struct call *call;

	TRY(trace_read(&x->trace, &x->symbols, &w->g, &options));
	if (trace->calls.len)
		call = trace->calls.v[trace->calls.len - 1].call;
	TRY(buf_printf(out, "%s: ", trace->calls.len ? call->name : "?"));
	TRY(goroutine_waitreason(x->t->rt, &w->g, out));
	call = deadlock_own_call(trace);
	if (!call)
		return NULL;
	return buf_printf(out, " in %s at %s:%" PRIu64, call->name, call->file,
			  call->line);
}

/* ---- a goroutine --------------------------------------------------------- */

static struct err *put_case(struct teller *x, size_t i,
			    const struct wait_case *c)
{
	const struct wait_table *table = x->t->table;
	const struct waiter *w = &table->list.v[i];
	const struct wait_object *o = &table->objects.v[c->object];
	size_t before;
	bool any;

	TRY(buf_printf(x->text, "        waits for: "));
	TRY(wait_text_verb(w, c, x->text));
	TRY(wait_text_object(x->t, o, x->text));
	before = x->text->len;
	TRY(buf_printf(x->text, "; at hand of "));
	TRY(wait_text_goroutines(x->t, wait_object_refs(table, o), o->refs, i,
				 x->text, &any));
	if (!any)
		x->text->len = before;
	return buf_printf(x->text, "\n");
}

static struct err *put_member(struct teller *x, size_t i)
{
	const struct wait_table *table = x->t->table;
	const struct waiter *w = &table->list.v[i];
	size_t start = x->text->len;

	TRY(put_place(x, w, x->text));
	TRY(buf_append(x->key, x->text->v + start, x->text->len - start));
	TRY(buf_printf(x->text, "\n"));
	TRY(buf_printf(x->key, "\n"));
	for (size_t k = 0; k < w->count && k < CASES; k++)
		TRY(put_case(x, i, &table->cases.v[w->first + k]));
	if (w->count > CASES)
		TRY(buf_printf(x->text, "        and for %zu more\n",
			       w->count - CASES));
	return NULL;
}

/* ---- a group ------------------------------------------------------------- */

static struct err *put_group(struct teller *x, const struct deadlock_group *g)
{
	TRY(buf_printf(x->key, "%d %zu\n", g->kind, g->count));
	for (size_t k = 0; k < g->count && k < MEMBERS; k++) {
		uint32_t i = x->d->members.v[g->first + k];
		const struct waiter *w = &x->t->table->list.v[i];

		TRY(buf_printf(x->text, "    goroutine %" PRIu64 ", ",
			       w->g.id));
		TRY(err_wrap(put_member(x, i), "goroutine %" PRIu64, w->g.id));
	}
	if (g->count > MEMBERS)
		TRY(buf_printf(x->text, "    and %zu more goroutines\n",
			       g->count - MEMBERS));
	return NULL;
}

static bool same_key(const struct told *a, const struct told *b)
{
	return a->key.len == b->key.len &&
	       !memcmp(a->key.v, b->key.v, a->key.len);
}

/* Tells one more, if none that was told is like it. */
static struct err *tell(struct teller *x, const struct deadlock_group *g)
{
	TRY(vec_reserve(&x->told, 1));
	struct told *new = &x->told.v[x->told.len++];
	*new = (struct told){ .group = g, .alike = 1 };
	x->key = &new->key;
	x->text = &new->text;
	TRY(put_group(x, g));
	for (size_t i = 0; i + 1 < x->told.len; i++) {
		if (!same_key(&x->told.v[i], new))
			continue;
		x->told.v[i].alike++;
		buf_deinit(&new->key);
		buf_deinit(&new->text);
		x->told.len--;
		break;
	}
	return NULL;
}

/* What kind of a deadlock it is, and how that is known. */
static const char *verdict(const struct teller *x,
			   const struct deadlock_group *g)
{
	const struct waiter *w =
		&x->t->table->list.v[x->d->members.v[g->first]];

	if (g->kind == DEADLOCK_ASLEEP)
		return "asleep: nobody is left who could run";
	if (g->kind == DEADLOCK_LOCKS)
		return "possible: they wait for locks that only they have at "
		       "hand, by their stacks; code that comes by the locks "
		       "through variables could still unlock them";
	if (w->kind == WAIT_FOREVER)
		return "waits for nothing, for ever";
	return "nobody who could run can come by what they wait for";
}

static struct err *put_told(struct teller *x, size_t i, struct buf *out)
{
	const struct told *told = &x->told.v[i];

	TRY(buf_printf(out, "\n%zu. %zu goroutine%s", i + 1, told->group->count,
		       told->group->count > 1 ? "s" : ""));
	if (told->alike > 1)
		TRY(buf_printf(out, ", %zu times alike", told->alike));
	TRY(buf_printf(out, " (%s):\n", verdict(x, told->group)));
	return buf_append(out, told->text.v, told->text.len);
}

/* ---- the whole ----------------------------------------------------------- */

static struct err *put_account(const struct deadlocks *d, struct buf *out)
{
	TRY(buf_printf(
		out,
		"\nTaken into account: %" PRIu64 " goroutines, of which "
		"%" PRIu64 " are blocked on channels, locks, WaitGroups "
		"or Conds; %" PRIu64
		" of these could be woken by what variables, stacks of "
		"goroutines that run or wait for something else, %" PRIu64
		" timers and finalizers lead to, in %" PRIu64 " objects.\n",
		d->goroutines, d->blocked, d->woken, d->timers,
		d->graph.objects));
	if (d->cgo)
		TRY(buf_printf(out, "The program has C code: what only C has "
				    "at hand is not seen.\n"));
	if (d->damaged || d->graph.unreadable)
		TRY(buf_printf(out, "Not all of the memory could be read: "
				    "some of this may be wrong.\n"));
	return NULL;
}

static struct err *put_all(struct teller *x, struct buf *out)
{
	const struct deadlocks *d = x->d;

	if (!d->groups.len)
		TRY(buf_printf(out, "No deadlock found.\n"));
	else
		TRY(buf_printf(out,
			       "%zu goroutine%s that nobody can wake, in "
			       "%zu group%s\n",
			       d->members.len, d->members.len > 1 ? "s" : "",
			       d->groups.len, d->groups.len > 1 ? "s" : ""));
	for (size_t i = 0; i < d->groups.len && x->told.len < GROUPS; i++)
		TRY(tell(x, &d->groups.v[i]));
	for (size_t i = 0; i < x->told.len; i++)
		TRY(put_told(x, i, out));
	return put_account(d, out);
}

struct err *deadlock_text(const struct wait_text *t, const struct deadlocks *d,
			  struct buf *out)
{
	struct teller x = { .t = t, .d = d };

	symbols_init(&x.symbols, t->rt);
	struct err *e = put_all(&x, out);
	for (size_t i = 0; i < x.told.len; i++) {
		buf_deinit(&x.told.v[i].key);
		buf_deinit(&x.told.v[i].text);
	}
	vec_deinit(&x.told);
	trace_deinit(&x.trace);
	symbols_deinit(&x.symbols);
	return e;
}
