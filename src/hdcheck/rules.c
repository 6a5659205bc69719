/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/rules.h"

#include "base/bits.h"
#include "hdcheck/differ.h"
#include "hdcheck/object_index.h"

#include <string.h>

const struct rule_info rules[RULE_COUNT] = {
	[RULE_WRITER_SCRATCH] = {
		"writer-scratch",
		"variables that WriteHeapDump works with",
		true,
	},
	[RULE_TMPBUF_ACCOUNTING] = {
		"tmpbuf-accounting",
		"statistics of memory that WriteHeapDump allocates",
		true,
	},
	[RULE_LASTPOLL] = {
		"lastpoll",
		"time of the last network poll, which goes on meanwhile",
		true,
	},
	[RULE_DUPLICATE_TYPES] = {
		"duplicate-types",
		"WriteHeapDump's cache of types forgets what it has written",
		false,
	},
	[RULE_TAIL_SLOTS] = {
		"tail-slots",
		"from Go 1.22 on WriteHeapDump takes a span's own bits for "
		"objects",
		false,
	},
	[RULE_SWEEP_BOOKS] = {
		"sweep-books",
		"what WriteHeapDump's sweep, and flushing caches, write down",
		true,
	},
	[RULE_FLUSH_ACCOUNTING] = {
		"flush-accounting",
		"statistics of memory that flushing caches allocates for lists",
		false,
	},
	[RULE_WRITE_BARRIER] = {
		"write-barrier",
		"what WriteHeapDump itself hands to a collection that marks",
		true,
	},
	[RULE_WRITER_STATUS] = {
		"writer-status",
		"the goroutine in WriteHeapDump, before it says that it is",
		true,
	},
};

/* clang-format off */
const struct rule_variable rule_variables[] = {
	{ RULE_WRITER_SCRATCH, "runtime.buf" },
	{ RULE_WRITER_SCRATCH, "runtime.nbuf" },
	{ RULE_WRITER_SCRATCH, "runtime.typecache" },
	{ RULE_WRITER_SCRATCH, "runtime.freemark" },
	{ RULE_WRITER_SCRATCH, "runtime.tmpbuf" },
	{ RULE_WRITER_SCRATCH, "runtime.dumpfd" },
	{ RULE_TMPBUF_ACCOUNTING, "runtime.memstats", "runtime.mstats",
	  "other_sys" },
	{ RULE_TMPBUF_ACCOUNTING, "runtime.gcController",
	  "runtime.gcControllerState", "mappedReady" },
	{ RULE_LASTPOLL, "runtime.sched", "runtime.schedt", "lastpoll" },
#define MHEAP(member) \
	{ RULE_SWEEP_BOOKS, "runtime.mheap_", "runtime.mheap", member, \
	  .optional = true }
	MHEAP("central"),
	MHEAP("pages"),
	MHEAP("pagesInUse"),
	MHEAP("pagesSwept"),
	MHEAP("spanalloc"),
	MHEAP("specialCleanupAlloc"),
	MHEAP("specialWeakHandleAlloc"),
	MHEAP("specialfinalizeralloc"),
	MHEAP("specialprofilealloc"),
#undef MHEAP
	{ RULE_SWEEP_BOOKS, "runtime.gcCleanups", .optional = true },
#define P(rule, member) \
	{ rule, NULL, "runtime.p", member, OWNER_P, .optional = true }
	P(RULE_SWEEP_BOOKS, "cleanups"),
	P(RULE_SWEEP_BOOKS, "cleanupsQueued"),
	P(RULE_SWEEP_BOOKS, "mspancache"),
	P(RULE_SWEEP_BOOKS, "palloc"),
	P(RULE_SWEEP_BOOKS, "statsSeq"),
	P(RULE_WRITE_BARRIER, "wbBuf"),
#undef P
#define G(member) \
	{ RULE_WRITER_STATUS, NULL, "runtime.g", member, OWNER_WRITER, \
	  .optional = true }
	G("atomicstatus"),
	G("waitreason"),
	G("tracking"),
	G("trackingSeq"),
	G("trackingStamp"),
#undef G
};
/* clang-format on */

