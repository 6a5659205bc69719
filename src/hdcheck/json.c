/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/json.h"

#include "base/bits.h"
#include "hdcheck/stacks.h"
#include "hdcheck/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/*
 * jansson's setters take the value, and fail if it or the object is NULL:
 * what could not be allocated is noticed at the end, in write_json().
 */
struct builder {
	json_t *root;
	bool failed;
};

static void builder_deinit(struct builder *b)
{
	json_decref(b->root);
}

static void set(struct builder *b, json_t *object, const char *key,
		json_t *value)
{
	b->failed |= json_object_set_new(object, key, value) != 0;
}

static void append(struct builder *b, json_t *array, json_t *value)
{
	b->failed |= json_array_append_new(array, value) != 0;
}

/* A new object or array in object, which owns it. */
static json_t *set_object(struct builder *b, json_t *object, const char *key)
{
	json_t *value = json_object();

	set(b, object, key, value);
	return value;
}

static json_t *set_array(struct builder *b, json_t *object, const char *key)
{
	json_t *value = json_array();

	set(b, object, key, value);
	return value;
}

static json_t *append_object(struct builder *b, json_t *array)
{
	json_t *value = json_object();

	append(b, array, value);
	return value;
}

static void set_int(struct builder *b, json_t *object, const char *key,
		    uint64_t n)
{
	set(b, object, key, json_integer((json_int_t)n));
}

/* What is not UTF-8 has each of its odd bytes replaced by '?'. */
static void set_string(struct builder *b, json_t *object, const char *key,
		       struct bytes s)
{
	cleanup_free char *copy = NULL;

	if (!s.size) {
		set(b, object, key, json_string(""));
		return;
	}
	if (utf8_valid(s.data, s.size)) {
		set(b, object, key,
		    json_stringn_nocheck((const char *)s.data, s.size));
		return;
	}
	copy = malloc(s.size);
	if (!copy) {
		b->failed = true;
		return;
	}
	for (uint64_t i = 0; i < s.size; i++)
		copy[i] = s.data[i] < 0x80 ? (char)s.data[i] : '?';
	set(b, object, key, json_stringn_nocheck(copy, s.size));
}

static void set_text(struct builder *b, json_t *object, const char *key,
		     const char *s)
{
	set_string(b, object, key,
		   (struct bytes){ (const uint8_t *)s, strlen(s) });
}

static struct err *write_json(const struct builder *b, FILE *out)
{
	if (!b->root || b->failed)
		return &err_nomem;
	errno = 0;
	if (json_dumpf(b->root, out, JSON_INDENT(2)) || fputc('\n', out) < 0)
		return errno ? err_os(errno, "writing JSON") : &err_nomem;
	return NULL;
}

static void add_problems(struct builder *b, const char *key,
			 const struct problems *p)
{
	json_t *list = set_array(b, b->root, key);

	for (size_t i = 0; i < p->list.len; i++) {
		json_t *o = append_object(b, list);

		if (p->list.v[i].offset != PROBLEM_OF_DUMP)
			set_int(b, o, "offset", p->list.v[i].offset);
		set_text(b, o, "text", p->list.v[i].text);
	}
}

static void add_params(struct builder *b, const struct params_record *p)
{
	json_t *o = set_object(b, b->root, "params");

	set(b, o, "big_endian", json_boolean(p->big_endian));
	set_int(b, o, "pointer_size", p->pointer_size);
	set_int(b, o, "arena_start", p->arena_start);
	set_int(b, o, "arena_end", p->arena_end);
	set_string(b, o, "arch", p->arch);
	set_string(b, o, "version", p->version);
	set_int(b, o, "cpus", p->cpus);
}

static void add_records(struct builder *b, const struct summary *s)
{
	json_t *records = set_object(b, b->root, "records");

	for (int i = 1; i < RECORD_KINDS; i++) {
		json_t *o = set_object(b, records,
				       record_name((enum record_kind)i));

		set_int(b, o, "count", s->count[i]);
		set_int(b, o, "file_bytes", s->bytes[i]);
	}
	set_int(b, b->root, "repeated_types", s->repeated_types);
}

static void add_objects(struct builder *b, const struct summary *s)
{
	json_t *objects = set_object(b, b->root, "objects");
	json_t *sizes;
	struct size_row row;

	set_int(b, objects, "count", s->count[RECORD_OBJECT]);
	set_int(b, objects, "bytes", s->object_bytes);
	set_int(b, objects, "fields", s->fields);
	sizes = set_array(b, objects, "sizes");
	for (size_t i = 0; summary_size_row(s, &i, &row);) {
		json_t *o = append_object(b, sizes);

		set_int(b, o, "from", row.first);
		set_int(b, o, "to", row.last);
		set_int(b, o, "count", row.count);
		set_int(b, o, "bytes", row.bytes);
	}
}

