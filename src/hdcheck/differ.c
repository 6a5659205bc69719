/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/differ.h"

#include "base/bits.h"

#include <string.h>

typedef unsigned long long ull;

uint64_t record_key(const struct record *r)
{
	switch (r->kind) {
	case RECORD_OBJECT:
	case RECORD_DATA:
	case RECORD_BSS:
		return r->memory.addr;
	case RECORD_OTHER_ROOT:
		return r->other_root.pointer;
	case RECORD_TYPE:
		return r->type.addr;
	case RECORD_GOROUTINE:
		return r->goroutine.addr;
	case RECORD_STACK_FRAME:
		return r->frame.sp;
	case RECORD_FINALIZER:
	case RECORD_QUEUED_FINALIZER:
		return r->finalizer.object;
	case RECORD_ITAB:
		return r->itab.addr;
	case RECORD_OS_THREAD:
		return r->thread.m;
	case RECORD_DEFER:
		return r->defer.addr;
	case RECORD_PANIC:
		return r->panic.addr;
	case RECORD_MEM_PROF:
		return r->prof.bucket;
	case RECORD_ALLOC_SAMPLE:
		return r->sample.object;
	case RECORD_PARAMS:
	case RECORD_MEM_STATS:
	case RECORD_EOF:
	case RECORD_KINDS:
		break;
	}
	return 0;
}

static bool same_bytes(const struct bytes *a, const struct bytes *b)
{
	return a->size == b->size &&
	       (!a->size || !memcmp(a->data, b->data, a->size));
}

static bool same_member(enum member_type type, const void *a, const void *b)
{
	switch (type) {
	case MEMBER_INT:
	case MEMBER_ADDR:
	case MEMBER_BOOL:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case MEMBER_BYTES:
	case MEMBER_STRING:
		return same_bytes(a, b);
	case MEMBER_FIELDS:
		return same_bytes(&((const struct field_list *)a)->raw,
				  &((const struct field_list *)b)->raw);
	case MEMBER_CALLS:
		return same_bytes(&((const struct call_list *)a)->raw,
				  &((const struct call_list *)b)->raw);
	case MEMBER_PAUSES:
		return !memcmp(a, b, PAUSE_COUNT * sizeof(uint64_t));
	}
	return false;
}

bool record_equal(const struct record *a, const struct record *b)
{
	const struct record_format *f = &record_formats[a->kind];

	for (size_t i = 0; i < f->member_count; i++)
		if (!same_member(f->members[i].type,
				 record_member(a, &f->members[i]),
				 record_member(b, &f->members[i])))
			return false;
	return true;
}

/* ---- how a member differs, as text --------------------------------------- */

/* First offset at which a and b differ; the shorter one's size if none. */
static uint64_t first_difference(struct bytes a, struct bytes b)
{
	uint64_t i = 0, n = min_u64(a.size, b.size);

	while (i < n && a.data[i] == b.data[i])
		i++;
	return i;
}

static uint64_t count_differences(const uint8_t *a, const uint8_t *b,
				  uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++)
		count += a[i] != b[i];
	return count;
}

/* The word that the byte at an offset is in, as far as it is there. */
static uint64_t word_at(struct bytes b, uint64_t offset)
{
	offset -= offset % 8;
	return offset < b.size
		       ? load_le(b.data + offset,
				 (unsigned int)min_u64(8, b.size - offset))
		       : 0;
}

static void describe_bytes(FILE *out, struct bytes a, struct bytes b)
{
	uint64_t at = first_difference(a, b);

	if (a.size != b.size)
		fprintf(out, "are %llu bytes in A, %llu in B", (ull)a.size,
			(ull)b.size);
	if (at < min_u64(a.size, b.size))
		fprintf(out,
			"%sfirst at +%llu: word %#llx in A, %#llx in B; "
			"%llu bytes in all",
			a.size != b.size ? ", " : "", (ull)at,
			(ull)word_at(a, at), (ull)word_at(b, at),
			(ull)count_differences(a.data, b.data,
					       min_u64(a.size, b.size)));
}

