/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the makers of snapshots share: snapshot.c, which chooses, and one file
 * for each kind.
 */
#ifndef HD_TARGET_SNAPSHOT_PARTS_H
#define HD_TARGET_SNAPSHOT_PARTS_H

#include "target/gadget.h"
#include "target/image.h"
#include "target/live_parts.h"
#include "target/room.h"
#include "target/snapshot.h"

#include "arch/lend.h"

struct snapshot_maker {
	struct target *target; /* borrowed */
	struct live *live;     /* the same; NULL: not a live process */
	struct snapshot_wants wants;
	enum snapshot_kind asked, kind;
	uint64_t max_pause;	/* ns; 0: any */
	struct room room;	/* as it was before the stop */
	struct gadgets gadgets; /* 0: not found */
	struct image image;	/* of a copy: its memory, reserved */
};

/*
 * What is true of the snapshots of every kind: the base of a target that is
 * stopped, with copies of what live knows of the stop. pid: whose /proc tells
 * of the executable.
 */
struct err *snapshot_describe(const struct live *l, pid_t pid,
			      struct target *out) must_check;

/* ERR_UNSUPPORTED: there is no other moment. */
struct err *snapshot_no_resume(struct target *t);
struct err *snapshot_no_stop(struct target *t);

/*
 * Whether a stopped thread stands so that it may be lent a system call; *stand
 * says how.
 */
bool snapshot_may_lend(const struct snapshot_maker *m,
		       const struct system_stack *stack, struct tracee *t,
		       enum lend_stand *stand);

/*
 * Whether what is lent would do a stopped thread no harm: ERR_UNSUPPORTED says
 * what would.
 */
struct err *snapshot_check_thread(const struct snapshot_maker *m,
				  const struct tracee *t) must_check;

/* ---- fork: snapshot_fork.c ----------------------------------------------- */

struct err *fork_take(struct snapshot_maker *m, struct target **out) must_check;

/*
 * Adds to lacking what a child does not have of its parent, a stopped process,
 * or has not to itself. ERR_UNSUPPORTED: more than is worth copying.
 */
struct err *lacking_find(const struct live *parent, const struct memory *child,
			 const struct proc *child_proc,
			 struct image *lacking) must_check;

/* ---- copy: snapshot_copy.c ----------------------------------------------- */

/* Has memory at hand for a copy, in advance. */
struct err *copy_prepare(struct snapshot_maker *m) must_check;
struct err *copy_take(struct snapshot_maker *m, struct target **out) must_check;

/* ---- reap.c -------------------------------------------------------------- */

/*
 * Reaps the dead children that snapshots have left in the target, through one
 * of its idle threads. What can't be is left for the next time.
 */
void reap_children(struct snapshot_maker *m);

#endif
