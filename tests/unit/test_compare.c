/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/compare.h"

#include "base/bits.h"
#include "dump_encoder.h"
#include "expect.h"
#include "go_symbols.h"
#include "hdcheck/compare_text.h"
#include "hdcheck/json.h"

#include <stdlib.h>

/* Two dumps that begin as equals, and what comparing them gives. */
struct both {
	struct sample_dump a, b;
	struct encoder ea, eb;
	struct comparison c;
};

static void both_init(struct both *x)
{
	memset(x, 0, sizeof(*x));
	sample_init(&x->a);
	sample_init(&x->b);
}

static void both_deinit(struct both *x)
{
	encoder_deinit(&x->ea);
	encoder_deinit(&x->eb);
	comparison_deinit(&x->c);
}
#define cleanup_both cleanup(both_deinit)

static void both_compare(struct both *x, rule_set ignore, struct exe *exe)
{
	struct compare_options o = {
		.ignore = ignore,
		.exe = exe,
		.max_differences = 20,
	};
	struct dump_file a, b;

	encoder_deinit(&x->ea);
	encoder_deinit(&x->eb);
	comparison_deinit(&x->c);
	sample_encode(&x->a, &x->ea);
	sample_encode(&x->b, &x->eb);
	a = encoder_file(&x->ea);
	b = encoder_file(&x->eb);
	expect_ok(compare(&a, &b, &o, &x->c));
}

static uint64_t all_ignored(const struct comparison *c)
{
	uint64_t n = 0;

	for (int i = 0; i < RULE_COUNT; i++)
		n += c->ignored[i];
	return n;
}

static bool has_difference(const struct comparison *c, const char *text)
{
	for (size_t i = 0; i < c->differences.list.len; i++)
		if (strstr(c->differences.list.v[i].text, text))
			return true;
	for (size_t i = 0; i < c->differences.list.len; i++)
		fprintf(stderr, "  %s\n", c->differences.list.v[i].text);
	return false;
}

/* One difference, of that text; no rule holds. */
static void expect_one(struct both *x, const char *text)
{
	both_compare(x, 0, NULL);
	ck_assert_msg(has_difference(&x->c, text), "not \"%s\"", text);
	ck_assert_uint_eq(x->c.differences.count, 1);
	ck_assert_uint_eq(all_ignored(&x->c), 0);
}

#define ALL_RULES ((1u << RULE_COUNT) - 1)
/* Those that need no executable. */
#define RECORD_RULES                                                           \
	(1u << RULE_DUPLICATE_TYPES | 1u << RULE_TAIL_SLOTS |                  \
	 1u << RULE_FLUSH_ACCOUNTING | 1u << RULE_WRITER_STATUS)

/*
 * The rule hides n differences, each of them; all others together hide none.
 */
static void expect_hidden(struct both *x, enum rule rule, uint64_t n)
{
	both_compare(x, 1u << rule, NULL);
	ck_assert_uint_eq(x->c.differences.count, 0);
	ck_assert_uint_eq(x->c.ignored[rule], n);
	ck_assert_uint_eq(all_ignored(&x->c), n);
	both_compare(x, RECORD_RULES & ~(1u << rule), NULL);
	ck_assert_uint_eq(x->c.differences.count, n);
	ck_assert_uint_eq(all_ignored(&x->c), 0);
}

/* There are n differences, which no rule hides. */
static void expect_shown(struct both *x, uint64_t n)
{
	both_compare(x, RECORD_RULES, NULL);
	ck_assert_uint_eq(x->c.differences.count, n);
	ck_assert_uint_eq(all_ignored(&x->c), 0);
}

START_TEST(test_equal)
{
	cleanup_both struct both x;

	both_init(&x);
	both_compare(&x, 0, NULL);
	ck_assert_uint_eq(x.c.differences.count, 0);
	ck_assert_uint_eq(x.c.kinds[RECORD_OBJECT].a, 5);
	ck_assert_uint_eq(x.c.kinds[RECORD_OBJECT].b, 5);
}
END_TEST

