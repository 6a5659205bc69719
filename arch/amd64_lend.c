/* SPDX-License-Identifier: Apache-2.0 */
/* The registers and signal frames of x86-64, for lend.h. */
#include "arch/arch.h"
#include "arch/lend.h"

#include "base/bits.h"

#include <elf.h>
#include <linux/audit.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

/* Order of struct user_regs_struct (kernel: arch/x86/include/asm/user_64.h). */
enum user_reg {
	USER_R15,
	USER_R14,
	USER_R13,
	USER_R12,
	USER_RBP,
	USER_RBX,
	USER_R11,
	USER_R10,
	USER_R9,
	USER_R8,
	USER_RAX,
	USER_RCX,
	USER_RDX,
	USER_RSI,
	USER_RDI,
	USER_ORIG_RAX,
	USER_RIP,
	USER_CS,
	USER_EFLAGS,
	USER_RSP,
	USER_SS,
};

/* System calls (kernel: arch/x86/entry/syscalls/syscall_64.tbl). */
enum {
	NR_RT_SIGRETURN = 15,
	NR_NANOSLEEP = 35,
	NR_CLONE = 56,
	NR_WAIT4 = 61,
	NR_FUTEX = 202,
	NR_RESTART_SYSCALL = 219,
	NR_CLOCK_NANOSLEEP = 230,
	NR_EXIT_GROUP = 231,
};

/* What a tracer sees in rax where a system call is to be begun again (kernel:
 * include/linux/errno.h). */
enum {
	ERESTARTSYS = 512,
	ERESTARTNOINTR = 513,
	ERESTARTNOHAND = 514,
	ERESTART_RESTARTBLOCK = 516,
	MINUS_EINTR = -4,
};

enum {
	SYSCALL_LEN = 2, /* bytes of the instruction */
	USER_CODE_SEGMENT = 0x33,
	TRAP_FLAG = 0x100,
};

static uint64_t get(const void *pr_reg, enum user_reg reg)
{
	return load_le((const uint8_t *)pr_reg + 8 * reg, 8);
}

static void put_word(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, 8);
}

static void set(void *pr_reg, enum user_reg reg, uint64_t value)
{
	put_word((uint8_t *)pr_reg + 8 * reg, value);
}

static enum lend_stand stand(const void *pr_reg)
{
	int64_t result = (int64_t)get(pr_reg, USER_RAX);

	if (get(pr_reg, USER_CS) != USER_CODE_SEGMENT ||
	    get(pr_reg, USER_EFLAGS) & TRAP_FLAG)
		return LEND_UNFIT;
	switch (get(pr_reg, USER_ORIG_RAX)) {
	case NR_FUTEX:
		if (result == -ERESTARTSYS)
			return LEND_WAITS;
		return result == -ERESTART_RESTARTBLOCK ? LEND_SLEEPS
							: LEND_UNFIT;
	case NR_NANOSLEEP:
	case NR_CLOCK_NANOSLEEP:
		return result == -ERESTART_RESTARTBLOCK ? LEND_SLEEPS
							: LEND_UNFIT;
	default:
		return LEND_UNFIT;
	}
}

/* Follows the kernel's arch_do_signal_or_restart() where no signal is. */
static void restart(void *pr_reg, bool lost)
{
	uint64_t pc = get(pr_reg, USER_RIP);

	switch (-(int64_t)get(pr_reg, USER_RAX)) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
		set(pr_reg, USER_RAX, get(pr_reg, USER_ORIG_RAX));
		set(pr_reg, USER_RIP, pc - SYSCALL_LEN);
		break;
	case ERESTART_RESTARTBLOCK:
		set(pr_reg, USER_RAX,
		    lost ? (uint64_t)MINUS_EINTR : NR_RESTART_SYSCALL);
		if (!lost)
			set(pr_reg, USER_RIP, pc - SYSCALL_LEN);
		break;
	}
	set(pr_reg, USER_ORIG_RAX, UINT64_MAX);
}

static void call_regs(void *pr_reg, const struct lend_call *call)
{
	static const enum user_reg args[] = { USER_RDI, USER_RSI, USER_RDX,
					      USER_R10, USER_R8,  USER_R9 };

	set(pr_reg, USER_RIP, call->code);
	set(pr_reg, USER_RSP, call->stack);
	set(pr_reg, USER_RAX, call->number);
	set(pr_reg, USER_ORIG_RAX, UINT64_MAX); /* nothing to begin again */
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		set(pr_reg, args[i], call->args[i]);
}

static int64_t result(const void *pr_reg)
{
	return (int64_t)get(pr_reg, USER_RAX);
}

/* ---- struct rt_sigframe (kernel: arch/x86/include/asm/sigframe.h) ---------
 */

