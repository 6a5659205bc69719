/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/rules.h"

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
};

const struct rule_variable rule_variables[RULE_VARIABLE_COUNT] = {
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
};

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
