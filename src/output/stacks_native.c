/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of stacks is not Go: the C that goroutines are in, in front of their
 * calls, and threads that run no goroutine. The form is that of the runtime for
 * programs that can tell their C frames (runtime.SetCgoTraceback).
 */
#include "output/stacks_writer.h"
#include "runtime/native.h"

#include <inttypes.h>

struct err *
stacks_each_native(struct stacks_writer *w, const struct goroutine *g,
		   struct err *(*fn)(void *, const struct native_frame *),
		   void *arg)
{
	const struct stacks *s = w->stacks;

	for (size_t i = 0; w->options->native && i < s->threads.len; i++) {
		const struct stack_thread *t = &s->threads.v[i];

		if (t->curg == g->addr && !t->in_go)
			return native_each(w->rt, &t->regs, fn, arg);
	}
	return NULL;
}

struct err *
stacks_each_callback(struct stacks_writer *w, const struct trace_call *c,
		     struct err *(*fn)(void *, const struct native_frame *),
		     void *arg)
{
	struct regs regs;
	uint64_t older;

	TRY(native_below_callback(w->rt, c->callback_sp, c->fp - c->sp, &regs,
				  &older));
	return native_each(w->rt, &regs, fn, arg);
}

static struct err *put_native(void *arg, const struct native_frame *f)
{
	struct stacks_writer *w = arg;

	if (!f->name[0])
		return buf_printf(&w->out,
				  "non-Go function\n\tpc=0x%" PRIx64 "\n",
				  f->pc);
	return buf_printf(&w->out, "%s\n\t+0x%" PRIx64 " pc=0x%" PRIx64 "\n",
			  f->name, f->offset, f->pc);
}

struct err *stacks_put_native(struct stacks_writer *w,
			      const struct goroutine *g)
{
	return stacks_each_native(w, g, put_native, w);
}

struct err *stacks_put_callback(struct stacks_writer *w,
				const struct trace_call *c)
{
	return stacks_each_callback(w, c, put_native, w);
}

/* The scheduler's calls, on the thread's own stack, which as a rule end in a
 * function that has changed to it. */
static struct err *put_system_stack(struct stacks_writer *w,
				    const struct stack_thread *t)
{
	const struct trace_options all = { .runtime_calls = true };
	struct goroutine g0;

	if (!t->g0 || !t->in_go)
		return NULL;
	TRY(goroutine_read(w->rt, t->g0, &g0));
	g0.pc = t->regs.pc;
	g0.sp = t->regs.sp;
	g0.lr = t->regs.lr;
	g0.place = PLACE_REGISTERS;
	TRY(trace_read(&w->trace, &w->symbols, &g0, &all));
	w->trace.end = STACK_WHOLE;
	return stacks_put_trace(w, &g0, true);
}

static struct err *put_thread(struct stacks_writer *w,
			      const struct stack_thread *t)
{
	size_t start;

	TRY(buf_append(&w->out, "\n", 1));
	TRY(stacks_put_colour(w, COLOUR_HEADER));
	TRY(buf_printf(&w->out, "thread %d", (int)t->tid));
	if (t->g0)
		TRY(buf_printf(&w->out, " [m=%" PRIu64 "]", t->m_id));
	TRY(buf_append(&w->out, ":", 1));
	TRY(stacks_put_colour(w, COLOUR_NONE));
	TRY(buf_append(&w->out, "\n", 1));
	if (!t->in_go)
		TRY(native_each(w->rt, &t->regs, put_native, w));
	start = w->out.len;
	struct err *e = put_system_stack(w, t);
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	w->out.len = start;
	return NULL;
}

struct err *stacks_put_threads(struct stacks_writer *w)
{
	const struct stacks *s = w->stacks;

	for (size_t i = 0; w->options->threads && i < s->threads.len; i++)
		if (!s->threads.v[i].curg)
			TRY(put_thread(w, &s->threads.v[i]));
	return NULL;
}
