/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may differ between a dump that hdattach took and the one that the
 * program wrote of the same instant: what WriteHeapDump itself changes, and
 * what it gets wrong. Each rule is as narrow as its reason, and none holds
 * unless it is asked for by name.
 */
#ifndef HD_HDCHECK_RULES_H
#define HD_HDCHECK_RULES_H

#include "base/err.h"
#include "hdcheck/release.h"

enum rule {
	RULE_WRITER_SCRATCH,
	RULE_TMPBUF_ACCOUNTING,
	RULE_LASTPOLL,
	RULE_DUPLICATE_TYPES,
	RULE_TAIL_SLOTS,
	RULE_SWEEP_BOOKS,
	RULE_FLUSH_ACCOUNTING,
	RULE_WRITE_BARRIER,
	RULE_WRITER_STATUS,
	RULE_COUNT
};

struct rule_info {
	const char *name;
	const char *reason; /* one line */
	bool needs_exe;	    /* it is about variables */
};

extern const struct rule_info rules[RULE_COUNT];

/* A set of rules: bit 1 << enum rule. */
typedef uint32_t rule_set;

static inline bool rule_holds(rule_set set, enum rule rule)
{
	return set >> rule & 1;
}

/*
 * Adds the rules of a list "NAME[,NAME...]" to *set; "runtime" is all of them.
 * ERR_USAGE.
 */
struct err *rules_parse(const char *list, rule_set *set) must_check;

/* What has the bytes that a rule is about. */
enum rule_owner {
	OWNER_VARIABLE,
	OWNER_P,      /* each P that there is: an object of the heap */
	OWNER_WRITER, /* the g of the goroutine that writes B: likewise */
};

/* A variable whose bytes a rule is about, or a member of it, or of a struct in
 * the heap. */
struct rule_variable {
	enum rule rule;
	const char *variable;	 /* symbol; of a struct in the heap: NULL */
	const char *struct_name; /* its type, or NULL: the whole variable */
	const char *member;
	enum rule_owner owner;
	bool optional; /* some releases do not have it */
};

extern const struct rule_variable rule_variables[];
extern const size_t rule_variable_count;

/*
 * Whether an Object record is of a slot in the part of its page that the
 * release keeps for the span's own bits (RULE_TAIL_SLOTS).
 */
bool rule_is_tail_slot(const struct release *release,
		       const struct memory_record *object);

/*
 * Whether two records differ in nothing but what a rule of the set allows that
 * is about records of their kind; then it is *rule. Both are of one kind and
 * one address.
 */
bool rule_allows(rule_set set, const struct record *a, const struct record *b,
		 enum rule *rule);

/* Whether a Goroutine record is of the goroutine that writes its dump. */
bool rule_is_writer(const struct goroutine_record *g);

#endif
