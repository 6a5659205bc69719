/* SPDX-License-Identifier: Apache-2.0 */
/* Types, their names and masks: src/runtime/type.c. */
#include "fake_module.h"

#include <stdlib.h>

enum { EXTRA_STAR = 2, NAMED = 4, ON_DEMAND = 16, DIRECT = 32 };

static struct fake_runtime f;
static struct fake_types types;

static void restart(enum fake_release release)
{
	if (f.rt.target)
		fake_runtime_deinit(&f);
	fake_runtime_init(&f, release);
	fake_types_init(&types, &f);
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

/* ---- types --------------------------------------------------------------- */

START_TEST(members)
{
	uint64_t addr = fake_add_module_type(&types, &(struct fake_type){
							     .words = 5,
							     .mask = 6,
							     .kind = 22,
							     .kind_flags = 32,
							     .tflag = 8,
							     .string = "*x",
						     });
	struct type_info t;

	fake_load(&f);
	expect_ok(type_read(&f.rt, addr, &t));
	ck_assert_uint_eq(t.addr, addr);
	ck_assert_uint_eq(t.size, 40);
	ck_assert_uint_eq(t.ptr_bytes, 24);
	ck_assert_uint_eq(t.kind, 22);
	ck_assert_uint_eq(t.kind_flags, 22 | 32);
	ck_assert_uint_eq(t.tflag, 8);
	ck_assert_uint_eq(fake_get(&f.target, t.gcdata, 8), 6);
}
END_TEST

/* Releases without KindMask have but one flag in the kind, or none. */
START_TEST(kind_without_mask)
{
	struct type_info t;
	uint64_t addr;

	restart(FAKE_GO126);
	addr = fake_add_module_type(&types, &(struct fake_type){
						    .words = 1,
						    .kind = 22,
						    .kind_flags = 32,
					    });
	fake_load(&f);
	expect_ok(type_read(&f.rt, addr, &t));
	ck_assert_uint_eq(t.kind, 22);
}
END_TEST

START_TEST(no_types)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_type(&f, 4, 5);
	struct type_info t;

	fake_load(&f);
	expect_error(type_read(&f.rt, 0x1000, &t), ERR_FAULT, "");
	fake_set(&f, addr, &l->type.PtrBytes, 40);
	fake_load(&f);
	expect_error(type_read(&f.rt, addr, &t), ERR_FORMAT, "no type");
	fake_set(&f, addr, &l->type.PtrBytes, 12);
	fake_load(&f);
	expect_error(type_read(&f.rt, addr, &t), ERR_FORMAT, "no type");
	fake_set(&f, addr, &l->type.PtrBytes, 8);
	fake_set(&f, addr, &l->type.Size_, ~0ull);
	fake_load(&f);
	expect_error(type_read(&f.rt, addr, &t), ERR_FORMAT, "no type");
}
END_TEST

/* Whether an interface's word is a pointer, for what is direct and has
 * pointers or not. */
static void expect_words(uint8_t kind_flags, uint8_t tflag, bool expected[2])
{
	for (uint64_t mask = 0; mask < 2; mask++) {
		struct type_info t;
		uint64_t addr = fake_add_module_type(
			&types, &(struct fake_type){
					.words = 1,
					.mask = mask,
					.kind_flags = kind_flags,
					.tflag = tflag,
				});

		fake_load(&f);
		expect_ok(type_read(&f.rt, addr, &t));
		ck_assert_uint_eq(type_word_is_pointer(&f.rt, &t),
				  expected[mask]);
	}
}

START_TEST(words_of_interfaces)
{
	bool direct[2] = { false, true }, indirect[2] = { true, true };

	expect_words(0, 0, indirect);
	expect_words(32, 0, direct);
	expect_words(0, DIRECT, indirect);
	/* From Go 1.26 on the flag is elsewhere. */
	restart(FAKE_GO126);
	expect_words(0, 0, indirect);
	expect_words(32, 0, indirect);
	expect_words(0, DIRECT, direct);
}
END_TEST

/* ---- names --------------------------------------------------------------- */

static void expect_name(uint64_t addr, const char *expected)
{
	cleanup(buf_deinit) struct buf name = {};
	struct type_info t;

	fake_load(&f);
	expect_ok(type_read(&f.rt, addr, &t));
	expect_ok(buf_append(&name, "<", 1)); /* it is appended */
	expect_ok(type_name(&f.rt, &t, &name));
	ck_assert_msg(name.len == strlen(expected) + 1 &&
			      !memcmp(name.v + 1, expected, name.len - 1),
		      "%.*s is not %s", (int)name.len - 1,
		      (const char *)name.v + 1, expected);
}