START_TEST(test_members)
{
	cleanup_both struct both x;

	both_init(&x);
	x.b.r[S_GOROUTINE].goroutine.status = 1;
	x.b.r[S_GOROUTINE].goroutine.wait_reason = STR("select");
	expect_one(&x, "Goroutine 0xc000100000: status 4 in A, 1 in B; "
		       "waitreason \"chan receive\" in A, \"select\" in B");
	both_deinit(&x);
	both_init(&x);
	x.b.r[S_STATS].stats.pause_ns[3] = 7;
	expect_one(&x, "MemStats 0: PauseNs [3] is 0 in A, 7 in B");
	both_deinit(&x);
	both_init(&x);
	x.a.r[S_PROF].prof.stack.raw = STR("\4main\7main.go\11\4newT\3t.g\13");
	expect_one(&x, "MemProf 0x800000: stack call 0 is main at main.go:9 "
		       "in A, main at main.go:10 in B");
	both_deinit(&x);
	both_init(&x);
	x.b.r[S_PARAMS].params.cpus = 8;
	expect_one(&x, "Params 0: CPUs 4 in A, 8 in B");
}
END_TEST

START_TEST(test_contents)
{
	cleanup_both struct both x;

	both_init(&x);
	x.b.large[100] = 0xdead0000;
	x.b.large[200] = 1;
	expect_one(&x, "Object 0xc000006000: contents first at +802: word 0 "
		       "in A, 0xdead0000 in B; 3 bytes in all");
	both_deinit(&x);
	both_init(&x);
	x.b.r[S_NODE].memory.contents.size = 40;
	expect_one(&x, "contents are 48 bytes in A, 40 in B");
	both_deinit(&x);
	both_init(&x);
	x.b.r[S_NODE].memory.fields.raw = STR("\1\0\1\20\1\30");
	expect_one(&x, "Object 0xc000000000: fields are 2 in A, 3 in B, "
		       "first other one +8 in A, +16 in B");
	both_deinit(&x);
	both_init(&x);
	x.a.r[S_NODE].memory.fields.raw = STR("\1\0");
	expect_one(&x, "none in A, +8 in B");
	both_deinit(&x);
	both_init(&x);
	x.b.bss[16] = 1;
	expect_one(&x, "BSS 0x555555700000: contents first at +16: word 0 in "
		       "A, 0x1 in B; 1 bytes in all");
}
END_TEST

START_TEST(test_lone)
{
	cleanup_both struct both x;

	both_init(&x);
	sample_remove(&x.b, S_NODE);
	expect_one(&x, "Object 0xc000000000 of 48 bytes is only in A");
	ck_assert_uint_eq(x.c.kinds[RECORD_OBJECT].only_a, 1);
	both_deinit(&x);
	both_init(&x);
	sample_remove(&x.a, S_SAMPLE);
	expect_one(&x, "AllocSample 0xc000002004 is only in B");
	ck_assert_uint_eq(x.c.kinds[RECORD_ALLOC_SAMPLE].only_b, 1);
	both_deinit(&x);
	both_init(&x);
	sample_remove(&x.a, S_GOROUTINE2);
	sample_remove(&x.a, S_GOROUTINE2); /* its frame */
	both_compare(&x, 0, NULL);
	ck_assert_uint_eq(x.c.differences.count, 2);
}
END_TEST

START_TEST(test_order)
{
	cleanup_both struct both x;
	struct record r;

	both_init(&x);
	r = x.b.r[S_NODE];
	x.b.r[S_NODE] = x.b.r[S_LARGE];
	x.b.r[S_LARGE] = r;
	/* Said once, however many are elsewhere. */
	expect_one(&x, "Object records are in another order");
	ck_assert(x.c.kinds[RECORD_OBJECT].reordered);
	ck_assert(!x.c.kinds[RECORD_TYPE].reordered);
}
END_TEST

START_TEST(test_broken)
{
	cleanup_both struct both x;
	struct compare_options o = { 0 };
	struct dump_file a, b;

	both_init(&x);
	sample_encode(&x.a, &x.ea);
	a = b = encoder_file(&x.ea);
	b.size--;
	expect_error(compare(&a, &b, &o, &x.c), ERR_FORMAT, "no EOF");
	expect_error(compare(&b, &a, &o, &x.c), ERR_FORMAT, "no EOF");
}
END_TEST

/* ---- rules --------------------------------------------------------------- */

