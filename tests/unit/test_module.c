/* SPDX-License-Identifier: Apache-2.0 */
/* Modules and their functions: src/runtime/module.c. */
#include "fake_module.h"

#include "elf/pclntab.h"

#include <stdlib.h>

static struct fake_runtime f;

static const struct fake_func funcs[] = {
	{ "runtime.first", 32, "/go/first.go", 10, .args = 8, .id = 7 },
	{ "main.main", 64, "/src/main.go", 20, .flag = 1, .delta = 24 },
	{ "main.last", 48, "/src/last.go", 30, .args = -1 },
};
static const uint64_t entries[] = { FAKE_TEXT, FAKE_TEXT + 32, FAKE_TEXT + 96,
				    FAKE_TEXT + 144 };

static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
	fake_set_functions(&f, funcs, ARRAY_SIZE(funcs));
}

static void teardown(void)
{
	fake_runtime_deinit(&f);
}

/* Where a member of the main module is. */
static uint64_t at(const struct member *m)
{
	return f.rt.layout.var.firstmoduledata.addr + m->offset;
}

/* Element i of a slice of the main module. */
static uint64_t element(const struct member *m, uint64_t i, uint64_t size)
{
	return fake_get(&f.target, at(m) + f.rt.layout.slice.array.offset, 8) +
	       i * size;
}

static void expect_function(uint64_t pc, size_t i)
{
	cleanup(buf_deinit) struct buf name = {};
	struct func func;

	expect_ok(func_find(&f.rt, pc, &func));
	ck_assert_uint_eq(func.entry, entries[i]);
	expect_ok(func_name(&f.rt, &func, &name));
	ck_assert_uint_eq(name.len, strlen(funcs[i].name));
	ck_assert(!memcmp(name.v, funcs[i].name, name.len));
}

static void expect_no_function(uint64_t pc)
{
	struct func func = { .addr = 1 };

	expect_ok(func_find(&f.rt, pc, &func));
	ck_assert_uint_eq(func.addr, 0);
}

static struct func find(uint64_t pc)
{
	struct func func;

	expect_ok(func_find(&f.rt, pc, &func));
	ck_assert_uint_ne(func.addr, 0);
	return func;
}

/* ---- functions ----------------------------------------------------------- */

START_TEST(functions)
{
	fake_load(&f);
	for (size_t i = 0; i < ARRAY_SIZE(funcs); i++) {
		expect_function(entries[i], i);
		expect_function(entries[i] + 1, i);
		expect_function(entries[i + 1] - 1, i);
	}
	expect_no_function(0);
	expect_no_function(FAKE_TEXT - 1);
	expect_no_function(entries[3]);
	expect_no_function(UINT64_MAX);
}
END_TEST

START_TEST(members_of_a_function)
{
	struct func func;

	fake_load(&f);
	func = find(entries[0]);
	ck_assert_uint_eq(func.id, 7);
	ck_assert_uint_eq(func.flag, 0);
	ck_assert_int_eq(func.args, 8);
	func = find(entries[1]);
	ck_assert_uint_eq(func.flag, 1);
	ck_assert_uint_eq(func.cu_offset, 1);
	ck_assert_ptr_eq(func.module, &f.rt.modules.list.v[0]);
	func = find(entries[2]);
	ck_assert_int_eq(func.args, -1);
}
END_TEST

START_TEST(a_single_function)
{
	fake_set_functions(&f, funcs, 1);
	fake_load(&f);
	expect_function(FAKE_TEXT, 0);
	expect_function(FAKE_TEXT + 31, 0);
	expect_no_function(FAKE_TEXT + 32);
}
END_TEST

static void set_section(uint64_t addr, uint64_t vaddr, uint64_t end,
			uint64_t base)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, addr, &l->textsect.vaddr, vaddr);
	fake_set(&f, addr, &l->textsect.end, end);
	fake_set(&f, addr, &l->textsect.baseaddr, base);
}

/* The second and third function in a section further on; between the two is
 * nothing, and the end of the last one counts. */
START_TEST(text_sections)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t far = FAKE_TEXT + 0x10000;
	uint64_t size = l->textsect.struct_size;
	uint64_t sections = fake_new(&f, 2 * size);
	struct func func;

	set_section(sections, 0, 32, FAKE_TEXT);
	set_section(sections + size, 32, 144, far);
	fake_slice(&f, at(&l->moduledata.textsectmap), sections, 2);
	fake_set(&f, l->var.firstmoduledata.addr, &l->moduledata.maxpc,
		 far + 113);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.modules.list.v[0].sections.len, 2);
	expect_function(FAKE_TEXT, 0);
	expect_function(FAKE_TEXT + 31, 0);
	expect_no_function(FAKE_TEXT + 32);
	expect_no_function(far - 1);
	func = find(far);
	ck_assert_uint_eq(func.entry, far);
	func = find(far + 63);
	ck_assert_uint_eq(func.entry, far);
	func = find(far + 64);
	ck_assert_uint_eq(func.entry, far + 64);
	func = find(far + 112);
	ck_assert_uint_eq(func.entry, far + 64);
	expect_no_function(far + 113);
}
END_TEST

