/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of /proc: src/target/procfs.c, maps.c. */
#include "expect.h"

#include "target/maps.h"
#include "target/procfs.h"

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- status ---------------------------------------------------------------
 */

static const char status_text[] = "Name:\tmy server)\\n\n"
				  "Umask:\t0022\n"
				  "State:\tS (sleeping)\n"
				  "Tgid:\t4711\n"
				  "Ngid:\t0\n"
				  "Pid:\t4712\n"
				  "PPid:\t1\n"
				  "TracerPid:\t99\n"
				  "Uid:\t1000\t1001\t1002\t1003\n"
				  "Gid:\t100\t101\t102\t103\n"
				  "FDSize:\t64\n"
				  "Groups:\t \n"
				  "NStgid:\t4711\t20\t1\n"
				  "NSpid:\t4712\t21\t2\n"
				  "NSpgid:\t4711\t20\t1\n"
				  "VmPeak:\t    2736 kB\n"
				  "CoreDumping:\t1\n"
				  "Threads:\t17\n"
				  "SigQ:\t0/128\n"
				  "CapInh:\t0000000000000000\n"
				  "CapPrm:\t000001ffffffffff\n"
				  "CapEff:\t0000000000080000\n"
				  "Seccomp:\t2\n"
				  "Seccomp_filters:\t7\n";

START_TEST(status_is_parsed)
{
	struct proc_status s;

	expect_ok(proc_status_parse(status_text, &s));
	ck_assert_str_eq(s.name, "my server)\\n");
	ck_assert_int_eq(s.state, 'S');
	ck_assert_int_eq(s.tgid, 4711);
	ck_assert_int_eq(s.ppid, 1);
	ck_assert_int_eq(s.tracer, 99);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(s.uid[i], 1000 + i);
		ck_assert_uint_eq(s.gid[i], 100 + i);
	}
	ck_assert_uint_eq(s.threads, 17);
	ck_assert_uint_eq(s.ns_depth, 3);
	ck_assert_int_eq(s.ns_pid, 2);
	ck_assert_uint_eq(s.cap_eff, 0x80000);
	ck_assert_uint_eq(s.cap_prm, 0x1ffffffffff);
	ck_assert_int_eq(s.seccomp, 2);
	ck_assert(s.core_dumping);
}
END_TEST

/* What older kernels don't tell has a meaning all the same. */
START_TEST(status_of_an_old_kernel)
{
	struct proc_status s;

	expect_ok(proc_status_parse("Name:\tx\nState:\tZ (zombie)\nTgid:\t5\n"
				    "Pid:\t6\nPPid:\t1\nTracerPid:\t0\n"
				    "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n",
				    &s));
	ck_assert_int_eq(s.state, 'Z');
	ck_assert_uint_eq(s.ns_depth, 1);
	ck_assert_int_eq(s.ns_pid, 6);
	ck_assert_uint_eq(s.threads, 1);
	ck_assert_int_eq(s.seccomp, 0);
	ck_assert(!s.core_dumping);
}
END_TEST

START_TEST(long_names_are_cut)
{
	struct proc_status s;
	char text[400];

	snprintf(text, sizeof(text),
		 "Name:\t%0100d\nState:\tR\nTgid:\t5\nUid:\t1\t2\t3\t4\n"
		 "Gid:\t1\t2\t3\t4\n",
		 0);
	expect_ok(proc_status_parse(text, &s));
	ck_assert_uint_eq(strlen(s.name), sizeof(s.name) - 1);
	ck_assert_int_eq(s.tgid, 5);
}
END_TEST

/* Cut off anywhere, it is an error or says nothing false: no overrun. */
START_TEST(status_cut_off)
{
	size_t size = sizeof(status_text) - 1;
	const char *gid = strstr(status_text, "103");

	for (size_t n = 0; n <= size; n++) {
		char *text = strndup(status_text, n);
		struct proc_status s = { .tgid = -1 };
		struct err *e = proc_status_parse(text, &s);

		if (n < (size_t)(gid - status_text) - 4)
			ck_assert_msg(e != NULL, "%zu bytes", n);
		ck_assert(e ? s.tgid == -1 : s.tgid == 4711);
		err_free(e);
		free(text);
	}
}
END_TEST

