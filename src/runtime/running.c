/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/running.h"

#include "runtime/machine.h"
#include "runtime/racecall.h"
#include "runtime/runtime.h"
#include "runtime/sigframe.h"
#include "runtime/unwind.h"

#include <string.h>

enum {
	MAX_SIGNALS = 4,     /* handlers that interrupt each other */
	MAX_G0_FRAMES = 128, /* that are looked at for copystack */
};

/* What is known of a running goroutine. */
struct running {
	struct runtime *rt;
	struct machine *mach; /* NULL where only the status counts */
	struct goroutine *g;
	uint64_t saved_sp, saved_pc, saved_lr; /* g.sched */
	uint64_t signal_lo, signal_hi;	       /* gsignal's stack */
	struct regs regs; /* of PLACE_REGISTERS: those of the Go code */
};

/* ---- the table ----------------------------------------------------------- */

static bool own_stack(const struct running *r, uint64_t sp)
{
	return sp >= r->g->stack_lo && sp <= r->g->stack_hi;
}

static struct err *at(struct running *r, uint64_t pc, uint64_t sp, uint64_t lr)
{
	r->g->pc = pc;
	r->g->sp = sp;
	r->g->lr = lr;
	r->g->place = PLACE_SAVED;
	return NULL;
}

static struct err *at_saved(struct running *r)
{
	return at(r, r->saved_pc, r->saved_sp, r->saved_lr);
}

static struct err *at_registers(struct running *r, const struct regs *regs)
{
	at(r, regs->pc, regs->sp, regs->lr);
	r->g->place = PLACE_REGISTERS;
	r->regs = *regs;
	return NULL;
}

/* In a system call, too: as dumpgoroutine has it, if nothing better is known.
 */
static struct err *nowhere(struct running *r, const char *why)
{
	if (!r->g->in_syscall) {
		r->g->place = PLACE_UNKNOWN;
		r->g->why = why;
	}
	return NULL;
}

static struct err *is_named(struct runtime *rt, const struct func *f,
			    const char *const *names, size_t n, bool *out)
{
	cleanup(buf_deinit) struct buf name = {};

	*out = false;
	if (!f->addr)
		return NULL;
	TRY(func_name(rt, f, &name));
	for (size_t i = 0; i < n; i++)
		if (name.len == strlen(names[i]) &&
		    !memcmp(name.v, names[i], name.len))
			*out = true;
	return NULL;
}

/*
 * The functions that set the thread's g before they load SP, and so leave the
 * other stack a moment later than they say. By then g.sched holds where the
 * goroutine goes on (runtime/asm_amd64.s).
 */
static struct err *is_switching(struct runtime *rt, const struct func *f,
				bool *out)
{
	static const char *const names[] = { "gogo", "runtime.gogo",
					     "runtime.systemstack",
					     "runtime.asmcgocall" };

	*out = false;
	if (!(f->flag & rt->layout.konst.FuncFlagSPWrite.value))
		return NULL;
	return is_named(rt, f, names, ARRAY_SIZE(names), out);
}

/* gogo has loaded SP, and is yet to jump to g.sched.pc. */
static struct err *is_gogo(struct runtime *rt, const struct func *f, bool *out)
{
	static const char *const names[] = { "gogo", "runtime.gogo" };

	return is_named(rt, f, names, ARRAY_SIZE(names), out);
}

/* recovery sets g.sched, one word after another, to where a panic ends. */
static struct err *is_recovery(struct runtime *rt, uint64_t pc, bool *out)
{
	static const char *const name[] = { "runtime.recovery" };
	struct func f;

	TRY(func_find(rt, pc, &f));
	return is_named(rt, &f, name, 1, out);
}

static struct err *judge(struct running *r, const struct regs *regs,
			 enum machine_g on, int signals);

/*
 * The handler may be making the interrupted function look as if it had called
 * another: the call is pushed, the pc is not yet set
 * (runtime/signal_amd64.go:pushCall). Takes it back.
 */
static void undo_push(struct running *r, struct regs *regs)
{
	uint64_t word;

	if (r->rt->arch->has_link_register || !own_stack(r, regs->sp))
		return;
	struct err *e = rt_ptr(r->rt, regs->sp, &word);
	if (!e && word == regs->pc)
		regs->sp += r->rt->arch->ptr_size;
	err_free(e);
}

