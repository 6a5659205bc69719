/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/summary.h"

#include "base/bits.h"

#include <string.h>

/* The largest size class; beyond it each object is a span of its own. */
#define LARGEST_CLASS 32768

/* A damaged dump may have any number of wait reasons. */
#define MAX_GOROUTINE_COUNTS 256

void summary_deinit(struct summary *s)
{
	vec_deinit(&s->sizes);
	vec_deinit(&s->goroutines);
	addr_map_deinit(&s->size_index);
}

static struct err *add_size(struct summary *s, uint64_t size)
{
	uint64_t known;

	if (s->sizes.len && s->sizes.v[s->last_size].size == size) {
		s->sizes.v[s->last_size].count++;
		return NULL;
	}
	TRY(addr_map_insert(&s->size_index, size, s->sizes.len + 1, &known));
	if (!known) {
		TRY(vec_push(&s->sizes, (struct size_count){ size, 0 }));
		known = s->sizes.len;
	}
	s->last_size = known - 1;
	s->sizes.v[s->last_size].count++;
	return NULL;
}

static struct err *add_goroutine(struct summary *s,
				 const struct goroutine_record *g)
{
	struct goroutine_count new = { .status = g->status, .count = 1 };

	/* Others keep the reason of when they last waited. */
	if (g->status == 4)
		new.reason = g->wait_reason;
	for (size_t i = 0; i < s->goroutines.len; i++) {
		struct goroutine_count *c = &s->goroutines.v[i];

		if (c->status == new.status &&
		    bytes_equal(c->reason, (const char *)new.reason.data,
				new.reason.size)) {
			c->count++;
			return NULL;
		}
	}
	if (s->goroutines.len == MAX_GOROUTINE_COUNTS)
		return NULL;
	return vec_push(&s->goroutines, new);
}

struct err *summary_add(struct summary *s, const struct record *r)
{
	s->count[r->kind]++;
	s->bytes[r->kind] += r->size;
	switch (r->kind) {
	case RECORD_OBJECT:
		s->object_bytes += r->memory.contents.size;
		s->fields += r->memory.fields.count;
		return add_size(s, r->memory.contents.size);
	case RECORD_GOROUTINE:
		return add_goroutine(s, &r->goroutine);
	case RECORD_PARAMS:
		s->params = r->params;
		s->have_params = true;
		return NULL;
	case RECORD_MEM_STATS:
		s->stats = r->stats;
		s->have_stats = true;
		return NULL;
	default:
		return NULL;
	}
}

static int size_compare(const void *a, const void *b)
{
	const struct size_count *x = a, *y = b;

	return x->size < y->size ? -1 : x->size > y->size;
}

static int goroutine_compare(const void *a, const void *b)
{
	const struct goroutine_count *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count;
}

void summary_finish(struct summary *s)
{
	if (s->sizes.len)
		qsort(s->sizes.v, s->sizes.len, sizeof(*s->sizes.v),
		      size_compare);
	if (s->goroutines.len)
		qsort(s->goroutines.v, s->goroutines.len,
		      sizeof(*s->goroutines.v), goroutine_compare);
}

bool summary_size_row(const struct summary *s, size_t *i, struct size_row *out)
{
	struct size_row row = { 0 };

	if (*i >= s->sizes.len)
		return false;
	row.first = row.last = s->sizes.v[*i].size;
	if (row.first > LARGEST_CLASS) {
		unsigned int bit = 63 - __builtin_clzll(row.first - 1);

		row.first = (UINT64_C(1) << bit) + 1;
		row.last = row.first - 1 + (row.first - 1);
	}
	for (; *i < s->sizes.len && s->sizes.v[*i].size <= row.last; ++*i) {
		row.count += s->sizes.v[*i].count;
		row.bytes += s->sizes.v[*i].count * s->sizes.v[*i].size;
	}
	*out = row;
	return true;
}

/* ---- text ---------------------------------------------------------------- */

const char *number_format(uint64_t n, char *buf)
{
	char digits[NUMBER_SIZE];
	int len =
		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *p = buf;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = 0;
	return buf;
}

/* "  label  number", the number's last digit in column 40. */
static void print_number(FILE *out, const char *label, uint64_t n)
{
	char buf[NUMBER_SIZE];

	fprintf(out, "  %-18s %19s\n", label, number_format(n, buf));
}

void string_print(FILE *out, struct bytes s, uint64_t max)
{
	for (uint64_t i = 0; i < min_u64(s.size, max); i++)
		fputc(s.data[i] < ' ' || s.data[i] == 0x7f ? '?' : s.data[i],
		      out);
}

