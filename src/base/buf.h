/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable buffer of bytes. A zeroed one is empty.
 */
#ifndef HD_BASE_BUF_H
#define HD_BASE_BUF_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *v;
	size_t len, cap; /* bytes */
};

void buf_deinit(struct buf *b);

/* Makes room for n more bytes; ERR_NOMEM. */
struct err *buf_reserve(struct buf *b, size_t n) must_check;
struct err *buf_append(struct buf *b, const void *data, size_t n) must_check;

/* Appends formatted text, without a NUL behind it. */
struct err *buf_printf(struct buf *b, const char *fmt, ...) must_check
	printf_like(2, 3);

/* Puts bytes for which there is room already. */
static inline void buf_put(struct buf *b, const void *data, size_t n)
{
	memcpy(b->v + b->len, data, n);
	b->len += n;
}

#endif
