/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a stopped target: the target runs on, and what it was at the
 * stop is read from the snapshot. How they are made:
 *
 *	fork	a copy-on-write child of the target, by a system call that is
 *		lent to one of its threads: the shortest pause
 *	copy	what is needed is copied into our memory: needs that memory
 *	hold	none: the target itself, which stays stopped
 *
 * A maker is prepared before the stop, for what takes long, and then tried at
 * each stop:
 *
 *	snapshot_prepare	chooses, and says why
 *	  target_stop
 *	  snapshot_take		a target that is stopped, and stays so
 *	  target_resume		unless it was a hold
 *	  ...			it is read
 *	  snapshot_drop		and is no more
 *	snapshot_finish
 *
 * The thread that prepares a maker is the one that uses it.
 */
#ifndef HD_TARGET_SNAPSHOT_H
#define HD_TARGET_SNAPSHOT_H

#include "target/target.h"

enum snapshot_kind {
	SNAPSHOT_AUTO, /* the first of the following that is safe here */
	SNAPSHOT_FORK,
	SNAPSHOT_COPY,
	SNAPSHOT_HOLD,
};

/* The stack of a thread, [lo, hi), below whose sp nothing is in use. */
struct system_stack {
	pid_t ns_tid; /* the thread, in the target's pid namespace */
	uint64_t lo, hi;
};

struct address_range {
	uint64_t start, end; /* end is exclusive */
};

struct address_ranges { /* a vector (base/vec.h) that has a name */
	struct address_range *v;
	size_t len, cap;
};

/* What makers ask of the one who knows what is in the target. */
struct snapshot_wants {
	/*
	 * Calls fn for the system stacks of threads, until it returns false.
	 * Reads the target that is current: stopped, or a snapshot.
	 */
	struct err *(*stacks)(void *arg,
			      bool (*fn)(void *fn_arg,
					 const struct system_stack *),
			      void *fn_arg);
	/*
	 * Appends what of the writable memory nobody will read, by address and
	 * disjoint. For a copy: the model is loaded by then.
	 */
	struct err *(*unneeded)(void *arg, struct address_ranges *out);
	void *arg;
};

struct snapshot_options {
	enum snapshot_kind kind;
	uint64_t max_pause; /* ns; 0: any */
};

struct snapshot_maker;

/*
 * Chooses how to take snapshots of live, which runs, and prepares for it. Says
 * by log_verbose() what was chosen, and why it is not what would be fastest.
 * wants is borrowed, as live is, until snapshot_finish().
 *
 * Errors: ERR_UNSUPPORTED (the kind that was asked for is not possible here),
 * ERR_LIMIT (none fits max_pause: the message tells what it would take),
 * ERR_NOMEM, ERR_GONE, ERR_OS.
 */
struct err *snapshot_prepare(struct target *live,
			     const struct snapshot_wants *wants,
			     const struct snapshot_options *options,
			     struct snapshot_maker **out) must_check;

/* How snapshots are made as things stand: FORK, COPY or HOLD. */
enum snapshot_kind snapshot_kind(const struct snapshot_maker *m);
const char *snapshot_name(enum snapshot_kind kind);

/* Whether the model has to be loaded before snapshot_take(). */
bool snapshot_needs_model(const struct snapshot_maker *m);

/*
 * Takes a snapshot of the stopped target: the target itself for a hold, else
 * one of its own, for snapshot_drop(). When it fails nothing is left in the
 * target. Errors: ERR_LIMIT (refused at this stop: another one may do),
 * ERR_UNSUPPORTED (refused: another kind may do, see snapshot_fall_back()), and
 * what the target's functions return.
 */
struct err *snapshot_take(struct snapshot_maker *m,
			  struct target **out) must_check;

/*
 * Chooses the next kind after one was refused, with the target running. Takes
 * refused: it is said, or returned where no other kind is allowed.
 */
struct err *snapshot_fall_back(struct snapshot_maker *m,
			       struct err *refused) must_check;

/* Drops what snapshot_take() gave; not a hold's target. NULL is allowed. */
void snapshot_drop(struct snapshot_maker *m, struct target *snapshot);

/*
 * Reaps what earlier runs, killed, have left in the target, and frees m. The
 * target runs, or is stopped; snapshots are dropped before.
 */
void snapshot_finish(struct snapshot_maker *m);

#endif
