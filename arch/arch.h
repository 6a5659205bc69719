/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between machines. One `const struct arch` a machine, all of
 * them compiled in: an arm64 core opens on amd64. Nothing else in hdattach
 * knows a machine, but for the file that makes the ptrace requests.
 *
 * To add a machine:
 *  1. Recognise it: a new file with a struct arch, its ELF machine, its Go
 *     name, the constants below; add it to arch.c:all[].
 *  2. Registers: fill in decode_regs (the layout of NT_PRSTATUS's pr_reg,
 *     which is also what PTRACE_GETREGSET gives).
 *  3. Frames: min_frame_size, has_link_register, frame_pointers, pc_quantum
 *     are what the runtime's own unwinder needs.
 *  4. Signals: decode_ucontext, from the kernel's struct ucontext.
 *  5. Threads: g_in_register and tls_above say where a thread's g is.
 *  6. Snapshots by fork: lend, when it has been seen to work on that machine;
 *     until then the others serve.
 */
#ifndef HD_ARCH_ARCH_H
#define HD_ARCH_ARCH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
	ARCH_GENERAL = 31,    /* general registers, at most */
	ARCH_UCONTEXT = 1024, /* bytes of a ucontext that matter, at most */
};

/* Registers of a thread, as far as anything needs them; 0 where absent. */
struct regs {
	uint64_t pc, sp, bp;
	uint64_t lr;	  /* link register (arm64) */
	uint64_t g;	  /* the register that holds g in Go code */
	uint64_t tls;	  /* thread pointer, where pr_reg has it (amd64 FS) */
	uint64_t orig_ax; /* amd64: system call number or -1 */
	uint64_t ax;
	/* All that can hold a pointer, in the order of arch.general. */
	uint64_t general[ARCH_GENERAL];
};

struct arch_lend;

struct arch {
	const char *name;     /* as GOARCH spells it */
	uint16_t elf_machine; /* EM_* */
	uint8_t ptr_size;     /* bytes */
	bool big_endian;
	uint8_t pc_quantum;	/* bytes; runtime: sys.PCQuantum */
	uint8_t min_frame_size; /* bytes; runtime: sys.MinFrameSize */
	bool has_link_register;
	bool frame_pointers; /* runtime: framepointer_enabled */
	bool tls_in_regs;    /* regs.tls comes with decode_regs */
	/* regs.tls is the word of this ELF note / regset, if not in pr_reg */
	uint32_t tls_regset; /* NT_ARM_TLS, or 0 */
	bool tls_above;	     /* a thread's variables lie above regs.tls */
	bool g_in_register;  /* regs.g is g wherever Go has made the call */
	size_t regs_size;    /* bytes of pr_reg */

	const char *const *general; /* names of regs.general */
	/* Which of them holds the return address while the child of a vfork
	 * runs on the same stack (syscall/asm_linux_*.s:rawVforkSyscall);
	 * where there is no link register. */
	unsigned int vfork_return;
	/* Which of them racecall keeps Go's SP in while C runs; C preserves it
	 * (runtime/race_*.s); where there is no link register. */
	unsigned int race_sp;
	unsigned int general_count;

	/* Decodes regs_size bytes of pr_reg. */
	void (*decode_regs)(const void *pr_reg, struct regs *out);

	/*
	 * Decodes ucontext_size bytes at addr: the registers that a signal
	 * has interrupted, but for tls. False if that can't be a ucontext
	 * which the kernel has made for a signal handler.
	 */
	bool (*decode_ucontext)(const void *ucontext, uint64_t addr,
				struct regs *out);
	size_t ucontext_size; /* bytes, at most ARCH_UCONTEXT */
	/* How a thread is lent a system call (arch/lend.h); NULL: never. */
	const struct arch_lend *lend;
	int siginfo_offset; /* bytes from the ucontext to its siginfo_t */
};

extern const struct arch arch_amd64;
extern const struct arch arch_arm64;

/* The machine of an ELF file, or NULL. */
const struct arch *arch_by_elf_machine(uint16_t machine);

/* The machine hdattach itself runs on; NULL where it is not a known one. */
const struct arch *arch_host(void);

#endif
