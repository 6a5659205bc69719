/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: arch/. */
#include "arch/arch.h"

#include <check.h>
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
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

static void expect_general(const struct arch *arch, const struct regs *r,
			   const char *name, uint64_t value)
{
	for (unsigned int i = 0; i < arch->general_count; i++) {
		if (strcmp(arch->general[i], name))
			continue;
		ck_assert_uint_eq(r->general[i], value);
		return;
	}
	ck_abort_msg("no register %s", name);
}

/* All but the stack pointer and the pc, by their names. */
START_TEST(general_registers)
{
	static const char *const amd64[] = {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
		"r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi"
	};
	uint8_t pr_reg[272];
	char name[8];
	struct regs r;

	fill_words(pr_reg, 34);
	arch_amd64.decode_regs(pr_reg, &r);
	ck_assert_uint_eq(arch_amd64.general_count, 15);
	for (unsigned int i = 0; i < 15; i++)
		expect_general(&arch_amd64, &r, amd64[i], word(i));
	arch_arm64.decode_regs(pr_reg, &r);
	ck_assert_uint_eq(arch_arm64.general_count, 31);
	for (unsigned int i = 0; i < 31; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		expect_general(&arch_arm64, &r, name, word(i));
	}
}
END_TEST

#ifdef __x86_64__
static struct regs interrupted;
static bool was_interrupted;
static intptr_t siginfo_distance;

static void on_signal(int sig, siginfo_t *info, void *ucontext)
{
	(void)sig;
	siginfo_distance = (intptr_t)info - (intptr_t)ucontext;
	was_interrupted = arch_amd64.decode_ucontext(
		ucontext, (uint64_t)ucontext, &interrupted);
}

/* What decode_ucontext expects is what the kernel puts on the stack. */
START_TEST(ucontext_is_the_kernels)
{
	struct sigaction act = { .sa_sigaction = on_signal,
				 .sa_flags = SA_SIGINFO };
	struct sigaction old;
	uint64_t pc, sp, marked = 0x123456789abcdef;
	register uint64_t r12 __asm__("r12") = marked;
	long nr = 234 /* tgkill */, pid = getpid(), tid = gettid();

	sigaction(SIGUSR2, &act, &old);
	__asm__ volatile("lea 1f(%%rip), %1\n\t"
			 "mov %%rsp, %2\n\t"
			 "syscall\n\t"
			 "1:"
			 : "+a"(nr), "=&r"(pc), "=&r"(sp), "+r"(r12)
			 : "D"(pid), "S"(tid), "d"((long)SIGUSR2)
			 : "rcx", "r11", "memory");
	sigaction(SIGUSR2, &old, NULL);
	ck_assert(was_interrupted);
	ck_assert_int_eq(siginfo_distance, arch_amd64.siginfo_offset);
	ck_assert_uint_eq(interrupted.pc, pc);
	ck_assert_uint_eq(interrupted.sp, sp);
	expect_general(&arch_amd64, &interrupted, "r12", marked);
	expect_general(&arch_amd64, &interrupted, "rdi", (uint64_t)pid);
	expect_general(&arch_amd64, &interrupted, "rsi", (uint64_t)tid);
	expect_general(&arch_amd64, &interrupted, "rdx", SIGUSR2);
	expect_general(&arch_amd64, &interrupted, "rcx", pc);
	expect_general(&arch_amd64, &interrupted, "rax", 0);
}
END_TEST
#endif

/* Words of struct ucontext and of struct sigcontext in it (arm64). */
START_TEST(ucontext_of_arm64)
{
	uint8_t uc[8 * 57];
	uint64_t at = 0x7000, *w = (uint64_t *)(void *)uc;
	struct regs r;

	ck_assert_uint_eq(arch_arm64.ucontext_size, sizeof(uc));
	memset(uc, 0, sizeof(uc));
	w[2] = 0x6000;	/* the signal stack */
	w[4] = 0x2000;	/* its size */
	w[23 + 28] = 1; /* x28 */
	w[23 + 30] = 2; /* x30 */
	w[23 + 31] = 0x100;
	w[23 + 32] = 0x204;
	ck_assert(arch_arm64.decode_ucontext(uc, at, &r));
	ck_assert_uint_eq(r.g, 1);
	ck_assert_uint_eq(r.lr, 2);
	ck_assert_uint_eq(r.sp, 0x100);
	ck_assert_uint_eq(r.pc, 0x204);
	ck_assert(!arch_arm64.decode_ucontext(uc, 0x5ff8, &r));
	ck_assert(!arch_arm64.decode_ucontext(uc, 0x8000, &r));
	w[0] = 1;
	ck_assert(!arch_arm64.decode_ucontext(uc, at, &r));
	w[0] = 0;
	w[23 + 31] = 0x108;
	ck_assert(!arch_arm64.decode_ucontext(uc, at, &r));
	w[23 + 31] = 0x100;
	w[23 + 33] = 4;
	ck_assert(!arch_arm64.decode_ucontext(uc, at, &r));
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
	tcase_add_test(tc, general_registers);
#ifdef __x86_64__
	tcase_add_test(tc, ucontext_is_the_kernels);
#endif
	tcase_add_test(tc, ucontext_of_arm64);
	tcase_add_test(tc, size_is_the_kernels);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
