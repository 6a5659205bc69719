/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ancestor.h"

#include "base/vec.h"
#include "runtime/runtime.h"

enum { MAX_ANCESTORS = 1 << 16, MAX_PCS = 1 << 12 };

struct pcs {
	VEC(uint64_t) list;
};

static struct err *read_pcs(struct runtime *rt, uint64_t addr, struct pcs *out)
{
	struct go_slice s;

	out->list.len = 0;
	TRY(rt_slice(rt, addr, MAX_PCS, &s));
	for (uint64_t i = 0; i < s.len; i++) {
		uint64_t pc;

		TRY(rt_ptr(rt, s.addr + i * rt->arch->ptr_size, &pc));
		TRY(vec_push(&out->list, pc));
	}
	return NULL;
}

static struct err *each(struct runtime *rt, const struct go_slice *list,
			struct pcs *pcs,
			struct err *(*fn)(void *, const struct ancestor *),
			void *arg)
{
	const struct layout *l = &rt->layout;

	for (uint64_t i = 0; i < list->len; i++) {
		uint64_t at = list->addr + i * l->ancestorInfo.struct_size;
		struct ancestor a;

		TRY(rt_field(rt, at, &l->ancestorInfo.goid, &a.id));
		TRY(rt_field(rt, at, &l->ancestorInfo.gopc, &a.gopc));
		TRY(read_pcs(rt, at + l->ancestorInfo.pcs.offset, pcs));
		a.pcs = pcs->list.v;
		a.pc_count = pcs->list.len;
		TRY(fn(arg, &a));
	}
	return NULL;
}

struct err *ancestor_each(struct runtime *rt, const struct goroutine *g,
			  struct err *(*fn)(void *, const struct ancestor *),
			  void *arg)
{
	struct go_slice list;
	struct pcs pcs = {};

	if (!g->ancestors)
		return NULL;
	TRY(rt_slice(rt, g->ancestors, MAX_ANCESTORS, &list));
	struct err *e = each(rt, &list, &pcs, fn, arg);
	vec_deinit(&pcs.list);
	return e;
}
