/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control groups of a process leave it: version 1 and 2, all the way
 * up, as far as they are mounted here.
 */
#ifndef HD_TARGET_CGROUP_H
#define HD_TARGET_CGROUP_H

#include "target/procfs.h"

struct cgroup_room {
	uint64_t memory; /* bytes; what can be taken back counts as free */
	uint64_t pids;	 /* processes and threads */
};

/* UINT64_MAX: no limit, or none that is known of. */
void cgroup_read_room(const struct proc *p, struct cgroup_room *out);

/*
 * The path of a process's group in the line of its controller in the text of a
 * /proc/PID/cgroup, to be freed; "" is the unified hierarchy. NULL: none.
 */
char *cgroup_path(const char *text, const char *controller);

#endif