/* One section says nothing that is not known. */
START_TEST(one_text_section)
{
	const struct layout *l = &f.rt.layout;
	uint64_t section = fake_new(&f, l->textsect.struct_size);

	set_section(section, 0, 8, 0x1000);
	fake_slice(&f, at(&l->moduledata.textsectmap), section, 1);
	fake_load(&f);
	ck_assert_uint_eq(f.rt.modules.list.v[0].sections.len, 0);
	expect_function(entries[2], 2);
}
END_TEST

/* ---- file and line ------------------------------------------------------- */

static void expect_line(uint64_t pc, const char *file, uint64_t line)
{
	cleanup(buf_deinit) struct buf text = {};
	struct func func = find(pc);
	uint64_t n;

	expect_ok(func_line(&f.rt, &func, pc, &text, &n));
	ck_assert_uint_eq(n, line);
	ck_assert_msg(text.len == strlen(file) &&
			      !memcmp(text.v, file, text.len),
		      "%.*s", (int)text.len, (const char *)text.v);
}

START_TEST(lines)
{
	fake_load(&f);
	expect_line(entries[0], "/go/first.go", 10);
	expect_line(entries[0] + 15, "/go/first.go", 10);
	expect_line(entries[0] + 16, "/go/first.go", 20);
	expect_line(entries[1] + 63, "/src/main.go", 30);
	expect_line(entries[2], "/src/last.go", 30);
}
END_TEST

START_TEST(unknown_lines)
{
	const struct layout *l = &f.rt.layout;
	uint64_t size = l->_func.struct_size;
	uint64_t table = element(&l->moduledata.pclntable, 0, 1);
	uint64_t files = element(&l->moduledata.cutab, 0, 1);

	/* No table of files; of lines; a file that is none. */
	fake_set(&f, table, &l->_func.pcfile, 0);
	fake_set(&f, table + size, &l->_func.pcln, 0);
	fake_put(&f.target, files + 2 * 4, 4, UINT32_MAX);
	fake_load(&f);
	expect_line(entries[0], "?", 0);
	expect_line(entries[1], "?", 0);
	expect_line(entries[2], "?", 30);
	/* Beyond the tables. */
	fake_put(&f.target, files + 2 * 4, 4, 10000);
	fake_load(&f);
	expect_line(entries[2], "?", 30);
	fake_set(&f, table + 2 * size, &l->_func.cuOffset, UINT32_MAX);
	fake_load(&f);
	expect_line(entries[2], "?", 30);
}
END_TEST

/* ---- pc tables ----------------------------------------------------------- */

START_TEST(pc_values)
{
	struct func func;
	int32_t value;

	fake_load(&f);
	func = find(entries[1]);
	expect_ok(
		func_pcvalue(&f.rt, &func, func.pcsp, entries[1] + 40, &value));
	ck_assert_int_eq(value, 24);
	expect_ok(func_pcvalue(&f.rt, &func, 0, entries[1], &value));
	ck_assert_int_eq(value, -1);
	expect_error(func_pcvalue(&f.rt, &func, func.pcsp, entries[2], &value),
		     ERR_FORMAT, "ends at");
	expect_error(
		func_pcvalue(&f.rt, &func, func.pcsp, entries[1] - 1, &value),
		ERR_FORMAT, "ends at");
	expect_error(func_pcvalue(&f.rt, &func, 1 << 20, entries[1], &value),
		     ERR_FORMAT, "outside");
}
END_TEST

struct collected {
	uint64_t steps, end;
	int64_t sum;
};

static struct err *collect(void *arg, const struct pcvalue *step)
{
	struct collected *c = arg;

	ck_assert_uint_eq(step->start, c->end);
	c->end = step->end;
	c->sum += step->value;
	c->steps++;
	return c->steps == 5000 ? err_new(ERR_GONE, "enough") : NULL;
}