START_TEST(status_is_damaged)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"Name:",
		"Name:\tx\nState:\nTgid:\t1\nUid:\t0\t0\t0\nGid:\t0\t0\t0\n",
		"Name:\tx\nState:\tR\nTgid:\t0\nUid:\t0\t0\t0\nGid:\t0\t0\t0\n",
		"Name:\tx\nState:\tR\nTgid:\tx\nUid:\t0\t0\t0\nGid:\t0\t0\t0\n",
		"Name:\tx\nState:\tR\nTgid:\t1\nUid:\t0\t0\nGid:\t0\t0\t0\n",
		"Name:\tx\nState:\tR\nTgid:\t1\nUid:\t0\t0\t0\nGid:\t0\t-1\n",
		"XName:\tx\nState:\tR\nTgid:\t1\nUid:\t0\t0\t0\nGid:\t0\t0\t0",
	};
	struct proc_status s;

	expect_error(proc_status_parse(texts[_i], &s), ERR_FORMAT, "");
}
END_TEST

/* ---- stat -----------------------------------------------------------------
 */

#define STAT_TAIL                                                              \
	" S 1 10 10 0 -1 4194560 100 0 0 0 5 6 0 0 20 0 17 0 123456 2801664 "  \
	"231 18446744073709551615 94100000001 94100000002 140720000003 0 0"

START_TEST(stat_is_parsed)
{
	struct proc_stat s;

	/* A name may look like the rest. */
	expect_ok(proc_stat_parse("10 (a) Z 1 (b)" STAT_TAIL, &s));
	ck_assert_int_eq(s.state, 'S');
	ck_assert_uint_eq(s.flags, 4194560);
	ck_assert(!(s.flags & PROC_KERNEL_THREAD));
	ck_assert_uint_eq(s.threads, 17);
	ck_assert_uint_eq(s.start_time, 123456);
	ck_assert_uint_eq(s.start_code, 94100000001);
	ck_assert_uint_eq(s.start_stack, 140720000003);
}
END_TEST

START_TEST(stat_is_damaged)
{
	static const char *const texts[] = {
		"",
		"10",
		"10 (x",
		"10 (x)",
		"10 (x) ",
		"10 (x) S",
		"10 (x) S ",
		"10 (x) S 1 2 3",
		"10 (x)S 1 2 3 4",
	};
	struct proc_stat s = { .state = '?' };

	expect_error(proc_stat_parse(texts[_i], &s), ERR_FORMAT, "");
	ck_assert_int_eq(s.state, '?');
}
END_TEST

/* ---- auxv -----------------------------------------------------------------
 */

START_TEST(auxv_is_looked_up)
{
	uint64_t auxv[] = { AT_PAGESZ, 4096, AT_PHDR, 0x400040, AT_NULL, 0 };

	ck_assert_uint_eq(proc_auxv_lookup(auxv, sizeof(auxv), AT_PHDR),
			  0x400040);
	ck_assert_uint_eq(proc_auxv_lookup(auxv, sizeof(auxv), AT_ENTRY), 0);
	ck_assert_uint_eq(proc_auxv_lookup(auxv, 31, AT_PHDR), 0);
	ck_assert_uint_eq(proc_auxv_lookup(auxv, 0, AT_PAGESZ), 0);
}
END_TEST

/* ---- maps -----------------------------------------------------------------
 */

START_TEST(maps_are_in_order)
{
	static const char text[] = "00652000-00653000 rw-p 0 0:0 0\n"
				   "00400000-00652001 rw-p 0 0:0 0\n";
	struct mapping *maps;
	size_t n;

	expect_error(maps_parse(text, &maps, &n), ERR_FORMAT, "");
}
END_TEST

