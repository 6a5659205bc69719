/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crash.h"

#include "runtime/crash_signal.h"
#include "runtime/damage.h"
#include "runtime/list_guard.h"
#include "runtime/panic_value.h"
#include "runtime/runtime.h"
#include "runtime/unwind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_FRAMES = 128,   /* in which the end of a program is looked for */
	MAX_MESSAGE = 4096, /* bytes of a fatal error's */
	CLOSURE_WORDS = 4,  /* behind a closure's code: what it has captured */
	MAX_PANICS = 64,    /* of a goroutine; of others, nothing is said */
};

struct reader {
	struct runtime *rt;
	struct crashes *crashes;
};

/* ---- panics -------------------------------------------------------------- */

/* The panics of a goroutine, innermost first. */
struct panics {
	struct panic list[MAX_PANICS];
	size_t count;
};

static struct err *add_panic(void *arg, const struct panic *p)
{
	struct panics *all = arg;

	if (all->count < MAX_PANICS)
		all->list[all->count++] = *p;
	return NULL;
}

static struct err *read_panic(struct reader *r, const struct panic *p,
			      struct crash_panic *out)
{
	const struct layout *l = &r->rt->layout;
	uint64_t repanicked, before = r->crashes->damaged;

	/* Absent in a release that does not know it: 0. */
	TRY(rt_field(r->rt, p->addr, &l->_panic.repanicked, &repanicked));
	out->goexit = p->goexit;
	out->recovered = p->recovered;
	out->repanicked = repanicked != 0;
	if (p->goexit)
		return NULL;
	TRY(forgive(panic_value_append(r->rt, p->type, p->data, &out->value),
		    &r->crashes->damaged));
	if (r->crashes->damaged == before)
		return NULL;
	out->value.len = 0;
	return buf_printf(&out->value, "(a value that can't be read)");
}

static struct err *read_panics(struct reader *r, const struct goroutine *g,
			       struct crash *c)
{
	struct panics all = {};

	TRY(forgive(panic_each(r->rt, g, add_panic, &all),
		    &r->crashes->damaged));
	for (size_t i = all.count; i-- > 0;) {
		TRY(vec_push(&c->panics, (struct crash_panic){}));
		TRY(forgive(read_panic(r, &all.list[i],
				       &c->panics.v[c->panics.len - 1]),
			    &r->crashes->damaged));
	}
	return NULL;
}

/* Follows runtime/panic.go:printpanics. */
static struct err *put_panics(struct crash *c)
{
	for (size_t i = 0; i < c->panics.len; i++) {
		const struct crash_panic *p = &c->panics.v[i];
		const struct crash_panic *outer = i ? p - 1 : NULL;

		if (outer && outer->repanicked)
			continue;
		if (outer && !outer->goexit)
			TRY(buf_printf(&c->text, "\t"));
		if (p->goexit)
			continue;
		TRY(buf_printf(&c->text, "panic: %.*s", (int)p->value.len,
			       (const char *)p->value.v));
		if (p->recovered)
			TRY(buf_printf(&c->text,
				       p->repanicked
					       ? " [recovered, repanicked]"
					       : " [recovered]"));
		TRY(buf_printf(&c->text, "\n"));
	}
	return NULL;
}

/* ---- fatal errors -------------------------------------------------------- */

/* Whether `word` is the code of the closure by which a function that ends the
 * program prints its message. */
static struct err *is_printer(struct runtime *rt, uint64_t word,
			      const struct buf *function, bool *out)
{
	static const char suffix[] = ".func1";
	cleanup(buf_deinit) struct buf name = {};
	struct func f;

	*out = false;
	TRY(func_find(rt, word, &f));
	if (!f.addr || f.entry != word)
		return NULL;
	TRY(func_name(rt, &f, &name));
	*out = name.len == function->len + sizeof(suffix) - 1 &&
	       !memcmp(name.v, function->v, function->len) &&
	       !memcmp(name.v + function->len, suffix, sizeof(suffix) - 1);
	return NULL;
}

static bool is_text(const struct buf *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->v[i] < ' ' && s->v[i] != '\n' && s->v[i] != '\t')
			return false;
	return true;
}

/* The string among what a closure at addr has captured. */
static struct err *captured_string(struct runtime *rt, uint64_t addr,
				   struct buf *out, bool *found)
{
	const uint64_t word = rt->arch->ptr_size;
	uint64_t wrong = 0;

