/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap dump, and the summary of what one would hold.
 */
#include "output/heapdump.h"
#include "output/summary.h"
#include "progress.h"
#include "report.h"
#include "runtime/memstats.h"
#include "session.h"
#include "units.h"

#include <errno.h>

struct heapdump_state {
	struct out_file *out;
	struct heapdump_result result;
};

/*
 * Refuses, before the target is stopped, what can't come to a good end: a dump
 * is larger than the objects in it, unless it is compressed.
 */
static struct err *check_room(const struct options *o, struct runtime *rt,
			      struct out_file *out)
{
	char size[UNITS_MAX], limit[UNITS_MAX];
	uint64_t least, room = out_file_room(out);

	if (o->max_size)
		out_file_limit(out, o->max_size);
	TRY(memstats_heap_alloc(rt, &least));
	log_verbose("%s of objects", format_bytes(size, least));
	if (o->compress.kind != COMPRESS_NONE)
		return NULL;
	if (o->max_size && least > o->max_size)
		return err_hint(err_new(ERR_LIMIT,
					"the dump would have more than %s, and "
					"--max-size allows %s",
					format_bytes(size, least),
					format_bytes(limit, o->max_size)),
				"-z zstd may make it small enough");
	if (least > room)
		return err_hint(err_new(ERR_LIMIT,
					"the dump would have more than %s, and "
					"there is room for %s beside %s",
					format_bytes(size, least),
					format_bytes(limit, room),
					out_file_path(out)),
				"-o names another place, -z zstd makes it "
				"smaller");
	return NULL;
}

static void heapdump_close(void *state)
{
	struct heapdump_state *h = state;

	out_file_close(h->out);
	free(h);
}

static struct err *heapdump_open(struct session *s, void **state)
{
	struct heapdump_state *h = calloc(1, sizeof(*h));

	if (!h)
		return &err_nomem;
	*state = h;
	TRY(session_open_output(s, "heapdump", &h->out));
	return check_room(s->options, s->rt, h->out);
}

static void on_progress(void *arg, uint64_t done)
{
	progress_update(arg, done);
}

static struct err *heapdump_read(struct session *s, void *state)
{
	struct heapdump_state *h = state;
	struct progress progress;
	const struct heapdump_options options = {
		.no_contents = s->options->no_contents,
		.extra_roots = s->options->extra_roots,
		.progress = on_progress,
		.arg = &progress,
	};

	progress_start(&progress, s->rt->spans.bytes);
	struct err *e = heapdump_write(s->rt, h->out, &options, &h->result);
	progress_end(&progress);
	return e;
}

/* Of each way in which stacks end early, how many do; -v tells which. */
static void warn_stacks(const struct heapdump_result *r)
{
	char n[UNITS_MAX];

	for (int i = STACK_WHOLE + 1; i < STACK_ENDS; i++)
		if (r->stack_ends[i])
			log_warn("stacks that end early, or are not known: "
				 "%s (%s)",
				 format_count(n, r->stack_ends[i]),
				 stack_end_text((enum stack_end)i));
}

/* Says what in the dump is not certain. */
static void warn_incomplete(struct session *s, const struct heapdump_result *r)
{
	char size[UNITS_MAX], n[UNITS_MAX];

	if (r->totals.unreadable)
		log_warn("%s of the heap could not be read: what was there "
			 "is missing, or written as 0",
			 format_bytes(size, r->totals.unreadable));
	if (r->totals.untyped)
		log_warn("%s objects are written without pointers: their "
			 "types could not be read",
			 format_count(n, r->totals.untyped));
	warn_stacks(r);
	s->incomplete |=
		r->totals.unreadable || r->totals.untyped || r->broken_stacks;
}

static struct err *heapdump_finish(struct session *s, void *state)
{
	struct heapdump_state *h = state;
	const struct heapdump_result *r = &h->result;
	char size[UNITS_MAX], objects[UNITS_MAX], goroutines[UNITS_MAX];
	char pause[UNITS_MAX];

	TRY(out_file_commit(h->out));
	warn_incomplete(s, r);
	log_info("%s: %s, %s objects, %s goroutines, paused %s",
		 out_file_path(h->out),
		 format_bytes(size, out_file_bytes(h->out)),
		 format_count(objects, r->totals.objects),
		 format_count(goroutines, r->goroutines),
		 format_duration(pause, s->target->pause_ns));
	if (!s->options->json || s->options->kinds >> OUTPUT_STACKS & 1)
		return NULL;
	return report_print(out_file_streamed(h->out) ? stderr : stdout,
			    &s->capture, r, h->out, !s->incomplete);
}

const struct output_kind kind_heapdump = {
	.name = "heapdump",
	.needs_spans = true,
	.open = heapdump_open,
	.read = heapdump_read,
	.write = heapdump_finish,
	.close = heapdump_close,
};

/* ---- the summary --------------------------------------------------------- */

struct summary_state {
	struct summary *summary;
};

static void summary_close(void *state)
{
	struct summary_state *h = state;

	summary_destroy(h->summary);
	free(h);
}

static struct err *summary_open(struct session *s, void **state)
{
	(void)s;
	*state = calloc(1, sizeof(struct summary_state));
	return *state ? NULL : &err_nomem;
}

static struct err *summary_take(struct session *s, void *state)
{
	struct summary_state *h = state;

	return summary_read(s->rt, &h->summary);
}

static struct err *summary_write(struct session *s, void *state)
{
	const struct summary_state *h = state;
	char pause[UNITS_MAX];

	printf("%s (process %d), built by %s\n\n", s->target->exe_name,
	       s->options->pid, s->rt->release);
	summary_print(h->summary, stdout);
	if (fflush(stdout))
		return err_os(errno, "writing standard output");
	warn_incomplete(s, summary_result(h->summary));
	log_info("paused %s", format_duration(pause, s->target->pause_ns));
	return NULL;
}

const struct output_kind kind_summary = {
	.name = "summary",
	.needs_spans = true,
	.open = summary_open,
	.read = summary_take,
	.write = summary_write,
	.close = summary_close,
};