START_TEST(maps_are_parsed)
{
	static const char text[] =
		"00400000-00452000 r-xp 00001000 08:02 173521      /my dbus\n"
		"00652000-00653000 rw-s 0005a000 103:02 99 /x (deleted)\n"
		"c000000000-c004000000 rw-p 00000000 00:00 0 \n"
		"c004000000-c008000000 ---p 00000000 00:00 0\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0     "
		"             [vsyscall]";
	struct mapping *m;
	size_t n;

	expect_ok(maps_parse(text, &m, &n));
	ck_assert_uint_eq(n, 5);
	ck_assert_uint_eq(m[0].start, 0x400000);
	ck_assert_uint_eq(m[0].end, 0x452000);
	ck_assert(m[0].read && !m[0].write && m[0].exec && !m[0].shared);
	ck_assert_uint_eq(m[0].file_offset, 0x1000);
	ck_assert_uint_eq(m[0].dev, 8 << 20 | 2);
	ck_assert_uint_eq(m[0].inode, 173521);
	ck_assert_str_eq(m[0].path, "/my dbus");
	ck_assert(m[1].read && m[1].write && !m[1].exec && m[1].shared);
	ck_assert_uint_eq(m[1].dev, 0x103 << 20 | 2);
	ck_assert_str_eq(m[1].path, "/x (deleted)");
	ck_assert_str_eq(m[2].path, "");
	ck_assert_uint_eq(m[2].inode, 0);
	ck_assert(!m[3].read && !m[3].write && !m[3].exec && !m[3].shared);
	ck_assert_uint_eq(m[4].end, 0xffffffffff601000);
	ck_assert_str_eq(m[4].path, "[vsyscall]");

	/* Lookup, at the borders and in the holes. */
	struct target t = { .mappings = m, .mapping_count = n };
	ck_assert_ptr_null(target_mapping(&t, 0x3fffff));
	ck_assert_ptr_eq(target_mapping(&t, 0x400000), &m[0]);
	ck_assert_ptr_eq(target_mapping(&t, 0x451fff), &m[0]);
	ck_assert_ptr_null(target_mapping(&t, 0x452000));
	ck_assert_ptr_eq(target_mapping(&t, 0xc003ffffff), &m[2]);
	ck_assert_ptr_eq(target_mapping(&t, 0xc004000000), &m[3]);
	ck_assert_ptr_eq(target_mapping(&t, 0xffffffffff600fff), &m[4]);
	ck_assert_ptr_null(target_mapping(&t, UINT64_MAX));
	maps_free(m, n);
}
END_TEST

START_TEST(no_maps)
{
	struct mapping *m;
	size_t n = 1;

	expect_ok(maps_parse("", &m, &n));
	ck_assert_uint_eq(n, 0);
	maps_free(m, n);
}
END_TEST

START_TEST(maps_are_damaged)
{
	static const char *const lines[] = {
		"\n",
		"00400000",
		"00400000-",
		"00400000-00452000",
		"00400000 00452000 r-xp 00000000 08:02 1 /x\n",
		"00452000-00400000 r-xp 00000000 08:02 1 /x\n",
		"00400000-00400000 r-xp 00000000 08:02 1 /x\n",
		"-00400000-00452000 r-xp 00000000 08:02 1 /x\n",
		"00400000-00452000 r-x\n",
		"00400000-00452000 x-rp 00000000 08:02 1 /x\n",
		"00400000-00452000 r-xq 00000000 08:02 1 /x\n",
		"00400000-00452000 r-xp00000000 08:02 1 /x\n",
		"00400000-00452000 r-xp 0000000g 08:02 1 /x\n",
		"00400000-00452000 r-xp 00000000 0802 1 /x\n",
		"00400000-00452000 r-xp 00000000 08:02 /x\n",
		"00400000-00452000 r-xp 00000000 08:02 1/x\n",
		"00400000-00452000 r-xp 00000000 08:02\n",
	};
	char text[256];
	struct mapping *m;
	size_t n = 7;

	snprintf(text, sizeof(text),
		 "00010000-00020000 rw-p 00000000 00:00 0\n%s", lines[_i]);
	struct err *e = maps_parse(text, &m, &n);
	ck_assert(e != NULL);
	ck_assert_str_eq(e->message, "maps: line 2 is damaged");
	ck_assert_uint_eq(n, 7);
	err_free(e);
}
END_TEST

