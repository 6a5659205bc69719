/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/compare.h"

#include "base/bits.h"
#include "hdcheck/differ.h"
#include "hdcheck/reader.h"

#include <string.h>

typedef unsigned long long ull;

/* A record of one kind; offset 0: none. */
struct entry {
	uint64_t key;
	uint64_t offset;
};

/* A record that both have. */
struct pair {
	uint64_t a, b; /* offsets */
};

struct entries {
	VEC(struct entry) list;
};

struct side {
	const char *letter; /* "A", "B" */
	struct reader reader;
	struct entries kinds[RECORD_KINDS];
	struct release release;
};

struct comparer {
	const struct compare_options *options;
	struct side a, b;
	struct comparison result;
};

static void side_deinit(struct side *s)
{
	for (int i = 0; i < RECORD_KINDS; i++)
		vec_deinit(&s->kinds[i].list);
}

static void comparer_deinit(struct comparer *c)
{
	side_deinit(&c->a);
	side_deinit(&c->b);
	comparison_deinit(&c->result);
}

void comparison_deinit(struct comparison *c)
{
	problems_deinit(&c->differences);
}

static struct err *side_read(struct side *s, const struct dump_file *f)
{
	struct record r;
	bool more;

	TRY(reader_init(&s->reader, f));
	for (;;) {
		TRY(reader_next(&s->reader, &r, &more));
		if (!more)
			return NULL;
		if (r.kind == RECORD_PARAMS)
			release_parse(r.params.version, &s->release);
		TRY(vec_push(&s->kinds[r.kind].list,
			     (struct entry){ record_key(&r), r.offset }));
	}
}

/* By key; equal ones stay in the order of the file. */
static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void entries_sort(struct entries *e)
{
	for (size_t i = 1; i < e->list.len; i++) {
		if (entry_compare(&e->list.v[i - 1], &e->list.v[i]) > 0) {
			qsort(e->list.v, e->list.len, sizeof(*e->list.v),
			      entry_compare);
			return;
		}
	}
}

/* ---- records that one side has alone ------------------------------------- */

/*
 * Whether the i-th of B's entries repeats the one before it, as the type
 * cache of WriteHeapDump makes it.
 */
static struct err *repeats(struct side *b, const struct entries *e, size_t i,
			   bool *out)
{
	struct record first, again;

	*out = false;
	if (!i || e->list.v[i - 1].key != e->list.v[i].key)
		return NULL;
	TRY(reader_at(&b->reader, e->list.v[i - 1].offset, &first));
	TRY(reader_at(&b->reader, e->list.v[i].offset, &again));
	*out = record_equal(&first, &again);
	return NULL;
}

/* The rule that excuses a record of B alone, the i-th of its kind. */
static struct err *find_rule(struct comparer *c, const struct record *r,
			     size_t i, bool *found, enum rule *rule)
{
	*found = false;
	if (r->kind == RECORD_OBJECT) {
		*rule = RULE_TAIL_SLOTS;
		*found = rule_is_tail_slot(&c->b.release, &r->memory);
	}
	if (r->kind == RECORD_TYPE) {
		*rule = RULE_DUPLICATE_TYPES;
		TRY(repeats(&c->b, &c->b.kinds[r->kind], i, found));
	}
	*found = *found && rule_holds(c->options->ignore, *rule);
	return NULL;
}

static struct err *add_lone(struct comparer *c, const struct record *r,
			    const struct side *side)
{
	const char *letter = side->letter;

	if (r->kind == RECORD_OBJECT)
		return problems_add(&c->result.differences, r->offset,
				    "Object %#llx of %llu bytes is only in %s",
				    (ull)r->memory.addr,
				    (ull)r->memory.contents.size, letter);
	return problems_add(&c->result.differences, r->offset,
			    "%s %#llx is only in %s", record_name(r->kind),
			    (ull)record_key(r), letter);
}

static struct err *only_a(struct comparer *c, enum record_kind kind, size_t i)
{
	struct record r;

	TRY(reader_at(&c->a.reader, c->a.kinds[kind].list.v[i].offset, &r));
	c->result.kinds[kind].only_a++;
	return add_lone(c, &r, &c->a);
}

static struct err *only_b(struct comparer *c, enum record_kind kind, size_t i)
{
	struct record r;
	enum rule rule;
	bool found;

	TRY(reader_at(&c->b.reader, c->b.kinds[kind].list.v[i].offset, &r));
	TRY(find_rule(c, &r, i, &found, &rule));
	if (found) {
		c->result.ignored[rule]++;
		return NULL;
	}
	c->result.kinds[kind].only_b++;
	return add_lone(c, &r, &c->b);
}

/* ---- records that both have ---------------------------------------------- */

static struct err *compare_pair(struct comparer *c, const struct pair *p)
{
	struct record a, b;

	TRY(reader_at(&c->a.reader, p->a, &a));
	TRY(reader_at(&c->b.reader, p->b, &b));
	return record_differ(&c->result, c->options, &a, &b);
}

static int pair_compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->a < y->a ? -1 : x->a > y->a;
}

/* Whether B has A's records in A's order; sorts the pairs by it. */
static struct err *check_order(struct comparer *c, enum record_kind kind,
			       struct pair *pairs, size_t n)
{
	struct record r;

	if (n)
		qsort(pairs, n, sizeof(*pairs), pair_compare);
	for (size_t i = 1; i < n; i++) {
		if (pairs[i - 1].b < pairs[i].b)
			continue;
		TRY(reader_at(&c->a.reader, pairs[i].a, &r));
		c->result.kinds[kind].reordered = true;
		return problems_add(&c->result.differences, r.offset,
				    "%s records are in another order, first "
				    "at %#llx",
				    record_name(kind), (ull)record_key(&r));
	}
	return NULL;
}

