/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks as the runtime prints them, to the letter. Where it has nothing to
 * show (goroutines that run on other threads, stacks that make no sense) the
 * words are ours.
 * Follows runtime/traceback.go: goroutineheader, traceback2, printcreatedby.
 */
#include "output/stacks_writer.h"
#include "runtime/args.h"
#include "runtime/deferred.h"
#include "runtime/state.h"

#include <inttypes.h>

#define MINUTE UINT64_C(60000000000) /* ns */

struct err *stacks_put_colour(struct stacks_writer *w,
			      enum stacks_colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "\033[0m",
		[COLOUR_HEADER] = "\033[1;33m",
		[COLOUR_NAME] = "\033[36m",
		[COLOUR_FAINT] = "\033[2m",
	};

	if (!w->options->colour)
		return NULL;
	return buf_append(&w->out, codes[colour], strlen(codes[colour]));
}

static struct err *put(struct stacks_writer *w, const char *text)
{
	return buf_append(&w->out, text, strlen(text));
}

/* ---- labels -------------------------------------------------------------- */

struct labels {
	struct stacks_writer *w;
	bool always_quoted; /* 1.26 */
	bool first;
};

/* The code point at s, as Go's range has it, and its bytes: 0xfffd and 1 for
 * what is not UTF-8. Follows runtime/utf8.go:decoderune. */
static uint32_t decode_rune(const uint8_t *s, size_t n, size_t *bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80	 ? 1
		     : s[0] >> 5 == 0x6	 ? 2
		     : s[0] >> 4 == 0xe	 ? 3
		     : s[0] >> 3 == 0x1e ? 4
					 : 0;
	uint32_t rune = len > 1 ? s[0] & (0x7fu >> len) : s[0];

	*bytes = 1;
	if (len == 1)
		return rune;
	if (!len || len > n)
		return 0xfffd;
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0xfffd;
		rune = rune << 6 | (s[i] & 0x3f);
	}
	if (rune < least[len] || rune > 0x10ffff ||
	    (rune >= 0xd800 && rune < 0xe000))
		return 0xfffd;
	*bytes = len;
	return rune;
}

/* Follows runtime/print.go:printquoted. */
static struct err *put_rune(struct stacks_writer *w, uint32_t rune)
{
	switch (rune) {
	case '\n':
		return put(w, "\\n");
	case '\r':
		return put(w, "\\r");
	case '\t':
		return put(w, "\\t");
	case '\\':
	case '"':
		return buf_printf(&w->out, "\\%c", (int)rune);
	default:
		break;
	}
	if (rune >= ' ' && rune <= '~')
		return buf_printf(&w->out, "%c", (int)rune);
	if (rune < 127)
		return buf_printf(&w->out, "\\x%02x", rune);
	if (rune < 0x10000)
		return buf_printf(&w->out, "\\u%04x", rune);
	return buf_printf(&w->out, "\\U%08x", rune);
}

/* From 1.27 on, a byte that is no UTF-8 is told as it is. */
static struct err *put_quoted(struct labels *l, const struct buf *s)
{
	TRY(put(l->w, "\""));
	for (size_t at = 0, n; at < s->len; at += n) {
		uint32_t rune = decode_rune(s->v + at, s->len - at, &n);

		if (rune == 0xfffd && n == 1 && !l->always_quoted)
			TRY(buf_printf(&l->w->out, "\\x%02x", s->v[at]));
		else
			TRY(put_rune(l->w, rune));
	}
	return put(l->w, "\"");
}

/* Follows runtime/traceback.go:tracebackStringNeedsQuoting. */
static bool needs_quotes(const struct buf *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_";

	for (size_t i = 0; i < s->len; i++)
		if (!memchr(plain, s->v[i], sizeof(plain) - 1))
			return true;
	return false;
}

static struct err *put_label_part(struct labels *l, const struct buf *s)
{
	if (l->always_quoted || needs_quotes(s))
		return put_quoted(l, s);
	return buf_append(&l->w->out, s->v, s->len);
}

static struct err *put_label(void *arg, const struct buf *key,
			     const struct buf *value)
{
	struct labels *l = arg;

	if (!l->first)
		TRY(put(l->w, ", "));
	else
		TRY(put(l->w, l->always_quoted ? " labels:{" : " {"));
	l->first = false;
	TRY(put_label_part(l, key));
	TRY(put(l->w, ": "));
	return put_label_part(l, value);
}

static struct err *put_labels(struct stacks_writer *w,
			      const struct goroutine *g, bool inside)
{
	struct labels l = { w, inside, true };

	/* 1.26 has them inside of the brackets. */
	if (!w->stacks->labels ||
	    inside != w->rt->layout.moduledata.typelinks.present)
		return NULL;
	TRY(state_each_label(w->rt, g, put_label, &l));
	return l.first ? NULL : put(w, "}");
}

/* ---- the header ---------------------------------------------------------- */