enum {
	FRAME_RETURN = 0, /* pretcode */
	FRAME_FLAGS = 8,  /* uc.uc_flags; uc_link and uc_stack stay 0, which
			   * changes no alternate stack */
	FRAME_REGS = 48,  /* uc.uc_mcontext */
	FRAME_SEGMENTS = FRAME_REGS + 8 * 18, /* cs, gs, fs, ss */
	FRAME_FP = FRAME_REGS + 8 * 23,	      /* fpstate */
	FRAME_MASK = FRAME_REGS + 256,	      /* uc.uc_sigmask */
	FRAME_END = FRAME_MASK + 8, /* rt_sigreturn reads no siginfo */

	UC_FP_XSTATE = 1,
	UC_SIGCONTEXT_SS = 2,
	UC_STRICT_RESTORE_SS = 4,
};

/* The registers of a struct sigcontext_64, in order. */
static const enum user_reg context_order[] = {
	USER_R8,  USER_R9,  USER_R10, USER_R11, USER_R12, USER_R13,
	USER_R14, USER_R15, USER_RDI, USER_RSI, USER_RBP, USER_RBX,
	USER_RDX, USER_RAX, USER_RCX, USER_RSP, USER_RIP, USER_EFLAGS,
};

enum {
	FP_ALIGN = 64,
	FP_LEGACY = 512, /* bytes of the fxsave area */
	/* Where struct _fpx_sw_bytes is in it; and, as ptrace has it, the set
	 * of the features that the kernel saves. */
	FP_SOFTWARE = 464,
	FP_MAGIC2_LEN = 4,
};

#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u

/*
 * The xsave area as the kernel writes it to a signal frame: fpu_save_xstate
 * with struct _fpx_sw_bytes {magic1, extended_size, xfeatures, xstate_size}.
 */
static size_t put_fp(uint8_t *at, const struct lend_frame *f)
{
	if (f->fp_len <= FP_LEGACY) {
		memcpy(at, f->fp, f->fp_len);
		return FP_LEGACY;
	}
	memcpy(at, f->fp, f->fp_len);
	uint64_t features = load_le(at + FP_SOFTWARE, 8);
	uint32_t size = (uint32_t)f->fp_len;
	put_word(at + FP_SOFTWARE, FP_MAGIC1 | (uint64_t)(size + FP_MAGIC2_LEN)
						       << 32);
	put_word(at + FP_SOFTWARE + 8, features);
	put_word(at + FP_SOFTWARE + 16, size);
	put_word(at + FP_SOFTWARE + 24, 0);
	uint32_t magic2 = htole32(FP_MAGIC2);
	memcpy(at + f->fp_len, &magic2, FP_MAGIC2_LEN);
	return f->fp_len + FP_MAGIC2_LEN;
}

static size_t frame(const struct lend_frame *f, uint8_t *out)
{
	uint64_t segments = (get(f->pr_reg, USER_CS) & 0xffff) |
			    get(f->pr_reg, USER_SS) << 48;
	uint64_t flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;

	memset(out, 0, LEND_FRAME_MAX);
	put_word(out + FRAME_RETURN, f->sigreturn);
	for (size_t i = 0; i < ARRAY_SIZE(context_order); i++)
		put_word(out + FRAME_REGS + 8 * i,
			 get(f->pr_reg, context_order[i]));
	put_word(out + FRAME_SEGMENTS, segments);
	put_word(out + FRAME_MASK, f->sigmask);
	if (!f->fp) {
		put_word(out + FRAME_FLAGS, flags);
		return FRAME_END;
	}
	size_t fp = round_up(FRAME_END, FP_ALIGN);
	put_word(out + FRAME_FLAGS, flags | UC_FP_XSTATE);
	put_word(out + FRAME_FP, f->addr + fp);
	return fp + put_fp(out + fp, f);
}

const struct arch_lend amd64_lend = {
	.call = { "\x0f\x05\xc3", 3 }, /* syscall; ret */
	.sigreturn = {
		/* mov $15, %rax (%eax); syscall */
		{ "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9 },
		{ "\xb8\x0f\0\0\0\x0f\x05", 7 },
	},
	.fp_regset = NT_X86_XSTATE,
	.audit_arch = AUDIT_ARCH_X86_64,
	.clone = NR_CLONE,
	.wait4 = NR_WAIT4,
	.exit_group = NR_EXIT_GROUP,
	.rt_sigreturn = NR_RT_SIGRETURN,
	.red_zone = 128,
	.frame_align = FP_ALIGN,
	.stand = stand,
	.restart = restart,
	.call_regs = call_regs,
	.result = result,
	.frame = frame,
};
