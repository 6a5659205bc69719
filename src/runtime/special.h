/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hangs off single objects: finalizers that are set, samples of the
 * memory profile; and the finalizers that are queued to run.
 * Follows runtime/mheap.go:special and runtime/mfinal.go.
 */
#ifndef HD_RUNTIME_SPECIAL_H
#define HD_RUNTIME_SPECIAL_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

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

/* Finalizers that are set, in the order of the spans. */
struct err *finalizer_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct finalizer *),
			   void *arg) must_check;

/* Finalizers that wait to be run. */
struct err *queued_finalizer_each(struct runtime *rt,
				  struct err *(*fn)(void *,
						    const struct finalizer *),
				  void *arg) must_check;

struct err *alloc_sample_each(struct runtime *rt,
			      struct err *(*fn)(void *,
						const struct alloc_sample *),
			      void *arg) must_check;

#endif
