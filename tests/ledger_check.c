/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_check DUMP ADDRESS ENTRIES: what a dump of fixtures/ledger must hold,
 * whatever moment it is of. ADDRESS is that of the ledger, a table of ENTRIES
 * pointers in BSS. Every entry is there, each of its words is what it has to
 * be, and exactly those are pointers that are meant to be, and lead to their
 * objects. Every goroutine has a whole stack.
 *
 * It prints what it has looked at, and what is wrong. Exit status: 0 nothing,
 * 1 something, 2 the dump can't be read.
 */
#include "base/addr_map.h"
#include "base/bits.h"
#include "base/log.h"
#include "hdcheck/object_index.h"
#include "hdcheck/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* These follow fixtures/ledger/entry.go, which says what they mean. */
#define MAGIC UINT64_C(0x6c65646765722121)
#define CELL_MAGIC UINT64_C(0x63656c6c63656c6c)
enum { CELLS = 8, CELL_WORDS = 5, CELL_OWNER = 3, HEAD = 4 };

static const struct kind {
	const char *first, *middle, *last;
} kinds[] = {
	{ "", "u", "" },	 { "", "uc", "" },    { "", "utcbnbnncu", "" },
	{ "uuuucccc", "u", "" }, { "", "u", "cccc" }, { "uuuu", "c", "" },
	{ "uuuu", "p", "" },
};

struct ledger {
	struct reader lookup;
	struct object_index objects;
	struct addr_map offsets; /* objects to their records */
	uint64_t address, count;
	uint64_t goroutines, frames; /* frames: of the last one */
	bool at_top;		     /* so far its last frame is goexit */
	uint64_t goid, status;
	uint64_t entries, bytes, pointers; /* looked at */
	uint64_t missing, torn, fields, stacks;
};

/* What a pointer leads to. */
struct place {
	uint64_t addr;
	const uint8_t *bytes; /* from addr on */
	uint64_t size;	      /* of the slot, from addr on */
	uint64_t before;      /* bytes of the slot before addr */
	struct field_list fields;
};

/* The entry that is being looked at. */
struct entry {
	struct ledger *l;
	struct place at;
	const struct kind *kind;
	uint64_t ident, size, words;
	uint64_t cells[CELLS]; /* addresses; 0: not met yet */
};

