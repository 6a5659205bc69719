/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call lent to a stopped thread of a live target.
 *
 * The thread waits in a call that can be begun again, on a stack of which it
 * is known how far down it is its own. Below what it uses there, a signal
 * frame is written that holds its registers and signal mask; it makes the call
 * with all signals blocked; then it gets its registers back, and begins its
 * own call again. Whatever ends us meanwhile, the thread runs on through the
 * frame to the same end (arch/lend.h). So the order of the requests matters:
 * the frame is there before the registers lead to it, and the signal mask is
 * the thread's own again before the registers lead away from it.
 *
 * The borrowed bytes of the stack are given back, too: a thread that is looked
 * at later is as it was.
 */
#ifndef HD_TARGET_LOAN_H
#define HD_TARGET_LOAN_H

#include "target/gadget.h"

#include "arch/lend.h"

#include <sched.h>

enum {
	LOAN_REGS_MAX = 512, /* bytes of the general registers */
	LOAN_FRAMES_MAX = LEND_FRAME_MAX + 1024, /* bytes of both frames */
	/* Bytes of stack that a loan takes below the thread's sp. */
	LOAN_STACK = LOAN_FRAMES_MAX + 256,
	/* What a child exits with that outlives its tracer: see loan_begin().
	 */
	LOAN_EXIT_CODE = 0x68,
	/* How a child is made: it shares files and folder with its parent,
	 * and its end sends no signal. */
	LOAN_CLONE_FLAGS = CLONE_FILES | CLONE_FS,
};

struct loan {
	const struct live *live;
	const struct gadgets *gadgets;
	struct tracee *tracee; /* stopped; NULL: no loan */
	uint8_t regs[LOAN_REGS_MAX];
	size_t regs_size;
	uint64_t sigmask;
	uint64_t frame;	      /* address: what the thread returns through */
	uint64_t child_frame; /* the same for a child: it exits */
	size_t size;	      /* bytes of both */
	uint8_t below[LOAN_FRAMES_MAX]; /* what was there */
};

/* Whether a stopped thread may be borrowed, as far as its registers tell. */
enum lend_stand loan_stand(const struct live *l, const struct tracee *t);

/*
 * Borrows t, a stopped thread of l, of which loan_stand() is not LEND_UNFIT,
 * and which has LOAN_STACK bytes below its sp for itself. All that is made so
 * far are preparations. A zeroed loan needs no end.
 */
struct err *loan_begin(struct loan *loan, const struct live *l,
		       const struct gadgets *g, struct tracee *t) must_check;

/*
 * Makes a system call: *result is what it returned. *child, if not NULL, is
 * the new process if it has made one (in our pid namespace), which is traced
 * by us then; else 0. A new process has loan->child_frame for its stack: left
 * to itself it exits at once with LOAN_EXIT_CODE.
 *
 * Errors: ERR_GONE, ERR_TIMEOUT, ERR_OS; whichever, loan_end() is next.
 */
struct err *loan_call(struct loan *loan, uint64_t number,
		      const uint64_t args[6], int64_t *result,
		      pid_t *child) must_check;

/* Gives the thread back. It is stopped, and may be detached. */
struct err *loan_end(struct loan *loan) must_check;

static inline void cleanup_loan_fn(struct loan *loan)
{
	err_free(loan_end(loan));
}
#define cleanup_loan cleanup(cleanup_loan_fn)

#endif