	for (int i = 1; i < CLOSURE_WORDS; i++) {
		uint64_t at = addr + (uint64_t)i * word, text, len;
		size_t before = out->len;

		TRY(rt_ptr(rt, at, &text));
		TRY(rt_ptr(rt, at + word, &len));
		if (!text || !len || len > MAX_MESSAGE)
			continue;
		TRY(buf_reserve(out, len));
		wrong = 0;
		TRY(forgive(rt_read(rt, text, out->v + before, len), &wrong));
		if (wrong || !is_text(&(struct buf){ out->v + before, len }))
			continue;
		out->len += len;
		*found = true;
		return NULL;
	}
	return NULL;
}

/*
 * The message of runtime.throw or runtime.fatal, whose frame is at hand: their
 * argument is in a register, and in the closure that prints it on the system
 * stack.
 */
static struct err *read_message(struct runtime *rt, const struct unwinder *u,
				const struct buf *function, struct buf *out)
{
	uint64_t word = rt->arch->ptr_size, value;
	bool found = false, printer;

	for (uint64_t at = u->sp; at + word <= u->fp && !found; at += word) {
		TRY(rt_ptr(rt, at, &value));
		TRY(is_printer(rt, value, function, &printer));
		if (printer)
			TRY(captured_string(rt, at, out, &found));
	}
	return found ? NULL : buf_printf(out, "(its message is not known)");
}

/* ---- who ends the program ------------------------------------------------ */

/* What of the functions that end a program is in a stack. */
struct ending {
	bool panic;
	bool fatal;
	struct buf *message; /* of the fatal error */
};

static bool is_named(const struct buf *name, const char *other)
{
	return name->len == strlen(other) && !memcmp(name->v, other, name->len);
}

static struct err *look_at_frame(struct runtime *rt, const struct unwinder *u,
				 struct ending *e)
{
	cleanup(buf_deinit) struct buf name = {};

	TRY(func_name(rt, &u->func, &name));
	if (is_named(&name, "runtime.fatalpanic"))
		e->panic = true;
	if (e->fatal || (!is_named(&name, "runtime.throw") &&
			 !is_named(&name, "runtime.fatal")))
		return NULL;
	e->fatal = true;
	return read_message(rt, u, &name, e->message);
}

static struct err *look_at_stack(struct runtime *rt, const struct goroutine *g,
				 struct ending *e)
{
	struct unwinder u;

	TRY(unwind_start(&u, rt, g));
	for (int i = 0; u.valid && i < MAX_FRAMES; i++) {
		TRY(look_at_frame(rt, &u, e));
		TRY(unwind_next(&u));
	}
	return NULL;
}

/* The thread on the system stack of an M, as a goroutine. */
static struct err *on_system_stack(struct runtime *rt, uint64_t g0,
				   struct goroutine *out, bool *found)
{
	const struct layout *l = &rt->layout;
	const struct target *t = rt->target;
	uint64_t stack = g0 + l->g.stack.offset;

	*found = false;
	*out = (struct goroutine){ .addr = g0, .place = PLACE_REGISTERS };
	if (!g0)
		return NULL;
	TRY(rt_field(rt, stack, &l->stack.lo, &out->stack_lo));
	TRY(rt_field(rt, stack, &l->stack.hi, &out->stack_hi));
	for (size_t i = 0; i < t->thread_count; i++) {
		const struct regs *r = &t->threads[i].regs;

		if (!t->threads[i].have_regs || r->sp < out->stack_lo ||
		    r->sp >= out->stack_hi)
			continue;
		out->pc = r->pc;
		out->sp = r->sp;
		out->lr = r->lr;
		*found = true;
	}
	return NULL;
}

/* Follows runtime/panic.go: fatalthrow, fatalpanic. */
static struct err *put_text(struct reader *r, uint64_t g, struct crash *c)
{
	if (c->kind == CRASH_FATAL)
		TRY(buf_printf(&c->text, "fatal error: %.*s\n",
			       (int)c->message.len,
			       (const char *)c->message.v));
	else
		TRY(put_panics(c));
	if (!c->text.len)
		return NULL;
	TRY(forgive(crash_signal_of_panic(r->rt, g, &c->signal),
		    &r->crashes->damaged));
	return c->signal.number ? crash_signal_in_panic(&c->signal, &c->text)
				: NULL;
}

/* What ends the program, or may, in one goroutine; g->id is 0 for a system
 * stack, `runs` is false where none of its frames can be ending it. */
