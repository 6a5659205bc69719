/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of hdattach.
 */
#ifndef HD_OPTIONS_H
#define HD_OPTIONS_H

#include "base/log.h"
#include "capture.h"
#include "output/compress.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum output_name {
	OUTPUT_HEAPDUMP,
	OUTPUT_STACKS,
	OUTPUT_DEADLOCKS,
	OUTPUT_SUMMARY,
	OUTPUT_KINDS
};

struct options {
	pid_t pid;
	const char *output; /* -o: borrowed from argv; NULL: the default name */
	bool force;
	unsigned int kinds; /* -f, --summary: bits, by enum output_name */
	uint64_t max_size;  /* --max-size, bytes; 0: any */
	struct compression_choice compress; /* -z */
	bool summary;			    /* --summary */
	bool no_contents;		    /* --no-contents */
	bool extra_roots;		    /* --extra-roots */
	bool system;	    /* --system: the runtime's own goroutines */
	bool all_frames;    /* --all-frames: of deep stacks, too */
	bool group;	    /* --group: equal stacks once */
	bool no_native;	    /* --no-native: without C */
	bool threads;	    /* --threads: those without goroutines */
	bool json;	    /* --json: stacks, or a report of a dump */
	bool waits;	    /* --waits: what goroutines wait for */
	bool deadlocks;	    /* --deadlocks */
	uint64_t goroutine; /* --goroutine: this one alone; 0: all */
	/* --snapshot, --max-wait, --max-pause, --nice */
	struct capture_options capture;
	bool no_libunwind; /* --unwind=rules */
	enum log_level level;
};

/* Exit statuses. */
enum exit_status {
	EXIT_WHOLE = 0,
	EXIT_INCOMPLETE = 1, /* written, but not all of it is certain */
	EXIT_NOTHING = 2,    /* nothing was written */
	EXIT_USAGE = 64,
};

/* Parses the command line, or exits: --help, --version, and EXIT_USAGE. */
void options_parse(int argc, char **argv, struct options *out);

#endif
