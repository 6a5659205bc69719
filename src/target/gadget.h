/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code of a target that a thread may be sent through to make a system call
 * (arch/lend.h). It is part of what the target executes already: nothing is
 * written into its code.
 */
#ifndef HD_TARGET_GADGET_H
#define HD_TARGET_GADGET_H

#include "target/live_parts.h"

struct gadgets {
	uint64_t call;	    /* the system call, and a return */
	uint64_t sigreturn; /* rt_sigreturn */
};

/*
 * Looks for both in the executable mappings, which takes long in a large
 * program: before the stop. Errors: ERR_MISSING, ERR_UNSUPPORTED (the machine
 * has no lending), ERR_GONE, ERR_NOMEM.
 */
struct err *gadgets_find(const struct live *l, struct gadgets *out) must_check;

/* Whether the code is still there. */
bool gadgets_valid(const struct live *l, const struct gadgets *g);

#endif
