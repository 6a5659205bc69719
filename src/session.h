/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of hdattach on one target, and the kinds of output that it can write,
 * of which several can be asked of one stop.
 */
#ifndef HD_SESSION_H
#define HD_SESSION_H

#include "capture.h"
#include "options.h"
#include "output/out_file.h"

#include <time.h>

struct session {
	const struct options *options;
	struct target *target;
	struct runtime *rt;
	time_t began;		/* default names have it */
	bool streamed;		/* an output has no file that may be left */
	bool incomplete;	/* something written is not certain; said why */
	struct capture capture; /* as of the stop */
};

/*
 * A kind of output. Its functions are called in this order; `state` is its
 * own, and what open() has set is closed whatever happens.
 */
struct output_kind {
	const char *name; /* as -f and default file names have it */
	bool needs_spans; /* the heap's spans are to be loaded */
	/* Before the stop: refuses what can't come to a good end. */
	struct err *(*open)(struct session *s, void **state);
	/* The runtime is loaded, and what it reads stands still. */
	struct err *(*read)(struct session *s, void *state);
	/* All kinds have read, and the snapshot is about to go; or NULL. */
	struct err *(*leave)(struct session *s, void *state);
	/* The target runs: writes, and says what was done. */
	struct err *(*write)(struct session *s, void *state);
	void (*close)(void *state);
};

extern const struct output_kind kind_heapdump, kind_stacks, kind_deadlocks,
	kind_summary;

/*
 * The file of an output of that kind: -o, or EXE.PID.YYYYMMDDTHHMMSS.KIND, in
 * local time, with .gz or .zst behind it; compressed as -z has it.
 */
struct err *session_open_output(struct session *s, const char *kind,
				struct out_file **out) must_check;

/* Says what at the moment of the stop was not fit, if anything. */
void session_warn_moment(struct session *s);

#endif
