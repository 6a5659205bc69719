/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot may take: src/target/room.c, cgroup.c, seccomp.c. */
#include "expect.h"

#include "base/bits.h"
#include "target/room.h"
#include "target/seccomp.h"

#include <linux/audit.h>
#include <stddef.h>
#include <stdlib.h>

#define MIB ((uint64_t)1 << 20)

/* A process of 1 GiB with all the room there can be. */
static const struct room plenty = {
	.anon = 1024 * MIB,
	.page_tables = 2 * MIB,
	.accounted = 1100 * MIB,
	.machine = UINT64_MAX,
	.commit = UINT64_MAX,
	.target = { UINT64_MAX, UINT64_MAX },
	.own = { UINT64_MAX, UINT64_MAX },
	.processes = UINT64_MAX,
};

START_TEST(room_for_a_fork)
{
	struct room r = plenty;

	expect_ok(room_for_fork(&r));
	r.target.memory = 258 * MIB; /* a quarter, and the page tables */
	expect_ok(room_for_fork(&r));
	r.target.memory--;
	expect_error(room_for_fork(&r), ERR_LIMIT, "memory control group");
	r = plenty;
	r.machine = 200 * MIB;
	expect_error(room_for_fork(&r), ERR_LIMIT, "machine");
	r = plenty;
	r.commit = 1200 * MIB;
	expect_error(room_for_fork(&r), ERR_LIMIT, "overcommit");
	r = plenty;
	r.target.pids = 15;
	expect_error(room_for_fork(&r), ERR_LIMIT, "pids");
	r.target.pids = 16;
	expect_ok(room_for_fork(&r));
	r.processes = 0;
	expect_error(room_for_fork(&r), ERR_LIMIT, "RLIMIT_NPROC");
	/* A small one may be written to as a whole. */
	r = plenty;
	r.anon = 10 * MIB;
	r.target.memory = 11 * MIB;
	expect_error(room_for_fork(&r), ERR_LIMIT, "memory control group");
}
END_TEST

START_TEST(room_for_a_copy)
{
	struct room r = plenty;

	expect_ok(room_for_copy(&r));
	r.target.memory = 0; /* not the target's */
	expect_ok(room_for_copy(&r));
	r.own.memory = 1100 * MIB;
	expect_error(room_for_copy(&r), ERR_LIMIT, "our memory");
	r = plenty;
	r.machine = 1100 * MIB;
	expect_error(room_for_copy(&r), ERR_LIMIT, "machine");
}
END_TEST

START_TEST(pauses)
{
	ck_assert_uint_lt(room_fork_pause(&plenty), room_copy_pause(&plenty));
	ck_assert_uint_lt(room_copy_pause(&plenty), room_hold_pause(&plenty));
	struct room twice = plenty;
	twice.anon *= 2;
	ck_assert_uint_lt(room_fork_pause(&plenty), room_fork_pause(&twice));
}
END_TEST

static void expect_path(const char *text, const char *controller,
			const char *want)
{
	char *path = cgroup_path(text, controller);

	if (want)
		ck_assert_str_eq(path, want);
	else
		ck_assert_ptr_null(path);
	free(path);
}

START_TEST(cgroup_paths)
{
	static const char v1[] = "12:pids:/a\n"
				 "4:cpu,cpuacct,memory:/b:c\n"
				 "1:name=systemd:/init.scope\n"
				 "0::/unified";

	expect_path(v1, "pids", "/a");
	expect_path(v1, "memory", "/b:c");
	expect_path(v1, "cpu", "/b:c");
	expect_path(v1, "mem", NULL);
	expect_path(v1, "", "/unified");
	expect_path("0::/\n", "", "/");
	expect_path("0::/\n", "pids", NULL);
	expect_path("", "pids", NULL);
	expect_path("nonsense\n1:x", "x", NULL);
}
END_TEST

/* ---- seccomp ------------------------------------------------------------- */

static const struct seccomp_data call = {
	.nr = 56,
	.arch = AUDIT_ARCH_X86_64,
	.args = { 0x600, 0x123456789abcdef0 },
};

#define RUN(...)                                                               \
	({                                                                     \
		const struct sock_filter f[] = { __VA_ARGS__ };                \
		seccomp_run(f, ARRAY_SIZE(f), &call);                          \
	})
