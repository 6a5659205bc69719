/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable vectors of any element type.
 *
 *	VEC(uint64_t) pcs = {};
 *	TRY(vec_push(&pcs, pc));
 *	for (size_t i = 0; i < pcs.len; i++) use(pcs.v[i]);
 *	vec_deinit(&pcs);
 *
 * A zeroed vector is an empty one. Elements move when the vector grows:
 * pointers to them are valid until the next push or reserve.
 */
#ifndef HD_BASE_VEC_H
#define HD_BASE_VEC_H

#include "base/err.h"

#include <stddef.h>

#define VEC(type)                                                              \
	struct {                                                               \
		type *v;                                                       \
		size_t len, cap;                                               \
	}

/* Makes room for n more elements of size bytes; ERR_NOMEM. */
struct err *vec_grow(void **v, size_t *cap, size_t len, size_t n, size_t size);

/* Makes room for n more elements; ERR_NOMEM. */
#define vec_reserve(vec, n)                                                    \
	vec_grow((void **)&(vec)->v, &(vec)->cap, (vec)->len, (n),             \
		 sizeof(*(vec)->v))

/* Appends one element; ERR_NOMEM leaves the vector as it was. */
#define vec_push(vec, ...)                                                     \
	({                                                                     \
		struct err *push_err = vec_reserve((vec), 1);                  \
		if (!push_err)                                                 \
			(vec)->v[(vec)->len++] = (__VA_ARGS__);                \
		push_err;                                                      \
	})

/* Frees the elements' storage and leaves an empty vector. */
#define vec_deinit(vec)                                                        \
	do {                                                                   \
		free((vec)->v);                                                \
		(vec)->v = NULL;                                               \
		(vec)->len = (vec)->cap = 0;                                   \
	} while (0)

#endif
