/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hangs off single objects: finalizers that are set, samples of the
 * memory profile, cleanups, weak handles; as they are once every span has been
 * swept (sweep.h). Follows runtime/mheap.go:special.
 */
#ifndef HD_RUNTIME_SPECIAL_H
#define HD_RUNTIME_SPECIAL_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct runtime;
struct span;

struct finalizer {
	uint64_t object; /* as the program has it: behind a header word */
	uint64_t fn;	 /* funcval */
	uint64_t pc;	 /* its code */
	uint64_t fint;	 /* type of the function's argument */
	uint64_t ot;	 /* type of the object's pointer */
};

struct alloc_sample {
	uint64_t object;
	uint64_t bucket; /* address of its memory profile bucket */
};

enum special_kind {
	SPECIAL_OTHER, /* nothing that a dump shows, or its sweep changes */
	SPECIAL_FINALIZER,
	SPECIAL_WEAK_HANDLE,
	SPECIAL_PROFILE,
	SPECIAL_CLEANUP,
};

struct special {
	uint64_t addr;	 /* of the runtime's own */
	uint64_t object; /* as the program has it */
	uint32_t slot;
	enum special_kind kind : 8;
	bool freed; /* by the sweep that is yet to come */
	union {
		uint64_t fn;	 /* SPECIAL_FINALIZER, _CLEANUP: funcval */
		uint64_t bucket; /* SPECIAL_PROFILE */
		uint64_t handle; /* SPECIAL_WEAK_HANDLE: address of the cell */
	};
	uint64_t fint, ot; /* SPECIAL_FINALIZER */
};

/* The specials of a span, in its order: by object, then by kind. */
struct special_list {
	VEC(struct special) list;
	/* The span's slots that are allocated once it is swept, a bit each;
	 * filled in only for spans that are not. */
	uint64_t allocated[16];
	uint64_t revived[16]; /* of them those only a finalizer keeps */
};

/* Makes the cache that specials are read through, once there are spans. */
struct err *special_cache_init(struct runtime *rt) must_check;

/* The specials of one span, and what the sweep does to them. */
struct err *special_list_read(struct runtime *rt, const struct span *s,
			      struct special_list *out) must_check;
void special_list_deinit(struct special_list *l);

/*
 * Calls fn with the specials of each span that has some and some of the given
 * flags (SPAN_...; 0: whatever its flags), in the order of the spans.
 */
struct err *
special_each_span(struct runtime *rt, uint8_t flags,
		  struct err *(*fn)(struct runtime *, const struct span *,
				    const struct special_list *, void *arg),
		  void *arg) must_check;

/* The code of a closure that a special has. */
struct err *special_funcval(struct runtime *rt, uint64_t fn,
			    uint64_t *pc) must_check;

/* Finalizers that are set, in the order of the spans. */
struct err *finalizer_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct finalizer *),
			   void *arg) must_check;

struct err *alloc_sample_each(struct runtime *rt,
			      struct err *(*fn)(void *,
						const struct alloc_sample *),
			      void *arg) must_check;

#endif
