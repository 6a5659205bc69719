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
	KEY_EXTRA_ROOTS = 0x100,
	KEY_FORCE,
	KEY_MAX_SIZE,
	KEY_MAX_WAIT,
	KEY_NO_CONTENTS,
	KEY_SUMMARY,
	KEY_UNWIND,
	DEFAULT_MAX_WAIT = 2000, /* ms */
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Output:", 1 },
	{ "output", 'o', "FILE", 0,
	  "Write to FILE; - is standard output (default: "
	  "EXE.PID.YYYYMMDDTHHMMSS.heapdump)",
	  0 },
	{ "summary", KEY_SUMMARY, NULL, 0,
	  "Write no file, but print what the heap holds", 0 },
	{ "format", 'f', "KIND", 0, "What to write: heapdump (the default)",
	  0 },
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
	{ NULL, 0, NULL, 0, "Capture:", 2 },
	{ "max-wait", KEY_MAX_WAIT, "MS", 0,
	  "Wait at most MS milliseconds for a moment at which nothing is half "
	  "changed (default: 2000)",
	  0 },
	{ "unwind", KEY_UNWIND, "HOW", 0,
	  "Find the frames of Go functions by libunwind (the default where it "
	  "can) or by the runtime's rules; both must agree",
	  0 },
	{ NULL, 0, NULL, 0, "Messages:", 3 },
	{ "quiet", 'q', NULL, 0, "Errors alone", 0 },
	{ "verbose", 'v', NULL, 0, "Tell what is found and chosen", 0 },
	{ 0 },
};

static const char doc[] =
	"Write the heap dump of a running Go program from outside.\v"
	"The process is stopped while its memory is read, and then runs on. "
	"The dump has the format of runtime/debug.WriteHeapDump.\n\n"
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

static void parse_compression(const char *arg, struct argp_state *state,
			      struct options *o)
{
	struct err *e = compression_parse(arg, &o->compress);

	if (e)
		argp_error(state, "%s", e->message);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o':
		o->output = arg;
		return 0;
	case 'f':
		if (strcmp(arg, "heapdump"))
			argp_error(state, "%s: not a kind of output", arg);
		return 0;
	case 'z':
		parse_compression(arg, state, o);
		return 0;
	case KEY_EXTRA_ROOTS:
		o->extra_roots = true;
		return 0;
	case KEY_FORCE:
		o->force = true;
		return 0;
	case KEY_MAX_WAIT:
		o->max_wait = (unsigned int)parse_number(
			arg, INT_MAX, state, "number of milliseconds");
		return 0;
	case KEY_MAX_SIZE:
		o->max_size = parse_size(arg, state);
		return 0;
	case KEY_NO_CONTENTS:
		o->no_contents = true;
		return 0;
	case KEY_SUMMARY:
		o->summary = true;
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
		if (!o->pid)
			argp_error(state, "which process? PID is missing");
		if (o->summary && o->output)
			argp_error(state, "--summary writes no file: -o "
					  "makes no sense with it");
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
		.max_wait = DEFAULT_MAX_WAIT,
		.level = LOG_NORMAL,
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, out);
}
