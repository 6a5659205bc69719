/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types, as the runtime keeps them (internal/abi/type.go, runtime/type.go):
 * their names, and the masks that say which words of a value are pointers.
 */
#ifndef HD_RUNTIME_TYPE_H
#define HD_RUNTIME_TYPE_H

#include "base/addr_map.h"
#include "base/buf.h"
#include "base/vec.h"
#include "target/cache.h"

#include <pthread.h>
#include <stdint.h>

struct runtime;

struct type_info {
	uint64_t addr;
	uint64_t size;	    /* bytes */
	uint64_t ptr_bytes; /* prefix that can hold pointers, bytes */
	uint64_t gcdata;
	uint32_t str; /* name offset */
	uint8_t kind; /* without flags */
	uint8_t kind_flags, tflag;
};

/* Which words of a value are pointers: bit i for the word at byte 8i. */
struct type_mask {
	uint64_t size;	 /* of the type, bytes */
	uint64_t nwords; /* bits in the mask: ptr_bytes / pointer size */
	uint64_t *bits;	 /* nwords, rounded up to 64; the rest is 0 */
};

/* Masks of the types met so far; safe from any thread. */
struct type_table {
	struct runtime *rt; /* borrowed */
	pthread_mutex_t lock;
	struct read_cache cache;
	struct addr_map index; /* address to 1 + index in masks */
	VEC(struct type_mask) masks;
	/* Names of types that reflect made, by their offsets; read when first
	 * needed, by the main thread alone. */
	struct addr_map reflect_names;
	bool reflect_loaded;
};

struct err *type_table_init(struct type_table *t,
			    struct runtime *rt) must_check;
void type_table_deinit(struct type_table *t);

/* Reads the type at addr, and checks that it can be one. */
struct err *type_read(struct runtime *rt, uint64_t addr,
		      struct type_info *out) must_check;

/*
 * Appends the type's name as WriteHeapDump writes it: package path, a dot and
 * the name, or the type's string if it has no package. Nothing for a type that
 * reflect made of which the name can't be found (type.c:load_reflect_names).
 * Follows runtime/heapdump.go:dumptype.
 */
struct err *type_name(struct runtime *rt, const struct type_info *type,
		      struct buf *out) must_check;

/* Appends the type as the runtime prints it, by the package's name instead of
 * its path. Follows runtime/type.go:rtype.string. */
struct err *type_string(struct runtime *rt, const struct type_info *type,
			struct buf *out) must_check;

/*
 * Whether the word of an interface that holds this type is a pointer.
 * Follows runtime/heapdump.go:dumptype.
 */
bool type_word_is_pointer(const struct runtime *rt,
			  const struct type_info *type);

/*
 * The pointer mask of the type at addr; its bits are borrowed, and valid until
 * type_table_deinit().
 * Follows runtime/type.go:getGCMask. Errors: ERR_FAULT, ERR_FORMAT (not a
 * type), ERR_UNSUPPORTED (a GC program, which no heap object's type has).
 */
struct err *type_mask(struct type_table *t, uint64_t addr,
		      struct type_mask *out) must_check;

#endif