START_TEST(test_duplicate_types)
{
	cleanup_both struct both x;
	struct record type;

	both_init(&x);
	type = x.b.r[S_TYPE];
	sample_insert(&x.b, S_TYPE2, &type);
	sample_insert(&x.b, S_TYPE2, &type);
	expect_hidden(&x, RULE_DUPLICATE_TYPES, 2);
	/* Not one that is another type, */
	both_deinit(&x);
	both_init(&x);
	type.type.size++;
	sample_insert(&x.b, S_TYPE2, &type);
	expect_shown(&x, 1);
	/* nor one that A does not have, */
	both_deinit(&x);
	both_init(&x);
	type.type.addr += 8;
	sample_insert(&x.b, S_TYPE2, &type);
	expect_shown(&x, 1);
	/* nor A's own, nor what else is repeated. */
	both_deinit(&x);
	both_init(&x);
	sample_insert(&x.a, S_TYPE2, &x.a.r[S_TYPE]);
	sample_insert(&x.b, S_TYPE2, &x.b.r[S_ITAB]);
	expect_shown(&x, 2);
}
END_TEST

/* Adds an object of size bytes at an offset of a page to B. */
static void add_slot(struct both *x, uint64_t offset, uint64_t size)
{
	struct record r = {
		.kind = RECORD_OBJECT,
		.memory.addr = SAMPLE_HEAP + 0x20000 + offset,
		.memory.contents = { (const uint8_t *)x->b.large, size },
	};

	sample_insert(&x->b, S_NODE, &r);
}

struct slot_case {
	struct bytes version;
	uint64_t offset, size;
	bool tail;
};

/* The last slots of a page, and those before that are objects. */
static const struct slot_case slot_cases[] = {
	{ STR("go1.21.13"), 8192 - 16, 16, false },
	{ STR("go1.22.12"), 8192 - 16, 16, true },
	{ STR("go1.22.12"), 8192 - 128, 16, true },
	{ STR("go1.22.12"), 8192 - 144, 16, false },
	{ STR("go1.24.11"), 8192 - 8, 8, true },
	{ STR("go1.24.11"), 8192 - 512, 512, true },
	{ STR("go1.24.11"), 8192 - 1024, 512, false },
	/* 170 slots of 48 bytes, the last three begin behind 7968. */
	{ STR("go1.24.11"), 169 * 48, 48, true },
	{ STR("go1.24.11"), 168 * 48, 48, true },
	{ STR("go1.24.11"), 167 * 48, 48, false },
	{ STR("go1.24.11"), 169 * 48 + 16, 48, false }, /* no slot */
	{ STR("go1.24.11"), 8192 - 576, 576, false },	/* no such reserve */
	{ STR("go1.22.12 X:noallocheaders"), 8192 - 16, 16, false },
	{ STR("go1.25.5"), 8192 - 256, 16, false },
	{ STR("go1.25.5 X:greenteagc"), 8192 - 256, 16, true },
	{ STR("go1.26.6"), 8192 - 256, 16, true },
	{ STR("go1.26.6"), 8192 - 272, 16, false },
	{ STR("go1.26.6 X:nogreenteagc"), 8192 - 256, 16, false },
	{ STR("go1.26.6 X:nogreenteagc"), 8192 - 128, 16, true },
	{ STR("go1.27.3"), 0, 16, false },
};

START_TEST(test_tail_slots)
{
	const struct slot_case *t = &slot_cases[_i];
	cleanup_both struct both x;

	both_init(&x);
	x.a.r[S_PARAMS].params.version = t->version;
	x.b.r[S_PARAMS].params.version = t->version;
	add_slot(&x, t->offset, t->size);
	if (t->tail)
		expect_hidden(&x, RULE_TAIL_SLOTS, 1);
	else
		expect_shown(&x, 1);
}
END_TEST

/* A slot of A alone, or one that differs, is not excused. */
START_TEST(test_tail_slots_of_a)
{
	cleanup_both struct both x;
	struct record r;

	both_init(&x);
	add_slot(&x, 8192 - 16, 16);
	r = x.b.r[S_NODE];
	r.memory.contents.data = (const uint8_t *)x.a.large;
	sample_insert(&x.a, S_NODE, &r);
	x.b.large[1] = 1;
	x.b.r[S_LARGE + 1].memory.contents.data = (const uint8_t *)x.a.large;
	expect_shown(&x, 1);
	sample_remove(&x.b, S_NODE);
	expect_shown(&x, 1);
}
END_TEST