/* Registers that a signal has interrupted; they lie between sp and limit. */
static struct err *judge_interrupted(struct running *r, uint64_t sp,
				     uint64_t limit, enum machine_g on,
				     int signals, const char *why)
{
	struct regs regs;
	uint64_t found = 0;

	if (signals < MAX_SIGNALS)
		TRY(sigframe_find(r->rt, sp, limit, &regs, &found));
	if (!found)
		return nowhere(r, why);
	undo_push(r, &regs);
	/* The handler has set another g. */
	if (on == ON_GSIGNAL)
		on = ON_UNKNOWN;
	return judge(r, &regs, on, signals + 1);
}

/* Whether a return address lies at addr; what can't be read is none. */
static struct err *is_return_at(struct runtime *rt, uint64_t addr, bool *out)
{
	uint64_t pc;
	struct func f;

	*out = false;
	struct err *e = rt_ptr(rt, addr, &pc);
	if (e && e->code == ERR_FAULT) {
		err_free(e);
		return NULL;
	}
	TRY(e);
	TRY(func_find(rt, pc, &f));
	*out = f.addr && pc > f.entry;
	return NULL;
}

/*
 * Assembly may align its SP; then only the frame pointer, which lies at the
 * end of a frame, tells where that is. Sets SP to what the function's prologue
 * left it at.
 */
static struct err *undo_alignment(struct running *r, const struct func *f,
				  struct regs *regs)
{
	const unsigned int word = r->rt->arch->ptr_size;
	bool in_place, by_bp;
	int32_t delta;

	if (!(f->flag & r->rt->layout.konst.FuncFlagSPWrite.value) ||
	    r->rt->arch->has_link_register || !f->pcsp)
		return NULL;
	TRY(func_pcvalue(r->rt, f, f->pcsp, regs->pc, &delta));
	TRY(is_return_at(r->rt, regs->sp + (uint64_t)(int64_t)delta,
			 &in_place));
	if (in_place || delta < (int32_t)word || !own_stack(r, regs->bp))
		return NULL;
	TRY(is_return_at(r->rt, regs->bp + word, &by_bp));
	if (by_bp)
		regs->sp = regs->bp + word - (uint64_t)(int64_t)delta;
	return NULL;
}

/*
 * In a vfork the return address has been taken off the stack, for the child
 * runs on it too, and writes over it: the goroutine stands in the caller.
 */
static struct err *is_vforking(struct running *r, const struct regs *regs,
			       const struct func *f, bool *out)
{
	static const char *const name[] = { "syscall.rawVforkSyscall" };
	const struct arch *arch = r->rt->arch;
	int32_t delta = 0;

	*out = false;
	if (arch->has_link_register)
		return NULL;
	TRY(is_named(r->rt, f, name, 1, out));
	if (*out)
		TRY(func_pcvalue(r->rt, f, f->pcsp, regs->pc, &delta));
	*out = delta == -(int32_t)arch->ptr_size;
	return NULL;
}

static struct err *judge_own_stack(struct running *r, const struct regs *regs,
				   enum machine_g on, int signals)
{
	struct func f;
	bool gogo, vforking;

	TRY(func_find(r->rt, regs->pc, &f));
	TRY(is_vforking(r, regs, &f, &vforking));
	if (vforking)
		return at(r, regs->general[r->rt->arch->vfork_return], regs->sp,
			  0);
	TRY(is_gogo(r->rt, &f, &gogo));
	if (gogo)
		return at(r, r->saved_pc, regs->sp, r->saved_lr);
	/* On its way to the system stack: all is saved. */
	if (on == ON_G0 && own_stack(r, r->saved_sp))
		return at_saved(r);
	/* pc 0: it has called a nil function. */
	if (f.addr || !regs->pc) {
		struct regs own = *regs;

		if (f.addr)
			TRY(undo_alignment(r, &f, &own));
		return at_registers(r, &own);
	}
	/* A handler of C without a stack of its own. */
	return judge_interrupted(r, regs->sp, r->g->stack_hi, on, signals,
				 "on its stack, in no Go code");
}

/* On the system stack, or (the vdso's functions) on it with its own g. */
static struct err *judge_other_stack(struct running *r, const struct regs *regs,
				     enum machine_g on, int signals)
{
	const struct layout *l = &r->rt->layout;
	uint64_t vdso_sp, vdso_pc, pc = 0, sp = 0;
	struct func f;
	bool switching, recovering, racecall = false;

