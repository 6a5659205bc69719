/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --deadlocks: text on standard output, or JSON.
 */
#include "output/deadlock_json.h"
#include "output/deadlock_text.h"
#include "session.h"
#include "target/deadline.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct deadlocks_state {
	struct wait_table waits;
	struct deadlocks found;
	struct buf text;
};

static void deadlocks_close(void *state)
{
	struct deadlocks_state *k = state;

	wait_table_deinit(&k->waits);
	deadlocks_deinit(&k->found);
	buf_deinit(&k->text);
	free(k);
}

static struct err *deadlocks_open(struct session *s, void **state)
{
	(void)s;
	*state = calloc(1, sizeof(struct deadlocks_state));
	return *state ? NULL : &err_nomem;
}

static struct err *deadlocks_read(struct session *s, void *state)
{
	struct deadlocks_state *k = state;
	const struct wait_text t = {
		.rt = s->rt,
		.table = &k->waits,
		.now = timespec_ns(&s->target->stop_time.monotonic),
	};

	TRY(wait_table_load(s->rt, &k->waits));
	TRY(wait_table_refer(s->rt, &k->waits));
	TRY(deadlocks_find(s->rt, &k->waits, &k->found));
	return s->options->json ? deadlock_json(&t, &k->found, &k->text)
				: deadlock_text(&t, &k->found, &k->text);
}

static struct err *deadlocks_write(struct session *s, void *state)
{
	struct deadlocks_state *k = state;
	char pause[UNITS_MAX], n[UNITS_MAX];

	if (!s->options->json)
		printf("%s (process %d), built by %s\n", s->target->exe_name,
		       (int)s->target->pid, s->rt->release);
	fwrite(k->text.v, 1, k->text.len, stdout);
	if (fflush(stdout) || ferror(stdout))
		return err_os(errno, "writing standard output");
	if (k->waits.damaged)
		log_warn("what goroutines wait for could not be read at %s "
			 "places: those are taken to go on",
			 format_count(n, k->waits.damaged));
	s->incomplete |= k->waits.damaged || k->found.damaged ||
			 k->found.graph.unreadable;
	log_verbose("%" PRIu64 " windows of the heap read; %" PRIu64
		    " bytes and %" PRIu64 " roots could not be; %" PRIu64
		    " objects of unknown type",
		    k->found.graph.windows, k->found.graph.unreadable,
		    k->found.damaged, k->found.graph.untyped);
	log_info("paused %s", format_duration(pause, s->target->pause_ns));
	return NULL;
}

const struct output_kind kind_deadlocks = {
	.name = "deadlocks",
	.needs_spans = true,
	.open = deadlocks_open,
	.read = deadlocks_read,
	.write = deadlocks_write,
	.close = deadlocks_close,
};
