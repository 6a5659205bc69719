/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump holds, added up record by record, and its text for people.
 */
#ifndef HD_HDCHECK_SUMMARY_H
#define HD_HDCHECK_SUMMARY_H

#include "base/addr_map.h"
#include "base/vec.h"
#include "hdcheck/record.h"

#include <stdio.h>

struct size_count {
	uint64_t size;	/* bytes of one object */
	uint64_t count; /* objects */
};

/* Goroutines of one status, and wait reason if they wait. */
struct goroutine_count {
	uint64_t status;
	struct bytes reason; /* in the file; empty unless waiting */
	uint64_t count;
};

/* Words that the field lists call pointers, and lie in the arena bounds. */
struct pointer_counts {
	uint64_t objects;  /* lead into an object */
	uint64_t stacks;   /* into the frames of a goroutine */
	uint64_t dangling; /* into neither */
	uint64_t guessed;  /* into neither, of a conservative frame */
};

struct summary {
	uint64_t file_size; /* bytes */
	bool whole;	    /* read to the end */
	uint64_t count[RECORD_KINDS];
	uint64_t bytes[RECORD_KINDS]; /* in the file */
	uint64_t object_bytes;	      /* of contents */
	uint64_t fields;	      /* of objects */
	uint64_t repeated_types;
	bool have_params, have_stats, have_pointers;
	struct params_record params;
	struct mem_stats_record stats;
	struct pointer_counts pointers;
	VEC(struct size_count) sizes;		/* sorted by summary_finish() */
	VEC(struct goroutine_count) goroutines; /* likewise, by count */

	struct addr_map size_index; /* size to index + 1 */
	size_t last_size;	    /* index of the latest */
};

void summary_deinit(struct summary *s);

/* Adds a record, whose file must stay open as long as s. ERR_NOMEM. */
struct err *summary_add(struct summary *s, const struct record *r) must_check;

/* Brings the lists into order. */
void summary_finish(struct summary *s);

/*
 * A row of the table of objects: sizes of size classes one by one, larger
 * ones by powers of two. first and last are sizes in bytes.
 */
struct size_row {
	uint64_t first, last, count, bytes;
};

/* The row that begins with s->sizes.v[*i]; advances *i behind it. */
bool summary_size_row(const struct summary *s, size_t *i, struct size_row *out);

/* Writes the summary as text. */
void summary_print(const struct summary *s, const char *name, FILE *out);

/* "1,234,567" in a buffer of NUMBER_SIZE bytes, which is returned. */
#define NUMBER_SIZE 32
const char *number_format(uint64_t n, char *buf);

/* Writes a string of the dump, at most max bytes; it controls no terminal. */
void string_print(FILE *out, struct bytes s, uint64_t max);

#endif
