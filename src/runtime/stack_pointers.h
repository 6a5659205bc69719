/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pointers on a goroutine's stack, as the collector would look for them
 * (runtime/mgcmark.go:scanstack): where it gave way, by the stack maps of its
 * frames, with variables whose address was taken, deferred calls and panics;
 * where it can be at any instruction, every word.
 */
#ifndef HD_RUNTIME_STACK_POINTERS_H
#define HD_RUNTIME_STACK_POINTERS_H

#include "base/err.h"

#include <stdint.h>

struct goroutine;
struct runtime;

/*
 * Calls fn with each word that is a pointer, or may be one; never with 0. A
 * stack that makes no sense is taken word by word.
 */
struct err *stack_pointers_each(struct runtime *rt, const struct goroutine *g,
				struct err *(*fn)(void *, uint64_t word),
				void *arg) must_check;

/* Calls fn with each word of [from, to) that is not 0. */
struct err *words_each(struct runtime *rt, uint64_t from, uint64_t to,
		       struct err *(*fn)(void *, uint64_t word),
		       void *arg) must_check;

#endif
