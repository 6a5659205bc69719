/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <stdlib.h>

struct err *vec_grow(void **v, size_t *cap, size_t len, size_t n, size_t size)
{
	size_t want;

	if (n <= *cap - len)
		return NULL;
	if (__builtin_add_overflow(len, n, &want))
		return &err_nomem;
	if (want < *cap + *cap / 2)
		want = *cap + *cap / 2;
	if (want < 8)
		want = 8;
	void *grown = reallocarray(*v, want, size);
	if (!grown)
		return &err_nomem;
	*v = grown;
	*cap = want;
	return NULL;
}