	TRY(rt_field(r->rt, r->mach->m, &l->m.vdsoSP, &vdso_sp));
	TRY(rt_field(r->rt, r->mach->m, &l->m.vdsoPC, &vdso_pc));
	if (on != ON_G0 && vdso_sp && own_stack(r, vdso_sp))
		return at(r, vdso_pc, vdso_sp, 0);
	if (on != ON_G0)
		TRY(racecall_find(r->rt, r->mach, r->g, regs, &pc, &sp,
				  &racecall));
	if (racecall)
		return at(r, pc, sp, 0);
	if (on == ON_CURG) {
		TRY(func_find(r->rt, regs->pc, &f));
		TRY(is_switching(r->rt, &f, &switching));
		if (!switching)
			return judge_interrupted(r, regs->sp, UINT64_MAX, on,
						 signals, "between two stacks");
	}
	if (!own_stack(r, r->saved_sp))
		return nowhere(r, "nothing is saved");
	TRY(is_recovery(r->rt, regs->pc, &recovering));
	return recovering ? nowhere(r, "recovering from a panic") : at_saved(r);
}

static struct err *judge(struct running *r, const struct regs *regs,
			 enum machine_g on, int signals)
{
	bool signal = regs->sp >= r->signal_lo && regs->sp < r->signal_hi;

	if (signal || on == ON_GSIGNAL)
		return judge_interrupted(r, regs->sp,
					 signal ? r->signal_hi : UINT64_MAX, on,
					 signals, "in a signal handler");
	if (own_stack(r, regs->sp))
		return judge_own_stack(r, regs, on, signals);
	return judge_other_stack(r, regs, on, signals);
}

/* ---- stacks that are being moved ----------------------------------------- */

static struct err *signal_stack(struct runtime *rt, const struct machine *mach,
				uint64_t *lo, uint64_t *hi)
{
	const struct layout *l = &rt->layout;
	uint64_t stack = mach->gsignal + l->g.stack.offset;

	*lo = *hi = 0;
	if (!mach->gsignal)
		return NULL;
	TRY(rt_field(rt, stack, &l->stack.lo, lo));
	return rt_field(rt, stack, &l->stack.hi, hi);
}

/* Whether the frames of a system stack, from regs on, have copystack. */
static struct err *has_copystack(struct runtime *rt, const struct regs *regs,
				 bool *out)
{
	static const char *const name[] = { "runtime.copystack" };
	const struct goroutine g0 = {
		.pc = regs->pc,
		.sp = regs->sp,
		.lr = regs->lr,
		.place = PLACE_REGISTERS,
		.stack_hi = UINT64_MAX, /* C has made it */
	};
	struct unwinder u;

	*out = false;
	TRY(unwind_start(&u, rt, &g0));
	for (int i = 0; u.valid && !*out && i < MAX_G0_FRAMES; i++) {
		TRY(is_named(rt, &u.func, name, 1, out));
		TRY(unwind_next(&u));
	}
	return NULL;
}

/*
 * A stack is moved on the system stack of an M with a P, whether by its own
 * goroutine (newstack, whose status then says it, or who shrinks it), or by a
 * worker of the collector, who holds the scan bit of its status.
 */
static struct err *look_for_copystack(struct runtime *rt, struct machine *mach)
{
	struct regs regs;
	uint64_t p, lo, hi, found;
	bool on_g0 = mach->on == ON_G0;

	TRY(rt_field(rt, mach->m, &rt->layout.m.p, &p));
	if (!p || !mach->thread || mach->on == ON_UNKNOWN)
		return NULL;
	regs = mach->thread->regs;
	TRY(signal_stack(rt, mach, &lo, &hi));
	if (mach->on == ON_GSIGNAL) {
		TRY(sigframe_find(rt, regs.sp, hi, &regs, &found));
		on_g0 = found != 0;
	}
	return on_g0 ? has_copystack(rt, &regs, &mach->moving) : NULL;
}

static struct err *machines(struct runtime *rt)
{
	struct machine_table *t = NULL;

	if (rt->machines)
		return NULL;
	TRY(machine_table_load(rt, &t));
	rt->machines = t;
	for (size_t i = 0; i < t->list.len; i++) {
		TRY(look_for_copystack(rt, &t->list.v[i]));
		t->moving += t->list.v[i].moving;
	}
	return NULL;
}

/* ---- a goroutine --------------------------------------------------------- */

static struct err *read_saved(struct running *r)
{
	const struct layout *l = &r->rt->layout;
	uint64_t sched = r->g->addr + l->g.sched.offset;

	TRY(rt_field(r->rt, sched, &l->gobuf.sp, &r->saved_sp));
	TRY(rt_field(r->rt, sched, &l->gobuf.pc, &r->saved_pc));
	TRY(rt_field(r->rt, sched, &l->gobuf.lr, &r->saved_lr));
	return signal_stack(r->rt, r->mach, &r->signal_lo, &r->signal_hi);
}

