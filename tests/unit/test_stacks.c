/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/stacks.h"

#include "dump_encoder.h"
#include "expect.h"
#include "hdcheck/json.h"
#include "hdcheck/objects.h"

#include <jansson.h>
#include <stdlib.h>

static const char sample_text[] = "goroutine 1 [chan receive]:\n"
				  "  runtime.gopark+0x10\n"
				  "  main.main+0x20\n"
				  "\n"
				  "goroutine 2 [syscall]:\n"
				  "  syscall.Syscall+0x1\n";

/* The text of the stacks in the first size bytes of a dump. */
static char *text_of(const struct encoder *e, size_t size)
{
	char *text = NULL;
	size_t text_size = 0;
	FILE *out = open_memstream(&text, &text_size);
	struct dump_file f;

	ck_assert_ptr_nonnull(out);
	dump_file_init(&f, "test", e->v, size);
	expect_ok(stacks_print(&f, out));
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void expect_text(const struct sample_dump *d, const char *want)
{
	cleanup_encoder struct encoder e = { 0 };
	cleanup_free char *text = NULL;

	sample_encode(d, &e);
	text = text_of(&e, e.len);
	ck_assert_str_eq(text, want);
}

START_TEST(test_text)
{
	struct sample_dump d;

	sample_init(&d);
	expect_text(&d, sample_text);
}
END_TEST

/* Running goroutines keep the reason for which they last waited. */
START_TEST(test_reasons)
{
	struct sample_dump d;

	sample_init(&d);
	d.count = S_FRAME;
	d.r[S_GOROUTINE].goroutine.status = 2;
	expect_text(&d, "goroutine 1 [running]:\n");
	d.r[S_GOROUTINE].goroutine.status = 10;
	expect_text(&d, "goroutine 1 [chan receive (leaked)]:\n");
	d.r[S_GOROUTINE].goroutine.wait_reason = STR("");
	expect_text(&d, "goroutine 1 [leaked]:\n");
	d.r[S_GOROUTINE].goroutine.status = 4;
	expect_text(&d, "goroutine 1 [waiting]:\n");
	d.r[S_GOROUTINE].goroutine.status = 99;
	expect_text(&d, "goroutine 1 [?]:\n");
	d.r[S_GOROUTINE].goroutine.status = 4;
	d.r[S_GOROUTINE].goroutine.wait_reason = STR("a\33[2Jb\n");
	expect_text(&d, "goroutine 1 [a?[2Jb?]:\n");
}
END_TEST

/* A fault at the first instruction of a function: its offset is 0. */
START_TEST(test_at_entry)
{
	struct sample_dump d;

	sample_init(&d);
	d.count = S_FRAME2;
	d.r[S_FRAME].frame.pc = d.r[S_FRAME].frame.entry;
	expect_text(&d, "goroutine 1 [chan receive]:\n"
			"  runtime.gopark+0x0\n");
}
END_TEST

/* A frame belongs to the goroutine before it. */
START_TEST(test_stray_frames)
{
	struct sample_dump d;

	sample_init(&d);
	sample_remove(&d, S_GOROUTINE);
	expect_text(&d, "goroutine 2 [syscall]:\n  syscall.Syscall+0x1\n");
}
END_TEST

/* What comes before the damage is shown, wherever the damage is. */
START_TEST(test_truncated)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;
	size_t longest = 0;

	sample_init(&d);
	sample_encode(&d, &e);
	for (size_t size = 0; size < e.len; size++) {
		cleanup_free char *text = text_of(&e, size);
		size_t len = strlen(text);

		ck_assert_uint_ge(len, longest);
		ck_assert_int_eq(strncmp(text, sample_text, len), 0);
		longest = len;
	}
	ck_assert_uint_eq(longest, strlen(sample_text));
}
END_TEST

