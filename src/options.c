/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "options.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = PACKAGE_STRING;

enum {
	KEY_ALL_FRAMES = 0x100,
	KEY_DEADLOCKS,
	KEY_EXTRA_ROOTS,
	KEY_FORCE,
	KEY_GOROUTINE,
	KEY_GROUP,
	KEY_JSON,
	KEY_MAX_PAUSE,
	KEY_MAX_SIZE,
	KEY_MAX_WAIT,
	KEY_NICE,
	KEY_NO_CONTENTS,
	KEY_NO_NATIVE,
	KEY_SNAPSHOT,
	KEY_SUMMARY,
	KEY_SYSTEM,
	KEY_THREADS,
	KEY_UNWIND,
	KEY_WAITS,
	DEFAULT_MAX_WAIT = 2000, /* ms */
	DEFAULT_NICE = 10,
	MAX_NICE = 19,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Output:", 1 },
	{ "output", 'o', "FILE", 0,
	  "Write to FILE; - is standard output (default: "
	  "EXE.PID.YYYYMMDDTHHMMSS.KIND; standard output for stacks alone)",
	  0 },
	{ "summary", KEY_SUMMARY, NULL, 0,
	  "Write no file, but print what the heap holds", 0 },
	{ "format", 'f', "KIND[,KIND...]", 0,
	  "What to write of the same stop: heapdump (the default), stacks", 0 },
	{ "compress", 'z', "KIND", 0,
	  "Compress by gzip or zstd; KIND:LEVEL chooses a level", 0 },
	{ "max-size", KEY_MAX_SIZE, "SIZE", 0,
	  "Write no file larger than SIZE bytes; K, M, G, T multiply by "
	  "powers of 1024",
	  0 },
	{ "no-contents", KEY_NO_CONTENTS, NULL, 0,
	  "Write all bytes that are not pointers as 0", 0 },
	{ "extra-roots", KEY_EXTRA_ROOTS, NULL, 0,
	  "Write OtherRoot records, which the runtime itself does not: what "
	  "finalizers, cleanups, weak pointers and some locals keep alive",
	  0 },
	{ "force", KEY_FORCE, NULL, 0, "Replace a file that exists", 0 },
	{ NULL, 0, NULL, 0, "Stacks:", 2 },
	{ "goroutine", KEY_GOROUTINE, "N", 0, "Goroutine N alone", 0 },
	{ "group", KEY_GROUP, NULL, 0,
	  "Show equal stacks once, the most frequent first", 0 },
	{ "system", KEY_SYSTEM, NULL, 0,
	  "Show the runtime's own goroutines and functions, too, and where "
	  "frames are: as GOTRACEBACK=system",
	  0 },
	{ "all-frames", KEY_ALL_FRAMES, NULL, 0,
	  "Show all of very deep stacks, and not only both ends", 0 },
	{ "no-native", KEY_NO_NATIVE, NULL, 0,
	  "Leave out where goroutines are in C", 0 },
	{ "threads", KEY_THREADS, NULL, 0,
	  "Show the threads that run no goroutine, too", 0 },
	{ "waits", KEY_WAITS, NULL, 0,
	  "Show what each goroutine waits for, who else does, and who has it "
	  "at hand",
	  0 },
	{ "deadlocks", KEY_DEADLOCKS, NULL, 0,
	  "Look for goroutines that nobody can wake, and print who they are: "
	  "alone, or with -f",
	  0 },
	{ "json", KEY_JSON, NULL, 0,
	  "Write JSON; without -f stacks, print a report of the dump in JSON",
	  0 },
	{ NULL, 0, NULL, 0, "Capture:", 3 },
	{ "max-wait", KEY_MAX_WAIT, "MS", 0,
	  "Wait at most MS milliseconds for a moment at which nothing is half "
	  "changed (default: 2000)",
	  0 },
	{ "snapshot", KEY_SNAPSHOT, "HOW", 0,
	  "Let the process run on from a fork (the shortest pause) or a copy "
	  "of what is needed, or hold it until the dump is written; auto (the "
	  "default) takes the first of these that is safe",
	  0 },
	{ "max-pause", KEY_MAX_PAUSE, "MS", 0,
	  "Refuse what would stop the process for longer than MS milliseconds",
	  0 },
	{ "nice", KEY_NICE, "N", 0,
	  "Run at a nice value raised by N as soon as the process runs again "
	  "(default: 10)",
	  0 },
	{ "unwind", KEY_UNWIND, "HOW", 0,
	  "Find the frames of Go functions by libunwind (the default where it "
	  "can) or by the runtime's rules; both must agree",
	  0 },
	{ NULL, 0, NULL, 0, "Messages:", 4 },
	{ "quiet", 'q', NULL, 0, "Errors alone", 0 },
	{ "verbose", 'v', NULL, 0, "Tell what is found and chosen", 0 },
	{ 0 },
};

