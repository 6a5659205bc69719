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
	USER_REG_COUNT = 34,
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
	.decode_regs = decode_regs,
};