const size_t rule_variable_count = ARRAY_SIZE(rule_variables);

static struct err *parse_one(const char *name, size_t len, rule_set *set)
{
	if (len == strlen("runtime") && !memcmp(name, "runtime", len)) {
		*set |= (1u << RULE_COUNT) - 1;
		return NULL;
	}
	for (int i = 0; i < RULE_COUNT; i++)
		if (len == strlen(rules[i].name) &&
		    !memcmp(name, rules[i].name, len)) {
			*set |= 1u << i;
			return NULL;
		}
	return err_hint(
		err_new(ERR_USAGE, "there is no rule '%.*s'", (int)len, name),
		"--list-rules lists them");
}

struct err *rules_parse(const char *list, rule_set *set)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		TRY(parse_one(list, len, set));
		if (!list[len])
			return NULL;
		list += len + 1;
	}
}

bool rule_is_tail_slot(const struct release *release,
		       const struct memory_record *object)
{
	/* Spans of such slots are of one page (runtime/sizeclasses.go). */
	uint64_t size = object->contents.size;
	uint64_t offset = object->addr % HEAP_PAGE_SIZE;

	return release->reserve && size && size <= 512 && offset % size == 0 &&
	       offset + size <= HEAP_PAGE_SIZE &&
	       offset + size > HEAP_PAGE_SIZE - release->reserve;
}

static bool is_text(struct bytes b, const char *text)
{
	return b.size == strlen(text) && !memcmp(b.data, text, b.size);
}

bool rule_is_writer(const struct goroutine_record *g)
{
	return is_text(g->wait_reason, "dumping heap");
}

/* B waits by then, A still runs; nothing else has changed. */
static bool allows_status(const struct record *a, const struct record *b)
{
	struct record as_b = *a;

	if (a->goroutine.status != 2 || b->goroutine.status != 4 ||
	    !rule_is_writer(&b->goroutine))
		return false;
	as_b.goroutine.status = b->goroutine.status;
	as_b.goroutine.wait_reason = b->goroutine.wait_reason;
	return record_equal(&as_b, b);
}

/* The frame that has the MemStats, which are being read. */
static bool allows_frame(const struct record *a, const struct record *b)
{
	struct record as_b = *a;

	if (!is_text(b->frame.function, "runtime/debug.WriteHeapDump") ||
	    a->frame.contents.size != b->frame.contents.size)
		return false;
	as_b.frame.contents = b->frame.contents;
	return record_equal(&as_b, b);
}

/*
 * Lists of spans take memory, and give none back: of B there is more for the
 * collector, from what was put by, or else from the system. A limit of memory
 * lowers the goal by that at most.
 */
static bool allows_accounting(const struct record *a, const struct record *b)
{
	const struct mem_stats_record *x = &a->stats, *y = &b->stats;
	uint64_t more = y->gc_sys - x->gc_sys, sys = y->sys - x->sys;
	struct record as_b = *a;

	if (y->gc_sys < x->gc_sys || y->sys < x->sys ||
	    sys != more + (y->other_sys - x->other_sys) ||
	    x->next_gc - y->next_gc > sys)
		return false;
	as_b.stats.sys = y->sys;
	as_b.stats.gc_sys = y->gc_sys;
	as_b.stats.other_sys = y->other_sys;
	as_b.stats.next_gc = y->next_gc;
	return record_equal(&as_b, b);
}

bool rule_allows(rule_set set, const struct record *a, const struct record *b,
		 enum rule *rule)
{
	bool allowed = false;

	*rule = RULE_WRITER_STATUS;
	if (a->kind == RECORD_GOROUTINE)
		allowed = allows_status(a, b);
	if (a->kind == RECORD_STACK_FRAME)
		allowed = allows_frame(a, b);
	if (a->kind == RECORD_MEM_STATS) {
		*rule = RULE_FLUSH_ACCOUNTING;
		allowed = allows_accounting(a, b);
	}
	return allowed && rule_holds(set, *rule);
}
