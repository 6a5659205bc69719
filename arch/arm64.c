/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"

#include "base/bits.h"

#include <elf.h>

/* Order of struct user_pt_regs (kernel: arch/arm64/include/uapi/asm/ptrace.h):
 * x0 to x30, sp, pc, pstate. */
enum user_reg {
	USER_X0 = 0,
	USER_X28 = 28, /* g */
	USER_X29 = 29, /* frame pointer */
	USER_X30 = 30, /* link register */
	USER_SP = 31,
	USER_PC = 32,
	USER_PSTATE = 33,
	USER_REG_COUNT = 34,
};

/*
 * Words of struct ucontext (arch/arm64/include/uapi/asm/ucontext.h and
 * sigcontext.h): flags, link, 3 of the signal stack, the mask and room for
 * more of it, the fault's address, then the registers as above.
 */
enum ucontext_word {
	UC_FLAGS = 0,
	UC_LINK = 1,
	UC_STACK_SP = 2,
	UC_STACK_SIZE = 4,
	UC_X0 = 23,
	UC_WORDS = UC_X0 + USER_REG_COUNT,
};

enum { PSTATE_MODE = 0x1f }; /* 0: 64-bit code of a program */

enum { GENERAL = 31 };
static const char *const general[GENERAL] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",	 "x7",
	"x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
	"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
	"x24", "x25", "x26", "x27", "x28", "x29", "x30",
};

static void decode_regs(const void *pr_reg, struct regs *out)
{
	const uint8_t *r = pr_reg;

	*out = (struct regs){
		.pc = load_le(r + 8 * USER_PC, 8),
		.sp = load_le(r + 8 * USER_SP, 8),
		.bp = load_le(r + 8 * USER_X29, 8),
		.lr = load_le(r + 8 * USER_X30, 8),
		.g = load_le(r + 8 * USER_X28, 8),
		.ax = load_le(r + 8 * USER_X0, 8),
	};
	for (size_t i = 0; i < GENERAL; i++)
		out->general[i] = load_le(r + 8 * i, 8);
}

/* Handlers without a signal stack are not told: Go gives all one. */
static bool decode_ucontext(const void *ucontext, uint64_t addr,
			    struct regs *out)
{
	const uint8_t *uc = ucontext, *regs = uc + 8 * UC_X0;
	uint64_t stack = load_le(uc + 8 * UC_STACK_SP, 8);
	uint64_t size = load_le(uc + 8 * UC_STACK_SIZE, 8);

	if (load_le(uc + 8 * UC_FLAGS, 8) || load_le(uc + 8 * UC_LINK, 8) ||
	    addr < stack || addr - stack >= size ||
	    load_le(regs + 8 * USER_SP, 8) % 16 ||
	    load_le(regs + 8 * USER_PC, 8) % 4 ||
	    load_le(regs + 8 * USER_PSTATE, 8) & PSTATE_MODE)
		return false;
	decode_regs(regs, out);
	return true;
}

const struct arch arch_arm64 = {
	.name = "arm64",
	.elf_machine = EM_AARCH64,
	.ptr_size = 8,
	.pc_quantum = 4,
	.min_frame_size = 8,
	.has_link_register = true,
	.frame_pointers = true,
	.tls_regset = NT_ARM_TLS,
	.regs_size = 8 * USER_REG_COUNT,
	.tls_above = true,
	.g_in_register = true,
	.general = general,
	.general_count = GENERAL,
	.decode_regs = decode_regs,
	.decode_ucontext = decode_ucontext,
	.ucontext_size = 8 * UC_WORDS,
	.siginfo_offset = -128, /* kernel/signal.c: rt_sigframe: before it */
};
