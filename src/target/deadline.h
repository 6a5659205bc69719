/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deadline for system calls that block and know none (waitid). While one is
 * set, a timer's signal to the calling thread makes them end with EINTR every
 * DEADLINE_TICK at the latest: the caller then asks deadline_check() and
 * looks again at what it waits for. No polling in between, and no race
 * between a signal and the call it is to end: there is always a next tick.
 */
#ifndef HD_TARGET_DEADLINE_H
#define HD_TARGET_DEADLINE_H

#include "base/err.h"

#include <signal.h>
#include <stdint.h>
#include <time.h>

enum {
	DEADLINE_TICK = 10, /* ms */
};

struct deadline {
	bool set;
	void (*volatile on_tick)(void *arg); /* see deadline_watch() */
	void *volatile arg;
	uint64_t end; /* CLOCK_MONOTONIC, in ns */
	bool heed_interrupt;
	timer_t timer;
	struct sigaction old_action;
	sigset_t old_mask;
};

static inline uint64_t timespec_ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;
}

/* CLOCK_MONOTONIC, in ns. */
static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return timespec_ns(&now);
}

/*
 * Sets a deadline ms from now. heed_interrupt: target_interrupted ends the
 * wait, too. Errors: ERR_OS. One thread has one deadline at a time, and it is
 * the same thread that takes it off. d must not move meanwhile.
 */
struct err *deadline_init(struct deadline *d, unsigned int ms,
			  bool heed_interrupt) must_check;
/* Takes it off; nothing to do for a zeroed one. */
void deadline_deinit(struct deadline *d);

/*
 * Has every tick call on_tick(arg) in its signal handler, until the next call
 * of this function; NULL: nothing. For a system call that does not return
 * when it is interrupted, but is begun again.
 */
void deadline_watch(struct deadline *d, void (*on_tick)(void *arg), void *arg);

/* ERR_TIMEOUT when it has passed, ERR_INTERRUPTED when asked to end. */
struct err *deadline_check(const struct deadline *d) must_check;

#define cleanup_deadline cleanup(deadline_deinit)

#endif