/* ---- the readers, on ourselves ---------------------------------------------
 */

START_TEST(reads_itself)
{
	cleanup_proc struct proc p = { .dir = -1 };
	cleanup_free char *text = NULL, *auxv = NULL, *exe = NULL;
	struct proc_status status;
	struct proc_stat stat;
	cleanup_tids struct tids tids = {};
	char name[PROC_NAME_MAX];
	struct mapping *maps;
	size_t size, n, found = 0;

	expect_ok(proc_init(&p, getpid()));
	expect_ok(proc_read_status(&p, 0, &status));
	ck_assert_int_eq(status.tgid, getpid());
	ck_assert_int_eq(status.ppid, getppid());
	ck_assert_uint_eq(status.uid[1], geteuid());
	ck_assert_int_eq(status.state, 'R');
	expect_ok(proc_read_stat(&p, getpid(), &stat));
	ck_assert_uint_eq(stat.threads, 1);
	ck_assert_int_eq(proc_thread_state(&p, getpid()), 'R');
	ck_assert_int_eq(proc_thread_state(&p, 1 << 30), 'X');
	expect_ok(proc_list_tasks(&p, &tids));
	ck_assert_uint_eq(tids.len, 1);
	ck_assert_int_eq(tids.v[0], getpid());

	expect_ok(proc_read(&p, "auxv", &auxv, &size));
	ck_assert_uint_eq(proc_auxv_lookup(auxv, size, AT_PHDR),
			  getauxval(AT_PHDR));
	exe = proc_read_link(&p, "exe");
	ck_assert_ptr_nonnull(exe);
	expect_ok(proc_read(&p, proc_task_name(name, getpid(), "maps"), &text,
			    &size));
	ck_assert_uint_eq(size, strlen(text));
	expect_ok(maps_parse(text, &maps, &n));
	for (size_t i = 0; i < n; i++)
		if (strcmp(maps[i].path, exe) == 0 &&
		    maps[i].start <= (uintptr_t)&status_text &&
		    (uintptr_t)&status_text < maps[i].end)
			found++;
	ck_assert_uint_eq(found, 1);
	maps_free(maps, n);
}
END_TEST

START_TEST(reads_what_is_gone)
{
	cleanup_proc struct proc p = { .dir = -1 };
	cleanup_proc struct proc none = { .dir = -1 };
	struct proc_status status;
	cleanup_tids struct tids tids = {};
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;

		close(fds[1]);
		_exit((int)read(fds[0], &byte, 1));
	}
	expect_ok(proc_init(&p, pid));
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	expect_error(proc_read_status(&p, 0, &status), ERR_GONE, "");
	expect_error(proc_list_tasks(&p, &tids), ERR_GONE, "");
	ck_assert_int_eq(proc_thread_state(&p, pid), 'X');
	ck_assert_ptr_null(proc_read_link(&p, "exe"));
	expect_error(proc_init(&none, 1 << 30), ERR_GONE, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("procfs");
	TCase *tc = tcase_create("procfs");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, status_is_parsed);
	tcase_add_test(tc, status_of_an_old_kernel);
	tcase_add_test(tc, long_names_are_cut);
	tcase_add_test(tc, status_cut_off);
	tcase_add_loop_test(tc, status_is_damaged, 0, 9);
	tcase_add_test(tc, stat_is_parsed);
	tcase_add_loop_test(tc, stat_is_damaged, 0, 9);
	tcase_add_test(tc, auxv_is_looked_up);
	tcase_add_test(tc, maps_are_in_order);
	tcase_add_test(tc, maps_are_parsed);
	tcase_add_test(tc, no_maps);
	tcase_add_loop_test(tc, maps_are_damaged, 0, 17);
	tcase_add_test(tc, reads_itself);
	tcase_add_test(tc, reads_what_is_gone);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
