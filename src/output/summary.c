/* SPDX-License-Identifier: Apache-2.0 */
#include "output/summary.h"

#include "base/addr_map.h"
#include "runtime/frame.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SHOWN = 30 }; /* rows of the tables that can be long */

/* One line of a table. */
struct row {
	uint64_t key; /* size, or type */
	uint64_t count, bytes;
	char *name; /* owned; NULL: the key is the size */
};

struct chart {
	VEC(struct row) rows;
	struct addr_map index; /* key to 1 + index in rows */
};

struct summary {
	struct runtime *rt; /* borrowed; while it is read */
	struct chart sizes, types, goroutines;
	struct buf text;     /* scratch */
	struct buf function; /* that a goroutine is in */
	bool in_runtime;     /* it is the runtime's own */
	struct heapdump_result result;
};

/* What a thread passes on about some objects of one kind. */
struct tally {
	uint64_t type;	/* of each; 0: not known */
	uint64_t mspan; /* of a large object, which knows the type; else 0 */
	uint64_t size, count;
};

static void chart_deinit(struct chart *t)
{
	for (size_t i = 0; i < t->rows.len; i++)
		free(t->rows.v[i].name);
	vec_deinit(&t->rows);
	addr_map_deinit(&t->index);
}

void summary_destroy(struct summary *s)
{
	if (!s)
		return;
	chart_deinit(&s->sizes);
	chart_deinit(&s->types);
	chart_deinit(&s->goroutines);
	buf_deinit(&s->text);
	buf_deinit(&s->function);
	free(s);
}

/* The row of a key, which is not 0; a new one has no name. */
static struct err *chart_row(struct chart *t, uint64_t key, struct row **out)
{
	uint64_t index;

	TRY(vec_reserve(&t->rows, 1));
	TRY(addr_map_insert(&t->index, key, t->rows.len + 1, &index));
	if (!index) {
		t->rows.v[t->rows.len++] = (struct row){ .key = key };
		index = t->rows.len;
	}
	*out = &t->rows.v[index - 1];
	return NULL;
}

/* ---- objects: the threads' part ------------------------------------------ */

static struct err *put_tally(struct buf *out, struct tally t)
{
	return buf_append(out, &t, sizeof(t));
}

/* The first word of each slot is its type. */
static struct err *tally_headers(const struct span_objects *o, struct buf *out)
{
	for (uint32_t i = 0; i < o->nelems; i++) {
		if (!(o->allocated[i / 64] >> (i % 64) & 1))
			continue;
		TRY(put_tally(out,
			      (struct tally){
				      .type = load_le(
					      o->contents + i * o->elemsize, 8),
				      .size = o->elemsize,
				      .count = 1 }));
	}
	return NULL;
}

static struct err *tally_batch(const struct object_batch *b, struct buf *out)
{
	const struct object_window *w = b->window;

	if (w->kind == WINDOW_POINTERS || w->offset)
		return NULL;
	for (size_t i = 0; i < b->count; i++) {
		const struct span_objects *o = &b->spans[i];
		struct tally t = { .size = o->elemsize,
				   .count = o->allocated_count };

		if (!o->allocated_count)
			continue;
		if (o->headers) {
			TRY(tally_headers(o, out));
			continue;
		}
		if (!span_sizeclass(o->span) && !span_noscan(o->span))
			t.mspan = o->span->mspan;
		TRY(put_tally(out, t));
	}
	return NULL;
}

/* ---- objects: one at a time ---------------------------------------------- */

static struct err *name_type(struct summary *s, struct row *row)
{
	struct type_info type;

	s->text.len = 0;
	struct err *e = type_read(s->rt, row->key, &type);
	if (!e)
		e = type_name(s->rt, &type, &s->text);
	if (e && e->code == ERR_NOMEM)
		return e;
	err_free(e);
	if (s->text.len)
		row->name = strndup((const char *)s->text.v, s->text.len);
	else if (asprintf(&row->name, "type %#" PRIx64, row->key) < 0)
		row->name = NULL;
	return row->name ? NULL : &err_nomem;
}

static struct err *add_tally(struct summary *s, struct tally t)
{
	struct row *row;

	TRY(chart_row(&s->sizes, t.size, &row));
	row->count += t.count;
	row->bytes += t.count * t.size;
	if (t.mspan)
		TRY(rt_field(s->rt, t.mspan, &s->rt->layout.mspan.largeType,
			     &t.type));
	if (!t.type)
		return NULL;
	TRY(chart_row(&s->types, t.type, &row));
	row->count += t.count;
	row->bytes += t.count * t.size;
	return row->name ? NULL : name_type(s, row);
}

/* Called in turn, under the pipeline's order: nobody else reads the cache. */
static struct err *add_tallies(void *arg, const uint8_t *data, size_t n)
{
	struct tally t;

	for (size_t at = 0; at < n; at += sizeof(t)) {
		memcpy(&t, data + at, sizeof(t));
		TRY(add_tally(arg, t));
	}
	return NULL;
}

/* ---- goroutines ---------------------------------------------------------- */

/* The innermost function that is not the runtime's, or the innermost. */
static struct err *pick_function(void *arg, const struct frame *f)
{
	struct summary *s = arg;