/* The objects, up to where the dump ends. */
START_TEST(test_objects)
{
	static const char all[] = "0xc000000000 48 0 8\n"
				  "0xc000000030 48 0 8\n"
				  "0xc000002000 16\n"
				  "0xc000004000 640 8\n"
				  "0xc000006000 24576\n";
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;

	sample_init(&d);
	sample_encode(&d, &e);
	for (size_t size = 0; size <= e.len; size += size < 300 ? 1 : 97) {
		cleanup_free char *text = NULL;
		size_t text_size = 0;
		FILE *out = open_memstream(&text, &text_size);
		struct dump_file f;

		ck_assert_ptr_nonnull(out);
		dump_file_init(&f, "test", e.v, size);
		expect_ok(objects_print(&f, out));
		ck_assert_int_eq(fclose(out), 0);
		ck_assert_int_eq(strncmp(text, all, text_size), 0);
		ck_assert(size < e.len - 1000 || text_size == strlen(all));
	}
}
END_TEST

/* The results as JSON, read back. */
static json_t *json_of(const struct dump_file *f, bool stacks)
{
	static const struct verify_options plain = { .max_problems = 20 };
	cleanup_verdict struct verdict v = { 0 };
	cleanup_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	expect_ok(verify(f, &plain, &v));
	expect_ok(json_verdict(&v, "test", stacks ? f : NULL, out));
	ck_assert_int_eq(fclose(out), 0);
	json_t *root = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(root);
	return root;
}

static json_int_t int_of(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text_at(json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "no such string";
}

START_TEST(test_json)
{
	cleanup_encoder struct encoder e = { 0 };
	struct sample_dump d;

	sample_init(&d);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	json_t *root = json_of(&f, true);
	json_t *stacks = json_object_get(root, "stacks");

	ck_assert_uint_eq(json_array_size(stacks), 2);
	json_t *g = json_array_get(stacks, 0);
	json_t *frames = json_object_get(g, "frames");
	ck_assert_int_eq(int_of(g, "goroutine"), 1);
	ck_assert_str_eq(text_at(g, "status"), "waiting");
	ck_assert_str_eq(text_at(g, "wait_reason"), "chan receive");
	ck_assert_uint_eq(json_array_size(frames), 2);
	json_t *frame = json_array_get(frames, 1);
	ck_assert_str_eq(text_at(frame, "function"), "main.main");
	ck_assert_int_eq(int_of(frame, "offset"), 0x20);
	ck_assert_int_eq(int_of(frame, "pc"), 0x403020);
	ck_assert_int_eq(int_of(frame, "sp"),
			 (json_int_t)d.r[S_FRAME2].frame.sp);
	g = json_array_get(stacks, 1);
	ck_assert_str_eq(text_at(g, "status"), "syscall");
	ck_assert_str_eq(text_at(g, "wait_reason"), "");
	ck_assert_uint_eq(json_array_size(json_object_get(g, "frames")), 1);
	json_decref(root);

	root = json_of(&f, false);
	ck_assert_ptr_null(json_object_get(root, "stacks"));
	json_decref(root);
}
END_TEST

/* What a visitor returns ends the walk. */
struct stopper {
	int goroutines, frames;
};

static struct err *count_goroutine(void *arg, const struct goroutine_record *g)
{
	struct stopper *s = arg;

	(void)g;
	s->goroutines++;
	return NULL;
}

static struct err *stop_at_frame(void *arg, const struct stack_frame_record *f)
{
	struct stopper *s = arg;

	(void)f;
	s->frames++;
	return err_new(ERR_FORMAT, "enough");
}

START_TEST(test_visitor_fails)
{
	static const struct stacks_visitor visitor = { count_goroutine,
						       stop_at_frame };
	cleanup_encoder struct encoder e = { 0 };
	struct stopper s = { 0 };
	struct sample_dump d;

	sample_init(&d);
	sample_encode(&d, &e);
	struct dump_file f = encoder_file(&e);
	expect_error(stacks_each(&f, &visitor, &s), ERR_FORMAT, "enough");
	ck_assert_int_eq(s.goroutines, 1);
	ck_assert_int_eq(s.frames, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stacks");
	TCase *tcase = tcase_create("stacks");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_reasons);
	tcase_add_test(tcase, test_at_entry);
	tcase_add_test(tcase, test_stray_frames);
	tcase_add_test(tcase, test_truncated);
	tcase_add_test(tcase, test_objects);
	tcase_add_test(tcase, test_json);
	tcase_add_test(tcase, test_visitor_fails);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