static void describe_fields(FILE *out, struct field_list a, struct field_list b)
{
	uint64_t counts[] = { a.count, b.count };
	struct field x = { 0 }, y = { 0 };

	for (;;) {
		bool more_a = field_take(&a, &x), more_b = field_take(&b, &y);

		if (more_a && more_b && x.kind == y.kind &&
		    x.offset == y.offset)
			continue;
		fprintf(out, "are %llu in A, %llu in B, first other one ",
			(ull)counts[0], (ull)counts[1]);
		if (more_a)
			fprintf(out, "+%llu in A", (ull)x.offset);
		else
			fprintf(out, "none in A");
		if (more_b)
			fprintf(out, ", +%llu in B", (ull)y.offset);
		else
			fprintf(out, ", none in B");
		return;
	}
}

static void describe_calls(FILE *out, struct call_list a, struct call_list b)
{
	struct call x = { 0 }, y = { 0 };
	uint64_t n = 0;

	if (a.count != b.count) {
		fprintf(out, "has %llu calls in A, %llu in B", (ull)a.count,
			(ull)b.count);
		return;
	}
	for (; call_take(&a, &x) && call_take(&b, &y); n++)
		if (x.line != y.line || !same_bytes(&x.function, &y.function) ||
		    !same_bytes(&x.file, &y.file))
			break;
	fprintf(out,
		"call %llu is %.*s at %.*s:%llu in A, %.*s at %.*s:%llu "
		"in B",
		(ull)n, (int)min_u64(x.function.size, 200), x.function.data,
		(int)min_u64(x.file.size, 200), x.file.data, (ull)x.line,
		(int)min_u64(y.function.size, 200), y.function.data,
		(int)min_u64(y.file.size, 200), y.file.data, (ull)y.line);
}

static void describe_pauses(FILE *out, const uint64_t *a, const uint64_t *b)
{
	size_t i = 0;

	while (i < PAUSE_COUNT - 1 && a[i] == b[i])
		i++;
	fprintf(out, "[%zu] is %llu in A, %llu in B", i, (ull)a[i], (ull)b[i]);
}

static void describe(FILE *out, enum member_type type, const void *a,
		     const void *b)
{
	const uint64_t *x = a, *y = b;
	const struct bytes *s = a, *t = b;

	switch (type) {
	case MEMBER_INT:
	case MEMBER_BOOL:
		fprintf(out, "%llu in A, %llu in B", (ull)*x, (ull)*y);
		break;
	case MEMBER_ADDR:
		fprintf(out, "%#llx in A, %#llx in B", (ull)*x, (ull)*y);
		break;
	case MEMBER_STRING:
		fprintf(out, "\"%.*s\" in A, \"%.*s\" in B",
			(int)min_u64(s->size, 200), s->data,
			(int)min_u64(t->size, 200), t->data);
		break;
	case MEMBER_BYTES:
		describe_bytes(out, *s, *t);
		break;
	case MEMBER_FIELDS:
		describe_fields(out, *(const struct field_list *)a,
				*(const struct field_list *)b);
		break;
	case MEMBER_CALLS:
		describe_calls(out, *(const struct call_list *)a,
			       *(const struct call_list *)b);
		break;
	case MEMBER_PAUSES:
		describe_pauses(out, a, b);
		break;
	}
}

/* ---- records ------------------------------------------------------------- */

struct text {
	FILE *out;
	char *buf;
	size_t size;
};

static void text_deinit(struct text *t)
{
	if (t->out)
		fclose(t->out);
	free(t->buf);
}

static struct err *text_init(struct text *t)
{
	t->out = open_memstream(&t->buf, &t->size);
	return t->out ? NULL : &err_nomem;
}

