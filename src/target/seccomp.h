/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the seccomp filters of a thread make of a system call, found out
 * without making it: some kill the process for one that they don't know.
 */
#ifndef HD_TARGET_SECCOMP_H
#define HD_TARGET_SECCOMP_H

#include "target/ptrace.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/*
 * What a filter of n instructions says: SECCOMP_RET_* with its data. One that
 * is not understood says SECCOMP_RET_KILL_PROCESS.
 */
uint32_t seccomp_run(const struct sock_filter *filter, size_t n,
		     const struct seccomp_data *data);

/*
 * Whether all filters of a stopped thread, which has some, let n system calls
 * pass. Errors: ERR_UNSUPPORTED (they don't, or they can't be read: that needs
 * CAP_SYS_ADMIN), ERR_NOMEM.
 */
struct err *seccomp_check(const struct tracee *t,
			  const struct seccomp_data *calls,
			  size_t n) must_check;

#endif
