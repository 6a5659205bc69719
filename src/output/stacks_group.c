/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equal stacks once, the most frequent first: 10,000 goroutines on a page.
 * Stacks are equal whose text is, but for the arguments, the time blocked and
 * the numbers of goroutines:
 *
 *	2500 goroutines [chan receive, 3 to 14 minutes]: 18 22 26 30 ...
 *	main.(*service).query(...)
 *		/src/main.go:39 +0x1d
 */
#include "output/stacks_writer.h"
#include "runtime/state.h"

#include <inttypes.h>

enum { SHOWN_IDS = 10 };

#define MINUTE UINT64_C(60000000000) /* ns */

struct group {
	struct buf state, text;
	uint64_t count;
	uint64_t shortest, longest; /* ns blocked */
	uint64_t ids[SHOWN_IDS];    /* of the first ones */
};

struct groups {
	VEC(struct group *) list;
	struct addr_map index; /* hash of the texts to 1 + index in list */
};

static void group_destroy(struct group *g)
{
	buf_deinit(&g->state);
	buf_deinit(&g->text);
	free(g);
}

static void groups_deinit(struct stacks_writer *w)
{
	struct groups *gs = w->state;

	if (!gs)
		return;
	for (size_t i = 0; i < gs->list.len; i++)
		group_destroy(gs->list.v[i]);
	vec_deinit(&gs->list);
	addr_map_deinit(&gs->index);
	free(gs);
}

static struct err *groups_begin(struct stacks_writer *w)
{
	w->state = calloc(1, sizeof(struct groups));
	return w->state ? stacks_put_crashes(w) : &err_nomem;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ull;
	return h;
}

static bool is_equal(const struct buf *b, const void *data, size_t n)
{
	return b->len == n && (!n || !memcmp(b->v, data, n));
}

static struct err *add_group(struct groups *gs, const struct buf *state,
			     const void *text, size_t n, struct group **out)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		return &err_nomem;
	struct err *e = buf_append(&g->state, state->v, state->len);
	if (!e)
		e = buf_append(&g->text, text, n);
	if (!e)
		e = vec_push(&gs->list, g);
	if (e)
		group_destroy(g);
	else
		*out = g;
	return e;
}

/* The group of a state and a text. Texts of one hash are at hashes that
 * follow. */
static struct err *find_group(struct groups *gs, const struct buf *state,
			      const void *text, size_t n, struct group **out)
{
	uint64_t key = hash(0xcbf29ce484222325ull, state->v, state->len);

	for (key = hash(key, text, n);; key++) {
		uint64_t i;

		TRY(addr_map_insert(&gs->index, key, gs->list.len + 1, &i));
		if (!i)
			return add_group(gs, state, text, n, out);
		*out = gs->list.v[i - 1];
		if (is_equal(&(*out)->state, state->v, state->len) &&
		    is_equal(&(*out)->text, text, n))
			return NULL;
	}
}

static struct err *describe(struct stacks_writer *w, const struct goroutine *g)
{
	static const char locked[] = ", locked to thread";
	struct buf *state = &w->scratch;

	state->len = 0;
	TRY(state_append(w->rt, g, state));
	TRY(state_append_marks(w->rt, g, state));
	return g->lockedm ? buf_append(state, locked, sizeof(locked) - 1)
			  : NULL;
}

static struct err *groups_goroutine(struct stacks_writer *w,
				    const struct goroutine *g)
{
	uint64_t blocked = state_blocked_ns(w->rt, g, w->stacks->now);
	size_t start = w->out.len;
	const struct site *creator;
	struct group *group;

	TRY(describe(w, g));
	TRY(stacks_put_trace(w, g, false));
	TRY(trace_creator(&w->symbols, g, &w->trace_options, &creator));
	if (creator)
		TRY(stacks_put_creator(w, creator, g->gopc, 0));
	TRY(find_group(w->state, &w->scratch, w->out.v + start,
		       w->out.len - start, &group));
	w->out.len = start;
	if (!group->count || blocked < group->shortest)
		group->shortest = blocked;
	group->longest = max_u64(group->longest, blocked);
	if (group->count < SHOWN_IDS)
		group->ids[group->count] = g->id;
	group->count++;
	return NULL;
}

static int by_count(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a;
	const struct group *y = *(struct group *const *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->ids[0] > y->ids[0]) - (x->ids[0] < y->ids[0]);
}

static struct err *put_minutes(struct stacks_writer *w, const struct group *g)
{
	uint64_t from = g->shortest / MINUTE, to = g->longest / MINUTE;

	if (!to)
		return NULL;
	if (from == to)
		return buf_printf(&w->out, ", %" PRIu64 " minutes", to);
	return buf_printf(&w->out, ", %" PRIu64 " to %" PRIu64 " minutes", from,
			  to);
}

static struct err *put_group(struct stacks_writer *w, const struct group *g)
{
	TRY(stacks_put_colour(w, COLOUR_HEADER));
	TRY(buf_printf(&w->out, "%" PRIu64 " goroutine%s [%.*s", g->count,
		       g->count == 1 ? "" : "s", (int)g->state.len,
		       (const char *)g->state.v));
	TRY(put_minutes(w, g));
	TRY(buf_append(&w->out, "]:", 2));
	TRY(stacks_put_colour(w, COLOUR_NONE));
	for (uint64_t i = 0; i < g->count && i < SHOWN_IDS; i++)
		TRY(buf_printf(&w->out, " %" PRIu64, g->ids[i]));
	if (g->count > SHOWN_IDS)
		TRY(buf_append(&w->out, " ...", 4));
	TRY(buf_append(&w->out, "\n", 1));
	return buf_append(&w->out, g->text.v, g->text.len);
}

static struct err *groups_end(struct stacks_writer *w)
{
	struct groups *gs = w->state;

	if (gs->list.len)
		qsort(gs->list.v, gs->list.len, sizeof(*gs->list.v), by_count);
	for (size_t i = 0; i < gs->list.len; i++) {
		if (i)
			TRY(buf_append(&w->out, "\n", 1));
		TRY(put_group(w, gs->list.v[i]));
	}
	return NULL;
}

const struct stacks_ops stacks_groups = {
	.begin = groups_begin,
	.goroutine = groups_goroutine,
	.end = groups_end,
	.deinit = groups_deinit,
};
