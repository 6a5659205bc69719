/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hdattach: the heap dump of a running Go program, from outside.
 */
#include "base/log.h"
#include "capture.h"
#include "options.h"
#include "output/heapdump.h"
#include "output/summary.h"
#include "progress.h"
#include "runtime/memstats.h"
#include "target/live.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

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

/* EXE.PID.YYYYMMDDTHHMMSS.heapdump, in local time; .gz or .zst behind it. */
static char *default_name(const struct options *o, const struct target *t)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	char *name;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	if (asprintf(&name, "%s.%d.%s.heapdump%s", t->exe_name, (int)t->pid,
		     when, compression_suffix(o->compress.kind)) < 0)
		return NULL;
	return name;
}

static struct err *open_output(const struct options *o, const struct target *t,
			       struct out_file **out)
{
	cleanup_free char *name = NULL;

	name = o->output ? strdup(o->output) : default_name(o, t);
	if (!name)
		return &err_nomem;
	TRY(out_file_create(name, o->force, out));
	return o->compress.kind == COMPRESS_NONE
		       ? NULL
		       : out_file_compress(*out, o->compress);
}

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

static void on_progress(void *arg, uint64_t done)
{
	progress_update(arg, done);
}

/* Writes the stopped target's dump, and lets it run on. */
static struct err *write_dump(const struct options *o, struct runtime *rt,
			      struct out_file *out,
			      struct heapdump_result *result)
{
	struct progress progress;
	const struct heapdump_options options = {
		.no_contents = o->no_contents,
		.extra_roots = o->extra_roots,
		.progress = on_progress,
		.arg = &progress,
	};

	progress_start(&progress, rt->spans.bytes);
	struct err *e = heapdump_write(rt, out, &options, result);
	progress_end(&progress);
	struct err *resumed = target_resume(rt->target);
	if (!e)
		return resumed;
	err_free(resumed);
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

/* Says what in the dump is not certain; true if there is anything. */
static bool warn_incomplete(const struct capture *c,
			    const struct heapdump_result *r)
{
	char text[MOMENT_TEXT], size[UNITS_MAX], n[UNITS_MAX];

	moment_describe(&c->moment, text);
	if (!c->clean)
		log_warn("no clean moment in %u stops: %s; objects that were "
			 "being changed may be missing, dead or half written "
			 "(a longer --max-wait may help)",
			 c->tries, text);
	if (r->totals.unreadable)
		log_warn("%s of the heap could not be read: what was there "
			 "is missing, or written as 0",
			 format_bytes(size, r->totals.unreadable));
	if (r->totals.untyped)
		log_warn("%s objects are written without pointers: their "
			 "types could not be read",
			 format_count(n, r->totals.untyped));
	warn_stacks(r);
	return !c->clean || r->totals.unreadable || r->totals.untyped ||
	       r->broken_stacks;
}

static void closing_line(const struct out_file *out, const struct target *t,
			 const struct heapdump_result *r)
{
	char size[UNITS_MAX], objects[UNITS_MAX], goroutines[UNITS_MAX];
	char pause[UNITS_MAX];

	log_info("%s: %s, %s objects, %s goroutines, paused %s",
		 out_file_path(out), format_bytes(size, out_file_bytes(out)),
		 format_count(objects, r->totals.objects),
		 format_count(goroutines, r->goroutines),
		 format_duration(pause, t->pause_ns));
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

static struct err *stop(const struct options *o, struct target *target,
			struct runtime *rt, struct capture *capture)
{
	if (target_interrupted)
		return err_new(ERR_INTERRUPTED, "interrupted");
	TRY(capture_stop(target, rt, o->max_wait, capture));
	log_verbose("stopped %zu threads at try %u; %zu spans in use; "
		    "unwinding by %s",
		    target->thread_count, capture->tries, rt->spans.list.len,
		    rt->lib ? "libunwind" : "the runtime's rules");
	tell_collection(rt);
	return NULL;
}

static struct err *dump(const struct options *o, struct target *target,
			struct runtime *rt, enum exit_status *status)
{
	cleanup_out_file struct out_file *out = NULL;
	struct heapdump_result result;
	struct capture capture;

	TRY(open_output(o, target, &out));
	if (out_file_streamed(out))
		release_signals();
	TRY(check_room(o, rt, out));
	TRY(stop(o, target, rt, &capture));
	TRY(write_dump(o, rt, out, &result));
	TRY(out_file_commit(out));
	*status = warn_incomplete(&capture, &result) ? EXIT_INCOMPLETE
						     : EXIT_WHOLE;
	closing_line(out, target, &result);
	return NULL;
}

static struct err *summarize(const struct options *o, struct target *target,
			     struct runtime *rt, enum exit_status *status)
{
	cleanup_summary struct summary *summary = NULL;
	struct capture capture;
	char pause[UNITS_MAX];

	TRY(stop(o, target, rt, &capture));
	TRY(summary_read(rt, &summary));
	TRY(target_resume(target));
	printf("%s (process %d), built by %s\n\n", target->exe_name, o->pid,
	       rt->release);
	summary_print(summary, stdout);
	if (fflush(stdout))
		return err_os(errno, "writing standard output");
	*status = warn_incomplete(&capture, summary_result(summary))
			  ? EXIT_INCOMPLETE
			  : EXIT_WHOLE;
	log_info("paused %s", format_duration(pause, target->pause_ns));
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
	return o->summary ? summarize(o, target, rt, status)
			  : dump(o, target, rt, status);
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
