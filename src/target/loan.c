/* SPDX-License-Identifier: Apache-2.0 */
#include "target/loan.h"

#include "base/bits.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

enum {
	/* ms: a clone takes some 40 ms for each GiB. */
	CALL_TIMEOUT = 60000,
	MAX_INTERRUPTS = 8, /* stops that come between */
};

static const struct arch_lend *lend_of(const struct loan *loan)
{
	return loan->live->base.arch->lend;
}

static struct err *get_regs(const struct live *l, const struct tracee *t,
			    uint8_t regs[LOAN_REGS_MAX])
{
	size_t size = LOAN_REGS_MAX;

	TRY(tracee_get_regset(t, NT_PRSTATUS, regs, &size));
	if (size != l->base.arch->regs_size)
		return err_new(ERR_UNSUPPORTED, "thread %d runs 32-bit code",
			       t->tid);
	return NULL;
}

enum lend_stand loan_stand(const struct live *l, const struct tracee *t)
{
	uint8_t regs[LOAN_REGS_MAX];

	if (t->state != TRACEE_STOPPED || t->signal || !l->base.arch->lend)
		return LEND_UNFIT;
	cleanup_err struct err *e = get_regs(l, t, regs);
	return e ? LEND_UNFIT : l->base.arch->lend->stand(regs);
}

/* ---- the frames ---------------------------------------------------------- */

/* Copies between us and the stack of the thread. */
static struct err *move_stack(const struct loan *loan, uint64_t addr, void *buf,
			      size_t n, bool write)
{
	struct iovec here = { buf, n };
	struct iovec there = { (void *)(uintptr_t)addr, n };
	ssize_t done;

	done = write ? process_vm_writev(loan->tracee->tid, &here, 1, &there, 1,
					 0)
		     : process_vm_readv(loan->tracee->tid, &here, 1, &there, 1,
					0);
	if (done == (ssize_t)n)
		return NULL;
	return err_os(done < 0 ? errno : EFAULT,
		      "the stack of thread %d at %#llx", loan->tracee->tid,
		      (unsigned long long)addr);
}

/* The registers that no call changes, unless the thread loses them: only
 * those of a size that has room, else the part that all machines have. */
static size_t get_fp(const struct loan *loan, uint8_t fp[LEND_FP_MAX])
{
	size_t size = LEND_FP_MAX;
	cleanup_err struct err *e = tracee_get_regset(
		loan->tracee, lend_of(loan)->fp_regset, fp, &size);

	if (e)
		return 0;
	return size < LEND_FP_MAX ? size : 512;
}

/*
 * Lays out both frames in out, the child's behind the thread's, and notes
 * where they belong.
 */
static struct err *make_frames(struct loan *loan, uint8_t out[LOAN_FRAMES_MAX])
{
	const struct arch_lend *lend = lend_of(loan);
	uint8_t regs[LOAN_REGS_MAX], fp[LEND_FP_MAX];
	uint8_t bytes[LEND_FRAME_MAX];
	struct regs decoded;
	struct lend_frame frame = {
		.sigreturn = loan->gadgets->sigreturn,
		.pr_reg = regs,
		.sigmask = loan->sigmask,
		.fp = fp,
	};

	loan->live->base.arch->decode_regs(loan->regs, &decoded);
	if (decoded.sp < LOAN_STACK)
		return err_new(ERR_FORMAT, "thread %d has no stack",
			       loan->tracee->tid);
	frame.addr = (decoded.sp - lend->red_zone - LOAN_FRAMES_MAX) &
		     ~(uint64_t)(lend->frame_align - 1);
	loan->frame = frame.addr;
	memcpy(regs, loan->regs, sizeof(regs));
	lend->restart(regs, true);
	frame.fp_len = get_fp(loan, fp);
	if (!frame.fp_len)
		frame.fp = NULL;
	size_t size = lend->frame(&frame, bytes);
	memcpy(out, bytes, size);

	size_t offset = (size_t)round_up(size, lend->frame_align);
	loan->child_frame = frame.addr = loan->frame + offset;
	struct lend_call call = { loan->gadgets->call,
				  loan->child_frame,
				  lend->exit_group,
				  { LOAN_EXIT_CODE } };
	lend->call_regs(regs, &call);
	frame.fp = NULL;
	size = lend->frame(&frame, bytes);
	if (offset + size > LOAN_FRAMES_MAX)
		return err_new(ERR_LIMIT, "no room for two signal frames");
	memcpy(out + offset, bytes, size);
	loan->size = offset + size;
	return NULL;
}

