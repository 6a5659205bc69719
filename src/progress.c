/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include "base/log.h"
#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_EVERY 100000000ull /* ns */
#define LINE_EVERY 5000000000ull

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A line that changes needs a terminal that can wipe it. */
static bool is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void progress_start(struct progress *p, uint64_t total)
{
	*p = (struct progress){
		.total = total,
		.started = now(),
		.terminal = is_terminal(),
	};
	p->shown = p->started;
}

static void show(const struct progress *p, uint64_t done, uint64_t elapsed)
{
	char bytes[UNITS_MAX], total[UNITS_MAX], rate[UNITS_MAX];
	char left[UNITS_MAX], line[200];
	double per_ns = (double)done / (double)elapsed;

	snprintf(line, sizeof(line),
		 "%3u %% of the heap (%s of %s), %s/s, %s left",
		 p->total ? (unsigned int)(done * 100 / p->total) : 100,
		 format_bytes(bytes, done), format_bytes(total, p->total),
		 format_bytes(rate, (uint64_t)(per_ns * 1e9)),
		 format_duration(
			 left, per_ns > 0
				       ? (uint64_t)((double)(p->total - done) /
						    per_ns)
				       : 0));
	if (p->terminal)
		log_status(line);
	else
		log_info("%s", line);
}

void progress_update(struct progress *p, uint64_t done)
{
	uint64_t t;

	if (log_level() < LOG_NORMAL || done > p->total)
		return;
	t = now();
	if (t - p->shown < (p->terminal ? TERMINAL_EVERY : LINE_EVERY))
		return;
	p->shown = t;
	show(p, done, t - p->started);
}

void progress_end(struct progress *p)
{
	if (p->terminal)
		log_status("");
}
