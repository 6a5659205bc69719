/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a live process: /proc/PID/mem, which stays with the address
 * space it was opened on, reads pages without read permission, too, and is
 * the way for a single range; process_vm_readv, which takes many ranges a
 * call, and is all there is where /proc/PID/mem can't be opened (it belongs to
 * the process's user, and CAP_SYS_PTRACE is not CAP_DAC_OVERRIDE).
 *
 * Safe from any thread, but for memory_init() and memory_deinit(), and for a
 * change of tid.
 */
#ifndef HD_TARGET_MEMORY_H
#define HD_TARGET_MEMORY_H

#include "target/procfs.h"
#include "target/target.h"

struct memory {
	pid_t tid; /* a living thread: a leader that exited has no memory */
	int fd;	   /* /proc/PID/mem, or -1 */
};

/* Of the process that tid is a thread of. Errors: ERR_GONE. */
struct err *memory_init(struct memory *m, const struct proc *p,
			pid_t tid) must_check;
void memory_deinit(struct memory *m);

/* How many of the len bytes at addr could be read, from the first on. */
size_t memory_read(const struct memory *m, uint64_t addr, void *buf,
		   size_t len);

/* Reads n ranges and sets ok of each. */
void memory_read_many(const struct memory *m, struct read_range *ranges,
		      size_t n);

/* The address space is no more. */
bool memory_gone(const struct memory *m);

/*
 * Whether we may trace tid, found out without doing anything to it:
 * process_vm_readv passes the same test of the kernel as an attach does
 * (PTRACE_MODE_ATTACH_REALCREDS). 0, or errno: EPERM, ESRCH (no such thread,
 * or it has no memory), ENOSYS (can't be told).
 */
int memory_probe(pid_t tid);

#endif
