/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/memprof.h"

#include "base/vec.h"
#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

enum {
	MAX_DEPTH = 4096, /* frames of a stack; the runtime keeps up to 1024 */
};

typedef VEC(uint64_t) pc_vec;

/* The stack follows the bucket. */
static struct err *read_stack(struct runtime *rt, uint64_t addr, uint64_t depth,
			      pc_vec *out)
{
	if (depth > MAX_DEPTH)
		return err_new(ERR_FORMAT, "a stack of %" PRIu64 " frames",
			       depth);
	out->len = 0;
	for (uint64_t i = 0; i < depth; i++) {
		uint64_t pc;

		TRY(rt_ptr(rt, addr + i * rt->arch->ptr_size, &pc));
		TRY(vec_push(out, pc));
	}
	return NULL;
}

/* Follows runtime/mprof.go:(*bucket).stk and (*bucket).mp. */
static struct err *read_bucket(struct runtime *rt, uint64_t addr, pc_vec *stack,
			       struct memprof_bucket *out)
{
	const struct layout *l = &rt->layout;
	uint64_t record, active;

	out->addr = addr;
	TRY(rt_field(rt, addr, &l->bucket.size, &out->size));
	TRY(rt_field(rt, addr, &l->bucket.nstk, &out->depth));
	TRY(read_stack(rt, addr + l->bucket.struct_size, out->depth, stack));
	out->stack = stack->v;
	record = addr + l->bucket.struct_size + out->depth * rt->arch->ptr_size;
	active = record + l->memRecord.active.offset;
	TRY(rt_field(rt, active, &l->memRecordCycle.allocs, &out->allocs));
	return rt_field(rt, active, &l->memRecordCycle.frees, &out->frees);
}

static struct err *
each_bucket(struct runtime *rt, pc_vec *stack,
	    struct err *(*fn)(void *, const struct memprof_bucket *), void *arg)
{
	const struct layout *l = &rt->layout;
	struct list_guard guard = {};
	struct memprof_bucket b;
	uint64_t next;

	TRY(rt_var(rt, &l->var.mbuckets, &next));
	while (next) {
		if (list_circles(&guard, next))
			return err_new(ERR_FORMAT,
				       "the memory profile does not end");
		TRY(err_wrap(read_bucket(rt, next, stack, &b),
			     "memory profile bucket at %#" PRIx64, next));
		TRY(fn(arg, &b));
		TRY(rt_field(rt, next, &l->bucket.allnext, &next));
	}
	return NULL;
}

struct err *memprof_each(struct runtime *rt,
			 struct err *(*fn)(void *,
					   const struct memprof_bucket *),
			 void *arg)
{
	pc_vec stack = {};
	struct err *e = each_bucket(rt, &stack, fn, arg);

	vec_deinit(&stack);
	return e;
}
