/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending a system call to a stopped thread, as far as machines differ: which
 * code it runs through, which of its registers say that it may be borrowed,
 * and the frame by which it finds back by itself, should its tracer die.
 *
 * The thread is sent to an instruction that makes a system call and returns.
 * What it returns to is the code of rt_sigreturn, and what that finds on the
 * stack is a signal frame with the registers and the signal mask that the
 * thread had before. So at every instant between, the thread needs nobody to
 * get back to where it was.
 *
 * All functions are pure: from bytes to bytes. pr_reg are the bytes of
 * NT_PRSTATUS's pr_reg, arch->regs_size of them.
 */
#ifndef HD_ARCH_LEND_H
#define HD_ARCH_LEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of code to look for. */
struct code_pattern {
	const char *bytes;
	size_t len;
};

/* How a stopped thread stands. */
enum lend_stand {
	/* Not in a system call that can be begun again: leave it alone. */
	LEND_UNFIT,
	/* It waits for some time to pass. */
	LEND_SLEEPS,
	/* It waits to be woken (futex). */
	LEND_WAITS,
};

struct lend_call {
	uint64_t code;	/* address of the system call's instruction */
	uint64_t stack; /* address of the frame of lend->frame() */
	uint64_t number;
	uint64_t args[6];
};

/* What a frame is to restore. */
struct lend_frame {
	uint64_t addr;	    /* where it will be: a multiple of frame_align */
	uint64_t sigreturn; /* address of the code of rt_sigreturn */
	const void *pr_reg;
	uint64_t sigmask;
	const void *fp; /* as of fp_regset; NULL: does not matter */
	size_t fp_len;	/* bytes */
};

enum {
	LEND_FP_MAX = 4096,    /* bytes of fp that a frame takes */
	LEND_FRAME_MAX = 5120, /* bytes of a frame */
};

struct arch_lend {
	struct code_pattern call;	  /* the system call, and a return */
	struct code_pattern sigreturn[2]; /* any of these; len 0: no more */
	uint32_t fp_regset;		  /* NT_* of the other registers */
	uint32_t audit_arch;		  /* AUDIT_ARCH_*, for seccomp */
	uint32_t clone, wait4, exit_group, rt_sigreturn; /* numbers */
	uint32_t red_zone; /* bytes below sp that may be in use */
	uint32_t frame_align;

	enum lend_stand (*stand)(const void *pr_reg);

	/*
	 * Turns registers of a thread that stands so into those with which it
	 * begins its system call again, from user mode, whatever the kernel
	 * makes of the ones it has. lost: what the kernel had in store for the
	 * restart (of a sleep) will be gone: the call ends with EINTR.
	 */
	void (*restart)(void *pr_reg, bool lost);

	/* Sets the registers for the call. */
	void (*call_regs)(void *pr_reg, const struct lend_call *call);
	/* What the call returned: < 0 is -errno. */
	int64_t (*result)(const void *pr_reg);

	/* Writes the frame to out (LEND_FRAME_MAX), and returns its size. */
	size_t (*frame)(const struct lend_frame *f, uint8_t *out);
};

#endif
