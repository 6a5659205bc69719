/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/traceback.h"

#include "runtime/machine.h"
#include "runtime/native.h"
#include "runtime/runtime.h"

#include <string.h>

enum { MAX_FRAMES = 1 << 24 };

/* ---- which functions are shown, and their names -------------------------- */

/* Names that begin so are the runtime's own. */
static const char runtime_prefix[] = "runtime.";

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Follows runtime/traceback.go:isExportedRuntime; up to 1.22 a method counts
 * by what follows the package. */
static bool is_exported_runtime(const struct runtime *rt, const char *name)
{
	const char *rest = name + sizeof(runtime_prefix) - 1;
	const char *dot = strrchr(rest, '.');

	if (!rt->layout.konst.TraceArgsEndSeq.present || !dot)
		return is_upper(*rest);
	size_t n = (size_t)(dot - rest);
	/* (*Func).Entry */
	if (n >= 3 && rest[0] == '(' && rest[1] == '*' && rest[n - 1] == ')')
		return is_upper(dot[1]) && (n == 3 || is_upper(rest[2]));
	return is_upper(dot[1]) && (n == 0 || is_upper(*rest));
}

/* Whether a wrapper of that callee is no more than a detour.
 * Follows runtime/traceback.go:elideWrapperCalling. */
static bool elides_wrapper(const struct layout *l, uint8_t callee_id)
{
	return callee_id != l->konst.FuncID_gopanic.value &&
	       callee_id != l->konst.FuncID_sigpanic.value &&
	       callee_id != l->konst.FuncID_panicwrap.value;
}

bool trace_shows(const struct runtime *rt, const char *name, uint8_t id,
		 bool innermost, uint8_t callee_id)
{
	const struct layout *l = &rt->layout;

	if (id == l->konst.FuncID_wrapper.value && elides_wrapper(l, callee_id))
		return false;
	/* From 1.25 on, these two are. */
	if (l->konst.FuncID_runCleanups.present &&
	    (id == l->konst.FuncID_runFinalizers.value ||
	     id == l->konst.FuncID_runCleanups.value))
		return true;
	if (!innermost && !strcmp(name, "runtime.gopanic"))
		return true;
	if (!strchr(name, '.'))
		return false;
	return strncmp(name, runtime_prefix, sizeof(runtime_prefix) - 1) != 0 ||
	       is_exported_runtime(rt, name);
}

/*
 * A generic method of a generic type, as there are from 1.27 on: in the text
 * between the first [ and the last ] the first pair is closed, and another one
 * opened, at *close and *open.
 * Follows runtime/traceback.go:funcNamePiecesForPrint.
 */
static bool has_two_pairs(const char *text, size_t n, size_t *close,
			  size_t *open)
{
	bool closed = false;
	int depth = 1;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '[' && ++depth == 1) {
			*open = i;
			return closed;
		}
		if (text[i] == ']' && --depth == 0) {
			*close = i;
			closed = true;
		}
		if (depth < 0)
			return false;
	}
	return false;
}

struct err *trace_name(const struct runtime *rt, const char *name,
		       struct buf *out)
{
	static const char dots[] = "[...]";
	const char *open = strchr(name, '['), *close = strrchr(name, ']');
	size_t from, to;

	if (!strcmp(name, "runtime.gopanic"))
		return buf_append(out, "panic", 5);
	if (!open || !close || close < open)
		return buf_append(out, name, strlen(name));
	TRY(buf_append(out, name, (size_t)(open - name)));
	TRY(buf_append(out, dots, sizeof(dots) - 1));
	if (!rt->layout.moduledata.typelinks.present &&
	    has_two_pairs(open + 1, (size_t)(close - open - 1), &from, &to)) {
		TRY(buf_append(out, open + 2 + from, to - from - 1));
		TRY(buf_append(out, dots, sizeof(dots) - 1));
	}
	return buf_append(out, close + 1, strlen(close + 1));
}

/* ---- a stack ------------------------------------------------------------- */

struct reader {
	struct trace *trace;
	struct symbols *symbols;
	const struct trace_options *options;
	size_t inner, outer;  /* calls that are kept of a deep stack */
	uint64_t count;	      /* calls so far */
	uint8_t callee_id;    /* of the call before, shown or not */
	uint64_t callback_sp; /* where the next C begins; 0: not known */
};

void trace_deinit(struct trace *t)
{
	vec_deinit(&t->calls);
}

/* Behind the innermost calls is a ring of the outermost ones. */
static struct err *keep(struct reader *r, const struct trace_call *c)
{
	struct trace *t = r->trace;
	uint64_t n = r->count++;

	if (r->options->all || n < r->inner + r->outer)
		return vec_push(&t->calls, *c);
	t->calls.v[r->inner + (n - r->inner) % r->outer] = *c;
	return NULL;
}

/* The C in front of a callback into Go. */
static struct err *keep_native(struct reader *r, const struct trace_call *at)
{
	struct trace_call c = *at;
	struct regs ignored;

	c.callback_sp = r->callback_sp;
	if (!c.callback_sp)
		return NULL;
	struct err *e =
		native_below_callback(r->symbols->rt, c.callback_sp,
				      c.fp - c.sp, &ignored, &r->callback_sp);
	if (!e)
		return keep(r, &c);
	err_free(e);
	r->callback_sp = 0;
	return NULL;
}