/* What flushing caches takes: for the collector, of what was put by. */
START_TEST(test_flush_accounting)
{
	static const struct {
		int64_t sys, gc, other, goal;
		bool allowed;
	} cases[] = {
		{ 0, 4160, -4160, 0, true },
		{ 262144, 4160, 257984, -254280, true },
		{ 262144, 4160, 257984, 0, true },
		{ 0, 4160, 0, 0, false },	 /* not in the sum */
		{ 0, -4160, 4160, 0, false },	 /* given back */
		{ -8, 0, -8, 0, false },	 /* likewise */
		{ 4160, 4160, 0, -4161, false }, /* too low a goal */
		{ 4160, 4160, 0, 1, false },	 /* a higher one */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_both struct both x;

		both_init(&x);
		struct mem_stats_record *b = &x.b.r[S_STATS].stats;
		x.a.r[S_STATS].stats.gc_sys = b->gc_sys = 1 << 20;
		x.a.r[S_STATS].stats.other_sys = b->other_sys = 1 << 20;
		x.a.r[S_STATS].stats.sys = b->sys = 8 << 20;
		x.a.r[S_STATS].stats.next_gc = b->next_gc = 4 << 20;
		b->sys += (uint64_t)cases[i].sys;
		b->gc_sys += (uint64_t)cases[i].gc;
		b->other_sys += (uint64_t)cases[i].other;
		b->next_gc += (uint64_t)cases[i].goal;
		if (cases[i].allowed)
			expect_hidden(&x, RULE_FLUSH_ACCOUNTING, 1);
		else
			expect_shown(&x, 1);
		/* And nothing else. */
		b->mallocs++;
		expect_shown(&x, 1);
	}
}
END_TEST

/* It runs in A, and waits in B; its frame has what it reads meanwhile. */
START_TEST(test_writer_status)
{
	cleanup_both struct both x;

	both_init(&x);
	struct goroutine_record *a = &x.a.r[S_GOROUTINE].goroutine;
	struct goroutine_record *b = &x.b.r[S_GOROUTINE].goroutine;
	a->status = 2;
	b->status = 4;
	b->wait_reason = STR("dumping heap");
	x.a.r[S_FRAME].frame.function = STR("runtime/debug.WriteHeapDump");
	x.b.r[S_FRAME].frame.function = STR("runtime/debug.WriteHeapDump");
	x.b.frame[1] ^= 5;
	expect_hidden(&x, RULE_WRITER_STATUS, 2);
	x.b.r[S_FRAME].frame.pc++;
	b->goid++;
	expect_shown(&x, 2);
	x.b.r[S_FRAME].frame.pc--;
	b->goid--;
	x.a.r[S_FRAME].frame.function = STR("runtime/debug.WriteHeapDumps");
	x.b.r[S_FRAME].frame.function = STR("runtime/debug.WriteHeapDumps");
	a->status = 1;
	expect_shown(&x, 2);
	a->status = 2;
	b->wait_reason = STR("dumping heaps");
	expect_shown(&x, 2);
}
END_TEST

/* ---- variables ----------------------------------------------------------- */

/*
 * The dumps' data is that of this program, as go_symbols.c has it: B differs
 * from A in the byte at variable + offset.
 */
static void change(struct both *x, const uint8_t *variable, size_t offset)
{
	size_t size = (size_t)(go_edata - go_data);

	ck_assert_uint_le(size, SAMPLE_SEGMENT);
	x->a.r[S_DATA].memory.contents.size = size;
	x->b.r[S_DATA].memory.contents.size = size;
	x->b.data[(size_t)(variable - go_data) + offset] ^= 0x40;
}

/* With the rule n differences are hidden; with all others, shown. */
static void expect_ruled(struct both *x, enum rule rule, uint64_t n)
{
	cleanup_exe struct exe *with = NULL, *without = NULL;
	rule_set set = 1u << rule, others = ALL_RULES & ~set;

	expect_ok(exe_open("/proc/self/exe", set, &with));
	both_compare(x, set, with);
	ck_assert_uint_eq(x->c.differences.count, 0);
	ck_assert_uint_eq(x->c.ignored[rule], n);
	expect_ok(exe_open("/proc/self/exe", others, &without));
	both_compare(x, others, without);
	ck_assert_uint_eq(x->c.differences.count, n);
	ck_assert_uint_eq(all_ignored(&x->c), 0);
}

/* All rules hold, and one difference is shown, of that text. */
static void expect_unruled(struct both *x, const char *text)
{
	cleanup_exe struct exe *exe = NULL;

	expect_ok(exe_open("/proc/self/exe", ALL_RULES, &exe));
	both_compare(x, ALL_RULES, exe);
	ck_assert_msg(has_difference(&x->c, text), "not \"%s\"", text);
	ck_assert_uint_eq(x->c.differences.count, 1);
	ck_assert_uint_eq(all_ignored(&x->c), 0);
}