START_TEST(names)
{
	static const struct {
		const char *string, *pkg_path;
		uint8_t tflag;
		const char *expected;
	} cases[] = {
		/* Without a package: as they are written. */
		{ "[]int", NULL, 0, "[]int" },
		{ "*main.T", NULL, 0, "*main.T" },
		{ "**main.T", NULL, EXTRA_STAR, "*main.T" },
		{ "int", "", NAMED, "int" },
		{ "*int", "", NAMED | EXTRA_STAR, "int" },
		{ "error", "", NAMED, "error" },
		/* With one: path and last part. */
		{ "main.T", "main", NAMED, "main.T" },
		{ "*yaml.Node", "gopkg.in/yaml.v3", NAMED | EXTRA_STAR,
		  "gopkg.in/yaml.v3.Node" },
		{ "x.List[y.E]", "a/x", NAMED, "a/x.List[y.E]" },
		{ "x.Map[y.K,map[z.A]z.B]", "a/x", NAMED,
		  "a/x.Map[y.K,map[z.A]z.B]" },
		{ "*x.Set[[]y.K]", "a/x", NAMED | EXTRA_STAR,
		  "a/x.Set[[]y.K]" },
		{ "Odd", "a/x", NAMED, "a/x.Odd" },
		/* Methods but no name: a struct that embeds something. */
		{ "struct { sync.Mutex }", "main", 0, "main." },
		{ "struct { sync.Mutex }", "", 0, "struct { sync.Mutex }" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_name(fake_add_module_type(
				    &types,
				    &(struct fake_type){
					    .words = 1,
					    .tflag = cases[i].tflag,
					    .string = cases[i].string,
					    .pkg_path = cases[i].pkg_path,
				    }),
			    cases[i].expected);
}
END_TEST

/* The package is behind a type's own struct, whose size is its kind's. */
START_TEST(names_of_kinds)
{
	for (int64_t kind = 1; kind <= 26; kind++)
		expect_name(fake_add_module_type(&types,
						 &(struct fake_type){
							 .words = 1,
							 .kind = kind,
							 .tflag = NAMED,
							 .string = "m.T",
							 .pkg_path = "p/m",
						 }),
			    "p/m.T");
}
END_TEST

/* Lengths of two bytes. */
START_TEST(long_names)
{
	char text[601];

	for (size_t len = 126; len <= 130; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		expect_name(fake_add_module_type(&types,
						 &(struct fake_type){
							 .words = 1,
							 .string = text,
						 }),
			    text);
	}
}
END_TEST

/* What reflection makes is in no module, and its name elsewhere. */
START_TEST(a_type_of_no_module)
{
	uint64_t addr = fake_add_type(&f, 1, 1);

	fake_set(&f, addr, &f.rt.layout.type.Str, 64);
	expect_name(addr, "");
}
END_TEST

START_TEST(the_last_name_of_a_module)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_module_type(&types, &(struct fake_type){
							     .words = 1,
							     .string = "ab",
						     });

	fake_set(&f, l->var.firstmoduledata.addr, &l->moduledata.etypes,
		 types.next);
	expect_name(addr, "ab");
}
END_TEST

static void expect_bad_name(uint64_t addr, const char *message)
{
	cleanup(buf_deinit) struct buf name = {};
	struct type_info t;

	fake_load(&f);
	expect_ok(type_read(&f.rt, addr, &t));
	expect_error(type_name(&f.rt, &t, &name), ERR_FORMAT, message);
}

START_TEST(damaged_names)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_module_type(&types, &(struct fake_type){
							     .words = 1,
							     .string = "ab",
						     });
	uint64_t name =
		FAKE_TYPES + fake_get(&f.target, addr + l->type.Str.offset, 4);

	fake_set(&f, addr, &l->type.Str, FAKE_TYPES_SIZE);
	expect_bad_name(addr, "outside its module");
	fake_set(&f, addr, &l->type.Str, UINT32_MAX);
	expect_bad_name(addr, "outside its module");
	fake_set(&f, addr, &l->type.Str, FAKE_TYPES_SIZE - 1);
	expect_bad_name(addr, "length does not end");
	fake_set(&f, addr, &l->type.Str, name - FAKE_TYPES);
	fake_put(&f.target, name + 1, 4, 0x7fffffff); /* 268 million bytes */
	expect_bad_name(addr, "it has 268435455 bytes");
	memset(fake_at(&f.target, name + 1, 10), 0xff, 10);
	expect_bad_name(addr, "length does not end");
}
END_TEST

/* ---- masks --------------------------------------------------------------- */

/* The mask has bits for the words of a list, and no others. */
static void expect_mask(uint64_t addr, uint64_t words, uint64_t nwords,
			const uint64_t *bits, size_t n)
{
	struct type_mask m;
	size_t k = 0;

	expect_ok(type_mask(&f.rt.types, addr, &m));
	ck_assert_uint_eq(m.size, words * 8);
	ck_assert_uint_eq(m.nwords, nwords);
	for (uint64_t i = 0; i < round_up(nwords, 64); i++) {
		bool expected = k < n && bits[k] == i;

		k += expected;
		ck_assert_msg((m.bits[i / 64] >> i % 64 & 1) == expected,
			      "word %llu", (unsigned long long)i);
	}
	ck_assert_uint_eq(k, n);
}