/* A table that is longer than what is read of it at first, several times. */
START_TEST(a_long_pc_table)
{
	enum { STEPS = 3000 };
	const struct layout *l = &f.rt.layout;
	uint64_t table = fake_new(&f, 1 + 2 * STEPS + 1);
	uint8_t *bytes = fake_at(&f.target, table, 1 + 2 * STEPS + 1);
	struct collected c = {};
	struct func func;
	int32_t value;

	for (int i = 0; i < STEPS; i++) {
		bytes[1 + 2 * i] = i ? 2 : 4; /* from -1 to 1, then 1 more */
		bytes[2 + 2 * i] = 3;	      /* bytes of code */
	}
	fake_slice(&f, at(&l->moduledata.pctab), table, 1 + 2 * STEPS + 1);
	fake_load(&f);
	func = find(entries[0]);
	for (int i = 0; i < STEPS; i += 77) {
		expect_ok(func_pcvalue(&f.rt, &func, 1,
				       func.entry + (uint64_t)i * 3 + 2,
				       &value));
		ck_assert_int_eq(value, i + 1);
	}
	expect_ok(func_pcvalue_each(&f.rt, &func, 1, collect, &c));
	ck_assert_uint_eq(c.steps, STEPS);
	ck_assert_uint_eq(c.end, STEPS * 3);
	ck_assert_int_eq(c.sum, (int64_t)STEPS * (STEPS + 1) / 2);

	/* Its end is missing: the pctab's is the end of it. */
	fake_slice(&f, at(&l->moduledata.pctab), table, 1 + 2 * STEPS);
	fake_load(&f);
	func = find(entries[0]);
	expect_error(
		func_pcvalue(&f.rt, &func, 1, func.entry + STEPS * 3, &value),
		ERR_FORMAT, "pctab");
}
END_TEST

/* ---- modules ------------------------------------------------------------- */

/* A second module with a text and types of its own, and no functions. */
static uint64_t add_module(uint64_t text, uint64_t types)
{
	const struct layout *l = &f.rt.layout;
	uint64_t module = fake_new(&f, l->moduledata.struct_size);

	fake_slice(&f, module + l->moduledata.ftab.offset,
		   fake_new(&f, 2 * l->functab.struct_size), 2);
	fake_set(&f, module, &l->moduledata.text, text);
	fake_set(&f, module, &l->moduledata.minpc, text);
	fake_set(&f, module, &l->moduledata.maxpc, text + 0x100);
	fake_set(&f, module, &l->moduledata.types, types);
	fake_set(&f, module, &l->moduledata.etypes, types + 0x100);
	return module;
}

START_TEST(a_chain_of_modules)
{
	const struct layout *l = &f.rt.layout;
	uint64_t bad = add_module(0x2000000, 0x3000000);
	uint64_t second = add_module(0x800000, 0x900000);

	fake_set(&f, bad, &l->moduledata.bad, 1);
	fake_set(&f, l->var.firstmoduledata.addr, &l->moduledata.next, bad);
	fake_set(&f, bad, &l->moduledata.next, second);
	fake_load(&f);
	const struct module *list = f.rt.modules.list.v;
	ck_assert_uint_eq(f.rt.modules.list.len, 2);
	ck_assert_uint_eq(list[0].addr, l->var.firstmoduledata.addr);
	ck_assert_uint_eq(list[1].addr, second);
	ck_assert_ptr_eq(module_of_pc(&f.rt, FAKE_TEXT), &list[0]);
	ck_assert_ptr_eq(module_of_pc(&f.rt, 0x800000), &list[1]);
	ck_assert_ptr_eq(module_of_pc(&f.rt, 0x8000ff), &list[1]);
	ck_assert_ptr_null(module_of_pc(&f.rt, 0x800100));
	ck_assert_ptr_null(module_of_pc(&f.rt, 0x2000000));
	ck_assert_ptr_eq(module_of_type(&f.rt, 0x900000), &list[1]);
	ck_assert_ptr_null(module_of_type(&f.rt, 0x900100));
	ck_assert_ptr_null(module_of_type(&f.rt, 0x3000000));
}
END_TEST

START_TEST(data_segments)
{
	fake_set_data(&f, 24, 5);
	fake_set_bss(&f, 40, 2);
	fake_load(&f);
	const struct module *m = &f.rt.modules.list.v[0];
	ck_assert_uint_eq(m->data.start, FAKE_DATA);
	ck_assert_uint_eq(m->data.end, FAKE_DATA + 24);
	ck_assert_uint_eq(m->data.mask_bits, 3);
	ck_assert_uint_eq(fake_get(&f.target, m->data.mask, 8), 5);
	ck_assert_uint_eq(m->bss.start, FAKE_BSS);
	ck_assert_uint_eq(m->bss.end, FAKE_BSS + 40);
	ck_assert_uint_eq(m->bss.mask_bits, 5);
	ck_assert_uint_eq(fake_get(&f.target, m->bss.mask, 8), 2);
}
END_TEST