/* Adds the text as a difference. */
static struct err *text_add(struct text *t, struct comparison *c,
			    const struct record *a)
{
	int failed = fclose(t->out);

	t->out = NULL;
	if (failed)
		return &err_nomem;
	c->kinds[a->kind].differ++;
	return problems_add(&c->differences, a->offset, "%s", t->buf);
}

/* All members that differ; contents only if asked for. */
static struct err *members_differ(struct comparison *c, const struct record *a,
				  const struct record *b, bool contents)
{
	const struct record_format *f = &record_formats[a->kind];
	cleanup(text_deinit) struct text t = { 0 };
	bool differ = false;

	TRY(text_init(&t));
	fprintf(t.out, "%s %#llx:", f->name, (ull)record_key(a));
	for (size_t i = 0; i < f->member_count; i++) {
		const struct record_member *m = &f->members[i];
		const void *x = record_member(a, m), *y = record_member(b, m);

		if ((m->type == MEMBER_BYTES && !contents) ||
		    same_member(m->type, x, y))
			continue;
		fprintf(t.out, "%s %s ", differ ? ";" : "", m->name);
		describe(t.out, m->type, x, y);
		differ = true;
	}
	return differ ? text_add(&t, c, a) : NULL;
}

/* A variable, or what is there, differs between start and end. */
static struct err *range_differs(struct comparison *c, const struct record *a,
				 const struct record *b, uint64_t start,
				 uint64_t end, const struct exe_range *range)
{
	struct bytes x = a->memory.contents, y = b->memory.contents;
	uint64_t addr = a->memory.addr + start;

	c->kinds[a->kind].differ++;
	return problems_add(
		&c->differences, a->offset,
		"%s %#llx: %s+%llu (+%llu of the record): word %#llx in A, "
		"%#llx in B; %llu bytes in all",
		record_name(a->kind), (ull)addr,
		range->name ? range->name : "(no variable)",
		(ull)(addr - range->start), (ull)start, (ull)word_at(x, start),
		(ull)word_at(y, start),
		(ull)count_differences(x.data + start, y.data + start,
				       end - start));
}

/* Contents of one size, variable by variable. */
static struct err *variables_differ(struct comparison *c,
				    const struct compare_options *o,
				    const struct record *a,
				    const struct record *b)
{
	const struct memory_record *x = &a->memory, *y = &b->memory;
	uint64_t size = x->contents.size;

	for (uint64_t i = 0; i < size; i++) {
		if (x->contents.data[i] == y->contents.data[i])
			continue;
		struct exe_range r = exe_range_at(o->exe, x->addr + i);
		uint64_t end = min_u64(size, r.end - x->addr);

		if (r.ruled)
			c->ignored[r.rule]++;
		else
			TRY(range_differs(c, a, b, i, end, &r));
		i = end - 1;
	}
	return NULL;
}

/* Contents that are compared variable by variable. */
static bool has_variables(const struct compare_options *o,
			  const struct record *a, const struct record *b)
{
	const struct memory_record *m = &a->memory;

	if (a->kind != RECORD_DATA && a->kind != RECORD_BSS &&
	    a->kind != RECORD_OBJECT)
		return false;
	if (!o->exe || m->contents.size != b->memory.contents.size)
		return false;
	return a->kind != RECORD_OBJECT ||
	       exe_any_ruled(o->exe, m->addr, m->addr + m->contents.size);
}

struct err *record_differ(struct comparison *c,
			  const struct compare_options *options,
			  const struct record *a, const struct record *b)
{
	enum rule rule;

	if (record_equal(a, b))
		return NULL;
	if (rule_allows(options->ignore, a, b, &rule)) {
		c->ignored[rule]++;
		return NULL;
	}
	if (!has_variables(options, a, b))
		return members_differ(c, a, b, true);
	TRY(variables_differ(c, options, a, b));
	return members_differ(c, a, b, false);
}
