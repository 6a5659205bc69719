/* SPDX-License-Identifier: Apache-2.0 */
#include "output/encoder.h"

struct err *encode_uints(struct buf *b, const uint64_t *v, size_t n)
{
	TRY(buf_reserve(b, n * PUT_MAX));
	for (size_t i = 0; i < n; i++)
		put_uint(b, v[i]);
	return NULL;
}

struct err *encode_bytes(struct buf *b, const void *data, size_t n)
{
	TRY(buf_reserve(b, PUT_MAX + n));
	put_uint(b, n);
	if (n)
		buf_put(b, data, n);
	return NULL;
}

struct err *encode_string(struct buf *b, const char *s)
{
	return encode_bytes(b, s, strlen(s));
}