/* ---- damage -------------------------------------------------------------- */

/* A word of the main module that makes it no module. */
static void expect_damage(const struct member *m, uint32_t inner,
			  unsigned int width, uint64_t value,
			  const char *message)
{
	uint64_t addr = at(m) + inner;
	uint64_t before = fake_get(&f.target, addr, width);

	fake_put(&f.target, addr, width, value);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, message);
	fake_put(&f.target, addr, width, before);
	fake_load(&f);
}

START_TEST(damaged_modules)
{
	const struct layout *l = &f.rt.layout;
	uint32_t len = l->slice.len.offset;

	fake_set_data(&f, 24, 5);
	expect_damage(&l->moduledata.minpc, 0, 8, ~0ull, "not a moduledata");
	expect_damage(&l->moduledata.types, 0, 8, ~0ull, "not a moduledata");
	expect_damage(&l->moduledata.ftab, len, 8, 1, "not a moduledata");
	expect_damage(&l->moduledata.ftab, len, 8, ~0ull, "elements");
	expect_damage(&l->moduledata.pctab, len, 8, 1ull << 40, "elements");
	expect_damage(&l->moduledata.textsectmap, len, 8, 5000, "elements");
	expect_damage(&l->moduledata.edata, 0, 8, FAKE_DATA - 1,
		      "ends before it starts");
	expect_damage(&l->moduledata.gcdatamask, l->bitvector.n.offset, 4, 4,
		      "a mask of 4 bits for 3 words");
}
END_TEST

START_TEST(endless_modules)
{
	const struct layout *l = &f.rt.layout;
	uint64_t first = l->var.firstmoduledata.addr;

	fake_set(&f, first, &l->moduledata.next, first);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "does not end");
	/* Bad ones count, too. */
	fake_set(&f, first, &l->moduledata.bad, 1);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "does not end");
	fake_set(&f, first, &l->moduledata.next, 0);
	expect_error(runtime_load(&f.rt), ERR_FORMAT, "there is none");
	fake_set(&f, first, &l->moduledata.next, 0x1000);
	expect_error(runtime_load(&f.rt), ERR_FAULT, "reading the modules");
}
END_TEST

START_TEST(damaged_functions)
{
	const struct layout *l = &f.rt.layout;
	uint64_t entry =
		element(&l->moduledata.ftab, 1, l->functab.struct_size);
	uint64_t table = element(&l->moduledata.pclntable, 0, 1);
	cleanup(buf_deinit) struct buf name = {};
	struct func func;

	fake_set(&f, entry, &l->functab.funcoff, 1 << 30);
	fake_load(&f);
	expect_error(func_find(&f.rt, entries[1], &func), ERR_FORMAT,
		     "outside the pclntab");
	expect_function(entries[0], 0);
	/* Without a name, or with one outside the names, it has none. */
	fake_set(&f, table, &l->_func.nameOff, 0);
	fake_load(&f);
	func = find(entries[0]);
	expect_ok(func_name(&f.rt, &func, &name));
	fake_set(&f, table, &l->_func.nameOff, 1 << 30);
	fake_load(&f);
	func = find(entries[0]);
	expect_ok(func_name(&f.rt, &func, &name));
	ck_assert_uint_eq(name.len, 0);
	/* A name that does not end in what can be read. */
	fake_slice(&f, at(&l->moduledata.funcnametab), 0x1000, 100);
	fake_set(&f, table, &l->_func.nameOff, 1);
	fake_load(&f);
	func = find(entries[0]);
	expect_error(func_name(&f.rt, &func, &name), ERR_FAULT, "");
	fake_slice(&f, at(&l->moduledata.ftab), 0x1000, 4);
	fake_load(&f);
	expect_error(func_find(&f.rt, entries[1], &func), ERR_FAULT, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("module");
	TCase *tc = tcase_create("module");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, functions);
	tcase_add_test(tc, members_of_a_function);
	tcase_add_test(tc, a_single_function);
	tcase_add_test(tc, text_sections);
	tcase_add_test(tc, one_text_section);
	tcase_add_test(tc, lines);
	tcase_add_test(tc, unknown_lines);
	tcase_add_test(tc, pc_values);
	tcase_add_test(tc, a_long_pc_table);
	tcase_add_test(tc, a_chain_of_modules);
	tcase_add_test(tc, data_segments);
	tcase_add_test(tc, damaged_modules);
	tcase_add_test(tc, endless_modules);
	tcase_add_test(tc, damaged_functions);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