static struct err *read_crash(struct reader *r, const struct goroutine *g,
			      bool runs, struct crash *c)
{
	struct ending e = { .message = &c->message };

	if (runs)
		TRY(forgive(look_at_stack(r->rt, g, &e), &r->crashes->damaged));
	c->kind = e.fatal   ? CRASH_FATAL
		  : e.panic ? CRASH_PANIC
			    : CRASH_DEFERRED;
	if (g->panic)
		TRY(read_panics(r, g, c));
	return put_text(r, g->addr, c);
}

static struct err *add_crash(struct crashes *all, struct crash *c)
{
	TRY(vec_push(&all->list, *c));
	*c = (struct crash){};
	return NULL;
}

static struct err *look_at(struct reader *r, const struct goroutine *g,
			   bool runs)
{
	cleanup(crash_deinit) struct crash c = { .goroutine = g->id };

	TRY(read_crash(r, g, runs, &c));
	return c.kind == CRASH_FATAL || c.panics.len ? add_crash(r->crashes, &c)
						     : NULL;
}

static struct err *look_at_goroutine(void *arg, const struct goroutine *g)
{
	struct reader *r = arg;
	bool runs = g->status == r->rt->layout.konst.Grunning.value ||
		    g->status == r->rt->layout.konst.Gsyscall.value;

	return runs || g->panic ? look_at(r, g, runs) : NULL;
}

/* An M: its system stack, and its handler of signals. */
static struct err *look_at_thread(struct reader *r, uint64_t m)
{
	cleanup(crash_deinit) struct crash c = { .kind = CRASH_SIGNAL };
	struct goroutine g;
	uint64_t g0;
	bool found;

	TRY(rt_field(r->rt, m, &r->rt->layout.m.g0, &g0));
	TRY(on_system_stack(r->rt, g0, &g, &found));
	if (found)
		TRY(look_at(r, &g, true));
	TRY(crash_signal_caught(r->rt, m, &c));
	return c.signal.number ? add_crash(r->crashes, &c) : NULL;
}

static struct err *look_at_threads(struct reader *r)
{
	const struct layout *l = &r->rt->layout;
	struct list_guard guard = {};
	uint64_t m;

	TRY(rt_var(r->rt, &l->var.allm, &m));
	while (m) {
		if (list_circles(&guard, m))
			return err_new(ERR_FORMAT,
				       "the links of %#" PRIx64 " do not end",
				       m);
		TRY(forgive(look_at_thread(r, m), &r->crashes->damaged));
		TRY(rt_field(r->rt, m, &l->m.alllink, &m));
	}
	return NULL;
}

static struct err *look_at_pending(struct reader *r)
{
	const struct target *t = r->rt->target;

	for (size_t i = 0; i < t->thread_count; i++) {
		cleanup(crash_deinit) struct crash c = {
			.kind = CRASH_PENDING
		};

		TRY(forgive(crash_signal_pending(r->rt, &t->threads[i], &c),
			    &r->crashes->damaged));
		if (c.signal.number)
			TRY(add_crash(r->crashes, &c));
	}
	return NULL;
}

static int by_kind(const void *a, const void *b)
{
	const struct crash *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return (x->goroutine > y->goroutine) - (x->goroutine < y->goroutine);
}

static struct err *read_all(struct reader *r)
{
	TRY(goroutine_each(r->rt, look_at_goroutine, r));
	TRY(forgive(look_at_threads(r), &r->crashes->damaged));
	TRY(look_at_pending(r));
	crash_signals_join(r->rt->target, r->crashes);
	if (r->crashes->list.len)
		qsort(r->crashes->list.v, r->crashes->list.len,
		      sizeof(*r->crashes->list.v), by_kind);
	return NULL;
}

struct err *crashes_read(struct runtime *rt, struct crashes *out)
{
	struct crashes c = {};
	struct reader r = { rt, &c };
	struct err *e = read_all(&r);

	if (e) {
		crashes_deinit(&c);
		return err_wrap(e, "looking for what ends the program");
	}
	*out = c;
	return NULL;
}

void crash_deinit(struct crash *c)
{
	for (size_t i = 0; i < c->panics.len; i++)
		buf_deinit(&c->panics.v[i].value);
	vec_deinit(&c->panics);
	buf_deinit(&c->signal.name);
	buf_deinit(&c->message);
	buf_deinit(&c->text);
	*c = (struct crash){};
}

void crashes_deinit(struct crashes *c)
{
	for (size_t i = 0; i < c->list.len; i++)
		crash_deinit(&c->list.v[i]);
	vec_deinit(&c->list);
}
