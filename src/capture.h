/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping a target at a moment that is fit to be dumped.
 */
#ifndef HD_CAPTURE_H
#define HD_CAPTURE_H

#include "runtime/moment.h"
#include "runtime/runtime.h"

struct capture {
	bool clean;	      /* the moment is fit */
	struct moment moment; /* what it is like */
	unsigned int tries;   /* stops that it took */
};

/*
 * Stops the target and loads the runtime. A moment that is not clean is given
 * up: the target runs on for a little (each time longer), and is stopped again,
 * for at most max_wait ms in all; then the moment is taken as it is, and
 * `clean` is not set. On an error the target is not stopped.
 */
struct err *capture_stop(struct target *target, struct runtime *rt,
			 unsigned int max_wait, struct capture *out) must_check;

#endif