	if (s->function.len && !s->in_runtime)
		return NULL;
	s->text.len = 0;
	TRY(func_name(s->rt, &f->at->func, &s->text));
	s->in_runtime = s->text.len >= 8 && !memcmp(s->text.v, "runtime.", 8);
	if (s->function.len && s->in_runtime)
		return NULL;
	s->function.len = 0;
	return buf_append(&s->function, s->text.v, s->text.len);
}

/* FNV-1a; two texts of one hash would be one line of a table. */
static uint64_t hash(const struct buf *b)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < b->len; i++)
		h = (h ^ b->v[i]) * 0x100000001b3ull;
	return h ? h : 1;
}

/* Appends the status, or why it waits. */
static struct err *state_text(struct summary *s, const struct goroutine *g)
{
	const struct layout *l = &s->rt->layout;

	if (g->status == l->konst.Grunning.value)
		return buf_append(&s->text, "running", 7);
	if (g->in_syscall)
		return buf_append(&s->text, "syscall", 7);
	if (!g->waitreason)
		return buf_append(&s->text, "runnable", 8);
	return goroutine_waitreason(s->rt, g, &s->text);
}

static struct err *add_goroutine(void *arg, const struct goroutine *g)
{
	struct summary *s = arg;
	struct row *row;
	enum stack_end end;

	s->function.len = 0;
	TRY(frame_each(s->rt, g, pick_function, s, &end));
	s->text.len = 0;
	TRY(state_text(s, g));
	TRY(buf_append(&s->text, "\t", 1));
	TRY(buf_append(&s->text, s->function.v, s->function.len));
	TRY(chart_row(&s->goroutines, hash(&s->text), &row));
	row->count++;
	s->result.goroutines++;
	s->result.stack_ends[end]++;
	s->result.broken_stacks += end != STACK_WHOLE;
	if (!row->name)
		row->name = strndup((const char *)s->text.v, s->text.len);
	return row->name ? NULL : &err_nomem;
}

/* ---- the whole ----------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Most bytes first, then most of them, then by name. */
static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort(struct chart *t, int (*order)(const void *, const void *))
{
	if (t->rows.len)
		qsort(t->rows.v, t->rows.len, sizeof(struct row), order);
}

static struct err *read_all(struct summary *s)
{
	const struct pipeline_ops ops = {
		.encode = tally_batch,
		.write = add_tallies,
		.arg = s,
	};
	const struct object_wants wants = { .contents = true,
					    .pointers = true };

	TRY(pipeline_run(s->rt, wants, 0, &ops, &s->result.totals));
	TRY(goroutine_each(s->rt, add_goroutine, s));
	sort(&s->sizes, by_key);
	sort(&s->types, by_weight);
	sort(&s->goroutines, by_weight);
	return NULL;
}

struct err *summary_read(struct runtime *rt, struct summary **out)
{
	struct summary *s = calloc(1, sizeof(*s));

	if (!s)
		return &err_nomem;
	s->rt = rt;
	struct err *e = read_all(s);
	if (e) {
		summary_destroy(s);
		return e;
	}
	*out = s;
	return NULL;
}

const struct heapdump_result *summary_result(const struct summary *s)
{
	return &s->result;
}

static void print_rest(const struct chart *t, FILE *out)
{
	uint64_t count = 0;

	for (size_t i = SHOWN; i < t->rows.len; i++)
		count += t->rows.v[i].count;
	if (count)
		fprintf(out, "%12" PRIu64 "  in %zu more lines\n", count,
			t->rows.len - SHOWN);
}

void summary_print(const struct summary *s, FILE *out)
{
	fprintf(out, "%12s %16s  of size\n", "objects", "bytes");
	for (size_t i = 0; i < s->sizes.rows.len; i++)
		fprintf(out, "%12" PRIu64 " %16" PRIu64 "  %" PRIu64 "\n",
			s->sizes.rows.v[i].count, s->sizes.rows.v[i].bytes,
			s->sizes.rows.v[i].key);
	fprintf(out, "%12" PRIu64 " %16" PRIu64 "  in all\n",
		s->result.totals.objects, s->result.totals.object_bytes);
	if (s->types.rows.len)
		fprintf(out,
			"\n%12s %16s  of type (above 512 bytes, with "
			"pointers)\n",
			"objects", "bytes");
	for (size_t i = 0; i < s->types.rows.len && i < SHOWN; i++)
		fprintf(out, "%12" PRIu64 " %16" PRIu64 "  %s\n",
			s->types.rows.v[i].count, s->types.rows.v[i].bytes,
			s->types.rows.v[i].name);
	print_rest(&s->types, out);
	fprintf(out, "\n%12s  %-24s in\n", "goroutines", "state");
	for (size_t i = 0; i < s->goroutines.rows.len && i < SHOWN; i++) {
		const struct row *row = &s->goroutines.rows.v[i];
		const char *tab = strchr(row->name, '\t');

		fprintf(out, "%12" PRIu64 "  %-24.*s %s\n", row->count,
			(int)(tab - row->name), row->name, tab + 1);
	}
	print_rest(&s->goroutines, out);
}