static const char doc[] =
	"Write the heap dump of a running Go program, or the stacks of its "
	"goroutines, from outside.\v"
	"The process is stopped for milliseconds: what is written is read from "
	"a snapshot of it. "
	"The dump has the format of runtime/debug.WriteHeapDump, stacks that "
	"of runtime.Stack.\n\n"
	"Exit status: 0 the dump is whole, 1 it is written but something in "
	"it is not certain (which is said), 2 nothing is written, 64 usage.";

static unsigned long parse_number(const char *arg, unsigned long max,
				  struct argp_state *state, const char *what)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(arg, &end, 10);
	if (errno || end == arg || *end || !isdigit(*arg) || n > max)
		argp_error(state, "%s: not a %s", arg, what);
	return n;
}

/* A number of bytes, with K, M, G or T behind it or without. */
static uint64_t parse_size(const char *arg, struct argp_state *state)
{
	static const char units[] = "KMGT";
	uint64_t n, shift = 0;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (uint64_t)(unit - units + 1);
		end++;
	}
	if (errno || !n || *end || !isdigit(*arg) || n > UINT64_MAX >> shift)
		argp_error(state, "%s: not a size", arg);
	return n << shift;
}

static void parse_target(const char *arg, struct argp_state *state,
			 struct options *o)
{
	if (o->pid)
		argp_error(state, "one process at a time");
	if (arg[strspn(arg, "0123456789")])
		argp_error(state,
			   "%s: not a process id (core files are not "
			   "supported yet)",
			   arg);
	o->pid = (pid_t)parse_number(arg, INT_MAX, state, "process id");
	if (!o->pid)
		argp_error(state, "%s: not a process id", arg);
}

/* A list of kinds, as -f has them. */
static void parse_kinds(const char *arg, struct argp_state *state,
			struct options *o)
{
	static const char *const names[] = {
		[OUTPUT_HEAPDUMP] = "heapdump",
		[OUTPUT_STACKS] = "stacks",
	};
	const char *at = arg;

	for (;;) {
		size_t n = strcspn(at, ","), i;

		for (i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (strlen(names[i]) == n && !strncmp(names[i], at, n))
				break;
		if (i == sizeof(names) / sizeof(*names))
			argp_error(state, "%.*s: not a kind of output", (int)n,
				   at);
		o->kinds |= 1u << i;
		if (!at[n])
			return;
		at += n + 1;
	}
}

static void parse_compression(const char *arg, struct argp_state *state,
			      struct options *o)
{
	struct err *e = compression_parse(arg, &o->compress);

