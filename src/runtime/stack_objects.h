/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack objects: locals and arguments of which the address is taken. The stack
 * maps do not have them; the collector scans those that something on the stack
 * leads to. Follows runtime/mgcmark.go:scanstack, scanframeworker.
 */
#ifndef HD_RUNTIME_STACK_OBJECTS_H
#define HD_RUNTIME_STACK_OBJECTS_H

#include "base/err.h"

#include <stdint.h>

struct goroutine;
struct runtime;

/*
 * Calls fn with each pointer in a stack object of g that is alive, and with
 * the object's address. Where the pointers of an object are told by a program
 * (Go 1.21 to 1.23), or where it lies in a frame at no safe point, these are
 * the words that lead to an allocated object or into the stack. One that makes
 * no sense is left out.
 */
struct err *stack_objects_each(struct runtime *rt, const struct goroutine *g,
			       struct err *(*fn)(void *arg, uint64_t object,
						 uint64_t pointer),
			       void *arg) must_check;

#endif