START_TEST(test_writer_scratch)
{
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_buf, 0);
	change(&x, go_buf, 23); /* of the same variable: one difference */
	change(&x, go_nbuf, 3);
	change(&x, go_typecache, 31);
	change(&x, go_freemark, 0);
	change(&x, go_tmpbuf, 8);
	change(&x, go_dumpfd, 0);
	expect_ruled(&x, RULE_WRITER_SCRATCH, 6);
}
END_TEST

START_TEST(test_accounting)
{
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_memstats, 16);
	change(&x, go_memstats, 23);
	change(&x, go_controller, 20);
	expect_ruled(&x, RULE_TMPBUF_ACCOUNTING, 2);
}
END_TEST

START_TEST(test_lastpoll)
{
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_sched, 16);
	expect_ruled(&x, RULE_LASTPOLL, 1);
}
END_TEST

START_TEST(test_sweep_books)
{
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_mheap, 16);
	expect_ruled(&x, RULE_SWEEP_BOOKS, 1);
}
END_TEST

static void put_word(struct both *x, const uint8_t *variable, uint64_t value)
{
	memcpy(x->a.data + (variable - go_data), &value, sizeof(value));
	memcpy(x->b.data + (variable - go_data), &value, sizeof(value));
}

/*
 * S_LARGE becomes a P, the third of allp, whose array is in S_HEADER, behind
 * one that is in no record and an empty one.
 */
static void make_p(struct both *x)
{
	uint64_t array = x->a.r[S_HEADER].memory.addr + 8;

	put_word(x, go_allp, array);
	put_word(x, go_allp + 8, 3);
	x->a.header[1] = x->b.header[1] = 0x1000;
	x->a.header[2] = x->b.header[2] = 0;
	x->a.header[3] = x->b.header[3] = x->a.r[S_LARGE].memory.addr;
}

START_TEST(test_in_a_p)
{
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_first, 0);
	x.b.data[0] = x.a.data[0];
	make_p(&x);
	x.b.large[2] ^= 1;
	expect_ruled(&x, RULE_WRITE_BARRIER, 1);
	x.b.large[2] ^= 1;
	x.b.large[1] ^= 1;
	expect_unruled(&x, "+8 of the record");
	x.b.large[1] ^= 1;
	x.b.large[3] ^= 1;
	expect_unruled(&x, "+24 of the record");
}
END_TEST

/* The g of a goroutine that dumps the heap in B. */
START_TEST(test_in_the_writer)
{
	cleanup_exe struct exe *exe = NULL;
	cleanup_both struct both x;
	rule_set set = 1u << RULE_WRITER_STATUS;

	both_init(&x);
	change(&x, go_first, 0);
	x.b.data[0] = x.a.data[0];
	x.a.r[S_GOROUTINE].goroutine.addr = x.a.r[S_LARGE].memory.addr + 64;
	x.b.r[S_GOROUTINE].goroutine.addr = x.a.r[S_LARGE].memory.addr + 64;
	x.b.large[8 + 2] ^= 1;
	expect_ok(exe_open("/proc/self/exe", set, &exe));
	both_compare(&x, set, exe);
	ck_assert_uint_eq(x.c.differences.count, 1);
	x.a.r[S_GOROUTINE].goroutine.wait_reason = STR("dumping heap");
	x.b.r[S_GOROUTINE].goroutine.wait_reason = STR("dumping heap");
	both_compare(&x, set, exe);
	ck_assert_uint_eq(x.c.differences.count, 0);
	ck_assert_uint_eq(x.c.ignored[RULE_WRITER_STATUS], 1);
}
END_TEST