/* By the registers of its thread, which are not there any more when the target
 * runs on. */
static struct err *find_place(struct running *r)
{
	struct goroutine *g = r->g;

	if (r->mach->thread) {
		TRY(read_saved(r));
		TRY(judge(r, &r->mach->thread->regs, r->mach->on, 0));
	} else {
		nowhere(r, "its thread is not known");
	}
	if (r->mach->thread && r->mach->moving)
		g->place = PLACE_MOVING;
	r->mach->at = (struct machine_place){
		true, g->place, g->why, g->pc, g->sp, g->lr, r->regs,
	};
	return NULL;
}

/* Places r->g, whose status is running. */
static struct err *place(struct running *r)
{
	r->mach = machine_find(r->rt->machines, r->g->m);
	if (!r->mach || r->mach->curg != r->g->addr)
		return nowhere(r, "no M runs it");
	if (!r->mach->at.known)
		TRY(find_place(r));
	const struct machine_place *at = &r->mach->at;
	r->g->place = at->place;
	r->g->why = at->why;
	r->g->pc = at->pc;
	r->g->sp = at->sp;
	r->g->lr = at->lr;
	r->regs = at->regs;
	return NULL;
}

static bool is_running(const struct runtime *rt, const struct goroutine *g)
{
	return g->status == (uint32_t)rt->layout.konst.Grunning.value;
}

static bool is_moving(const struct runtime *rt, const struct goroutine *g)
{
	return g->status == (uint32_t)rt->layout.konst.Gcopystack.value;
}

struct err *goroutine_place(struct runtime *rt, struct goroutine *g)
{
	struct running r = { .rt = rt, .g = g };

	if (is_moving(rt, g))
		g->place = PLACE_MOVING;
	if (!is_running(rt, g) && !g->scanned)
		return NULL;
	TRY(machines(rt));
	if (g->scanned && rt->machines->moving)
		g->place = PLACE_MOVING;
	return is_running(rt, g) ? place(&r) : NULL;
}

/* ---- all of them --------------------------------------------------------- */

/* Calls fn for each goroutine that has an M and is running, or was until its
 * stack had to be moved. */
static struct err *each_running(struct runtime *rt,
				struct err *(*fn)(struct running *, void *),
				void *arg)
{
	TRY(machines(rt));
	for (size_t i = 0; i < rt->machines->list.len; i++) {
		struct goroutine g;
		struct running r = { .rt = rt, .g = &g };

		if (!rt->machines->list.v[i].curg)
			continue;
		TRY(goroutine_read(rt, rt->machines->list.v[i].curg, &g));
		if (!is_running(rt, &g) && !is_moving(rt, &g))
			continue;
		if (is_moving(rt, &g))
			g.place = PLACE_MOVING;
		else
			TRY(place(&r));
		TRY(fn(&r, arg));
	}
	return NULL;
}

static struct err *count_gap(struct running *r, void *arg)
{
	struct running_gaps *gaps = arg;

	gaps->unknown += r->g->place == PLACE_UNKNOWN;
	gaps->moving += r->g->place == PLACE_MOVING;
	return NULL;
}

/* A worker of the collector moves another goroutine's stack than its own, of
 * which no M tells. */
struct err *running_gaps(struct runtime *rt, struct running_gaps *out)
{
	struct running_gaps gaps = {};

	TRY(each_running(rt, count_gap, &gaps));
	gaps.moving = max_u64(gaps.moving, rt->machines->moving);
	*out = gaps;
	return NULL;
}

struct registers {
	struct err *(*fn)(void *, const struct register_root *);
	void *arg;
};

static struct err *show_registers(struct running *r, void *arg)
{
	const struct registers *registers = arg;
	const struct arch *arch = r->rt->arch;
	struct register_root root = {
		.goroutine = r->g->addr,
		.id = r->g->id,
	};
	struct heap_address at;
	bool allocated;

	if (r->g->place != PLACE_REGISTERS)
		return NULL;
	root.thread = r->mach->thread;
	for (unsigned int i = 0; i < arch->general_count; i++) {
		root.name = arch->general[i];
		root.value = r->regs.general[i];
		if (!span_find(&r->rt->spans, root.value, &at))
			continue;
		TRY(span_slot_allocated(r->rt, &at, &allocated));
		if (allocated)
			TRY(registers->fn(registers->arg, &root));
	}
	return NULL;
}

struct err *
running_registers_each(struct runtime *rt,
		       struct err *(*fn)(void *, const struct register_root *),
		       void *arg)
{
	struct registers registers = { fn, arg };

	return each_running(rt, show_registers, &registers);
}
