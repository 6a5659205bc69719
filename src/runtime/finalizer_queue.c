/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/finalizer_queue.h"

#include "base/addr_map.h"
#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>

/* A part of what the sweep queues, which goes into one block. */
struct part {
	uint64_t block; /* 0: one that is yet to be made */
	size_t first, count;
};

struct queue {
	struct runtime *rt;
	uint64_t room; /* entries of a block */
	VEC(struct part) parts;
	struct addr_map at; /* from a block to its part's index + 1 */
	struct err *(*fn)(void *, const struct finalizer *);
	void *arg;
};

static void queue_deinit(struct queue *q)
{
	vec_deinit(&q->parts);
	addr_map_deinit(&q->at);
}

static struct err *block_count(struct queue *q, uint64_t block, uint64_t *out)
{
	uint64_t count;

	TRY(rt_field(q->rt, block, &q->rt->layout.finBlock.cnt, &count));
	if (count > q->room)
		return err_new(ERR_FORMAT,
			       "a block of %" PRIu64
			       " finalizers counts %" PRIu64,
			       q->room, count);
	*out = count;
	return NULL;
}

/* Puts up to `room` of what is left into a block. */
static struct err *add_part(struct queue *q, uint64_t block, uint64_t room,
			    size_t *done)
{
	struct part p = {
		.block = block,
		.first = *done,
		.count = min_u64(room, q->rt->sweep.queue.len - *done),
	};
	uint64_t old;

	if (!p.count)
		return NULL;
	*done += p.count;
	TRY(vec_push(&q->parts, p));
	return block ? addr_map_insert(&q->at, block, q->parts.len, &old)
		     : NULL;
}

/*
 * Deals what the sweep queues out to blocks: the one at the head of the queue,
 * those kept for later, and new ones. Follows runtime/mfinal.go:queuefinalizer.
 */
static struct err *deal(struct queue *q)
{
	const struct layout *l = &q->rt->layout;
	size_t len = q->rt->sweep.queue.len, done = 0;
	struct list_guard guard = {};
	uint64_t block, count = 0;

	if (!len)
		return NULL;
	TRY(rt_var(q->rt, &l->var.finq, &block));
	if (block) {
		TRY(block_count(q, block, &count));
		TRY(add_part(q, block, q->room - count, &done));
	}
	TRY(rt_var(q->rt, &l->var.finc, &block));
	while (block && done < len) {
		if (list_circles(&guard, block))
			return err_new(ERR_FORMAT, "the spare blocks of the "
						   "queue of finalizers do "
						   "not end");
		TRY(block_count(q, block, &count));
		TRY(add_part(q, block, q->room - count, &done));
		TRY(rt_field(q->rt, block, &l->finBlock.next, &block));
	}
	while (done < len)
		TRY(add_part(q, 0, q->room, &done));
	return NULL;
}

static struct err *tell_part(const struct queue *q, const struct part *p)
{
	for (size_t i = 0; i < p->count; i++)
		TRY(q->fn(q->arg, &q->rt->sweep.queue.v[p->first + i]));
	return NULL;
}

/* One entry of a block of the queue. */
static struct err *tell_entry(const struct queue *q, uint64_t addr)
{
	const struct layout *l = &q->rt->layout;
	struct runtime *rt = q->rt;
	struct finalizer f;

	TRY(rt_field(rt, addr, &l->finalizer.arg, &f.object));
	TRY(rt_field(rt, addr, &l->finalizer.fn, &f.fn));
	TRY(rt_field(rt, addr, &l->finalizer.fint, &f.fint));
	TRY(rt_field(rt, addr, &l->finalizer.ot, &f.ot));
	TRY(rt_field(rt, f.fn, &l->funcval.fn, &f.pc));
	return q->fn(q->arg, &f);
}

static struct err *tell_block(struct queue *q, uint64_t block)
{
	const struct layout *l = &q->rt->layout;
	uint64_t count = 0, part = addr_map_find(&q->at, block);

	TRY(block_count(q, block, &count));
	for (uint64_t i = 0; i < count; i++)
		TRY(tell_entry(q, block + l->finBlock.fin.offset +
					  i * l->finalizer.struct_size));
	return part ? tell_part(q, &q->parts.v[part - 1]) : NULL;
}

/* A new block comes to the front of all. */
static struct err *tell_new_blocks(const struct queue *q)
{
	for (size_t i = q->parts.len; i-- && !q->parts.v[i].block;)
		TRY(tell_part(q, &q->parts.v[i]));
	return NULL;
}

/* Follows runtime/mfinal.go:iterate_finq. */
struct err *queued_finalizer_each(struct runtime *rt,
				  struct err *(*fn)(void *,
						    const struct finalizer *),
				  void *arg)
{
	const struct layout *l = &rt->layout;
	cleanup(queue_deinit) struct queue q = {
		.rt = rt,
		.room = l->finBlock.fin.width / l->finalizer.struct_size,
		.fn = fn,
		.arg = arg,
	};
	struct list_guard guard = {};
	uint64_t block;

	if (!q.room)
		return err_new(ERR_FORMAT, "a block of finalizers has no room");
	TRY(deal(&q));
	TRY(tell_new_blocks(&q));
	TRY(rt_var(rt, &l->var.allfin, &block));
	while (block) {
		if (list_circles(&guard, block))
			return err_new(ERR_FORMAT,
				       "the queue of finalizers does not end");
		TRY(tell_block(&q, block));
		TRY(rt_field(rt, block, &l->finBlock.alllink, &block));
	}
	return NULL;
}
