/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/problems.h"

#include <stdarg.h>
#include <stdio.h>

void problems_init(struct problems *p, size_t limit)
{
	*p = (struct problems){ .limit = limit };
}

void problems_deinit(struct problems *p)
{
	for (size_t i = 0; i < p->list.len; i++)
		free(p->list.v[i].text);
	vec_deinit(&p->list);
}

struct err *problems_add(struct problems *p, uint64_t offset, const char *fmt,
			 ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	p->count++;
	if (p->list.len >= p->limit)
		return NULL;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return &err_nomem;
	}
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* a damaged name controls no terminal */
	TRY(vec_push(&p->list, (struct problem){ offset, text }));
	text = NULL;
	return NULL;
}
