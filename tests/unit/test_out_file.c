/* SPDX-License-Identifier: Apache-2.0 */
/* The file an output goes to: src/output/out_file.c. */
#include "expect.h"

#include "base/bits.h"
#include "output/out_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test works in a folder of its own, which is empty at first. */
static char folder[64];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_out_file.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

/* Number of entries of the folder; the last one's name. */
static int entries(char name[256])
{
	cleanup_closedir DIR *dir = opendir(".");
	struct dirent *d;
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		snprintf(name, 256, "%s", d->d_name);
		n++;
	}
	return n;
}

static void teardown(void)
{
	char name[256];

	while (entries(name))
		ck_assert_int_eq(remove(name), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put_file(const char *path, const char *text)
{
	cleanup_fclose FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
}

static void expect_file(const char *path, const char *text)
{
	cleanup_fclose FILE *f = fopen(path, "r");
	char buf[256] = "";

	ck_assert_msg(f != NULL, "no file %s", path);
	ck_assert_uint_eq(fread(buf, 1, sizeof(buf) - 1, f), strlen(text));
	ck_assert_str_eq(buf, text);
}

static struct out_file *create(const char *path, bool force)
{
	struct out_file *f;

	expect_ok(out_file_create(path, force, &f));
	return f;
}

static void expect_entries(int n)
{
	char name[256];

	ck_assert_int_eq(entries(name), n);
}

/* ---- regular files ------------------------------------------------------- */

/* From here on open() finds a file system that has no files without a name. */
static void forbid_unnamed(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY,
			 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
			 0);
	ck_assert_int_lt(open(".", O_TMPFILE | O_WRONLY, 0600), 0);
}

static void setup_named(void)
{
	setup();
	forbid_unnamed();
}

/* Until it is whole it has no name or, where every file has one, another; then
 * this one, and it is private. */
START_TEST(a_new_file)
{
	struct out_file *f;
	struct stat st;
	char name[256];
	bool named;

	named = open(".", O_TMPFILE | O_WRONLY, 0600) < 0;
	umask(0);
	f = create("dump", false);
	ck_assert_str_eq(out_file_path(f), "dump");
	ck_assert(!out_file_streamed(f));
	ck_assert_int_eq(entries(name), named);
	if (named) {
		ck_assert_int_eq(name[0], '.');
		ck_assert_ptr_nonnull(strstr(name, "dump"));
		ck_assert_ptr_nonnull(strstr(name, ".part"));
		ck_assert_int_eq(stat(name, &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0600);
	}
	expect_ok(out_file_write(f, "12345", 5));
	expect_ok(out_file_write(f, "", 0));
	expect_ok(out_file_write(f, "67", 2));
	ck_assert_uint_eq(out_file_bytes(f), 7);
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_entries(1);
	expect_file("dump", "1234567");
	ck_assert_int_eq(stat("dump", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(an_empty_file)
{
	struct out_file *f = create("./dump", false);

	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("dump", "");
}
END_TEST

/* More than is held back, in parts that divide nothing. */
START_TEST(a_large_file)
{
	enum { PARTS = 3000, PART = 1013 };
	struct out_file *f = create("dump", false);
	uint8_t part[PART], got[PART];

	for (int i = 0; i < PARTS; i++) {
		memset(part, i, sizeof(part));
		expect_ok(out_file_write(f, part, sizeof(part)));
	}
	ck_assert_uint_eq(out_file_bytes(f), PARTS * PART);
	expect_ok(out_file_commit(f));
	out_file_close(f);
	cleanup_fclose FILE *in = fopen("dump", "r");
	ck_assert_ptr_nonnull(in);
	for (int i = 0; i < PARTS; i++) {
		memset(part, i, sizeof(part));
		ck_assert_uint_eq(fread(got, 1, PART, in), PART);
		ck_assert(!memcmp(got, part, PART));
	}
	ck_assert_int_eq(fgetc(in), EOF);
}
END_TEST

START_TEST(nothing_without_commit)
{
	struct out_file *f = create("dump", false);

	expect_ok(out_file_write(f, "12345", 5));
	out_file_close(f);
	expect_entries(0);
	out_file_close(NULL);
}
END_TEST

/* No more space is kept than what is needed. */
START_TEST(space)
{
	struct out_file *f = create("dump", false);
	cleanup_free char *data = calloc(3, 1 << 20);
	struct stat st;

	ck_assert_ptr_nonnull(data);
	expect_ok(out_file_write(f, "x", 1));
	expect_ok(out_file_write(f, data, 3 << 20));
	expect_ok(out_file_write(f, "y", 1));
	expect_ok(out_file_commit(f));
	out_file_close(f);
	ck_assert_int_eq(stat("dump", &st), 0);
	ck_assert_int_eq(st.st_size, (3 << 20) + 2);
	ck_assert_int_le(st.st_blocks * 512, 4 << 20);
}
END_TEST

/* Killed in the middle: nothing stays that has no name. */
START_TEST(killed)
{
	int fd = open(".", O_TMPFILE | O_WRONLY, 0600), status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		struct out_file *f = create("dump", false);

		expect_ok(out_file_write(f, "12345", 5));
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_entries(fd < 0);
}
END_TEST

START_TEST(an_existing_file)
{
	struct out_file *f;

	put_file("dump", "old");
	expect_hint(out_file_create("dump", false, &f), ERR_EXISTS,
		    "dump exists", "--force");
	expect_file("dump", "old");
	expect_entries(1);
}
END_TEST

START_TEST(force)
{
	struct out_file *f;

	put_file("dump", "old");
	ck_assert_int_eq(chmod("dump", 0644), 0);
	f = create("dump", true);
	expect_ok(out_file_write(f, "new", 3));
	expect_file("dump", "old");
	out_file_close(f);
	expect_file("dump", "old"); /* kept, when nothing comes of it */
	f = create("dump", true);
	expect_ok(out_file_write(f, "new", 3));
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("dump", "new");
	expect_entries(1);
	struct stat st;
	ck_assert_int_eq(stat("dump", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* Somebody else makes a file of that name while ours is being written. */
START_TEST(a_file_appears_meanwhile)
{
	struct out_file *f = create("dump", false);

	expect_ok(out_file_write(f, "ours", 4));
	put_file("dump", "theirs");
	expect_error(out_file_commit(f), ERR_EXISTS, "has come to exist");
	expect_file("dump", "theirs");
	out_file_close(f);
	expect_file("dump", "theirs");
	expect_entries(1);

	ck_assert_int_eq(unlink("dump"), 0);
	f = create("dump", true);
	expect_ok(out_file_write(f, "ours", 4));
	put_file("dump", "theirs");
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("dump", "ours");
	expect_entries(1);
}
END_TEST

START_TEST(two_of_one_name)
{
	struct out_file *a = create("dump", false);
	struct out_file *b = create("dump", false);

	expect_ok(out_file_write(a, "a", 1));
	expect_ok(out_file_write(b, "b", 1));
	expect_ok(out_file_commit(a));
	expect_error(out_file_commit(b), ERR_EXISTS, "has come to exist");
	out_file_close(a);
	out_file_close(b);
	expect_file("dump", "a");
	expect_entries(1);
}
END_TEST

START_TEST(folders)
{
	struct out_file *f;

	ck_assert_int_eq(mkdir("sub", 0700), 0);
	expect_error(out_file_create("sub", true, &f), ERR_OS, "sub");
	expect_error(out_file_create("none/dump", false, &f), ERR_OS,
		     "can't create a file in none/");
	f = create("sub/dump", false);
	expect_ok(out_file_write(f, "x", 1));
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("sub/dump", "x");
	ck_assert_int_eq(unlink("sub/dump"), 0);
	/* One that goes while the file is being written. */
	f = create("sub/dump", false);
	ck_assert_int_eq(rename("sub", "moved"), 0);
	expect_error(out_file_commit(f), ERR_OS, "naming it sub/dump");
	ck_assert_int_eq(rename("moved", "sub"), 0);
	out_file_close(f);
	ck_assert_int_eq(rmdir("sub"), 0);
}
END_TEST

/* The file system refuses more: nothing stays. */
START_TEST(a_failed_write)
{
	const struct rlimit limit = { 1 << 20, 1 << 20 };
	struct out_file *f = create("dump", false);
	cleanup_free char *data = calloc(3, 1 << 20);

	ck_assert_ptr_nonnull(data);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	struct err *e = out_file_write(f, data, 3 << 20);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->errnum, EFBIG);
	expect_error(e, ERR_OS, "writing dump");
	out_file_close(f);
	expect_entries(0);
}
END_TEST

/* The last byte that is allowed fits, one more does not. */
START_TEST(a_limit)
{
	struct out_file *f = create("dump", false);

	ck_assert_uint_gt(out_file_room(f), 0);
	out_file_limit(f, 10);
	expect_ok(out_file_write(f, "123456", 6));
	expect_error(out_file_write(f, "78901", 5), ERR_LIMIT, "size allowed");
	expect_ok(out_file_write(f, "7890", 4));
	expect_error(out_file_write(f, "1", 1), ERR_LIMIT, "size allowed");
	expect_ok(out_file_write(f, "", 0));
	ck_assert_uint_eq(out_file_bytes(f), 10);
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("dump", "1234567890");
}
END_TEST

START_TEST(compressed)
{
	const struct compression_choice gzip = { COMPRESS_GZIP, 0 };
	struct out_file *f = create("dump.gz", false);
	cleanup_free char *data = calloc(1, 3 << 20);
	struct stat st;

	ck_assert_ptr_nonnull(data);
	expect_ok(out_file_compress(f, gzip));
	expect_ok(out_file_write(f, data, 3 << 20));
	expect_ok(out_file_commit(f));
	ck_assert_int_eq(stat("dump.gz", &st), 0);
	ck_assert_uint_eq(out_file_bytes(f), (uint64_t)st.st_size);
	ck_assert_int_lt(st.st_size, 1 << 20);
	out_file_close(f);
}
END_TEST

/* ---- symbolic links ------------------------------------------------------ */

/* What a link leads to is never written to. */
START_TEST(a_link_to_a_file)
{
	struct out_file *f;
	struct stat st;

	put_file("precious", "old");
	ck_assert_int_eq(symlink("precious", "dump"), 0);
	expect_error(out_file_create("dump", false, &f), ERR_EXISTS, "exists");
	f = create("dump", true);
	expect_ok(out_file_write(f, "new", 3));
	expect_ok(out_file_commit(f));
	out_file_close(f);
	expect_file("precious", "old");
	expect_file("dump", "new");
	ck_assert_int_eq(lstat("dump", &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_link_to_nothing)
{
	struct out_file *f;

	ck_assert_int_eq(symlink("nothing", "dump"), 0);
	f = create("dump", false);
	expect_ok(out_file_write(f, "new", 3));
	expect_error(out_file_commit(f), ERR_EXISTS, "has come to exist");
	out_file_close(f);
	expect_entries(1);
	ck_assert_int_ne(access("nothing", F_OK), 0);
}
END_TEST

/* ---- what is streamed to ------------------------------------------------- */

/* Reads all that there is. */
static void expect_pipe(int fd, const char *text)
{
	char buf[64] = "";

	ck_assert_int_eq(read(fd, buf, sizeof(buf) - 1), (ssize_t)strlen(text));
	ck_assert_str_eq(buf, text);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 0);
}

/* A named pipe, straight or by a link; --force does not replace it. */
START_TEST(a_named_pipe)
{
	static const char *const names[] = { "pipe", "link" };
	struct stat st;

	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_eq(symlink("pipe", "link"), 0);
	for (int i = 0; i < 2; i++) {
		cleanup_close int in = open("pipe", O_RDONLY | O_NONBLOCK);
		struct out_file *f;

		ck_assert_int_ge(in, 0);
		f = create(names[i], i == 1);
		ck_assert(out_file_streamed(f));
		expect_ok(out_file_write(f, "stream", 6));
		expect_ok(out_file_commit(f));
		out_file_close(f);
		expect_pipe(in, "stream");
	}
	expect_entries(2);
	ck_assert_int_eq(lstat("pipe", &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

/* Nobody reads any more. */
START_TEST(a_broken_pipe)
{
	int in;
	struct out_file *f;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	in = open("pipe", O_RDONLY | O_NONBLOCK);
	f = create("pipe", false);
	close(in);
	expect_ok(out_file_write(f, "stream", 6));
	struct err *e = out_file_commit(f);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->errnum, EPIPE);
	expect_error(e, ERR_OS, "writing pipe");
	out_file_close(f);
}
END_TEST

/* A device that is full, at once and at the end. */
START_TEST(a_full_device)
{
	cleanup_free char *data = calloc(2, 1 << 20);
	struct out_file *f = create("/dev/full", false);

	ck_assert_ptr_nonnull(data);
	ck_assert(out_file_streamed(f));
	expect_error(out_file_write(f, data, 2 << 20), ERR_OS, "/dev/full");
	out_file_close(f);
	f = create("/dev/full", true);
	expect_ok(out_file_write(f, data, 100));
	struct err *e = out_file_commit(f);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->errnum, ENOSPC);
	err_free(e);
	out_file_close(f);
}
END_TEST

/* Standard output stays open, for what comes behind it. */
START_TEST(standard_output)
{
	int fds[2], saved = dup(STDOUT_FILENO);
	struct out_file *f;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ge(dup2(fds[1], STDOUT_FILENO), 0);
	close(fds[1]);
	f = create("-", false);
	ck_assert(out_file_streamed(f));
	ck_assert_str_eq(out_file_path(f), "standard output");
	expect_ok(out_file_write(f, "dump", 4));
	expect_ok(out_file_commit(f));
	out_file_close(f);
	ck_assert_int_eq(write(STDOUT_FILENO, "!", 1), 1);
	ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
	close(saved);
	expect_pipe(fds[0], "dump!");
	close(fds[0]);
}
END_TEST

START_TEST(a_terminal)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	int saved = dup(STDOUT_FILENO);
	struct out_file *f;

	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		return; /* none to be had here */
	int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_ge(dup2(slave, STDOUT_FILENO), 0);
	struct err *e = out_file_create("-", true, &f);
	ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
	expect_hint(e, ERR_USAGE, "binary", "redirect");
	close(saved);
	close(slave);
	close(terminal);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("out_file");
	TCase *tc = tcase_create("out_file");
	TCase *named = tcase_create("out_file_named");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_file);
	tcase_add_test(tc, an_empty_file);
	tcase_add_test(tc, a_large_file);
	tcase_add_test(tc, space);
	tcase_add_test(tc, nothing_without_commit);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, an_existing_file);
	tcase_add_test(tc, force);
	tcase_add_test(tc, a_file_appears_meanwhile);
	tcase_add_test(tc, two_of_one_name);
	tcase_add_test(tc, folders);
	tcase_add_test(tc, a_failed_write);
	tcase_add_test(tc, a_limit);
	tcase_add_test(tc, compressed);
	tcase_add_test(tc, a_link_to_a_file);
	tcase_add_test(tc, a_link_to_nothing);
	tcase_add_test(tc, a_named_pipe);
	tcase_add_test(tc, a_broken_pipe);
	tcase_add_test(tc, a_full_device);
	tcase_add_test(tc, standard_output);
	tcase_add_test(tc, a_terminal);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(named, setup_named, teardown);
	tcase_add_test(named, a_new_file);
	tcase_add_test(named, nothing_without_commit);
	tcase_add_test(named, killed);
	tcase_add_test(named, force);
	tcase_add_test(named, a_file_appears_meanwhile);
	tcase_add_test(named, two_of_one_name);
	tcase_add_test(named, a_failed_write);
	tcase_add_test(named, a_link_to_a_file);
	suite_add_tcase(suite, named);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