__attribute__((format(printf, 2, 3))) static void wrong(uint64_t *count,
							const char *fmt, ...)
{
	va_list ap;

	if ((*count)++ >= 5)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static uint64_t word(const uint8_t *bytes, uint64_t i)
{
	return load_le(bytes + 8 * i, 8);
}

static uint64_t mix(uint64_t ident, uint64_t i)
{
	uint64_t x = ident + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t bytes_size(uint64_t ident, uint64_t j)
{
	uint64_t x = mix(ident, j);

	return j % 8 == 3 ? 1 + x % 600 : 1 + x % 15;
}

/* The part that word i of an entry plays. */
static char part(const struct entry *e, uint64_t i)
{
	const struct kind *k = e->kind;
	uint64_t first = strlen(k->first), last = strlen(k->last);

	if (i < first)
		return k->first[i];
	if (i + last >= e->words)
		return k->last[i + last - e->words];
	return k->middle[(i - first) % strlen(k->middle)];
}

/* ---- the dump ------------------------------------------------------------ */

static bool find(struct ledger *l, uint64_t addr, struct place *out)
{
	uint64_t start, size, offset;
	struct record r;

	l->pointers++;
	if (!object_index_find(&l->objects, addr, &start, &size))
		return false;
	offset = addr_map_find(&l->offsets, start);
	struct err *e = reader_at(&l->lookup, offset, &r);
	if (e) {
		err_free(e);
		return false;
	}
	*out = (struct place){
		.addr = addr,
		.bytes = r.memory.contents.data + (addr - start),
		.size = size - (addr - start),
		.before = addr - start,
		.fields = r.memory.fields,
	};
	return true;
}

static struct err *add_object(struct ledger *l, const struct record *r)
{
	const struct memory_record *m = &r->memory;
	uint64_t other;
	enum object_fit fit;

	TRY(object_index_insert(&l->objects, m->addr, m->contents.size, &fit,
				&other));
	if (fit != OBJECT_FITS)
		wrong(&l->torn, "object %#" PRIx64 " is in the way of another",
		      m->addr);
	return addr_map_insert(&l->offsets, m->addr, r->offset, &other);
}

static void end_stack(struct ledger *l)
{
	if (l->goroutines && !l->at_top)
		wrong(&l->stacks,
		      "goroutine %" PRIu64 " (status %" PRIu64 "): %" PRIu64
		      " frames, not up to goexit",
		      l->goid, l->status, l->frames);
}

static void add_frame(struct ledger *l, const struct stack_frame_record *f)
{
	static const char top[] = "runtime.goexit";

	l->frames++;
	l->at_top = bytes_equal(f->function, top, strlen(top));
}

static void begin_stack(struct ledger *l, const struct goroutine_record *g)
{
	end_stack(l);
	l->goroutines++;
	l->frames = 0;
	l->at_top = false;
	l->goid = g->goid;
	l->status = g->status;
}

/* ---- entries ------------------------------------------------------------- */

/* Whether the next field of a list is the word i behind at; takes it then. */
static bool is_field(struct field_list *fields, const struct place *at,
		     uint64_t i)
{
	struct field_list rest = *fields;
	struct field f;

	if (!field_take(&rest, &f) || f.offset != at->before + 8 * i)
		return false;
	*fields = rest;
	return true;
}

/* Behind the last word of an object, pointers are nil. */
static bool all_nil(struct field_list *fields, const struct place *at)
{
	struct field f;

	while (field_take(fields, &f)) {
		if (f.offset < at->before ||
		    word(at->bytes + (f.offset - at->before), 0))
			return false;
	}
	return true;
}

static bool cell_sound(const struct entry *e, uint64_t i, uint64_t addr)
{
	struct place p;

	if (!find(e->l, addr, &p))
		return false;
	return !p.before && p.size >= 8 * CELL_WORDS &&
	       word(p.bytes, 0) == CELL_MAGIC && word(p.bytes, 1) == e->ident &&
	       word(p.bytes, 2) == i &&
	       word(p.bytes, CELL_OWNER) == e->at.addr &&
	       is_field(&p.fields, &p, CELL_OWNER) && all_nil(&p.fields, &p);
}

/* Whether value is the address of word `in` of cell i. */
static bool is_cell(struct entry *e, uint64_t i, uint64_t in, uint64_t value)
{
	uint64_t addr = value - 8 * in;

	if (!e->cells[i] && cell_sound(e, i, addr))
		e->cells[i] = addr;
	return e->cells[i] == addr;
}

static bool is_word(struct entry *e, uint64_t i, uint64_t value)
{
	struct place p;

	return find(e->l, value, &p) && !p.before && p.size == 8 &&
	       is_field(&p.fields, &p, 0) && is_cell(e, i, 0, word(p.bytes, 0));
}

static bool is_bytes(const struct entry *e, uint64_t j, uint64_t value)
{
	uint64_t size = bytes_size(e->ident, j);
	struct place p;

	if (!find(e->l, value, &p) || p.size < size || p.fields.count)
		return false;
	for (uint64_t i = 0; i < size; i++)
		if (p.bytes[i] != (uint8_t)mix(e->ident, (j << 16) + i))
			return false;
	e->l->bytes += size;
	return true;
}

/* The word of an entry whose size word i is. */
static uint64_t sized(const struct entry *e, uint64_t i)
{
	while (part(e, i) != 'b')
		i--;
	return i;
}

static bool word_sound(struct entry *e, uint64_t i, uint64_t *numbers)
{
	const uint64_t head[HEAD] = { MAGIC, e->ident,
				      (uint64_t)(e->kind - kinds), e->size };
	uint64_t value = word(e->at.bytes, i);

	switch (part(e, i)) {
	case 'u':
		if (*numbers < HEAD)
			return value == head[(*numbers)++];
		return value == mix(e->ident, i);
	case 'c':
		return is_cell(e, i % CELLS, i % CELL_WORDS, value);
	case 'p':
		return is_word(e, i % CELLS, value);
	case 't':
		return value &&
		       !object_index_find(&e->l->objects, value,
					  &(uint64_t){ 0 }, &(uint64_t){ 0 });
	case 'b':
		return is_bytes(e, i, value);
	default:
		return value == bytes_size(e->ident, sized(e, i));
	}
}

static void check_words(struct entry *e)
{
	struct field_list fields = e->at.fields;
	uint64_t k = e->ident >> 48, numbers = 0;

	for (uint64_t i = 0; i < e->words; i++) {
		bool pointer = strchr("cpb", part(e, i));

		if (!word_sound(e, i, &numbers))
			wrong(&e->l->torn,
			      "entry %" PRIu64 " at %#" PRIx64 ", kind %zu, "
			      "%" PRIu64 " bytes: word %" PRIu64 " (%c) is "
			      "%#" PRIx64,
			      k, e->at.addr, (size_t)(e->kind - kinds), e->size,
			      i, part(e, i), word(e->at.bytes, i));
		if (is_field(&fields, &e->at, i) != pointer)
			wrong(&e->l->fields,
			      "entry %" PRIu64 " at %#" PRIx64 ", kind %zu, "
			      "%" PRIu64 " bytes: word %" PRIu64 " is %s",
			      k, e->at.addr, (size_t)(e->kind - kinds), e->size,
			      i, pointer ? "no pointer" : "a pointer");
	}
	if (!all_nil(&fields, &e->at))
		wrong(&e->l->fields,
		      "entry %" PRIu64 " at %#" PRIx64 ": pointers that are "
		      "not its own",
		      k, e->at.addr);
	e->l->bytes += e->size;
}

/* Fills in e by its first words, if they are those of entry k. */
static bool begin_entry(struct entry *e, uint64_t k)
{
	const struct place *p = &e->at;
	uint64_t head[HEAD];

	/* The first four numbers are in front, or one is in each element. */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t n = 0, at[HEAD];

		e->kind = &kinds[i];
		e->words = UINT64_MAX; /* the last ones are not numbers */
		for (uint64_t w = 0; n < HEAD && 8 * w < p->size; w++) {
			at[n] = w;
			n += part(e, w) == 'u';
		}
		if (n < HEAD)
			continue;
		for (n = 0; n < HEAD; n++)
			head[n] = word(p->bytes, at[n]);
		e->ident = head[1];
		e->size = head[3];
		e->words = e->size / 8;
		if (head[0] == MAGIC && head[2] == i && e->ident >> 48 == k &&
		    e->size <= p->size)
			return true;
	}
	return false;
}

static void check_entry(struct ledger *l, uint64_t k, uint64_t pointer)
{
	struct entry e = { .l = l };

	if (!find(l, pointer, &e.at)) {
		wrong(&l->missing,
		      "entry %" PRIu64 " at %#" PRIx64 " is missing", k,
		      pointer);
		return;
	}
	/* A type word is all that may be before an object. */
	if (e.at.before > 8 || !begin_entry(&e, k)) {
		wrong(&l->torn, "what is at %#" PRIx64 " is not entry %" PRIu64,
		      pointer, k);
		return;
	}
	check_words(&e);
	l->entries++;
}

static void check_table(struct ledger *l, const struct memory_record *bss)
{
	struct field_list fields = bss->fields;
	uint64_t start = l->address - bss->addr;
	struct field f = { 0, 0 };

	while (f.offset < start && field_take(&fields, &f))
		;
	for (uint64_t k = 0; k < l->count; k++, field_take(&fields, &f)) {
		if (f.offset != start + 8 * k)
			wrong(&l->fields,
			      "the ledger's word %" PRIu64 " is no pointer", k);
		check_entry(l, k, word(bss->contents.data + start, k));
	}
}

/* ---- the program --------------------------------------------------------- */

static struct err *check_record(struct ledger *l, const struct record *r)
{
	const struct memory_record *m = &r->memory;

	switch (r->kind) {
	case RECORD_PARAMS:
		return object_index_init(&l->objects, r->params.arena_start,
					 r->params.arena_end);
	case RECORD_OBJECT:
		return add_object(l, r);
	case RECORD_GOROUTINE:
		begin_stack(l, &r->goroutine);
		return NULL;
	case RECORD_STACK_FRAME:
		add_frame(l, &r->frame);
		return NULL;
	case RECORD_BSS:
		if (l->address >= m->addr &&
		    l->address - m->addr + 8 * l->count <= m->contents.size)
			check_table(l, m);
		return NULL;
	default:
		return NULL;
	}
}

static struct err *run(struct ledger *l, const char *path)
{
	cleanup_dump_file struct dump_file f = { 0 };
	struct reader reader;
	struct record r;
	bool more;

	TRY(dump_file_open(path, &f));
	TRY(reader_init(&reader, &f));
	l->lookup = reader;
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			break;
		TRY(check_record(l, &r));
	}
	end_stack(l);
	return NULL;
}

int main(int argc, char **argv)
{
	struct ledger l = { 0 };

	log_init("ledger_check", LOG_NORMAL);
	if (argc != 4)
		return 2;
	l.address = strtoull(argv[2], NULL, 0);
	l.count = strtoull(argv[3], NULL, 0);
	struct err *e = run(&l, argv[1]);
	object_index_deinit(&l.objects);
	addr_map_deinit(&l.offsets);
	if (e) {
		log_err(e);
		err_free(e);
		return 2;
	}
	printf("entries %" PRIu64 " bytes %" PRIu64 " pointers %" PRIu64
	       " missing %" PRIu64 " torn %" PRIu64 " fields %" PRIu64
	       " goroutines %" PRIu64 " broken %" PRIu64 "\n",
	       l.entries, l.bytes, l.pointers, l.missing, l.torn, l.fields,
	       l.goroutines, l.stacks);
	return l.missing || l.torn || l.fields || l.stacks ||
	       l.entries != l.count;
}
