/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a live target is made of, for the makers of its snapshots: live.c,
 * snapshot*.c, reap.c. Nobody else looks inside.
 */
#ifndef HD_TARGET_LIVE_PARTS_H
#define HD_TARGET_LIVE_PARTS_H

#include "target/memory.h"
#include "target/procfs.h"
#include "target/target.h"
#include "target/tracees.h"

/*
 * What an exec changes, for where there is no descriptor of /proc/PID/mem to
 * tell: the executable, and where its code and the stack are (random).
 */
struct identity {
	dev_t exe_dev;
	ino_t exe_inode;
	uint64_t start_code, start_stack;
};

struct live {
	struct target base;
	struct proc proc;
	struct memory memory;
	struct tracees tracees;
	struct identity identity;
	bool nested_ns; /* its pid namespace is below ours */
};

/* The live target behind t, or NULL if it is none. */
struct live *live_of(struct target *t);

/* The mappings as they are now, to be freed by maps_free(). */
struct err *live_mappings(const struct live *l, struct mapping **out,
			  size_t *count) must_check;

#endif