/* From 1.22 on. */
static struct err *put_addresses(struct stacks_writer *w,
				 const struct goroutine *g)
{
	const struct layout *l = &w->rt->layout;
	uint64_t id;

	if (!w->options->system || !l->konst.FuncID_corostart.present)
		return NULL;
	TRY(buf_printf(&w->out, " gp=0x%" PRIx64, g->addr));
	if (!g->m)
		return put(w, " m=nil");
	TRY(rt_field(w->rt, g->m, &l->m.id, &id));
	return buf_printf(&w->out, " m=%" PRIu64 " mp=0x%" PRIx64, id, g->m);
}

static struct err *put_bubble(struct stacks_writer *w,
			      const struct goroutine *g)
{
	uint64_t id;

	if (!g->bubble)
		return NULL;
	TRY(state_bubble(w->rt, g, &id));
	return buf_printf(&w->out, ", synctest %s %" PRIu64,
			  w->rt->layout.synctestBubble.struct_present ? "bubble"
								      : "group",
			  id);
}

static struct err *put_header(struct stacks_writer *w,
			      const struct goroutine *g)
{
	uint64_t minutes = state_blocked_ns(w->rt, g, w->stacks->now) / MINUTE;

	TRY(stacks_put_colour(w, COLOUR_HEADER));
	TRY(buf_printf(&w->out, "goroutine %" PRIu64, g->id));
	TRY(put_addresses(w, g));
	TRY(put(w, " ["));
	TRY(state_append(w->rt, g, &w->out));
	TRY(state_append_marks(w->rt, g, &w->out));
	if (minutes)
		TRY(buf_printf(&w->out, ", %" PRIu64 " minutes", minutes));
	if (g->lockedm)
		TRY(put(w, ", locked to thread"));
	TRY(put_bubble(w, g));
	TRY(put_labels(w, g, true));
	TRY(put(w, "]"));
	TRY(put_labels(w, g, false));
	TRY(put(w, ":"));
	TRY(stacks_put_colour(w, COLOUR_NONE));
	return put(w, "\n");
}

/* ---- arguments ----------------------------------------------------------- */

static struct err *put_args(struct stacks_writer *w, const struct trace_call *c)
{
	size_t start = w->out.len;
	struct err *e = args_append(w->rt, &c->site->func, c->argp, c->site->pc,
				    &w->out);

	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	w->out.len = start;
	return put(w, "?");
}

/* ---- deferred calls and panics, which the runtime does not show ---------- */

static struct err *put_deferred(void *arg, uint64_t closure, uint64_t code)
{
	struct stacks_writer *w = arg;
	cleanup(buf_deinit) struct buf name = {};
	struct func f;

	if (!code)
		return buf_printf(&w->out,
				  "\t(deferred: closure 0x%" PRIx64 ")\n",
				  closure);
	TRY(func_find(w->rt, code, &f));
	if (f.addr)
		TRY(func_name(w->rt, &f, &name));
	TRY(buf_append(&name, "", 1));
	TRY(put(w, "\t(deferred: "));
	TRY(trace_name(w->rt, (const char *)name.v, &w->out));
	return put(w, ")\n");
}

/* What makes no sense costs the line, and not the rest. */
static struct err *optional(struct stacks_writer *w, struct err *e,
			    size_t start)
{
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	w->out.len = start;
	return NULL;
}

static struct err *put_panic(struct stacks_writer *w,
			     const struct crash_panic *p)
{
	if (p->goexit)
		return put(w, "\t(in runtime.Goexit)\n");
	TRY(put(w, "\t(panic: "));
	TRY(buf_append(&w->out, p->value.v, p->value.len));
	if (p->recovered)
		TRY(put(w, p->repanicked ? " [recovered, repanicked]"
					 : " [recovered]"));
	return put(w, ")\n");
}

/* A crash that may not come; those that end the program stand first of all. */
static struct err *put_threat(struct stacks_writer *w, const struct crash *c)
{
	for (size_t i = 0; i < c->panics.len; i++)
		TRY(put_panic(w, &c->panics.v[i]));
	if (!c->signal.number)
		return NULL;
	return buf_printf(
		&w->out,
		"\t(%s%.*s code=0x%" PRIx32 " addr=0x%" PRIx64 " pc=0x%" PRIx64
		")\n",
		c->kind == CRASH_PENDING ? "about to receive " : "signal ",
		(int)c->signal.name.len, (const char *)c->signal.name.v,
		(uint32_t)c->signal.code, c->signal.addr, c->signal.pc);
}

static struct err *put_threats(struct stacks_writer *w,
			       const struct goroutine *g)
{
	const struct stacks_options *o = w->options;
	const struct crashes *all = o->crashes;

	if (!o->deferred && !o->waits)
		return NULL;
	for (size_t i = 0; all && i < all->list.len; i++) {
		const struct crash *c = &all->list.v[i];

		if (c->goroutine == g->id && g->id && c->kind != CRASH_PANIC)
			TRY(put_threat(w, c));
	}
	return NULL;
}

/* Below the frame that has them. */
static struct err *put_deferreds(struct stacks_writer *w,
				 const struct goroutine *g,
				 const struct trace_call *c)
{
	size_t start = w->out.len;

	if (!w->options->deferred || c->callback_sp || c->call->inlined)
		return NULL;
	return optional(w, deferred_each(w->rt, g, c, put_deferred, w), start);
}

