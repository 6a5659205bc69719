/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: arch/. */
#include "arch/arch.h"

#include <check.h>
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(found_by_machine)
{
	ck_assert_ptr_eq(arch_by_elf_machine(EM_X86_64), &arch_amd64);
	ck_assert_ptr_eq(arch_by_elf_machine(EM_AARCH64), &arch_arm64);
	ck_assert_ptr_null(arch_by_elf_machine(EM_NONE));
	ck_assert_ptr_null(arch_by_elf_machine(EM_386));
	ck_assert_ptr_null(arch_by_elf_machine(0xffff));
}
END_TEST

START_TEST(constants_of_the_runtime)
{
	/* GOARCH, and internal/goarch's PtrSize, PCQuantum, MinFrameSize. */
	ck_assert_str_eq(arch_amd64.name, "amd64");
	ck_assert_str_eq(arch_arm64.name, "arm64");
	ck_assert_uint_eq(arch_amd64.ptr_size, 8);
	ck_assert_uint_eq(arch_arm64.ptr_size, 8);
	ck_assert_uint_eq(arch_amd64.pc_quantum, 1);
	ck_assert_uint_eq(arch_arm64.pc_quantum, 4);
	ck_assert_uint_eq(arch_amd64.min_frame_size, 0);
	ck_assert_uint_eq(arch_arm64.min_frame_size, 8);
	ck_assert(!arch_amd64.has_link_register);
	ck_assert(arch_arm64.has_link_register);
	ck_assert(!arch_amd64.big_endian && !arch_arm64.big_endian);
	/* The thread pointer is in the registers, or in a set of its own. */
	ck_assert(arch_amd64.tls_in_regs && !arch_amd64.tls_regset);
	ck_assert(!arch_arm64.tls_in_regs);
	ck_assert_uint_eq(arch_arm64.tls_regset, NT_ARM_TLS);
	/* elf_prstatus: 27 and 34 words of pr_reg. */
	ck_assert_uint_eq(arch_amd64.regs_size, 216);
	ck_assert_uint_eq(arch_arm64.regs_size, 272);
}
END_TEST

/* Word i is i + 1 in the low byte and 0x80 in the highest. */
static void fill_words(uint8_t *bytes, size_t n)
{
	memset(bytes, 0, 8 * n);
	for (size_t i = 0; i < n; i++) {
		bytes[8 * i] = (uint8_t)(i + 1);
		bytes[8 * i + 7] = 0x80;
	}
}

static uint64_t word(unsigned int i)
{
	return 0x8000000000000000 | (i + 1);
}

START_TEST(decodes_amd64)
{
	uint8_t pr_reg[216];
	struct regs r;

	fill_words(pr_reg, 27);
	arch_amd64.decode_regs(pr_reg, &r);
	/* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax
	 * rip cs eflags rsp ss fs_base gs_base ds es fs gs */
	ck_assert_uint_eq(r.g, word(1));
	ck_assert_uint_eq(r.bp, word(4));
	ck_assert_uint_eq(r.ax, word(10));
	ck_assert_uint_eq(r.orig_ax, word(15));
	ck_assert_uint_eq(r.pc, word(16));
	ck_assert_uint_eq(r.sp, word(19));
	ck_assert_uint_eq(r.tls, word(21));
	ck_assert_uint_eq(r.lr, 0);
}
END_TEST

START_TEST(decodes_arm64)
{
	uint8_t pr_reg[272];
	struct regs r;

	fill_words(pr_reg, 34);
	arch_arm64.decode_regs(pr_reg, &r);
	ck_assert_uint_eq(r.ax, word(0));
	ck_assert_uint_eq(r.g, word(28));
	ck_assert_uint_eq(r.bp, word(29));
	ck_assert_uint_eq(r.lr, word(30));
	ck_assert_uint_eq(r.sp, word(31));
	ck_assert_uint_eq(r.pc, word(32));
	ck_assert_uint_eq(r.tls, 0);
	ck_assert_uint_eq(r.orig_ax, 0);
}
END_TEST

/* What decode_regs expects is what the kernel gives, here at least. */
START_TEST(size_is_the_kernels)
{
	uint8_t buf[1024];
	struct iovec iov = { buf, sizeof(buf) };
	const struct arch *arch = arch_host();
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ck_assert_ptr_nonnull(arch);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(ptrace(PTRACE_GETREGSET, pid,
				(void *)(uintptr_t)NT_PRSTATUS, &iov),
			 0);
	ck_assert_uint_eq(iov.iov_len, arch->regs_size);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arch");
	TCase *tc = tcase_create("arch");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tc, found_by_machine);
	tcase_add_test(tc, constants_of_the_runtime);
	tcase_add_test(tc, decodes_amd64);
	tcase_add_test(tc, decodes_arm64);
	tcase_add_test(tc, size_is_the_kernels);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
