/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/vec.h"

void buf_deinit(struct buf *b)
{
	vec_deinit(b);
}

struct err *buf_reserve(struct buf *b, size_t n)
{
	return vec_reserve(b, n);
}

struct err *buf_append(struct buf *b, const void *data, size_t n)
{
	TRY(buf_reserve(b, n));
	if (n)
		buf_put(b, data, n);
	return NULL;
}