/* ---- the stack ----------------------------------------------------------- */

static struct err *put_offset(struct stacks_writer *w, const struct func *f,
			      uint64_t pc)
{
	if (pc <= f->entry)
		return NULL;
	return buf_printf(&w->out, " +0x%" PRIx64, pc - f->entry);
}

struct err *stacks_put_call(struct stacks_writer *w, const struct trace_call *c,
			    bool args)
{
	if (c->callback_sp)
		return stacks_put_callback(w, c);
	TRY(stacks_put_colour(w, COLOUR_NAME));
	TRY(trace_name(w->rt, c->call->name, &w->out));
	TRY(stacks_put_colour(w, COLOUR_NONE));
	TRY(put(w, "("));
	if (c->call->inlined || !args)
		TRY(put(w, "..."));
	else
		TRY(put_args(w, c));
	TRY(buf_printf(&w->out, ")\n\t%s:%" PRIu64, c->call->file,
		       c->call->line));
	if (!c->call->inlined) {
		TRY(put_offset(w, &c->site->func, c->pc));
		if (w->options->system && args)
			TRY(buf_printf(&w->out,
				       " fp=0x%" PRIx64 " sp=0x%" PRIx64
				       " pc=0x%" PRIx64,
				       c->fp, c->sp, c->pc));
	}
	return put(w, "\n");
}

/* Where a stack does not end as it should. */
static struct err *put_end(struct stacks_writer *w, const char *why)
{
	const struct trace *t = &w->trace;

	if (t->end == STACK_WHOLE)
		return NULL;
	TRY(buf_printf(&w->out, "\t(the stack ends here: %s",
		       stack_end_text(t->end)));
	if (why)
		TRY(buf_printf(&w->out, ": %s", why));
	if (t->end == STACK_NO_FUNCTION)
		TRY(buf_printf(&w->out, ", 0x%" PRIx64, t->end_pc));
	return put(w, ")\n");
}

struct err *stacks_put_trace(struct stacks_writer *w, const struct goroutine *g,
			     bool args)
{
	const struct trace *t = &w->trace;

	for (size_t i = 0; i < t->calls.len; i++) {
		if (i == t->inner && t->elided)
			TRY(buf_printf(&w->out,
				       "...%" PRIu64 " frames elided...\n",
				       t->elided));
		TRY(stacks_put_call(w, &t->calls.v[i], args));
		TRY(put_deferreds(w, g, &t->calls.v[i]));
	}
	return put_end(w, g->place == PLACE_UNKNOWN ? g->why : NULL);
}

struct err *stacks_put_creator(struct stacks_writer *w, const struct site *site,
			       uint64_t pc, uint64_t parent)
{
	const struct call *call = &site->calls[site->count - 1];

	TRY(put(w, "created by "));
	TRY(trace_name(w->rt, call->name, &w->out));
	if (parent)
		TRY(buf_printf(&w->out, " in goroutine %" PRIu64, parent));
	TRY(buf_printf(&w->out, "\n\t%s:%" PRIu64, site->calls[0].file,
		       site->calls[0].line));
	TRY(put_offset(w, &site->func, pc));
	return put(w, "\n");
}

/* What the runtime does not print: --waits. */
static struct err *put_waits(struct stacks_writer *w, const struct goroutine *g)
{
	const struct wait_text *t = w->options->waits;
	uint64_t i = t ? addr_map_find(&t->table->by_g, g->addr) : 0;

	return i ? wait_text_append(t, i - 1, "", &w->out) : NULL;
}

/* As the runtime has it at the end of a program. */
struct err *stacks_put_crashes(struct stacks_writer *w)
{
	const struct crashes *all = w->options->crashes;

	for (size_t i = 0; all && i < all->list.len; i++) {
		const struct crash *c = &all->list.v[i];

		if (!crash_ends_program(c))
			continue;
		TRY(buf_append(&w->out, c->text.v, c->text.len));
		TRY(put(w, "\n"));
	}
	return NULL;
}

/* ---- the format ---------------------------------------------------------- */

static struct err *text_goroutine(struct stacks_writer *w,
				  const struct goroutine *g)
{
	const struct site *creator;

	if (w->result.goroutines)
		TRY(put(w, "\n"));
	TRY(put_header(w, g));
	TRY(put_threats(w, g));
	TRY(stacks_put_native(w, g));
	TRY(stacks_put_trace(w, g, true));
	TRY(trace_creator(&w->symbols, g, &w->trace_options, &creator));
	if (creator)
		TRY(stacks_put_creator(w, creator, g->gopc, g->parent));
	TRY(stacks_put_ancestors(w, g));
	return put_waits(w, g);
}

static struct err *text_end(struct stacks_writer *w)
{
	return stacks_put_threads(w);
}

static void text_deinit(struct stacks_writer *w)
{
	(void)w;
}

const struct stacks_ops stacks_text = {
	.begin = stacks_put_crashes,
	.goroutine = text_goroutine,
	.end = text_end,
	.deinit = text_deinit,
};
