/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines that nobody can wake: groups of them, and how that is known.
 *
 * A goroutine that waits for channels, locks, WaitGroups or Conds is woken by
 * who has them at hand. So the search begins with all goroutines that run, or
 * will by themselves (system calls, I/O, sleep, anything whose waiting is not
 * understood), with variables, finalizers, registers; follows all pointers; and
 * a waiting goroutine that has something it waits for within reach, or in a
 * variable, could be woken, and has its own stack followed. The rest can't.
 * That is the rule of the runtime's own goroutine leak profile, from Go 1.26
 * on (runtime/mgc.go:findGoroutineLeaks), made use of for all releases.
 *
 * Timers, channels of os/signal and what the network poller knows are among the
 * variables, or hang off goroutines that wait for I/O.
 */
#ifndef HD_RUNTIME_DEADLOCK_H
#define HD_RUNTIME_DEADLOCK_H

#include "runtime/graph.h"
#include "runtime/wait.h"

enum deadlock_kind {
	/* What they wait for is out of the reach of all who could run. */
	DEADLOCK_UNREACHABLE,
	/* It is in reach of variables, but nobody is left who could run: no
	 * goroutine, no timer, no signal that is listened to. */
	DEADLOCK_ASLEEP,
	/* Each waits for a lock that none but others of the group refer to on
	 * their stacks. It is in reach of variables, by which others could
	 * have it at hand: possible, not certain. */
	DEADLOCK_LOCKS,
};

struct deadlock_group {
	enum deadlock_kind kind;
	size_t first, count; /* in deadlocks.members */
};

struct deadlocks {
	VEC(struct deadlock_group) groups;
	VEC(uint32_t) members; /* indexes in wait_table.list */

	/* What was taken into account. */
	uint64_t goroutines;
	uint64_t blocked; /* on channels, locks, WaitGroups, Conds, for ever */
	uint64_t woken;	  /* of these: could be woken */
	uint64_t timers;  /* set */
	bool cgo;	  /* C code may call Go at any time */
	struct graph_totals graph;
	uint64_t damaged; /* roots that could not be read */
};

/* Finds them in the loaded runtime of a stopped target; t has its references
 * (wait_table_refer). */
struct err *deadlocks_find(struct runtime *rt, const struct wait_table *t,
			   struct deadlocks *out) must_check;
void deadlocks_deinit(struct deadlocks *d);

#endif
