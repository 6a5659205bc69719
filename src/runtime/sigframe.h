/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signal has interrupted: the registers in the ucontext that the kernel
 * has put on the stack below which the handler runs.
 */
#ifndef HD_RUNTIME_SIGFRAME_H
#define HD_RUNTIME_SIGFRAME_H

#include "arch/arch.h"

#include <stdint.h>

struct runtime;

/*
 * The innermost ucontext from sp to limit, whichever function the handler is
 * in and whoever's it is: the kernel's own values tell it. *addr is where it
 * lies, 0 if there is none.
 */
struct err *sigframe_find(struct runtime *rt, uint64_t sp, uint64_t limit,
			  struct regs *out, uint64_t *addr) must_check;

#endif
