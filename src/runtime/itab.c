/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/itab.h"

#include "runtime/runtime.h"

#include <inttypes.h>

/* Tables with more entries are not believed. */
#define MAX_ITABS (1ull << 28)

struct err *itab_each(struct runtime *rt,
		      struct err *(*fn)(void *arg, const struct itab *),
		      void *arg)
{
	const struct layout *l = &rt->layout;
	uint64_t table, size, count, seen = 0;

	TRY(rt_var(rt, &l->var.itabTable, &table));
	TRY(rt_field(rt, table, &l->itabTableType.size, &size));
	TRY(rt_field(rt, table, &l->itabTableType.count, &count));
	if (size > MAX_ITABS || count > size)
		return err_new(ERR_FORMAT,
			       "the itab table has %" PRIu64 " of %" PRIu64
			       " entries",
			       count, size);
	/* The array is declared with itabInitSize entries, and has size. */
	uint64_t entries = table + l->itabTableType.entries.offset;
	for (uint64_t i = 0; i < size; i++) {
		struct itab it;

		TRY(rt_ptr(rt, entries + i * rt->arch->ptr_size, &it.addr));
		if (!it.addr)
			continue;
		TRY(rt_field(rt, it.addr, &l->itab.Type, &it.type));
		TRY(fn(arg, &it));
		seen++;
	}
	if (seen != count)
		return err_new(ERR_FORMAT,
			       "the itab table counts %" PRIu64
			       " entries and has %" PRIu64,
			       count, seen);
	return NULL;
}
