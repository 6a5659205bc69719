/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: text on standard output, or in a file.
 */
#include "output/stacks.h"
#include "session.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stacks_state {
	struct out_file *out; /* NULL: standard output */
	struct stacks stacks;
	struct stacks_options options;
	struct stacks_result result;
	struct crashes crashes;
	struct wait_table waits; /* --waits */
	struct wait_text wait_text;
};

static void stacks_close(void *state)
{
	struct stacks_state *k = state;

	out_file_close(k->out);
	stacks_deinit(&k->stacks);
	crashes_deinit(&k->crashes);
	wait_table_deinit(&k->waits);
	free(k);
}

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb") != 0;
}

/* Text to standard output, unless there are other outputs, or it has to be
 * compressed. */
static bool wants_file(const struct options *o)
{
	bool alone = o->kinds == 1u << OUTPUT_STACKS;

	if (o->compress.kind != COMPRESS_NONE)
		return true;
	return o->output ? strcmp(o->output, "-") != 0 : !alone;
}

static struct err *stacks_open(struct session *s, void **state)
{
	const struct options *o = s->options;
	struct stacks_state *k = calloc(1, sizeof(*k));

	if (!k)
		return &err_nomem;
	*state = k;
	k->options = (struct stacks_options){
		.format = o->json    ? STACKS_JSON
			  : o->group ? STACKS_GROUPS
				     : STACKS_TEXT,
		.system = o->system,
		.all_frames = o->all_frames,
		.goroutine = o->goroutine,
		.native = !o->no_native,
		.threads = o->threads,
		.deferred = o->level == LOG_VERBOSE,
	};
	if (wants_file(o))
		TRY(session_open_output(s, "stacks", &k->out));
	else
		k->options.colour = wants_colour();
	if (k->out && o->max_size)
		out_file_limit(k->out, o->max_size);
	/* A lock is told by the object that it is part of. */
	if (o->waits)
		s->rt->no_spans = false;
	return stacks_prepare(s->rt);
}

static struct err *write_text(void *arg, const void *data, size_t n)
{
	struct stacks_state *k = arg;

	if (k->out)
		return out_file_write(k->out, data, n);
	if (fwrite(data, 1, n, stdout) != n)
		return err_os(errno, "writing standard output");
	return NULL;
}

static struct err *tell(struct stacks_state *k)
{
	const struct stacks_sink sink = { write_text, k };

	TRY(stacks_load(&k->stacks));
	return stacks_write(&k->stacks, &k->options, &sink, &k->result);
}

static struct err *read_waits(struct session *s, struct stacks_state *k)
{
	TRY(wait_table_load(s->rt, &k->waits));
	TRY(wait_table_refer(s->rt, &k->waits));
	k->wait_text = (struct wait_text){ s->rt, &k->waits, k->stacks.now };
	k->options.waits = &k->wait_text;
	return NULL;
}

/* What is too much to be copied is told while the target waits. */
static struct err *stacks_read(struct session *s, void *state)
{
	struct stacks_state *k = state;

	TRY(stacks_take(s->rt, k->options.threads, &k->stacks));
	TRY(crashes_read(s->rt, &k->crashes));
	k->options.crashes = &k->crashes;
	if (s->options->waits)
		TRY(read_waits(s, k));
	if (!k->stacks.whole) {
		log_verbose("too many stacks to copy: the target waits");
		TRY(tell(k));
	}
	return NULL;
}

static struct err *stacks_leave(struct session *s, void *state)
{
	(void)state;
	return stacks_seal(s->rt);
}

static struct err *closing_line(struct session *s, struct stacks_state *k)
{
	cleanup(buf_deinit) struct buf text = {};
	char pause[UNITS_MAX], up[UNITS_MAX];

	TRY(stacks_summary(&k->stacks, &k->options, &text));
	log_info("%s (process %d), built by %s, up %s; %.*s; paused %s",
		 s->target->exe_name, (int)s->target->pid, s->rt->release,
		 format_duration(up, k->stacks.uptime), (int)text.len,
		 (const char *)text.v,
		 format_duration(pause, s->target->pause_ns));
	return NULL;
}

static struct err *stacks_finish(struct session *s, void *state)
{
	struct stacks_state *k = state;
	char n[UNITS_MAX];

	if (k->stacks.whole)
		TRY(tell(k));
	if (k->out)
		TRY(out_file_commit(k->out));
	else if (fflush(stdout))
		return err_os(errno, "writing standard output");
	if (k->result.broken)
		log_warn("the stacks of %s goroutines end early, or are not "
			 "known",
			 format_count(n, k->result.broken));
	s->incomplete |= k->result.broken != 0;
	return closing_line(s, k);
}

const struct output_kind kind_stacks = {
	.name = "stacks",
	.open = stacks_open,
	.read = stacks_read,
	.leave = stacks_leave,
	.write = stacks_finish,
	.close = stacks_close,
};
