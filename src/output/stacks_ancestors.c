/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of a goroutine's ancestors, as text.
 * Follows runtime/traceback.go:printAncestorTraceback.
 */
#include "output/stacks_writer.h"
#include "runtime/ancestor.h"

#include <inttypes.h>

struct err *stacks_find_ancestor(struct stacks_writer *w, uint64_t pc,
				 bool innermost, struct stacks_site *out)
{
	const struct site *site;
	const struct call *outer;
	struct func f;

	*out = (struct stacks_site){};
	TRY(func_find(w->rt, pc, &f));
	if (!f.addr)
		return NULL;
	TRY(symbols_find(&w->symbols, &f, pc, &site));
	outer = &site->calls[site->count - 1];
	if (!w->options->system &&
	    !trace_shows(w->rt, outer->name, outer->id, innermost, 0))
		return NULL;
	*out = (struct stacks_site){
		.shown = true,
		.at = site->calls[0],
		.offset = pc > f.entry ? pc - f.entry : 0,
	};
	return NULL;
}

static struct err *put_pc(struct stacks_writer *w, uint64_t pc, bool innermost)
{
	struct stacks_site s;

	TRY(stacks_find_ancestor(w, pc, innermost, &s));
	if (!s.shown)
		return NULL;
	TRY(trace_name(w->rt, s.at.name, &w->out));
	TRY(buf_printf(&w->out, "(...)\n\t%s:%" PRIu64, s.at.file, s.at.line));
	if (s.offset)
		TRY(buf_printf(&w->out, " +0x%" PRIx64, s.offset));
	return buf_append(&w->out, "\n", 1);
}

static struct err *put_ancestor(void *arg, const struct ancestor *a)
{
	static const char elided[] = "...additional frames elided...\n";
	struct stacks_writer *w = arg;
	const struct goroutine as = { .id = a->id, .gopc = a->gopc };
	const struct site *creator;

	TRY(buf_printf(&w->out, "[originating from goroutine %" PRIu64 "]:\n",
		       a->id));
	for (size_t i = 0; i < a->pc_count; i++)
		TRY(put_pc(w, a->pcs[i], i == 0));
	if ((int64_t)a->pc_count ==
	    w->rt->layout.konst.tracebackInnerFrames.value)
		TRY(buf_append(&w->out, elided, sizeof(elided) - 1));
	TRY(trace_creator(&w->symbols, &as, &w->trace_options, &creator));
	return creator ? stacks_put_creator(w, creator, a->gopc, 0) : NULL;
}

struct err *stacks_put_ancestors(struct stacks_writer *w,
				 const struct goroutine *g)
{
	size_t start = w->out.len;

	struct err *e = ancestor_each(w->rt, g, put_ancestor, w);
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	w->out.len = start;
	return NULL;
}
