/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/vec.h"

#include <stdarg.h>
#include <stdio.h>

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

struct err *buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return &err_nomem;
	TRY(buf_reserve(b, (size_t)n + 1));
	va_start(ap, fmt);
	vsnprintf((char *)b->v + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return NULL;
}
