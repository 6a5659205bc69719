/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hdattach: the heap dump of a running Go program, its stacks and more, from
 * outside.
 */
#include "base/log.h"
#include "options.h"
#include "session.h"
#include "target/live.h"
#include "units.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t caught_signal;

static void on_signal(int sig)
{
	caught_signal = sig;
	target_interrupted = 1;
}

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Gives the signals that end us a handler, but for those that were ignored. */
static void set_handler(const struct sigaction *act)
{
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		struct sigaction old;

		sigaction(ending_signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(ending_signals[i], act, NULL);
	}
}

/*
 * A signal ends us when the target runs again and no temporary file is left; a
 * second one does at once. A closed pipe is an error of write().
 */
static void catch_signals(void)
{
	const struct sigaction act = {
		.sa_handler = on_signal,
		.sa_flags = (int)SA_RESETHAND,
	};

	set_handler(&act);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * A write to a pipe may wait for its reader for ever, and the target with it.
 * There is no file to remove then, and the kernel lets the target go: any
 * signal may end us where we are.
 */
static void release_signals(void)
{
	const struct sigaction act = { .sa_handler = SIG_DFL };

	set_handler(&act);
}

/* ---- the outputs of one stop --------------------------------------------- */

static const struct output_kind *const kinds[OUTPUT_KINDS] = {
	[OUTPUT_HEAPDUMP] = &kind_heapdump,
	[OUTPUT_STACKS] = &kind_stacks,
	[OUTPUT_DEADLOCKS] = &kind_deadlocks,
	[OUTPUT_SUMMARY] = &kind_summary,
};

struct outputs {
	void *state[OUTPUT_KINDS]; /* NULL: not open */
};

static void cleanup_outputs_fn(struct outputs *o)
{
	for (size_t i = 0; i < OUTPUT_KINDS; i++)
		if (o->state[i])
			kinds[i]->close(o->state[i]);
}

static bool is_asked(const struct session *s, size_t i)
{
	return s->options->kinds >> i & 1;
}

static struct err *open_all(struct session *s, struct outputs *o)
{
	s->rt->no_spans = true;
	for (size_t i = 0; i < OUTPUT_KINDS; i++) {
		if (!is_asked(s, i))
			continue;
		if (kinds[i]->needs_spans)
			s->rt->no_spans = false;
		TRY(kinds[i]->open(s, &o->state[i]));
	}
	if (s->streamed)
		release_signals();
	return NULL;
}

/* How far the collector is, and what its sweep, emulated, has done. */
static void tell_collection(const struct runtime *rt)
{
	const struct span_table *t = &rt->spans;
	const struct sweep *s = &rt->sweep;

	if (t->marking)
		log_verbose("a collection marks");
	if (!t->unswept)
		return;
	log_verbose("%" PRIu64 " spans are not swept, %" PRIu64
		    " of them cached; by their sweep %" PRIu64
		    " finalizers and %" PRIu64
		    " cleanups are queued, %zu objects revived, %zu weak "
		    "handles cleared",
		    t->unswept, t->cached, s->finalizers, s->cleanups,
		    s->revived.len, s->cells.len);
}

/* What the pause was spent on, of the stop that counts. */
static void tell_times(const struct capture *c)
{
	const struct capture_times *t = &c->times;
	char stopped[UNITS_MAX], look[UNITS_MAX], snapshot[UNITS_MAX];
	char resume[UNITS_MAX];

	log_verbose("%s: stop %s, look %s, snapshot %s, resume %s",
		    snapshot_name(c->kind), format_duration(stopped, t->stop),
		    format_duration(look, t->look),
		    format_duration(snapshot, t->snapshot),
		    format_duration(resume, t->resume));
}

static struct err *stop(struct session *s)
{
	if (target_interrupted)
		return err_new(ERR_INTERRUPTED, "interrupted");
	TRY(capture_stop(s->target, s->rt, &s->options->capture, &s->capture));
	log_verbose("stopped %zu threads at try %u; %zu spans in use; "
		    "unwinding by %s",
		    s->rt->target->thread_count, s->capture.tries,
		    s->rt->spans.list.len,
		    s->rt->lib ? "libunwind" : "the runtime's rules");
	tell_collection(s->rt);
	tell_times(&s->capture);
	return NULL;
}

/* What is quickly read goes first: it is nearest to the stop. */
static struct err *read_all(struct session *s, struct outputs *o)
{
	for (size_t i = OUTPUT_KINDS; i-- > 0;)
		if (is_asked(s, i))
			TRY(kinds[i]->read(s, o->state[i]));
	for (size_t i = 0; i < OUTPUT_KINDS; i++)
		if (is_asked(s, i) && kinds[i]->leave)
			TRY(kinds[i]->leave(s, o->state[i]));
	return capture_end(&s->capture);
}

static struct err *capture(struct session *s)
{
	cleanup(cleanup_outputs_fn) struct outputs outputs = {};

	TRY(open_all(s, &outputs));
	TRY(stop(s));
	TRY(read_all(s, &outputs));
	session_warn_moment(s);
	for (size_t i = 0; i < OUTPUT_KINDS; i++)
		if (is_asked(s, i))
			TRY(kinds[i]->write(s, outputs.state[i]));
	return NULL;
}

static struct err *run(const struct options *o, enum exit_status *status)
{
	cleanup_target struct target *target = NULL;
	cleanup_runtime struct runtime *rt = NULL;

	TRY(live_open(o->pid, &target));
	TRY(runtime_open(target, &rt));
	rt->no_libunwind = o->no_libunwind;
	log_verbose("%s (process %d), built by %s", target->exe_name, o->pid,
		    rt->release);
	struct session session = {
		.options = o,
		.target = target,
		.rt = rt,
		.began = time(NULL),
	};
	struct err *e = capture(&session);
	err_free(capture_end(&session.capture)); /* where it came to nothing */
	TRY(e);
	*status = session.incomplete ? EXIT_INCOMPLETE : EXIT_WHOLE;
	return NULL;
}

/* Dies by the signal that was caught, so that our parent sees it. */
static void die_by_signal(void)
{
	signal(caught_signal, SIG_DFL);
	raise(caught_signal);
}

int main(int argc, char **argv)
{
	enum exit_status status = EXIT_NOTHING;
	struct options o;

	options_parse(argc, argv, &o);
	log_init("hdattach", o.level);
	catch_signals();
	struct err *e = run(&o, &status);
	if (e) {
		log_err(e);
		if (e->code == ERR_USAGE)
			status = EXIT_USAGE;
		err_free(e);
	}
	if (caught_signal)
		die_by_signal();
	return (int)status;
}
