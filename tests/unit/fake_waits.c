/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_waits.h"

enum { STACK_BYTES = 1024 };

uint64_t fake_add_waiting(struct fake_runtime *f, uint64_t id, uint64_t reason)
{
	const struct layout *l = &f->rt.layout;
	uint64_t g = fake_add_goroutine(f, FAKE_WAITING, id);
	uint64_t stack = fake_new(f, STACK_BYTES);

	fake_set(f, g, &l->g.waitreason, reason);
	fake_set(f, g + l->g.stack.offset, &l->stack.lo, stack);
	fake_set(f, g + l->g.stack.offset, &l->stack.hi, stack + STACK_BYTES);
	fake_set(f, g + l->g.sched.offset, &l->gobuf.sp, stack);
	return g;
}

void fake_put_on_stack(struct fake_runtime *f, uint64_t g, uint64_t i,
		       uint64_t word)
{
	const struct layout *l = &f->rt.layout;

	fake_word(f,
		  fake_get(&f->target,
			   g + l->g.sched.offset + l->gobuf.sp.offset, 8) +
			  i * 8,
		  word);
}

uint64_t fake_add_sudog(struct fake_runtime *f, uint64_t g, uint64_t elem,
			uint64_t c)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_new(f, l->sudog.struct_size);

	fake_set(f, s, &l->sudog.g, g);
	fake_set(f, s, &l->sudog.elem, elem);
	fake_set(f, s, &l->sudog.c, c);
	return s;
}

uint64_t fake_add_channel(struct fake_runtime *f, uint64_t len, uint64_t cap)
{
	const struct layout *l = &f->rt.layout;
	uint64_t c = fake_new(f, l->hchan.struct_size);

	fake_set(f, c, &l->hchan.qcount, len);
	fake_set(f, c, &l->hchan.dataqsiz, cap);
	return c;
}

static void enqueue(struct fake_runtime *f, uint64_t c,
		    const struct member *queue, uint64_t s)
{
	const struct layout *l = &f->rt.layout;
	uint64_t first = c + queue->offset + l->waitq.first.offset;

	fake_set(f, s, &l->sudog.next, fake_get(&f->target, first, 8));
	fake_word(f, first, s);
}

void fake_wait_for(struct fake_runtime *f, uint64_t g, uint64_t c,
		   const struct member *queue)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_add_sudog(f, g, 0, c);

	fake_set(f, s, &l->sudog.waitlink,
		 fake_get(&f->target, g + l->g.waiting.offset, 8));
	fake_set(f, g, &l->g.waiting, s);
	enqueue(f, c, queue, s);
}