	if (e)
		argp_error(state, "%s", e->message);
}

static void parse_snapshot(const char *arg, struct argp_state *state,
			   struct options *o)
{
	for (int kind = SNAPSHOT_AUTO; kind <= SNAPSHOT_HOLD; kind++) {
		if (strcmp(arg, snapshot_name(kind)))
			continue;
		o->capture.snapshot = kind;
		return;
	}
	argp_error(state, "%s: not a kind of snapshot", arg);
}

/* What makes no sense together. */
static void check(struct argp_state *state, struct options *o)
{
	if (!o->pid)
		argp_error(state, "which process? PID is missing");
	if (o->summary && o->output)
		argp_error(state, "--summary writes no file: -o makes no sense "
				  "with it");
	if (o->summary && o->kinds)
		argp_error(state, "--summary writes no file: -f makes no sense "
				  "with it");
	if (o->summary)
		o->kinds = 1u << OUTPUT_SUMMARY;
	if (o->deadlocks)
		o->kinds |= 1u << OUTPUT_DEADLOCKS;
	if (!o->kinds)
		o->kinds = 1u << OUTPUT_HEAPDUMP;
	if (o->output && o->kinds & (o->kinds - 1))
		argp_error(state, "-o names one file, and there are several");
	if (o->group && o->json)
		argp_error(state, "--group and --json: one of them");
	if (o->waits && o->group)
		argp_error(state, "--waits tells of one goroutine after the "
				  "other, and --group does not");
	if ((o->group || o->system || o->all_frames || o->goroutine ||
	     o->no_native || o->threads || o->waits) &&
	    !(o->kinds >> OUTPUT_STACKS & 1))
		argp_error(state, "options about stacks, and no -f stacks");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o':
		o->output = arg;
		return 0;
	case 'f':
		parse_kinds(arg, state, o);
		return 0;
	case 'z':
		parse_compression(arg, state, o);
		return 0;
	case KEY_ALL_FRAMES:
		o->all_frames = true;
		return 0;
	case KEY_EXTRA_ROOTS:
		o->extra_roots = true;
		return 0;
	case KEY_DEADLOCKS:
		o->deadlocks = true;
		return 0;
	case KEY_FORCE:
		o->force = true;
		return 0;
	case KEY_GOROUTINE:
		o->goroutine = parse_number(arg, ULONG_MAX, state, "goroutine");
		return 0;
	case KEY_GROUP:
		o->group = true;
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case KEY_MAX_WAIT:
		o->capture.max_wait = (unsigned int)parse_number(
			arg, INT_MAX, state, "number of milliseconds");
		return 0;
	case KEY_MAX_PAUSE:
		o->capture.max_pause =
			1000000 *
			(uint64_t)parse_number(arg, INT_MAX, state,
					       "number of milliseconds");
		return 0;
	case KEY_NICE:
		o->capture.nice =
			(int)parse_number(arg, MAX_NICE, state, "nice value");
		return 0;
	case KEY_SNAPSHOT:
		parse_snapshot(arg, state, o);
		return 0;
	case KEY_MAX_SIZE:
		o->max_size = parse_size(arg, state);
		return 0;
	case KEY_NO_CONTENTS:
		o->no_contents = true;
		return 0;
	case KEY_NO_NATIVE:
		o->no_native = true;
		return 0;
	case KEY_SUMMARY:
		o->summary = true;
		return 0;
	case KEY_SYSTEM:
		o->system = true;
		return 0;
	case KEY_THREADS:
		o->threads = true;
		return 0;
	case KEY_WAITS:
		o->waits = true;
		return 0;
	case KEY_UNWIND:
		o->no_libunwind = !strcmp(arg, "rules");
		if (!o->no_libunwind && strcmp(arg, "libunwind"))
			argp_error(state, "%s: neither libunwind nor rules",
				   arg);
		return 0;
	case 'q':
		o->level = LOG_QUIET;
		return 0;
	case 'v':
		o->level = LOG_VERBOSE;
		return 0;
	case ARGP_KEY_ARG:
		parse_target(arg, state, o);
		return 0;
	case ARGP_KEY_END:
		check(state, o);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void options_parse(int argc, char **argv, struct options *out)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID",
		.doc = doc,
	};

	*out = (struct options){
		.capture = {
			.max_wait = DEFAULT_MAX_WAIT,
			.nice = DEFAULT_NICE,
		},
		.level = LOG_NORMAL,
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, out);
}