static void add_goroutines(struct builder *b, const struct summary *s)
{
	json_t *list = set_array(b, b->root, "goroutines");

	for (size_t i = 0; i < s->goroutines.len; i++) {
		const struct goroutine_count *c = &s->goroutines.v[i];
		const char *status = goroutine_status_name(c->status);
		json_t *o = append_object(b, list);

		set_int(b, o, "status", c->status);
		set_text(b, o, "name", status ? status : "?");
		set_string(b, o, "wait_reason", c->reason);
		set_int(b, o, "count", c->count);
	}
}

static void add_stats(struct builder *b, const struct mem_stats_record *m)
{
	json_t *o = set_object(b, b->root, "mem_stats");

#define X(member, name) set_int(b, o, name, m->member);
	MEM_STATS_MEMBERS(X)
#undef X
	set_int(b, o, "NumGC", m->num_gc);
}

static void add_pointers(struct builder *b, const struct pointer_counts *p)
{
	json_t *o = set_object(b, b->root, "pointers");

	set_int(b, o, "objects", p->objects);
	set_int(b, o, "stacks", p->stacks);
	set_int(b, o, "dangling", p->dangling);
	set_int(b, o, "guessed", p->guessed);
}

struct stack_builder {
	struct builder *b;
	json_t *goroutines, *frames; /* frames: of the latest goroutine */
};

static struct err *add_stack(void *arg, const struct goroutine_record *g)
{
	const char *status = goroutine_status_name(g->status);
	struct stack_builder *s = arg;
	json_t *o = append_object(s->b, s->goroutines);

	set_int(s->b, o, "goroutine", g->goid);
	set_text(s->b, o, "status", status ? status : "?");
	set_string(s->b, o, "wait_reason", goroutine_reason(g));
	s->frames = set_array(s->b, o, "frames");
	return NULL;
}

static struct err *add_frame(void *arg, const struct stack_frame_record *f)
{
	struct stack_builder *s = arg;
	json_t *o = append_object(s->b, s->frames);

	set_string(s->b, o, "function", f->function);
	set_int(s->b, o, "offset", f->pc - f->entry);
	set_int(s->b, o, "pc", f->pc);
	set_int(s->b, o, "sp", f->sp);
	return NULL;
}

static struct err *add_stacks(struct builder *b, const struct dump_file *f)
{
	static const struct stacks_visitor visitor = { add_stack, add_frame };
	struct stack_builder s = {
		.b = b,
		.goroutines = set_array(b, b->root, "stacks"),
	};

	return stacks_each(f, &visitor, &s);
}

struct err *json_verdict(const struct verdict *v, const char *name,
			 const struct dump_file *stacks, FILE *out)
{
	cleanup(builder_deinit) struct builder b = { .root = json_object() };
	const struct summary *s = &v->summary;

	set_text(&b, b.root, "file", name);
	set_int(&b, b.root, "file_size", s->file_size);
	set(&b, b.root, "whole", json_boolean(s->whole));
	set_int(&b, b.root, "problem_count", v->problems.count);
	add_problems(&b, "problems", &v->problems);
	if (s->have_params)
		add_params(&b, &s->params);
	add_records(&b, s);
	add_objects(&b, s);
	add_goroutines(&b, s);
	if (s->have_stats)
		add_stats(&b, &s->stats);
	if (s->have_pointers)
		add_pointers(&b, &s->pointers);
	if (stacks)
		TRY(add_stacks(&b, stacks));
	return write_json(&b, out);
}

static void add_kinds(struct builder *b, const struct comparison *c)
{
	json_t *kinds = set_object(b, b->root, "records");

	for (int i = 1; i < RECORD_KINDS; i++) {
		const struct kind_counts *k = &c->kinds[i];
		json_t *o =
			set_object(b, kinds, record_name((enum record_kind)i));

		set_int(b, o, "a", k->a);
		set_int(b, o, "b", k->b);
		set_int(b, o, "differ", k->differ);
		set_int(b, o, "only_a", k->only_a);
		set_int(b, o, "only_b", k->only_b);
		set(b, o, "reordered", json_boolean(k->reordered));
	}
}

struct err *json_comparison(const struct comparison *c, const char *a,
			    const char *b_name, FILE *out)
{
	cleanup(builder_deinit) struct builder b = { .root = json_object() };
	json_t *ignored;

	set_text(&b, b.root, "a", a);
	set_text(&b, b.root, "b", b_name);
	set_int(&b, b.root, "difference_count", c->differences.count);
	add_problems(&b, "differences", &c->differences);
	add_kinds(&b, c);
	ignored = set_object(&b, b.root, "ignored");
	for (int i = 0; i < RULE_COUNT; i++)
		set_int(&b, ignored, rules[i].name, c->ignored[i]);
	return write_json(&b, out);
}
