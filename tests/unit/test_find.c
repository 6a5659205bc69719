/* SPDX-License-Identifier: Apache-2.0 */
/* What hdcheck --find shows: src/hdcheck/find.c. */
#include "hdcheck/find.h"

#include "dump_encoder.h"
#include "expect.h"

#include <stdlib.h>

static struct sample_dump d;

/* What is shown of one address. */
static char *find(uint64_t addr)
{
	cleanup_encoder struct encoder e = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_ok(find_print(&f, &addr, 1, out));
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void expect_find(uint64_t addr, const char *want)
{
	cleanup_free char *text = find(addr);

	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
}

static void setup(void)
{
	sample_init(&d);
}

/* An OtherRoot leads to the first node, and that to the second one. */
START_TEST(reached)
{
	uint64_t node = d.r[S_NODE].memory.addr;
	uint64_t second = d.r[S_NODE2].memory.addr;

	sample_remove(&d, S_QUEUED2); /* it leads to the second one, too */
	expect_find(node, "of 48 bytes, reached\n");
	expect_find(node + 47, "of 48 bytes, reached\n");
	expect_find(second + 8, "of 48 bytes, reached\n");
	expect_find(node, "2 of 5 objects reached\n");
	d.r[S_ROOT].other_root.pointer = 0;
	expect_find(node, "of 48 bytes, not reached\n");
	expect_find(second, "of 48 bytes, not reached\n");
	expect_find(node, "0 of 5 objects reached\n");
}
END_TEST

/* Every other kind of root in turn, to the same object. */
START_TEST(roots)
{
	uint64_t header = d.r[S_HEADER].memory.addr;

	expect_find(header, "not reached");
	memcpy(d.data + 24, &header, 8);
	expect_find(header, "640 bytes, reached");
	memset(d.data, 0, sizeof(d.data));
	memcpy(d.bss + 8, &header, 8);
	expect_find(header, "640 bytes, reached");
	memcpy(d.bss + 16, &header, 8);
	memset(d.bss + 8, 0, 8); /* a word that is no pointer stays */
	expect_find(header, "not reached");
	d.frame[2] = header + 8;
	expect_find(header, "640 bytes, reached");
	d.frame[2] = 0;
	d.r[S_GOROUTINE].goroutine.ctxt = header;
	expect_find(header, "640 bytes, reached");
	d.r[S_GOROUTINE].goroutine.ctxt = 0;
	d.r[S_DEFER].defer.fn = header;
	expect_find(header, "640 bytes, reached");
	d.r[S_DEFER].defer.fn = 0;
	d.r[S_PANIC].panic.arg_data = header;
	expect_find(header, "640 bytes, reached");
	d.r[S_PANIC].panic.arg_data = 0;
	d.r[S_QUEUED].finalizer.fn = header;
	expect_find(header, "640 bytes, reached");
	d.r[S_QUEUED].finalizer.fn = 0x404000;
	/* One that is set is none. */
	d.r[S_FINALIZER].finalizer.fn = header;
	expect_find(header, "not reached");
}
END_TEST

START_TEST(other_memory)
{
	expect_find(SAMPLE_DATA + SAMPLE_SEGMENT - 1,
		    "in Data 0x555555600000 of 512 bytes\n");
	expect_find(SAMPLE_BSS, "in BSS 0x555555700000 of 512 bytes\n");
	expect_find(SAMPLE_STACK + 40,
		    "in StackFrame 0xc000010020 of 48 bytes (main.main)\n");
	expect_find(SAMPLE_DATA + SAMPLE_SEGMENT, ": nowhere\n");
	expect_find(0, "0: nowhere\n");
}
END_TEST

START_TEST(no_parameters)
{
	cleanup_encoder struct encoder e = { 0 };

	sample_remove(&d, S_PARAMS);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_error(find_print(&f, NULL, 0, stdout), ERR_FORMAT,
		     "no parameters");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("find");
	TCase *tc = tcase_create("find");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, reached);
	tcase_add_test(tc, roots);
	tcase_add_test(tc, other_memory);
	tcase_add_test(tc, no_parameters);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
