/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/moment.h"

#include "runtime/mcache.h"
#include "runtime/running.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdio.h>

/* More Ps are not believed. */
enum { MAX_PROCS = 1 << 20 };

static struct err *read_word(struct runtime *rt, uint64_t addr,
			     unsigned int width, uint64_t *out)
{
	uint8_t bytes[8];

	TRY(target_read(rt->target, addr, bytes, width));
	*out = load_le(bytes, width);
	return NULL;
}

/*
 * Up to Go 1.23, and on machines without a spinning bit, a mutex is 0 unless it
 * is locked; else its lowest bit says so, and the others who waits for it.
 * Follows runtime/lock_futex.go and runtime/lock_spinbit.go.
 */
static bool is_locked(const struct layout *l, uint64_t key)
{
	return l->konst.mutexStackLocked.present ? key & 1 : key != 0;
}

/* The locks of what a dump is made of. Others guard what is published by a
 * single store, or is not looked at. */
static struct err *check_locks(struct runtime *rt, struct moment *m)
{
	const struct layout *l = &rt->layout;
	const struct {
		uint64_t addr;
		const char *name;
	} locks[] = {
		{ l->var.mheap_.addr + l->mheap.lock.offset, "mheap_.lock" },
		{ l->var.allglock.addr, "allglock" },
		{ l->var.finlock.addr, "finlock" },
		{ l->var.profMemActiveLock.addr, "profMemActiveLock" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		uint64_t key;

		TRY(read_word(rt, locks[i].addr + l->mutex.key.offset, 8,
			      &key));
		if (!is_locked(l, key))
			continue;
		m->locks++;
		m->lock = locks[i].name;
	}
	return NULL;
}

/* A P's sequence number is odd while it updates its share.
 * Follows runtime/mstats.go:(*consistentHeapStats).acquire. */
static struct err *check_statistics(struct runtime *rt, struct moment *m)
{
	const struct layout *l = &rt->layout;
	uint64_t array, n;

	TRY(read_word(rt, l->var.allp.addr + l->slice.array.offset, 8, &array));
	TRY(read_word(rt, l->var.allp.addr + l->slice.len.offset, 8, &n));
	if (n > MAX_PROCS)
		return err_new(ERR_FORMAT, "%" PRIu64 " Ps", n);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t p, seq;

		TRY(read_word(rt, array + i * rt->arch->ptr_size, 8, &p));
		if (!p)
			continue;
		TRY(read_word(rt, p + l->p.statsSeq.offset, 4, &seq));
		m->statistics += seq & 1;
	}
	return NULL;
}

/* Follows runtime/mgcsweep.go:activeSweep: the top bit says that no span is
 * left, the others count the sweepers at work. */
static struct err *check_sweepers(struct runtime *rt, struct moment *m)
{
	const struct layout *l = &rt->layout;
	uint64_t state;

	TRY(read_word(rt,
		      l->var.sweep.addr + l->sweepdata.active.offset +
			      l->activeSweep.state.offset,
		      4, &state));
	m->sweepers = state & ~(uint64_t)l->konst.sweepDrainedMask.value;
	return NULL;
}

struct err *moment_glance(struct runtime *rt, struct moment *out)
{
	struct moment m = {};

	/* To stacks it is all the same what the heap does. */
	if (rt->no_spans) {
		*out = m;
		return NULL;
	}
	TRY(check_locks(rt, &m));
	TRY(check_statistics(rt, &m));
	TRY(check_sweepers(rt, &m));
	*out = m;
	return NULL;
}

struct err *moment_check(struct runtime *rt, struct moment *out)
{
	struct running_gaps gaps;
	struct moment m;

	TRY(moment_glance(rt, &m));
	TRY(running_gaps(rt, &gaps));
	m.gaps = gaps.unknown;
	m.copystack = gaps.moving;
	m.sweepers = 0; /* whether they hold a span is known now */
	if (!rt->no_spans)
		TRY(mcache_count_leaving(rt, &m.leaving));
	m.torn = rt->spans.torn;
	m.unswept = rt->spans.unswept;
	m.marking = rt->spans.marking;
	*out = m;
	return NULL;
}

void moment_describe(const struct moment *m, char text[MOMENT_TEXT])
{
	const struct {
		uint64_t n;
		const char *one, *many;
	} counts[] = {
		{ m->statistics, "P updates its statistics",
		  "Ps update their statistics" },
		{ m->sweepers, "sweeper at work", "sweepers at work" },
		{ m->torn, "span in mid-sweep", "spans in mid-sweep" },
		{ m->leaving, "span being given back",
		  "spans being given back" },
		{ m->copystack, "stack being moved", "stacks being moved" },
		{ m->gaps, "thread between two stacks",
		  "threads between two stacks" },
	};
	size_t len = 0;

	text[0] = '\0';
	if (m->locks)
		len = (size_t)snprintf(text, MOMENT_TEXT, "%s held", m->lock);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (!counts[i].n || len >= MOMENT_TEXT)
			continue;
		len += (size_t)snprintf(
			text + len, MOMENT_TEXT - len, "%s%" PRIu64 " %s",
			len ? ", " : "", counts[i].n,
			counts[i].n == 1 ? counts[i].one : counts[i].many);
	}
}
