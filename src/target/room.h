/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether there is room for a snapshot of a process: nothing that the process
 * may need itself while it lasts must be taken from it. The facts are gathered
 * from /proc and judged by functions that look at nothing else.
 */
#ifndef HD_TARGET_ROOM_H
#define HD_TARGET_ROOM_H

#include "target/cgroup.h"
#include "target/procfs.h"

struct room {
	/* Of the process. Bytes. */
	uint64_t anon;	      /* its own memory, swapped out included */
	uint64_t page_tables; /* of all of its memory */
	uint64_t accounted;   /* what a child adds to Committed_AS, at most */
	bool stopped;	      /* by a signal: nothing waits for it */

	/* What is left. UINT64_MAX: no limit. */
	uint64_t machine;	   /* memory of the machine, bytes */
	uint64_t commit;	   /* vm.overcommit_memory=2, bytes */
	struct cgroup_room target; /* of its control groups */
	struct cgroup_room own;	   /* of ours */
	uint64_t processes;	   /* RLIMIT_NPROC */
};

/* What can't be found out is taken for enough. */
void room_gather(const struct proc *p, pid_t tid, struct room *out);

/* ERR_LIMIT, with what there is too little of. */
struct err *room_for_fork(const struct room *r) must_check;
struct err *room_for_copy(const struct room *r) must_check;

/* About how long the process would be stopped, in ns. */
uint64_t room_fork_pause(const struct room *r);
uint64_t room_copy_pause(const struct room *r);
uint64_t room_hold_pause(const struct room *r);

#endif
