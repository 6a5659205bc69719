/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a Go map. Follows runtime/map.go (Go 1.23 and older, and 1.24
 * and 1.25 with GOEXPERIMENT=noswissmap) and internal/runtime/maps (the
 * others).
 */
#ifndef HD_RUNTIME_GOMAP_H
#define HD_RUNTIME_GOMAP_H

#include "base/err.h"

#include <stdint.h>

struct runtime;

enum { GOMAP_ENTRIES = 8 }; /* of a bucket or group */

/*
 * Where the entries of a bucket or group lie: key i at keys +
 * i * key_stride. In bytes.
 */
struct gomap_shape {
	uint64_t size; /* of a bucket or group */
	uint64_t keys, key_stride;
	uint64_t values, value_stride;
};

/*
 * Calls fn with the addresses of each entry's key and value, in no order that
 * means anything. map is the address that a variable of a map type holds: 0
 * for a nil map, which has no entries.
 *
 * A map that was being written to when the target was stopped may lack
 * entries. One that grows has them in old and new buckets, and an entry that is
 * just being moved is given twice. Errors: ERR_FORMAT (not a map, or more
 * entries than are believed), ERR_UNSUPPORTED (a release with maps of another
 * kind), ERR_FAULT, those of fn.
 */
struct err *
gomap_each(struct runtime *rt, uint64_t map, const struct gomap_shape *shape,
	   struct err *(*fn)(void *arg, uint64_t key, uint64_t value),
	   void *arg) must_check;

#endif