START_TEST(test_other_variables)
{
	static const struct {
		uint8_t *variable;
		size_t offset;
		const char *text;
	} cases[] = {
		{ go_first, 15, "main.first+15 (+15 of the record)" },
		{ go_memstats, 15, "runtime.memstats+15 " },
		{ go_memstats, 24, "runtime.memstats+24 " },
		{ go_controller, 0, "runtime.gcController+0 " },
		{ go_sched, 24, "runtime.sched+24 " },
		{ go_sched, 48, "(no variable)+0 " },
		{ go_last, 8, "main.last+8 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_both struct both x;

		both_init(&x);
		change(&x, cases[i].variable, cases[i].offset);
		expect_unruled(&x, cases[i].text);
	}
}
END_TEST

/* A rule's bytes and others' in one variable: one is hidden, two are shown. */
START_TEST(test_parts_of_variable)
{
	cleanup_exe struct exe *exe = NULL;
	cleanup_both struct both x;

	both_init(&x);
	change(&x, go_sched, 0);
	change(&x, go_sched, 16);
	change(&x, go_sched, 40);
	expect_ok(exe_open("/proc/self/exe", 1u << RULE_LASTPOLL, &exe));
	both_compare(&x, 1u << RULE_LASTPOLL, exe);
	ck_assert_uint_eq(x.c.differences.count, 2);
	ck_assert_uint_eq(x.c.ignored[RULE_LASTPOLL], 1);
	ck_assert(has_difference(&x.c, "runtime.sched+0 "));
	ck_assert(has_difference(&x.c, "runtime.sched+40 "));
	/* Fields are compared too, whatever the contents. */
	x.b.r[S_DATA].memory.fields.raw = STR("\1\0");
	both_compare(&x, 1u << RULE_LASTPOLL, exe);
	ck_assert_uint_eq(x.c.differences.count, 3);
}
END_TEST

START_TEST(test_rule_names)
{
	rule_set set = 0;

	for (int i = 0; i < RULE_COUNT; i++) {
		set = 0;
		expect_ok(rules_parse(rules[i].name, &set));
		ck_assert_uint_eq(set, 1u << i);
		ck_assert_uint_gt(strlen(rules[i].reason), 10);
	}
	set = 0;
	expect_ok(rules_parse("tail-slots,lastpoll", &set));
	ck_assert_uint_eq(set, 1u << RULE_TAIL_SLOTS | 1u << RULE_LASTPOLL);
	set = 0;
	expect_ok(rules_parse("runtime", &set));
	ck_assert_uint_eq(set, ALL_RULES);
	expect_error(rules_parse("tail-slot", &set), ERR_USAGE, "'tail-slot'");
	expect_error(rules_parse("lastpoll,", &set), ERR_USAGE, "");
	expect_error(rules_parse("", &set), ERR_USAGE, "");
}
END_TEST

START_TEST(test_text)
{
	cleanup_free char *text = NULL;
	cleanup_both struct both x;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	both_init(&x);
	add_slot(&x, 8192 - 16, 16);
	x.b.r[S_PARAMS].params.cpus = 8;
	both_compare(&x, RECORD_RULES, NULL);
	comparison_print(&x.c, RECORD_RULES, out);
	expect_ok(json_comparison(&x.c, "a", "b", out));
	fclose(out);
	/* What is hidden is counted, and said. */
	ck_assert_ptr_nonnull(strstr(text, "tail-slots                 1  "));
	ck_assert_ptr_nonnull(strstr(text, "duplicate-types            0  "));
	ck_assert_ptr_nonnull(strstr(text, "\n1 difference\n"));
	ck_assert_ptr_nonnull(strstr(text, "\"difference_count\": 1"));
	ck_assert_ptr_nonnull(strstr(text, "\"tail-slots\": 1"));
}
END_TEST

static void add_record_tests(TCase *tcase)
{
	tcase_add_test(tcase, test_equal);
	tcase_add_test(tcase, test_members);
	tcase_add_test(tcase, test_contents);
	tcase_add_test(tcase, test_lone);
	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_broken);
	tcase_add_test(tcase, test_text);
}

static void add_rule_tests(TCase *tcase)
{
	tcase_add_test(tcase, test_rule_names);
	tcase_add_test(tcase, test_duplicate_types);
	tcase_add_test(tcase, test_flush_accounting);
	tcase_add_test(tcase, test_writer_status);
	tcase_add_loop_test(tcase, test_tail_slots, 0, ARRAY_SIZE(slot_cases));
	tcase_add_test(tcase, test_tail_slots_of_a);
	tcase_add_test(tcase, test_writer_scratch);
	tcase_add_test(tcase, test_accounting);
	tcase_add_test(tcase, test_lastpoll);
	tcase_add_test(tcase, test_sweep_books);
	tcase_add_test(tcase, test_in_a_p);
	tcase_add_test(tcase, test_in_the_writer);
	tcase_add_test(tcase, test_other_variables);
	tcase_add_test(tcase, test_parts_of_variable);
}

int main(void)
{
	Suite *suite = suite_create("compare");
	TCase *tcase = tcase_create("compare");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tcase, 60);
	add_record_tests(tcase);
	add_rule_tests(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
