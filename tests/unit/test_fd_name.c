/* SPDX-License-Identifier: Apache-2.0 */
/* What file descriptors are: src/target/fd_name.c. */
#include "expect.h"

#include "target/fd_name.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char tcp[] =
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
	"retrnsmt   uid  timeout inode\n"
	"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
	"00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n"
	"   1: 0100007F:0050 0200007F:C350 01 00000000:00000000 00:00000000 "
	"00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1\n";

static const char tcp6[] =
	"   0: 00000000000000000000000001000000:0016 "
	"00000000000000000000000000000000:0000 0A 00000000:00000000 "
	"00:00000000 00000000     0        0 4713 1 0000000000000000 100 0\n";

static const char local[] =
	"Num       RefCount Protocol Flags    Type St Inode Path\n"
	"0000000000000000: 00000002 00000000 00010000 0001 01 4714 /run/s ock\n"
	"0000000000000000: 00000003 00000000 00000000 0001 03 4715\n";

static void expect_name(const char *kind, const char *table, uint64_t inode,
			const char *text)
{
	struct buf out = {};
	bool found;

	expect_ok(fd_name_of_socket(kind, table, inode, &out, &found));
	ck_assert(found == (*text != 0));
	ck_assert_msg(
		out.len == strlen(text) &&
			!memcmp(out.v ? (char *)out.v : "", text, out.len),
		"%.*s instead of %s", (int)out.len, (char *)out.v, text);
	buf_deinit(&out);
}

START_TEST(sockets)
{
	expect_name("tcp", tcp, 4711, " (tcp 127.0.0.1:8080)");
	expect_name("tcp", tcp, 4712, " (tcp 127.0.0.1:80 to 127.0.0.2:50000)");
	expect_name("tcp", tcp, 1, "");
	expect_name("tcp6", tcp6, 4713, " (tcp6 [::1]:22)");
	expect_name("unix", local, 4714, " (unix /run/s ock)");
	expect_name("unix", local, 4715, " (unix)");
	expect_name("unix", "", 4715, "");
	expect_name("tcp", "0: x:1 y:2 0 0 0 0 0 0 5\n", 5, " (tcp ? to ?)");
}
END_TEST

static bool says(const struct target *t, int fd, const char *text)
{
	struct buf out = {};

	expect_ok(fd_name_append(t, fd, &out));
	expect_ok(buf_append(&out, "", 1));
	bool same = !strncmp((char *)out.v, text, strlen(text)) &&
		    (*text || out.len == 1);
	buf_deinit(&out);
	return same;
}

/* Our own; of a core, nothing is known. */
START_TEST(our_own)
{
	char root[] = "/";
	struct target t = { .pid = getpid(), .root_path = root };
	int file = open("/dev/null", O_RDONLY), pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(says(&t, file, " (/dev/null)"));
	ck_assert(says(&t, pair[0], " (unix)"));
	ck_assert(says(&t, 12345, ""));
	t.root_path = NULL;
	ck_assert(says(&t, file, ""));
	close(file);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd name");
	TCase *tc = tcase_create("fd name");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sockets);
	tcase_add_test(tc, our_own);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
