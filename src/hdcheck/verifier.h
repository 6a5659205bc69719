/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a verification, shared by the files verify*.c alone.
 *
 * A check_* function looks at one record; it fails only for want of memory.
 * What it finds wrong it adds by EXPECT.
 */
#ifndef HD_HDCHECK_VERIFIER_H
#define HD_HDCHECK_VERIFIER_H

#include "base/addr_map.h"
#include "base/bits.h"
#include "hdcheck/object_index.h"
#include "hdcheck/reader.h"
#include "hdcheck/release.h"
#include "hdcheck/verify.h"

/* Addresses [start, end) of a goroutine's frames, or of Data or BSS. */
struct range {
	uint64_t start, end;
	uint64_t offset; /* of the record */
};

struct thread_ref {
	uint64_t m;
	uint64_t offset; /* of the goroutine that is on it */
};

/* The goroutine whose frames, defers and panics are being read. */
struct stack_state {
	bool active;
	struct goroutine_record g;
	uint64_t offset; /* of the Goroutine record */
	uint64_t frames; /* read so far */
	uint64_t first_sp, last_sp, last_end;
	uint64_t defer_link, panic_link; /* the next of its lists; 0: none */
};

struct verifier {
	const struct verify_options *options;
	struct problems problems;
	struct summary summary;

	struct reader lookup;	      /* for records that were read before */
	enum record_kind last;	      /* RECORD_EOF: none */
	unsigned int stage;	      /* the latest reached: see verify.c */
	bool misplaced[RECORD_KINDS]; /* said once a kind */
	uint64_t last_type;	      /* address, if last is RECORD_TYPE */

	struct release release; /* zero if not known */
	unsigned int pointer_size;
	bool big_endian;
	bool link_register; /* of the machine: not x86 */
	bool have_objects;  /* objects is there: the bounds are sane */
	struct object_index objects;

	/* Addresses to the offsets of their records. */
	struct addr_map types, itabs, goroutines, goids, threads, buckets,
		finalizers, samples;
	VEC(struct thread_ref) thread_refs;
	struct stack_state stack;
	VEC(struct range) stacks;   /* sorted once all are there */
	VEC(struct range) segments; /* Data and BSS */
	struct range left; /* below the frames that are being followed */
};

/* Adds a problem unless cond holds: "KIND: MESSAGE". */
#define EXPECT(v, r, cond, fmt, ...)                                           \
	do {                                                                   \
		if (!(cond))                                                   \
			TRY(problems_add(&(v)->problems, (r)->offset,          \
					 "%s: " fmt, record_name((r)->kind),   \
					 ##__VA_ARGS__));                      \
	} while (0)

/* For messages. */
typedef unsigned long long ull;

struct err *check_params(struct verifier *v, const struct record *r) must_check;
struct err *check_type(struct verifier *v, const struct record *r) must_check;
struct err *check_itab(struct verifier *v, const struct record *r) must_check;
struct err *check_object(struct verifier *v, const struct record *r) must_check;
struct err *check_segment(struct verifier *v,
			  const struct record *r) must_check;
struct err *check_goroutine(struct verifier *v,
			    const struct record *r) must_check;
struct err *check_frame(struct verifier *v, const struct record *r) must_check;
struct err *check_defer(struct verifier *v, const struct record *r) must_check;
struct err *check_panic(struct verifier *v, const struct record *r) must_check;
struct err *check_thread(struct verifier *v, const struct record *r) must_check;
struct err *check_finalizer(struct verifier *v,
			    const struct record *r) must_check;
struct err *check_stats(struct verifier *v, const struct record *r) must_check;
struct err *check_prof(struct verifier *v, const struct record *r) must_check;
struct err *check_sample(struct verifier *v, const struct record *r) must_check;

/*
 * The field list of contents of size bytes; repeats: an offset may come twice
 * in a row. At most one problem is added.
 */
struct err *check_fields(struct verifier *v, const struct record *r,
			 const struct field_list *fields, uint64_t size,
			 bool repeats) must_check;

/* A name: of at least one byte, in UTF-8. */
struct err *check_name(struct verifier *v, const struct record *r,
		       const char *what, struct bytes name) must_check;

/* Puts the goroutine that was being read away. */
struct err *finish_goroutine(struct verifier *v) must_check;
/* What can be said once every record is known. */
struct err *finish_stacks(struct verifier *v) must_check;
struct err *finish_heap(struct verifier *v) must_check;

/* Reads all records again and follows their pointers. */
struct err *check_pointers(struct verifier *v,
			   const struct dump_file *f) must_check;

/* Adds key to a map; old as addr_map_insert() has it. */
static inline struct err *remember(struct addr_map *m, uint64_t key,
				   const struct record *r, uint64_t *old)
{
	return addr_map_insert(m, key, r->offset, old);
}

#endif
