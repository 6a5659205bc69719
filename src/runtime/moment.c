/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/moment.h"

#include "runtime/goroutine.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdio.h>

static struct err *read_word(struct runtime *rt, uint64_t addr,
			     unsigned int width, uint64_t *out)
{
	uint8_t bytes[8];

	TRY(target_read(rt->target, addr, bytes, width));
	*out = load_le(bytes, width);
	return NULL;
}

/* Follows runtime/mgcsweep.go:activeSweep: the top bit says that no span is
 * left, the others count the sweepers at work. */
struct err *moment_glance(struct runtime *rt, struct moment *out)
{
	const struct layout *l = &rt->layout;
	struct moment m = {};
	uint64_t state;

	TRY(read_word(rt, l->var.gcphase.addr, 4, &m.gcphase));
	TRY(read_word(rt,
		      l->var.sweep.addr + l->sweepdata.active.offset +
			      l->activeSweep.state.offset,
		      4, &state));
	m.gcphase -= (uint64_t)l->konst.GCoff.value;
	m.sweepers = state & ~(uint64_t)l->konst.sweepDrainedMask.value;
	*out = m;
	return NULL;
}

struct err *moment_check(struct runtime *rt, struct moment *out)
{
	struct moment m;

	TRY(moment_glance(rt, &m));
	TRY(goroutine_count_copystack(rt, &m.copystack));
	m.torn = rt->spans.torn;
	m.unswept = rt->spans.unswept;
	*out = m;
	return NULL;
}

void moment_describe(const struct moment *m, char text[MOMENT_TEXT])
{
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ m->sweepers, "sweepers at work" },
		{ m->torn, "spans in mid-sweep" },
		{ m->unswept, "spans not swept" },
		{ m->copystack, "stacks being moved" },
	};
	size_t len = 0;

	text[0] = '\0';
	if (m->gcphase)
		len = (size_t)snprintf(text, MOMENT_TEXT,
				       "garbage collection running");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (!counts[i].n || len >= MOMENT_TEXT)
			continue;
		len += (size_t)snprintf(text + len, MOMENT_TEXT - len,
					"%s%" PRIu64 " %s", len ? ", " : "",
					counts[i].n, counts[i].what);
	}
}
