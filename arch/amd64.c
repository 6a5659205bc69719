/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"

#include "base/bits.h"

#include <elf.h>

/* Order of struct user_regs_struct (kernel: arch/x86/include/asm/user_64.h). */
enum user_reg {
	USER_R14 = 1,
	USER_RBP = 4,
	USER_RAX = 10,
	USER_ORIG_RAX = 15,
	USER_RIP = 16,
	USER_RSP = 19,
	USER_FS_BASE = 21,
	USER_REG_COUNT = 27,
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
}

const struct arch arch_amd64 = {
	.name = "amd64",
	.elf_machine = EM_X86_64,
	.ptr_size = 8,
	.pc_quantum = 1,
	.min_frame_size = 0,
	.frame_pointers = true,
	.tls_in_regs = true,
	.regs_size = 8 * USER_REG_COUNT,
	.decode_regs = decode_regs,
};