static struct err *prepare(struct loan *loan)
{
	uint8_t frames[LOAN_FRAMES_MAX] = {};

	TRY(get_regs(loan->live, loan->tracee, loan->regs));
	TRY(tracee_get_sigmask(loan->tracee, &loan->sigmask));
	TRY(make_frames(loan, frames));
	TRY(move_stack(loan, loan->frame, loan->below, loan->size, false));
	TRY(move_stack(loan, loan->frame, frames, loan->size, true));
	return tracee_watch_clone(loan->tracee);
}

struct err *loan_begin(struct loan *loan, const struct live *l,
		       const struct gadgets *g, struct tracee *t)
{
	*loan = (struct loan){ .live = l, .gadgets = g, .tracee = t };
	loan->regs_size = l->base.arch->regs_size;
	struct err *e = prepare(loan);
	if (e)
		loan->tracee = NULL;
	return e;
}

/* ---- the call ------------------------------------------------------------ */

/* Runs the thread to its next stop but for those that mean nothing. */
static struct err *step(struct loan *loan, const struct deadline *d,
			enum tracee_stop *out)
{
	for (int i = 0; i < MAX_INTERRUPTS; i++) {
		TRY(tracee_step(loan->tracee, &loan->live->proc, d, out));
		if (*out == STOP_SIGNAL)
			return err_new(ERR_FORMAT,
				       "thread %d met a signal where all are "
				       "blocked",
				       loan->tracee->tid);
		if (*out != STOP_INTERRUPT)
			return NULL;
	}
	return err_new(ERR_TIMEOUT, "thread %d stops again and again",
		       loan->tracee->tid);
}

/* From before the call to behind it. */
static struct err *run_call(struct loan *loan, const struct deadline *d,
			    pid_t *child)
{
	enum tracee_stop stop;

	TRY(step(loan, d, &stop)); /* the entry */
	if (stop == STOP_SYSCALL)
		TRY(step(loan, d, &stop));
	if (stop == STOP_CLONE) {
		TRY(tracee_cloned(loan->tracee, child));
		TRY(step(loan, d, &stop));
	}
	if (stop != STOP_SYSCALL)
		return err_new(ERR_FORMAT, "thread %d did not make its call",
			       loan->tracee->tid);
	return NULL;
}

struct err *loan_call(struct loan *loan, uint64_t number,
		      const uint64_t args[6], int64_t *result, pid_t *child)
{
	cleanup_deadline struct deadline d = {};
	struct lend_call call = { loan->gadgets->call, loan->frame, number };
	uint8_t regs[LOAN_REGS_MAX];
	pid_t made = 0;

	TRY(deadline_init(&d, CALL_TIMEOUT, false));
	memcpy(call.args, args, sizeof(call.args));
	memcpy(regs, loan->regs, sizeof(regs));
	lend_of(loan)->call_regs(regs, &call);
	TRY(tracee_set_regset(loan->tracee, NT_PRSTATUS, regs,
			      loan->regs_size));
	TRY(tracee_set_sigmask(loan->tracee, UINT64_MAX));
	struct err *e = run_call(loan, &d, &made);
	if (child)
		*child = made;
	TRY(e);
	TRY(get_regs(loan->live, loan->tracee, regs));
	*result = lend_of(loan)->result(regs);
	return NULL;
}

struct err *loan_end(struct loan *loan)
{
	uint8_t regs[LOAN_REGS_MAX];

	if (!loan->tracee || loan->tracee->state != TRACEE_STOPPED)
		return NULL;
	memcpy(regs, loan->regs, sizeof(regs));
	lend_of(loan)->restart(regs, false);
	TRY(tracee_set_sigmask(loan->tracee, loan->sigmask));
	TRY(tracee_set_regset(loan->tracee, NT_PRSTATUS, regs,
			      loan->regs_size));
	TRY(move_stack(loan, loan->frame, loan->below, loan->size, true));
	TRY(tracee_no_options(loan->tracee));
	loan->tracee = NULL;
	return NULL;
}
