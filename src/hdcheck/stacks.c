/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/stacks.h"

#include "hdcheck/reader.h"
#include "hdcheck/summary.h"

/* runtime/runtime2.go:_Gwaiting, _Gleaked */
enum { STATUS_WAITING = 4, STATUS_LEAKED = 10 };

static struct err *visit(const struct record *r, bool *in_goroutine,
			 const struct stacks_visitor *visitor, void *arg)
{
	if (r->kind == RECORD_GOROUTINE) {
		*in_goroutine = true;
		return visitor->goroutine(arg, &r->goroutine);
	}
	if (r->kind == RECORD_STACK_FRAME && *in_goroutine)
		return visitor->frame(arg, &r->frame);
	return NULL;
}

/* What verify() has said of the file already is said once. */
static struct err *tolerate(struct err *e)
{
	if (e->code != ERR_FORMAT)
		return e;
	err_free(e);
	return NULL;
}

struct err *stacks_each(const struct dump_file *f,
			const struct stacks_visitor *visitor, void *arg)
{
	bool in_goroutine = false, more;
	struct reader reader;
	struct record r;
	struct err *e = reader_init(&reader, f);

	if (e)
		return tolerate(e);
	for (;;) {
		e = reader_next(&reader, &r, &more);
		if (e)
			return tolerate(e);
		if (!more)
			return NULL;
		TRY(visit(&r, &in_goroutine, visitor, arg));
	}
}

struct bytes goroutine_reason(const struct goroutine_record *g)
{
	if (g->status == STATUS_WAITING || g->status == STATUS_LEAKED)
		return g->wait_reason;
	return (struct bytes){ 0 };
}

/* ---- text ---------------------------------------------------------------- */

struct printer {
	FILE *out;
	bool begun; /* a goroutine is above */
};

static struct err *print_goroutine(void *arg, const struct goroutine_record *g)
{
	const char *status = goroutine_status_name(g->status);
	struct bytes reason = goroutine_reason(g);
	struct printer *p = arg;

	fprintf(p->out, "%sgoroutine %llu [", p->begun ? "\n" : "",
		(unsigned long long)g->goid);
	if (reason.size)
		string_print(p->out, reason, reason.size);
	else
		fputs(status ? status : "?", p->out);
	if (reason.size && g->status == STATUS_LEAKED)
		fputs(" (leaked)", p->out);
	fputs("]:\n", p->out);
	p->begun = true;
	return NULL;
}

static struct err *print_frame(void *arg, const struct stack_frame_record *f)
{
	struct printer *p = arg;

	fputs("  ", p->out);
	string_print(p->out, f->function, f->function.size);
	fprintf(p->out, "+0x%llx\n", (unsigned long long)(f->pc - f->entry));
	return NULL;
}

struct err *stacks_print(const struct dump_file *f, FILE *out)
{
	static const struct stacks_visitor visitor = { print_goroutine,
						       print_frame };
	struct printer p = { .out = out };

	return stacks_each(f, &visitor, &p);
}