/*
 * Whose entry comes next: negative A's, positive B's, 0 both have it. One of
 * them has one left.
 */
static int next_side(const struct entries *a, size_t i, const struct entries *b,
		     size_t j)
{
	if (i == a->list.len)
		return 1;
	if (j == b->list.len)
		return -1;
	uint64_t x = a->list.v[i].key, y = b->list.v[j].key;
	return x < y ? -1 : x > y;
}

/*
 * Merges the sorted entries of both sides: pairs has room for as many as
 * either has.
 */
static struct err *join(struct comparer *c, enum record_kind kind,
			struct pair *pairs, size_t *n)
{
	const struct entries *ea = &c->a.kinds[kind], *eb = &c->b.kinds[kind];
	size_t i = 0, j = 0;

	while (i < ea->list.len || j < eb->list.len) {
		int side = next_side(ea, i, eb, j);

		if (side < 0) {
			TRY(only_a(c, kind, i++));
		} else if (side > 0) {
			TRY(only_b(c, kind, j++));
		} else {
			pairs[*n].a = ea->list.v[i++].offset;
			pairs[*n].b = eb->list.v[j++].offset;
			TRY(compare_pair(c, &pairs[*n]));
			++*n;
		}
	}
	return NULL;
}

static struct err *compare_kind(struct comparer *c, enum record_kind kind)
{
	const struct entries *a = &c->a.kinds[kind], *b = &c->b.kinds[kind];
	size_t max = a->list.len < b->list.len ? a->list.len : b->list.len;
	cleanup_free struct pair *pairs = calloc(max + 1, sizeof(*pairs));
	size_t n = 0;

	if (!pairs)
		return &err_nomem;
	c->result.kinds[kind].a = a->list.len;
	c->result.kinds[kind].b = b->list.len;
	TRY(join(c, kind, pairs, &n));
	return check_order(c, kind, pairs, n);
}

/* Variables are where A's data is, which is where B's is. */
static struct err *relocate(struct comparer *c)
{
	const struct entries *data = &c->a.kinds[RECORD_DATA];

	if (!c->options->exe)
		return NULL;
	if (!data->list.len)
		return err_new(ERR_FORMAT, "A has no Data record to relocate "
					   "the executable by");
	exe_relocate(c->options->exe, data->list.v[0].key);
	return NULL;
}

/* ---- structs in the heap that rules are about ---------------------------- */

/* The word of A's memory at addr; false: none of its records has it. */
static struct err *word_at(struct comparer *c, uint64_t addr, uint64_t *word,
			   bool *found)
{
	static const enum record_kind kinds[] = { RECORD_DATA, RECORD_BSS,
						  RECORD_OBJECT };
	struct record r;

	*found = false;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		const struct entries *e = &c->a.kinds[kinds[k]];
		size_t low = 0, high = e->list.len;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (e->list.v[middle].key <= addr)
				low = middle + 1;
			else
				high = middle;
		}
		if (!low)
			continue;
		TRY(reader_at(&c->a.reader, e->list.v[low - 1].offset, &r));
		uint64_t offset = addr - r.memory.addr;
		if (r.memory.contents.size < 8 ||
		    offset > r.memory.contents.size - 8)
			continue;
		*word = load_le(r.memory.contents.data + offset, 8);
		*found = true;
		return NULL;
	}
	return NULL;
}

/* The Ps of runtime.allp, as far as A has it. */
static struct err *find_ps(struct comparer *c)
{
	uint64_t allp, array, len, p;
	bool found;

	if (!exe_variable(c->options->exe, "runtime.allp", &allp))
		return NULL;
	TRY(word_at(c, allp, &array, &found));
	if (found)
		TRY(word_at(c, allp + 8, &len, &found));
	for (uint64_t i = 0; found && i < len; i++) {
		TRY(word_at(c, array + i * 8, &p, &found));
		if (found && p)
			TRY(exe_add_owner(c->options->exe, OWNER_P, p));
	}
	return NULL;
}

static struct err *find_writer(struct comparer *c)
{
	const struct entries *e = &c->b.kinds[RECORD_GOROUTINE];
	struct record r;

	for (size_t i = 0; i < e->list.len; i++) {
		TRY(reader_at(&c->b.reader, e->list.v[i].offset, &r));
		if (rule_is_writer(&r.goroutine))
			TRY(exe_add_owner(c->options->exe, OWNER_WRITER,
					  r.goroutine.addr));
	}
	return NULL;
}

static struct err *find_owners(struct comparer *c)
{
	if (!c->options->exe)
		return NULL;
	TRY(find_ps(c));
	return find_writer(c);
}

struct err *compare(const struct dump_file *a, const struct dump_file *b,
		    const struct compare_options *options,
		    struct comparison *out)
{
	cleanup(comparer_deinit) struct comparer c = {
		.options = options,
		.a.letter = "A",
		.b.letter = "B",
	};

	problems_init(&c.result.differences, options->max_differences);
	TRY(side_read(&c.a, a));
	TRY(side_read(&c.b, b));
	TRY(relocate(&c));
	for (int i = 1; i < RECORD_KINDS; i++) {
		entries_sort(&c.a.kinds[i]);
		entries_sort(&c.b.kinds[i]);
	}
	TRY(find_owners(&c));
	for (int i = 1; i < RECORD_KINDS; i++)
		TRY(compare_kind(&c, (enum record_kind)i));
	*out = c.result;
	memset(&c.result, 0, sizeof(c.result));
	return NULL;
}
