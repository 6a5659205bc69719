/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Having a Go program at a moment that is fit to be dumped: the target is
 * stopped, or a snapshot of it is taken and it runs on.
 */
#ifndef HD_CAPTURE_H
#define HD_CAPTURE_H

#include "runtime/moment.h"
#include "runtime/runtime.h"
#include "target/snapshot.h"

struct capture_options {
	unsigned int max_wait; /* ms to wait for a clean moment */
	enum snapshot_kind snapshot;
	uint64_t max_pause; /* ns; 0: any */
	int nice;	    /* what is added when the target runs on */
};

/* What the latest stop took, in ns. */
struct capture_times {
	uint64_t stop;	   /* until all threads stood */
	uint64_t look;	   /* whether the moment is fit; the model, if first */
	uint64_t snapshot; /* making it */
	uint64_t resume;
};

struct capture {
	bool clean;	      /* the moment is fit */
	struct moment moment; /* what it is like */
	unsigned int tries;   /* stops that it took */
	enum snapshot_kind kind;
	struct capture_times times;

	struct target *target;	 /* the live one; borrowed */
	struct runtime *rt;	 /* borrowed */
	struct target *snapshot; /* what rt reads; NULL: the target itself */
	struct snapshot_maker *maker;
};

/*
 * Takes a snapshot of the target, and loads the runtime from it: rt reads it
 * from then on, until capture_end(). Where there can't be one, the target
 * itself stays stopped until then. A moment that is not clean is given up: the
 * target runs on for a little (each time longer), and is stopped again, for at
 * most max_wait ms in all; then the moment is taken as it is, and `clean` is
 * not set. On an error the target is not stopped, and there is nothing to end.
 */
struct err *capture_stop(struct target *target, struct runtime *rt,
			 const struct capture_options *options,
			 struct capture *out) must_check;

/*
 * What was captured is read: the target runs on, if it doesn't already, and
 * the snapshot and all traces of it are gone. Of the runtime, what was read
 * already stays. Once is enough, and nothing is done for a zeroed one.
 */
struct err *capture_end(struct capture *c) must_check;

static inline void cleanup_capture_fn(struct capture *c)
{
	err_free(capture_end(c));
}
#define cleanup_capture cleanup(cleanup_capture_fn)

#endif
