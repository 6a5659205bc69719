/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crash_signal.h"

#include "runtime/machine.h"
#include "runtime/runtime.h"
#include "runtime/sigframe.h"

#include <inttypes.h>
#include <signal.h>

enum {
	/* siginfo_t of a 64-bit machine (asm-generic/siginfo.h): bytes. */
	SIGINFO_NUMBER = 0,
	SIGINFO_CODE = 8,
	SIGINFO_ADDR = 16, /* si_pid if sent by a process */
	SIGINFO_SIZE = 24, /* up to there */

	INSTRUCTION = 16, /* bytes that fatalsignal prints */
	PAGE = 4096,
};

static struct err *read_name(struct runtime *rt, struct crash_signal *s)
{
	const struct layout *l = &rt->layout;
	uint64_t size = l->sigTabT.struct_size;

	if (!size || s->number >= l->var.sigtable.size / size)
		return NULL;
	return rt_string(rt,
			 l->var.sigtable.addr + s->number * size +
				 l->sigTabT.name.offset,
			 &s->name);
}

static bool has_addr(const struct crash_signal *s)
{
	return s->number == SIGSEGV || s->number == SIGBUS;
}

/* ---- of a panic ---------------------------------------------------------- */

struct err *crash_signal_of_panic(struct runtime *rt, uint64_t g,
				  struct crash_signal *out)
{
	const struct layout *l = &rt->layout;
	uint64_t number, code;

	TRY(rt_field(rt, g, &l->g.sig, &number));
	TRY(rt_field(rt, g, &l->g.sigcode0, &code));
	TRY(rt_field(rt, g, &l->g.sigcode1, &out->addr));
	TRY(rt_field(rt, g, &l->g.sigpc, &out->pc));
	out->number = (uint32_t)number;
	out->code = (int32_t)code;
	return read_name(rt, out);
}

struct err *crash_signal_in_panic(const struct crash_signal *s, struct buf *out)
{
	TRY(buf_printf(out, "[signal "));
	if (s->name.len)
		TRY(buf_append(out, s->name.v, s->name.len));
	else
		TRY(buf_printf(out, "0x%" PRIx32, s->number));
	/* The code is a uintptr there. */
	return buf_printf(out,
			  " code=0x%" PRIx64 " addr=0x%" PRIx64 " pc=0x%" PRIx64
			  "]\n",
			  (uint64_t)(int64_t)s->code, s->addr, s->pc);
}

/* ---- that the runtime has caught ----------------------------------------- */

/* The thread on a stack. */
static const struct thread *thread_on(const struct target *t, uint64_t lo,
				      uint64_t hi)
{
	for (size_t i = 0; i < t->thread_count; i++)
		if (t->threads[i].have_regs && t->threads[i].regs.sp >= lo &&
		    t->threads[i].regs.sp < hi)
			return &t->threads[i];
	return NULL;
}

/* What the kernel has put on the signal stack of m. */
static struct err *read_siginfo(struct runtime *rt, uint64_t m,
				struct crash_signal *out)
{
	const struct layout *l = &rt->layout;
	const bool big = rt->arch->big_endian;
	uint8_t info[SIGINFO_SIZE];
	uint64_t gsignal, lo, hi, at;
	const struct thread *thread;
	struct regs regs;

	TRY(rt_field(rt, m, &l->m.gsignal, &gsignal));
	if (!gsignal)
		return NULL;
	TRY(rt_field(rt, gsignal + l->g.stack.offset, &l->stack.lo, &lo));
	TRY(rt_field(rt, gsignal + l->g.stack.offset, &l->stack.hi, &hi));
	thread = thread_on(rt->target, lo, hi);
	if (!thread)
		return NULL;
	TRY(sigframe_find(rt, thread->regs.sp, hi, &regs, &at));
	if (!at)
		return NULL;
	TRY(rt_read(rt, at + (uint64_t)(int64_t)rt->arch->siginfo_offset, info,
		    sizeof(info)));
	out->number = (uint32_t)load_uint(info + SIGINFO_NUMBER, 4, big);
	out->code = (int32_t)load_uint(info + SIGINFO_CODE, 4, big);
	out->addr = load_uint(info + SIGINFO_ADDR, 8, big);
	out->pc = regs.pc;
	return read_name(rt, out);
}

/* What can't be read is left out. */
static struct err *put_instruction(struct runtime *rt, uint64_t pc,
				   struct buf *out)
{
	uint8_t bytes[INSTRUCTION];
	size_t n = min_u64(INSTRUCTION, PAGE - pc % PAGE);
	struct err *e = rt_read(rt, pc, bytes, n);