#define LOAD(member)                                                           \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                     \
		 offsetof(struct seccomp_data, member))
#define ALU(op, k) BPF_STMT(BPF_ALU | (op) | BPF_K, k)
#define IF(op, k, yes, no) BPF_JUMP(BPF_JMP | (op) | BPF_K, k, yes, no)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define RET_A BPF_STMT(BPF_RET | BPF_A, 0)

START_TEST(filter_values)
{
	ck_assert_uint_eq(RUN(RET(7)), 7);
	ck_assert_uint_eq(RUN(LOAD(nr), RET_A), 56);
	ck_assert_uint_eq(RUN(LOAD(arch), RET_A), AUDIT_ARCH_X86_64);
	ck_assert_uint_eq(RUN(LOAD(args[1]), RET_A), 0x9abcdef0);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), RET_A),
			  sizeof(call));
	ck_assert_uint_eq(RUN(LOAD(nr), ALU(BPF_ADD, 4), ALU(BPF_MUL, 3),
			      ALU(BPF_SUB, 30), ALU(BPF_DIV, 2), RET_A),
			  75);
	ck_assert_uint_eq(RUN(LOAD(nr), ALU(BPF_AND, 0x30), ALU(BPF_OR, 1),
			      ALU(BPF_XOR, 0x10), ALU(BPF_LSH, 4),
			      ALU(BPF_RSH, 1), RET_A),
			  0x108);
	ck_assert_uint_eq(RUN(LOAD(nr), ALU(BPF_NEG, 0), RET_A), -56u);
	/* To memory and back, by way of x. */
	ck_assert_uint_eq(RUN(LOAD(nr), BPF_STMT(BPF_ST, 3),
			      BPF_STMT(BPF_LDX | BPF_MEM, 3),
			      BPF_STMT(BPF_LD | BPF_IMM, 1),
			      BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), RET_A),
			  57);
	ck_assert_uint_eq(RUN(LOAD(nr), BPF_STMT(BPF_MISC | BPF_TAX, 0),
			      BPF_STMT(BPF_LD | BPF_IMM, 0),
			      BPF_STMT(BPF_MISC | BPF_TXA, 0), RET_A),
			  56);
}
END_TEST

START_TEST(filter_jumps)
{
	ck_assert_uint_eq(RUN(LOAD(nr), IF(BPF_JEQ, 56, 0, 1), RET(1), RET(2)),
			  1);
	ck_assert_uint_eq(RUN(LOAD(nr), IF(BPF_JEQ, 57, 0, 1), RET(1), RET(2)),
			  2);
	ck_assert_uint_eq(RUN(LOAD(nr), IF(BPF_JGT, 56, 0, 1), RET(1), RET(2)),
			  2);
	ck_assert_uint_eq(RUN(LOAD(nr), IF(BPF_JGE, 56, 0, 1), RET(1), RET(2)),
			  1);
	ck_assert_uint_eq(
		RUN(LOAD(args[0]), IF(BPF_JSET, 0x200, 0, 1), RET(1), RET(2)),
		1);
	ck_assert_uint_eq(
		RUN(LOAD(args[0]), IF(BPF_JSET, 0x100, 0, 1), RET(1), RET(2)),
		2);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_JMP | BPF_JA, 1), RET(1), RET(2)),
			  2);
}
END_TEST

/* What is not a filter forbids. */
START_TEST(filter_nonsense)
{
	const uint32_t no = SECCOMP_RET_KILL_PROCESS;

	ck_assert_uint_eq(RUN(LOAD(nr)), no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RET(1)),
			  no);
	ck_assert_uint_eq(RUN(ALU(BPF_DIV, 0), RET(1)), no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(1)),
			  no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(1)),
			  no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET(1)),
			  no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_ST, 16), RET(1)), no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_MEM, 16), RET(1)), no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_LD | BPF_IND, 0), RET(1)), no);
	ck_assert_uint_eq(RUN(BPF_STMT(BPF_ALU | 0xf0, 0), RET(1)), no);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("room");
	TCase *tc = tcase_create("room");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, room_for_a_fork);
	tcase_add_test(tc, room_for_a_copy);
	tcase_add_test(tc, pauses);
	tcase_add_test(tc, cgroup_paths);
	tcase_add_test(tc, filter_values);
	tcase_add_test(tc, filter_jumps);
	tcase_add_test(tc, filter_nonsense);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