/* A goroutine that C has called is locked to the thread for as long; that is
 * on its own stack no further than where it went over to Go. */
static void find_callback(struct reader *r, const struct goroutine *g)
{
	struct runtime *rt = r->symbols->rt;
	const struct layout *l = &rt->layout;
	const struct machine *m =
		rt->machines ? machine_find(rt->machines, g->lockedm) : NULL;

	r->callback_sp = 0;
	if (r->options->native && m && m->g0)
		err_free(rt_field(rt, m->g0 + l->g.sched.offset, &l->gobuf.sp,
				  &r->callback_sp));
}

static struct err *visit(struct reader *r, const struct unwinder *u,
			 bool trapped)
{
	const struct runtime *rt = r->symbols->rt;
	struct trace_call c = { .pc = u->pc,
				.sp = u->sp,
				.fp = u->fp,
				.varp = u->varp,
				.argp = u->argp };

	if (u->func.id == rt->layout.konst.FuncID_cgocallback.value)
		TRY(keep_native(r, &c));
	TRY(symbols_find(r->symbols, &u->func,
			 trapped ? u->pc : call_pc(&u->func, u->pc), &c.site));
	for (size_t i = 0; i < c.site->count; i++) {
		uint8_t callee = r->callee_id;

		c.call = &c.site->calls[i];
		r->callee_id = c.call->id;
		if (r->options->runtime_calls ||
		    trace_shows(rt, c.call->name, c.call->id, r->count == 0,
				callee))
			TRY(keep(r, &c));
	}
	return NULL;
}

/* Turns the ring so that it begins with its oldest call. */
static struct err *unroll(struct reader *r)
{
	struct trace *t = r->trace;
	struct trace_call *ring = t->calls.v + r->inner;
	cleanup_free struct trace_call *old = NULL;

	t->inner = t->calls.len;
	t->elided = r->count - t->calls.len;
	if (!t->elided)
		return NULL;
	t->inner = r->inner;
	old = malloc(r->outer * sizeof(*old));
	if (!old)
		return &err_nomem;
	memcpy(old, ring, r->outer * sizeof(*old));
	for (size_t i = 0; i < r->outer; i++)
		ring[i] = old[(t->elided + i) % r->outer];
	return NULL;
}

/* What damaged memory and tables give ends the stack, and is no error. */
static struct err *tolerate(struct trace *t, struct err *e)
{
	if (e && e->code != ERR_FAULT && e->code != ERR_FORMAT)
		return e;
	if (e)
		t->end = STACK_UNREADABLE;
	err_free(e);
	return NULL;
}

static struct err *walk(struct reader *r, const struct goroutine *g)
{
	struct runtime *rt = r->symbols->rt;
	bool trapped = g->place == PLACE_REGISTERS;
	struct trace *t = r->trace;
	struct unwinder u;

	r->count = 0;
	r->callee_id = 0; /* FuncIDNormal */
	t->calls.len = 0;
	t->end = STACK_WHOLE;
	find_callback(r, g);
	TRY(unwind_start(&u, rt, g));
	for (int i = 0; u.valid && !t->end && i < MAX_FRAMES; i++) {
		TRY(tolerate(t, visit(r, &u, trapped)));
		TRY(tolerate(t, unwind_is_injected(rt, &u.func, &trapped)));
		TRY(unwind_next(&u));
	}
	if (u.end != STACK_WHOLE)
		t->end = u.end;
	t->end_pc = u.depth ? u.lr : u.pc;
	return unroll(r);
}

struct err *trace_read(struct trace *t, struct symbols *s,
		       const struct goroutine *g,
		       const struct trace_options *options)
{
	const struct layout *l = &s->rt->layout;
	struct trace_options all = *options;
	struct reader r = {
		.trace = t,
		.symbols = s,
		.options = options,
		.inner = (size_t)l->konst.tracebackInnerFrames.value,
		.outer = (size_t)l->konst.tracebackOuterFrames.value,
	};

	if (!r.inner || !r.outer || r.inner > 1000 || r.outer > 1000)
		return err_new(ERR_FORMAT, "tracebacks of %zu and %zu frames",
			       r.inner, r.outer);
	TRY(walk(&r, g));
	if (r.count)
		return NULL;
	/* What is in the runtime alone is shown as a whole. */
	all.runtime_calls = true;
	r.options = &all;
	return walk(&r, g);
}

struct err *trace_creator(struct symbols *s, const struct goroutine *g,
			  const struct trace_options *options,
			  const struct site **out)
{
	const struct site *site;
	struct func f;

	*out = NULL;
	if (g->id == 1) /* main */
		return NULL;
	TRY(func_find(s->rt, g->gopc, &f));
	if (!f.addr)
		return NULL;
	TRY(symbols_find(s, &f, call_pc(&f, g->gopc), &site));
	const struct call *outermost = &site->calls[site->count - 1];
	if (options->runtime_calls ||
	    trace_shows(s->rt, outermost->name, outermost->id, false, 0))
		*out = site;
	return NULL;
}