	if (e) {
		err_free(e);
		return NULL;
	}
	TRY(buf_printf(out, "instruction bytes:"));
	for (size_t i = 0; i < n; i++)
		TRY(buf_printf(out, " 0x%x", bytes[i]));
	return buf_printf(out, "\n");
}

/* Follows runtime/signal_unix.go:fatalsignal; older ones do without the
 * address. */
static struct err *put_caught(struct runtime *rt, uint64_t m, bool in_c,
			      struct crash *c)
{
	const struct crash_signal *s = &c->signal;
	uint64_t id;

	TRY(rt_field(rt, m, &rt->layout.m.id, &id));
	if (s->name.len)
		TRY(buf_append(&c->text, s->name.v, s->name.len));
	else
		TRY(buf_printf(&c->text, "Signal %" PRIu32, s->number));
	TRY(buf_printf(&c->text,
		       "\nPC=0x%" PRIx64 " m=%" PRIu64 " sigcode=%" PRIu64,
		       s->pc, id, (uint64_t)(int64_t)s->code));
	if (has_addr(s))
		TRY(buf_printf(&c->text, " addr=0x%" PRIx64, s->addr));
	TRY(buf_printf(&c->text, "\n"));
	if (in_c)
		TRY(buf_printf(&c->text,
			       "signal arrived during cgo execution\n"));
	if (s->number == SIGILL || s->number == SIGFPE)
		TRY(put_instruction(rt, s->pc, &c->text));
	return NULL;
}

struct err *crash_signal_caught(struct runtime *rt, uint64_t m,
				struct crash *out)
{
	const struct layout *l = &rt->layout;
	uint64_t g, g0, curg, incgo;

	TRY(rt_field(rt, m, &l->m.caughtsig, &g));
	if (!g)
		return NULL;
	TRY(read_siginfo(rt, m, &out->signal));
	if (!out->signal.number)
		return NULL;
	TRY(rt_field(rt, m, &l->m.g0, &g0));
	TRY(rt_field(rt, m, &l->m.curg, &curg));
	TRY(rt_field(rt, m, &l->m.incgo, &incgo));
	if (curg)
		TRY(rt_field(rt, curg, &l->g.goid, &out->goroutine));
	return put_caught(rt, m, incgo && g == g0 && curg, out);
}

/* ---- on their way -------------------------------------------------------- */

/* Whether a signal may end a program; others are sent all the time. */
static bool may_end(int number)
{
	switch (number) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case SIGQUIT:
	case SIGSYS:
		return true;
	default:
		return false;
	}
}

/* The goroutine that a thread runs, or 0. */
static struct err *goroutine_of(struct runtime *rt, const struct thread *t,
				uint64_t *out)
{
	const struct machine_table *ms = rt->machines;

	for (size_t i = 0; ms && i < ms->list.len; i++)
		if (ms->list.v[i].thread == t && ms->list.v[i].curg)
			return rt_field(rt, ms->list.v[i].curg,
					&rt->layout.g.goid, out);
	return NULL;
}

struct err *crash_signal_pending(struct runtime *rt, const struct thread *t,
				 struct crash *out)
{
	struct crash_signal *s = &out->signal;

	if (!may_end(t->signal.number))
		return NULL;
	TRY(goroutine_of(rt, t, &out->goroutine));
	*s = (struct crash_signal){
		.number = (uint32_t)t->signal.number,
		.code = t->signal.code,
		.addr = t->signal.addr,
		.pc = t->regs.pc,
	};
	TRY(read_name(rt, s));
	return crash_signal_in_panic(s, &out->text);
}

/* ---- which began it ------------------------------------------------------ */

/* SIGQUIT from the process itself: runtime/signal_unix.go:sighandler. */
static bool is_passed_on(const struct target *t, const struct crash *c)
{
	const struct crash_signal *s = &c->signal;
	pid_t self = t->pid;

	for (size_t i = 0; i < t->thread_count; i++)
		if (t->threads[i].tid == t->pid)
			self = t->threads[i].ns_tid;
	return c->kind == CRASH_SIGNAL && s->number == SIGQUIT &&
	       s->code == SI_USER && (pid_t)(uint32_t)s->addr == self;
}

void crash_signals_join(const struct target *t, struct crashes *all)
{
	size_t first = 0, kept = 0;

	while (first < all->list.len &&
	       (all->list.v[first].kind != CRASH_SIGNAL ||
		is_passed_on(t, &all->list.v[first])))
		first++;
	if (first == all->list.len)
		return;
	for (size_t i = 0; i < all->list.len; i++) {
		struct crash *c = &all->list.v[i];

		if (is_passed_on(t, c))
			crash_deinit(c);
		else
			all->list.v[kept++] = *c;
	}
	all->list.len = kept;
}