#define EXPECT_MASK(addr, words, nwords, ...)                                  \
	expect_mask(addr, words, nwords, (const uint64_t[]){ __VA_ARGS__ },    \
		    sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

START_TEST(masks)
{
	uint64_t a = fake_add_type(&f, 4, 5), b = fake_add_type(&f, 64, ~0ull);
	uint64_t c = fake_add_type(&f, 70, 1ull << 63);
	uint64_t d = fake_add_type(&f, 3, 0);
	struct type_mask first, again;

	fake_load(&f);
	EXPECT_MASK(a, 4, 3, 0, 2);
	EXPECT_MASK(c, 70, 64, 63);
	expect_ok(type_mask(&f.rt.types, b, &first));
	ck_assert_uint_eq(first.bits[0], ~0ull);
	expect_ok(type_mask(&f.rt.types, b, &again));
	ck_assert_ptr_eq(again.bits, first.bits);
	expect_mask(d, 3, 0, NULL, 0);
}
END_TEST

/* More bits than are copied at once; those behind the last are not taken. */
START_TEST(a_long_mask)
{
	enum { WORDS = 3 * 4096 + 5 };
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_type(&f, WORDS, 1);
	uint64_t mask = fake_new(&f, WORDS / 8 + 1);
	uint64_t expected[WORDS];
	size_t n = 0;

	for (uint64_t i = 0; i < (WORDS / 8 + 1) * 8; i++) {
		if (i * 0x9e3779b97f4a7c15 >> 62)
			continue;
		bit_set(fake_at(&f.target, mask, WORDS / 8 + 1), i);
		if (i < WORDS)
			expected[n++] = i;
	}
	fake_set(&f, addr, &l->type.PtrBytes, WORDS * 8);
	fake_set(&f, addr, &l->type.GCData, mask);
	fake_load(&f);
	expect_mask(addr, WORDS, WORDS, expected, n);
}
END_TEST

START_TEST(no_masks)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_add_type(&f, 4, 5);
	struct type_mask m;

	fake_load(&f);
	expect_error(type_mask(&f.rt.types, 0, &m), ERR_FORMAT, "no type at 0");
	expect_error(type_mask(&f.rt.types, 0x1000, &m), ERR_FAULT, "");
	fake_set(&f, addr, &l->type.Kind_, 25 | 64);
	fake_load(&f);
	expect_error(type_mask(&f.rt.types, addr, &m), ERR_UNSUPPORTED,
		     "GC program");
	fake_set(&f, addr, &l->type.Kind_, 25);
	fake_set(&f, addr, &l->type.GCData, 0x1000);
	fake_load(&f);
	expect_error(type_mask(&f.rt.types, addr, &m), ERR_FAULT, "");
	fake_set(&f, addr, &l->type.Size_, 0);
	fake_set(&f, addr, &l->type.PtrBytes, 0);
	fake_load(&f);
	expect_error(type_mask(&f.rt.types, addr, &m), ERR_FORMAT, "no size");
	/* One that is larger than anything is not given room for its mask. */
	fake_set(&f, addr, &l->type.Size_, 1ull << 39);
	fake_set(&f, addr, &l->type.PtrBytes, 1ull << 39);
	fake_load(&f);
	expect_error(type_mask(&f.rt.types, addr, &m), ERR_FORMAT, "no type");
}
END_TEST

/* ---- masks on demand ----------------------------------------------------- */

/* A type without a mask of its own; used: its prefix of pointers, in words. */
static uint64_t add_on_demand(uint64_t words, uint64_t used, int64_t kind)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = fake_new(&f, fake_uncommon_offset(l, kind));

	fake_set(&f, addr, &l->type.Size_, words * 8);
	fake_set(&f, addr, &l->type.PtrBytes, used * 8);
	fake_set(&f, addr, &l->type.Kind_, (uint64_t)kind);
	fake_set(&f, addr, &l->type.TFlag, ON_DEMAND);
	return addr;
}

static uint64_t add_array(uint64_t words, uint64_t used, uint64_t elem,
			  uint64_t len)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = add_on_demand(words, used, l->konst.KindArray.value);

	fake_set(&f, addr, &l->arraytype.Elem, elem);
	fake_set(&f, addr, &l->arraytype.Len, len);
	return addr;
}

struct part {
	uint64_t type, offset; /* bytes */
};

