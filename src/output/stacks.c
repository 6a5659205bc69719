/* SPDX-License-Identifier: Apache-2.0 */
#include "output/stacks.h"

#include "output/stacks_writer.h"
#include "runtime/state.h"

#include <inttypes.h>

/* Text is written when there is so much of it. */
enum { CHUNK = 1 << 16 };

static bool wanted(const struct stacks_options *o, const struct goroutine *g)
{
	if (o->goroutine)
		return g->id == o->goroutine;
	return !g->system || o->system;
}

static struct err *flush(struct stacks_writer *w,
			 const struct stacks_sink *sink)
{
	if (w->out.len)
		TRY(sink->write(sink->arg, w->out.v, w->out.len));
	w->out.len = 0;
	return NULL;
}

/* Whether g is what the program dies of. */
static bool is_dying(const struct stacks_options *o, const struct goroutine *g)
{
	const struct crashes *all = o->crashes;

	for (size_t i = 0; all && i < all->list.len; i++)
		if (crash_ends_program(&all->list.v[i]) &&
		    all->list.v[i].goroutine == g->id)
			return true;
	return false;
}

static struct err *write_one(struct stacks_writer *w,
			     const struct stacks_ops *ops,
			     const struct goroutine *g)
{
	TRY(err_wrap(trace_read(&w->trace, &w->symbols, g, &w->trace_options),
		     "the stack of goroutine %" PRIu64, g->id));
	TRY(err_wrap(ops->goroutine(w, g), "goroutine %" PRIu64, g->id));
	w->result.goroutines++;
	w->result.broken += w->trace.end != STACK_WHOLE;
	return NULL;
}

/* Those that the program dies of, or all others. */
static struct err *write_each(struct stacks_writer *w,
			      const struct stacks_ops *ops,
			      const struct stacks_sink *sink, bool dying)
{
	const struct stacks *s = w->stacks;

	for (size_t i = 0; i < s->list.len; i++) {
		const struct goroutine *g = &s->list.v[i];

		if (target_interrupted)
			return err_new(ERR_INTERRUPTED, "interrupted");
		if (!wanted(w->options, g) || is_dying(w->options, g) != dying)
			continue;
		TRY(write_one(w, ops, g));
		if (w->out.len > CHUNK)
			TRY(flush(w, sink));
	}
	return NULL;
}

static struct err *write_all(struct stacks_writer *w,
			     const struct stacks_ops *ops,
			     const struct stacks_sink *sink)
{
	TRY(ops->begin(w));
	TRY(write_each(w, ops, sink, true));
	TRY(write_each(w, ops, sink, false));
	if (w->options->goroutine && !w->result.goroutines)
		return err_new(ERR_GONE, "there is no goroutine %" PRIu64,
			       w->options->goroutine);
	TRY(ops->end(w));
	return flush(w, sink);
}

struct err *stacks_write(const struct stacks *s, const struct stacks_options *o,
			 const struct stacks_sink *sink,
			 struct stacks_result *out)
{
	static const struct stacks_ops *const formats[] = {
		[STACKS_TEXT] = &stacks_text,
		[STACKS_GROUPS] = &stacks_groups,
		[STACKS_JSON] = &stacks_json,
	};
	const struct stacks_ops *ops = formats[o->format];
	struct stacks_writer w = {
		.stacks = s,
		.options = o,
		.rt = s->rt,
		.trace_options = { .runtime_calls = o->system,
				   .all = o->all_frames,
				   .native = o->native },
	};

	symbols_init(&w.symbols, s->rt);
	struct err *e = write_all(&w, ops, sink);
	ops->deinit(&w);
	symbols_deinit(&w.symbols);
	trace_deinit(&w.trace);
	buf_deinit(&w.out);
	buf_deinit(&w.scratch);
	if (!e)
		*out = w.result;
	return e;
}

/* ---- the summary --------------------------------------------------------- */

/* Goroutines in one state. */
struct tally {
	struct buf state;
	uint64_t count;
};

struct tallies {
	VEC(struct tally) list;
};

static void cleanup_tallies_fn(struct tallies *t)
{
	for (size_t i = 0; i < t->list.len; i++)
		buf_deinit(&t->list.v[i].state);
	vec_deinit(&t->list);
}

static struct err *count_state(struct tallies *t, const struct buf *state)
{
	struct tally new = { .count = 1 };

	for (size_t i = 0; i < t->list.len; i++) {
		struct tally *old = &t->list.v[i];

		if (old->state.len == state->len &&
		    !memcmp(old->state.v, state->v, state->len)) {
			old->count++;
			return NULL;
		}
	}
	TRY(vec_reserve(&t->list, 1));
	TRY(buf_append(&new.state, state->v, state->len));
	t->list.v[t->list.len++] = new;
	return NULL;
}

static int by_count(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

struct err *stacks_summary(const struct stacks *s,
			   const struct stacks_options *o, struct buf *out)
{
	cleanup(cleanup_tallies_fn) struct tallies t = {};
	cleanup(buf_deinit) struct buf state = {};
	uint64_t n = 0;

	for (size_t i = 0; i < s->list.len; i++) {
		if (!wanted(o, &s->list.v[i]))
			continue;
		n++;
		state.len = 0;
		TRY(state_append(s->rt, &s->list.v[i], &state));
		TRY(count_state(&t, &state));
	}
	if (t.list.len)
		qsort(t.list.v, t.list.len, sizeof(*t.list.v), by_count);
	TRY(buf_printf(out, "%" PRIu64 " goroutine%s", n, n == 1 ? "" : "s"));
	for (size_t i = 0; i < t.list.len; i++)
		TRY(buf_printf(out, "%s%" PRIu64 " %.*s", i ? ", " : ": ",
			       t.list.v[i].count, (int)t.list.v[i].state.len,
			       (const char *)t.list.v[i].state.v));
	return NULL;
}
