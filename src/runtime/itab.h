/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interface tables. Follows runtime/iface.go:iterate_itabs.
 */
#ifndef HD_RUNTIME_ITAB_H
#define HD_RUNTIME_ITAB_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

struct itab {
	uint64_t addr;
	uint64_t type; /* address of the concrete type */
};

/* Calls fn for every itab, in the order of the hash table. */
struct err *itab_each(struct runtime *rt,
		      struct err *(*fn)(void *arg, const struct itab *),
		      void *arg) must_check;

#endif