static uint64_t add_struct(uint64_t words, uint64_t used,
			   const struct part *parts, size_t n)
{
	const struct layout *l = &f.rt.layout;
	uint64_t addr = add_on_demand(words, used, l->konst.KindStruct.value);
	uint64_t fields = fake_new(&f, n * l->structfield.struct_size);

	fake_slice(&f, addr + l->structtype.Fields.offset, fields, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = fields + i * l->structfield.struct_size;

		fake_set(&f, at, &l->structfield.Typ, parts[i].type);
		fake_set(&f, at, &l->structfield.Offset, parts[i].offset);
	}
	return addr;
}

/* struct { a [3]T; b uint64; c T; d [0]T } with T of three words, the first
 * and the last of which are pointers. */
START_TEST(masks_on_demand)
{
	uint64_t plain, number, array, none, whole, pair, numbers;

	restart(FAKE_GO126);
	plain = fake_add_type(&f, 3, 5);
	number = fake_add_type(&f, 1, 0);
	array = add_array(9, 9, plain, 3);
	none = add_array(0, 0, plain, 0);
	whole = add_struct(13, 13,
			   (const struct part[]){ { array, 0 },
						  { number, 72 },
						  { plain, 80 },
						  { none, 104 } },
			   4);
	pair = add_array(26, 26, whole, 2);
	numbers = add_array(1ull << 30, 0, number, 1ull << 30);
	fake_load(&f);
	EXPECT_MASK(array, 9, 9, 0, 2, 3, 5, 6, 8);
	EXPECT_MASK(whole, 13, 13, 0, 2, 3, 5, 6, 8, 10, 12);
	EXPECT_MASK(pair, 26, 26, 0, 2, 3, 5, 6, 8, 10, 12, 13, 15, 16, 18, 19,
		    21, 23, 25);
	expect_mask(numbers, 1ull << 30, 0, NULL, 0);
}
END_TEST

static void expect_no_mask(uint64_t addr, const char *message)
{
	struct type_mask m;

	fake_load(&f);
	expect_error(type_mask(&f.rt.types, addr, &m), ERR_FORMAT, message);
}

START_TEST(damaged_masks_on_demand)
{
	const struct layout *l = &f.rt.layout;
	uint64_t plain, self, twice;

	restart(FAKE_GO126);
	plain = fake_add_type(&f, 3, 5);
	expect_no_mask(add_on_demand(1, 1, 22), "has no mask");
	/* More elements than fit; elements of no size; beyond the prefix. */
	expect_no_mask(add_array(9, 9, plain, 4), "no array type");
	expect_no_mask(add_array(9, 9, plain, ~0ull), "no array type");
	expect_no_mask(add_array(9, 9, fake_add_type(&f, 0, 0), 3),
		       "no array type");
	expect_no_mask(add_array(9, 8, plain, 3), "lies outside it");
	/* Fields that lie outside, or in one another. */
	expect_no_mask(add_struct(4, 4, &(struct part){ plain, 16 }, 1),
		       "no struct type");
	expect_no_mask(add_struct(4, 4, &(struct part){ plain, 1ull << 63 }, 1),
		       "no struct type");
	expect_no_mask(
		add_struct(6, 6,
			   (const struct part[]){ { plain, 0 }, { plain, 16 } },
			   2),
		"no struct type");
	/* A type inside itself: once; or twice, which would take for ever. */
	self = add_struct(4, 4, &(struct part){ plain, 0 }, 1);
	fake_set(&f,
		 fake_get(&f.target,
			  self + l->structtype.Fields.offset +
				  l->slice.array.offset,
			  8),
		 &l->structfield.Typ, self);
	expect_no_mask(self, "nested without end");
	twice = add_array(4, 4, plain, 1);
	fake_set(&f, twice, &l->arraytype.Elem, twice);
	expect_no_mask(twice, "nested without end");
	fake_set(&f, twice, &l->arraytype.Len, 2);
	expect_no_mask(twice, "no array type");
	/* Too many fields; no memory for them. */
	fake_slice(&f, self + l->structtype.Fields.offset, 0, 1u << 30);
	expect_no_mask(self, "no struct type");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("type");
	TCase *tc = tcase_create("type");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, members);
	tcase_add_test(tc, kind_without_mask);
	tcase_add_test(tc, no_types);
	tcase_add_test(tc, words_of_interfaces);
	tcase_add_test(tc, names);
	tcase_add_test(tc, names_of_kinds);
	tcase_add_test(tc, long_names);
	tcase_add_test(tc, a_type_of_no_module);
	tcase_add_test(tc, the_last_name_of_a_module);
	tcase_add_test(tc, damaged_names);
	tcase_add_test(tc, masks);
	tcase_add_test(tc, a_long_mask);
	tcase_add_test(tc, no_masks);
	tcase_add_test(tc, masks_on_demand);
	tcase_add_test(tc, damaged_masks_on_demand);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
