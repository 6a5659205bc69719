/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"

#include "base/bits.h"

#include <elf.h>

/* Order of struct user_regs_struct (kernel: arch/x86/include/asm/user_64.h). */
enum user_reg {
	USER_R15 = 0,
	USER_R14 = 1,
	USER_R13 = 2,
	USER_R12 = 3,
	USER_RBP = 4,
	USER_RBX = 5,
	USER_R11 = 6,
	USER_R10 = 7,
	USER_R9 = 8,
	USER_R8 = 9,
	USER_RAX = 10,
	USER_RCX = 11,
	USER_RDX = 12,
	USER_RSI = 13,
	USER_RDI = 14,
	USER_ORIG_RAX = 15,
	USER_RIP = 16,
	USER_RSP = 19,
	USER_FS_BASE = 21,
	USER_REG_COUNT = 27,
};

/*
 * Words of struct ucontext (arch/x86/include/uapi/asm/ucontext.h and
 * sigcontext.h): flags, link, 3 of the signal stack, then the registers.
 */
enum ucontext_word {
	UC_FLAGS = 0,
	UC_LINK = 1,
	UC_R8 = 5,
	UC_R9 = 6,
	UC_R10 = 7,
	UC_R11 = 8,
	UC_R12 = 9,
	UC_R13 = 10,
	UC_R14 = 11,
	UC_R15 = 12,
	UC_RDI = 13,
	UC_RSI = 14,
	UC_RBP = 15,
	UC_RBX = 16,
	UC_RDX = 17,
	UC_RAX = 18,
	UC_RCX = 19,
	UC_RSP = 20,
	UC_RIP = 21,
	UC_EFLAGS = 22,
	UC_CS_GS_FS = 23,
	UC_FPSTATE = 28,
	UC_WORDS = 29,
};

enum {
	ALL_UC_FLAGS = 7, /* UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_... */
	USER_CS = 0x33,	  /* __USER_CS: 64-bit code */
	EFLAGS_ALWAYS = 1 << 1,	  /* a bit that is always set */
	EFLAGS_END = 1 << 22,	  /* above it there are none */
	FPSTATE_DISTANCE = 65536, /* bytes: the kernel puts it right above */
};

enum { GENERAL = 15, GENERAL_R12 = 11 };
static const char *const general[GENERAL] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
	"r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};
/* Where they are. */
static const uint8_t user_general[GENERAL] = {
	USER_RAX, USER_RBX, USER_RCX, USER_RDX, USER_RSI,
	USER_RDI, USER_RBP, USER_R8,  USER_R9,	USER_R10,
	USER_R11, USER_R12, USER_R13, USER_R14, USER_R15,
};
static const uint8_t uc_general[GENERAL] = {
	UC_RAX, UC_RBX, UC_RCX, UC_RDX, UC_RSI, UC_RDI, UC_RBP, UC_R8,
	UC_R9,	UC_R10, UC_R11, UC_R12, UC_R13, UC_R14, UC_R15,
};

static void decode_regs(const void *pr_reg, struct regs *out)
{
	const uint8_t *r = pr_reg;

	*out = (struct regs){
		.pc = load_le(r + 8 * USER_RIP, 8),
		.sp = load_le(r + 8 * USER_RSP, 8),
		.bp = load_le(r + 8 * USER_RBP, 8),
		.g = load_le(r + 8 * USER_R14, 8),
		.tls = load_le(r + 8 * USER_FS_BASE, 8),
		.orig_ax = load_le(r + 8 * USER_ORIG_RAX, 8),
		.ax = load_le(r + 8 * USER_RAX, 8),
	};
	for (size_t i = 0; i < GENERAL; i++)
		out->general[i] = load_le(r + 8 * user_general[i], 8);
}

static bool decode_ucontext(const void *ucontext, uint64_t addr,
			    struct regs *out)
{
	uint64_t w[UC_WORDS];

	for (size_t i = 0; i < UC_WORDS; i++)
		w[i] = load_le((const uint8_t *)ucontext + 8 * i, 8);
	if (w[UC_FLAGS] > ALL_UC_FLAGS || w[UC_LINK] ||
	    (w[UC_CS_GS_FS] & 0xffff) != USER_CS ||
	    !(w[UC_EFLAGS] & EFLAGS_ALWAYS) || w[UC_EFLAGS] >= EFLAGS_END ||
	    w[UC_FPSTATE] < addr || w[UC_FPSTATE] - addr > FPSTATE_DISTANCE)
		return false;
	*out = (struct regs){
		.pc = w[UC_RIP],
		.sp = w[UC_RSP],
		.bp = w[UC_RBP],
		.g = w[UC_R14],
		.orig_ax = UINT64_MAX,
		.ax = w[UC_RAX],
	};
	for (size_t i = 0; i < GENERAL; i++)
		out->general[i] = w[uc_general[i]];
	return true;
}

extern const struct arch_lend amd64_lend; /* amd64_lend.c */

const struct arch arch_amd64 = {
	.name = "amd64",
	.elf_machine = EM_X86_64,
	.ptr_size = 8,
	.pc_quantum = 1,
	.min_frame_size = 0,
	.frame_pointers = true,
	.tls_in_regs = true,
	.regs_size = 8 * USER_REG_COUNT,
	.general = general,
	.vfork_return = GENERAL_R12,
	.race_sp = GENERAL_R12,
	.general_count = GENERAL,
	.decode_regs = decode_regs,
	.decode_ucontext = decode_ucontext,
	.ucontext_size = 8 * UC_WORDS,
	.lend = &amd64_lend,
	.siginfo_offset = 304, /* asm/sigframe.h: rt_sigframe: behind it */
};
