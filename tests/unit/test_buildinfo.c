/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/buildinfo.h"
#include "tests/unit/elf_image.h"
#include "tests/unit/expect.h"

/* cmd/go/internal/modload: infoStart, infoEnd */
#define INFO_START                                                             \
	"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
#define INFO_END                                                               \
	"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"

#define MOD "path\tx\nmod\tx\t(devel)\t\nbuild\tGOOS=linux\n"

/* The contents of .go.buildinfo: version, and mod if there is one, framed. */
static struct buf blob(const char *version, const char *mod)
{
	struct buf b = {};

	put_bytes(&b, "\xff Go buildinf:\x08\x02", 16);
	put_int(&b, 0, 8);
	put_int(&b, 0, 8);
	put_uleb(&b, strlen(version));
	put_bytes(&b, version, strlen(version));
	if (!mod) {
		put_uleb(&b, 0);
		return b;
	}
	put_uleb(&b, strlen(mod) + 32);
	put_bytes(&b, INFO_START, 16);
	put_bytes(&b, mod, strlen(mod));
	put_bytes(&b, INFO_END, 16);
	return b;
}

/* Reads the build information of a file whose section has these bytes. */
static struct err *read_section(const char *name, uint32_t type,
				const void *data, size_t size,
				struct buildinfo *out)
{
	const struct image_section section = {
		.name = name, .type = type, .data = data, .size = size
	};
	const struct image image = { .type = ET_EXEC,
				     .sections = &section,
				     .section_count = 1 };
	cleanup_elf_file struct elf_file *f = NULL;
	struct buf bytes = image_bytes(&image);
	const char *path = scratch_write("go", bytes.v, bytes.len);

	buf_deinit(&bytes);
	TRY(elf_file_open(path, &f));
	return buildinfo_read(f, out);
}

static struct err *read_blob(const void *data, size_t size,
			     struct buildinfo *out)
{
	return read_section(".go.buildinfo", SHT_PROGBITS, data, size, out);
}

static void check_strings(const char *version, const char *mod,
			  const char *want_mod)
{
	struct buf b = blob(version, mod);
	struct buildinfo info;

	expect_ok(read_blob(b.v, b.len, &info));
	ck_assert_str_eq(info.go_version, version);
	ck_assert_str_eq(info.mod, want_mod);
	buildinfo_deinit(&info);
	ck_assert_ptr_null(info.go_version);
	buf_deinit(&b);
}

START_TEST(strings)
{
	check_strings("go1.24.11", MOD, MOD);
	check_strings("go1.25.5 X:nogreenteagc", MOD, MOD);
	check_strings("go1.21.13", NULL, "");
	/* Without the line end before the frame's end it is no module text. */
	check_strings("go1.21.13", "path", "");
}
END_TEST

START_TEST(header_not_first)
{
	struct buf b = blob("go1.22.0", MOD), moved = {};
	struct buildinfo info;

	put_int(&moved, 0, 8);
	put_int(&moved, 0, 8);
	put_bytes(&moved, b.v, b.len);
	expect_ok(read_blob(moved.v, moved.len, &info));
	ck_assert_str_eq(info.go_version, "go1.22.0");
	buildinfo_deinit(&info);
	buf_deinit(&moved);
	buf_deinit(&b);
}
END_TEST

START_TEST(not_go)
{
	struct buf b = blob("go1.22.0", MOD);
	struct buildinfo info;

	expect_error(read_section(".data", SHT_PROGBITS, b.v, b.len, &info),
		     ERR_NOT_GO, "");
	expect_error(
		read_section(".go.buildinfo", SHT_NOBITS, NULL, b.len, &info),
		ERR_NOT_GO, "");
	b.v[0] = 0;
	expect_error(read_blob(b.v, b.len, &info), ERR_NOT_GO, "");
	buf_deinit(&b);
}
END_TEST

START_TEST(pointers_before_go118)
{
	struct buf b = blob("go1.17", NULL);
	struct buildinfo info;

	b.v[15] = 0;
	expect_error(read_blob(b.v, b.len, &info), ERR_UNSUPPORTED, "1.18");
	buf_deinit(&b);
}
END_TEST

START_TEST(damaged)
{
	struct buf nul = blob("go1.22.0", "a\nb\n"), none = blob("", NULL);
	struct buildinfo info;

	expect_error(read_blob(none.v, none.len, &info), ERR_FORMAT,
		     "no version");
	/* The version begins at 33, the module's text at 42 + 16. */
	nul.v[59] = 0;
	expect_error(read_blob(nul.v, nul.len, &info), ERR_FORMAT, "NUL");
	nul.v[35] = 0;
	expect_error(read_blob(nul.v, nul.len, &info), ERR_FORMAT, "NUL");
	/* A length that wraps. */
	memset(nul.v + 32, 0xff, 9);
	nul.v[41] = 1;
	expect_error(read_blob(nul.v, nul.len, &info), ERR_FORMAT,
		     "ends early");
	buf_deinit(&none);
	buf_deinit(&nul);
}
END_TEST

START_TEST(truncated)
{
	struct buf b = blob("go1.22.0", MOD);
	struct buildinfo info;

	for (size_t size = 0; size < b.len; size++)
		expect_error(read_blob(b.v, size, &info),
			     size < 32 ? ERR_NOT_GO : ERR_FORMAT, "");
	expect_ok(read_blob(b.v, b.len, &info));
	buildinfo_deinit(&info);
	buf_deinit(&b);
}
END_TEST

/* Any byte changed: what comes out are strings, or an error. */
START_TEST(flipped)
{
	struct buf b = blob("go1.22.0", MOD);

	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		uint8_t mask = (uint8_t)(1u << (bit % 8));
		struct buildinfo info;

		b.v[bit / 8] ^= mask;
		struct err *e = read_blob(b.v, b.len, &info);
		b.v[bit / 8] ^= mask;
		if (!e) {
			ck_assert_uint_le(strlen(info.go_version), b.len);
			ck_assert_uint_le(strlen(info.mod), b.len);
			buildinfo_deinit(&info);
			continue;
		}
		ck_assert(e->code == ERR_FORMAT || e->code == ERR_NOT_GO ||
			  e->code == ERR_UNSUPPORTED);
		err_free(e);
	}
	buf_deinit(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buildinfo");
	TCase *tc = tcase_create("buildinfo");

	tcase_add_test(tc, strings);
	tcase_add_test(tc, header_not_first);
	tcase_add_test(tc, not_go);
	tcase_add_test(tc, pointers_before_go118);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, flipped);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