static void print_title(const struct summary *s, const char *name, FILE *out)
{
	const struct params_record *p = &s->params;
	char buf[NUMBER_SIZE];

	fprintf(out, "%s: %s bytes%s\n", name, number_format(s->file_size, buf),
		s->whole ? "" : ", not read to the end");
	if (!s->have_params)
		return;
	fputs("  ", out);
	string_print(out, p->version, 200);
	fputc(' ', out);
	string_print(out, p->arch, 40);
	fprintf(out, ", %llu-byte %s-endian pointers, %llu CPUs\n",
		(unsigned long long)p->pointer_size,
		p->big_endian ? "big" : "little", (unsigned long long)p->cpus);
	fprintf(out, "  heap at %#llx to %#llx\n",
		(unsigned long long)p->arena_start,
		(unsigned long long)p->arena_end);
}

static void print_records(const struct summary *s, FILE *out)
{
	char count[NUMBER_SIZE], bytes[NUMBER_SIZE];

	fprintf(out, "\n%-20s %19s %19s\n", "records", "count",
		"bytes in the file");
	for (int i = 1; i < RECORD_KINDS; i++)
		if (s->count[i])
			fprintf(out, "  %-18s %19s %19s\n",
				record_name((enum record_kind)i),
				number_format(s->count[i], count),
				number_format(s->bytes[i], bytes));
	if (s->repeated_types)
		fprintf(out, "  of the types, %llu are repetitions\n",
			(unsigned long long)s->repeated_types);
}

static void print_sizes(const struct summary *s, FILE *out)
{
	char count[NUMBER_SIZE], bytes[NUMBER_SIZE], label[64];
	struct size_row row;

	fprintf(out, "\n%-20s %19s %19s\n", "objects of size", "count",
		"bytes");
	for (size_t i = 0; summary_size_row(s, &i, &row);) {
		if (row.first == row.last)
			snprintf(label, sizeof(label), "%llu",
				 (unsigned long long)row.first);
		else
			snprintf(label, sizeof(label), "up to %llu KiB",
				 (unsigned long long)row.last >> 10);
		fprintf(out, "  %18s %19s %19s %5.1f %%\n", label,
			number_format(row.count, count),
			number_format(row.bytes, bytes),
			100.0 * (double)row.bytes / (double)s->object_bytes);
	}
	fprintf(out, "  %18s %19s %19s\n", "all",
		number_format(s->count[RECORD_OBJECT], count),
		number_format(s->object_bytes, bytes));
}

static void print_goroutines(const struct summary *s, FILE *out)
{
	char count[NUMBER_SIZE];

	fprintf(out, "\n%-20s %19s\n", "goroutines",
		number_format(s->count[RECORD_GOROUTINE], count));
	for (size_t i = 0; i < s->goroutines.len; i++) {
		const struct goroutine_count *c = &s->goroutines.v[i];
		const char *status = goroutine_status_name(c->status);

		fprintf(out, "  %-18s %19s%s", status ? status : "?",
			number_format(c->count, count),
			c->reason.size ? "  " : "");
		string_print(out, c->reason, 60);
		fputc('\n', out);
	}
}

static void print_stats(const struct summary *s, FILE *out)
{
	const struct mem_stats_record *m = &s->stats;

	fprintf(out, "\nmemory statistics\n");
	print_number(out, "HeapAlloc", m->heap_alloc);
	print_number(out, "HeapObjects", m->heap_objects);
	print_number(out, "HeapInuse", m->heap_inuse);
	print_number(out, "HeapIdle", m->heap_idle);
	print_number(out, "HeapReleased", m->heap_released);
	print_number(out, "StackInuse", m->stack_inuse);
	print_number(out, "NextGC", m->next_gc);
	print_number(out, "Sys", m->sys);
	print_number(out, "NumGC", m->num_gc);
}

void summary_print(const struct summary *s, const char *name, FILE *out)
{
	print_title(s, name, out);
	print_records(s, out);
	if (s->count[RECORD_OBJECT])
		print_sizes(s, out);
	if (s->count[RECORD_GOROUTINE])
		print_goroutines(s, out);
	if (s->have_stats)
		print_stats(s, out);
	if (s->have_pointers) {
		fprintf(out, "\npointers into the heap\n");
		print_number(out, "to objects", s->pointers.objects);
		print_number(out, "to stack frames", s->pointers.stacks);
		print_number(out, "to nothing", s->pointers.dangling);
		print_number(out, "guessed, to nothing", s->pointers.guessed);
	}
}
