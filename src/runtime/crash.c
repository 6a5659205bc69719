/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crash.h"

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
	bool more;
};

static struct err *add_panic(void *arg, const struct panic *p)
{
	struct panics *all = arg;

	if (all->count == MAX_PANICS)
		all->more = true;
	else
		all->list[all->count++] = *p;
	return NULL;
}

/* A flag of a panic; false in a release that does not have it. */
static struct err *flag(struct runtime *rt, const struct panic *p,
			const struct member *m, bool *out)
{
	uint64_t value;

	TRY(rt_field(rt, p->addr, m, &value));
	*out = value != 0;
	return NULL;
}

/* One of them; `outer` is what it happened in, or NULL. */
static struct err *put_panic(struct runtime *rt, const struct panic *p,
			     const struct panic *outer, struct buf *out)
{
	const struct layout *l = &rt->layout;
	bool recovered, again = false, goexit;

	if (outer) {
		TRY(flag(rt, outer, &l->_panic.repanicked, &again));
		TRY(flag(rt, outer, &l->_panic.goexit, &goexit));
		if (again)
			return NULL;
		if (!goexit)
			TRY(buf_printf(out, "\t"));
	}
	TRY(flag(rt, p, &l->_panic.goexit, &goexit));
	if (goexit)
		return NULL;
	TRY(flag(rt, p, &l->_panic.recovered, &recovered));
	TRY(flag(rt, p, &l->_panic.repanicked, &again));
	TRY(buf_printf(out, "panic: "));
	TRY(panic_value_append(rt, p->type, p->data, out));
	if (recovered)
		TRY(buf_printf(out, again ? " [recovered, repanicked]"
					  : " [recovered]"));
	return buf_printf(out, "\n");
}

/* The first one first. Follows runtime/panic.go:printpanics. */
static struct err *put_panics(struct reader *r, const struct panics *all,
			      struct buf *out)
{
	for (size_t i = all->count; i-- > 0;) {
		const struct panic *outer =
			i + 1 < all->count ? &all->list[i + 1] : NULL;

		TRY(forgive(put_panic(r->rt, &all->list[i], outer, out),
			    &r->crashes->damaged));
	}
	return NULL;
}

/* Follows runtime/panic.go:dopanic_m. */
static struct err *put_signal(struct runtime *rt, uint64_t g, struct buf *out)
{
	const struct layout *l = &rt->layout;
	uint64_t sig, code, addr, pc, size = l->sigTabT.struct_size;

	TRY(rt_field(rt, g, &l->g.sig, &sig));
	TRY(rt_field(rt, g, &l->g.sigcode0, &code));
	TRY(rt_field(rt, g, &l->g.sigcode1, &addr));
	TRY(rt_field(rt, g, &l->g.sigpc, &pc));
	if (!sig)
		return NULL;
	TRY(buf_printf(out, "[signal "));
	if (size && sig < l->var.sigtable.size / size)
		TRY(rt_string(rt,
			      l->var.sigtable.addr + sig * size +
				      l->sigTabT.name.offset,
			      out));
	else
		TRY(buf_printf(out, "0x%" PRIx64, sig));
	return buf_printf(out,
			  " code=0x%" PRIx64 " addr=0x%" PRIx64 " pc=0x%" PRIx64
			  "]\n",
			  code, addr, pc);
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
static struct err *put_message(struct runtime *rt, const struct unwinder *u,
			       const struct buf *function, struct buf *out)
{
	uint64_t word = rt->arch->ptr_size, value;
	bool found = false, printer;

	TRY(buf_printf(out, "fatal error: "));
	for (uint64_t at = u->sp; at + word <= u->fp && !found; at += word) {
		TRY(rt_ptr(rt, at, &value));
		TRY(is_printer(rt, value, function, &printer));
		if (printer)
			TRY(captured_string(rt, at, out, &found));
	}
	return buf_printf(out, found ? "\n" : "(its message is not known)\n");
}

/* ---- who ends the program ------------------------------------------------ */

/* What of the functions that end a program is in a stack. */
struct ending {
	bool panic;
	bool fatal;
	struct buf *text; /* of the fatal error */
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
	return put_message(rt, u, &name, e->text);
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

/* Adds what ends the program, or may, in one goroutine; g->id is 0 for a
 * system stack. */
static struct err *look_at(struct reader *r, const struct goroutine *g,
			   bool runs)
{
	struct crash c = { .kind = CRASH_DEFERRED, .goroutine = g->id };
	struct ending e = { .text = &c.text };
	struct panics panics = {};
	struct err *err = NULL;

	if (runs)
		err = forgive(look_at_stack(r->rt, g, &e),
			      &r->crashes->damaged);
	if (!err && g->panic)
		err = forgive(panic_each(r->rt, g, add_panic, &panics),
			      &r->crashes->damaged);
	if (!err && panics.count && !e.fatal) {
		err = put_panics(r, &panics, &c.text);
		if (!err && c.text.len)
			err = forgive(put_signal(r->rt, g->addr, &c.text),
				      &r->crashes->damaged);
	}
	if (e.fatal)
		c.kind = CRASH_FATAL;
	else if (e.panic)
		c.kind = CRASH_PANIC;
	if (!err && c.text.len)
		err = vec_push(&r->crashes->list, c);
	if (err || !c.text.len)
		buf_deinit(&c.text);
	return err;
}

static struct err *look_at_goroutine(void *arg, const struct goroutine *g)
{
	struct reader *r = arg;
	bool runs = g->status == r->rt->layout.konst.Grunning.value ||
		    g->status == r->rt->layout.konst.Gsyscall.value;

	return runs || g->panic ? look_at(r, g, runs) : NULL;
}

static struct err *look_at_threads(struct reader *r)
{
	const struct layout *l = &r->rt->layout;
	struct list_guard guard = {};
	uint64_t m, g0;

	TRY(rt_var(r->rt, &l->var.allm, &m));
	while (m) {
		struct goroutine g;
		bool found;

		if (list_circles(&guard, m))
			return err_new(ERR_FORMAT,
				       "the links of %#" PRIx64 " do not end",
				       m);
		TRY(rt_field(r->rt, m, &l->m.g0, &g0));
		TRY(on_system_stack(r->rt, g0, &g, &found));
		if (found)
			TRY(look_at(r, &g, true));
		TRY(rt_field(r->rt, m, &l->m.alllink, &m));
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

void crashes_deinit(struct crashes *c)
{
	for (size_t i = 0; i < c->list.len; i++)
		buf_deinit(&c->list.v[i].text);
	vec_deinit(&c->list);
}
