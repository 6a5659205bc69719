/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/poll_desc.h"

#include "runtime/damage.h"
#include "runtime/goroutine.h"
#include "runtime/runtime.h"

/* Bytes of stack that gopark, netpollblock and their caller take. */
enum { POLL_BYTES = 512 };

/* Whether the pollDesc at addr has g for its reader, or writer. */
static struct err *try_desc(struct runtime *rt, uint64_t addr, uint64_t g,
			    struct poll_desc *out)
{
	const struct layout *l = &rt->layout;
	uint64_t self, reader, writer, fd, deadline;

	TRY(rt_field(rt, addr, &l->pollDesc.self, &self));
	TRY(rt_field(rt, addr, &l->pollDesc.rg, &reader));
	TRY(rt_field(rt, addr, &l->pollDesc.wg, &writer));
	if (self != addr || (reader != g && writer != g))
		return NULL;
	TRY(rt_field(rt, addr, &l->pollDesc.fd, &fd));
	TRY(rt_field(rt, addr, reader == g ? &l->pollDesc.rd : &l->pollDesc.wd,
		     &deadline));
	*out = (struct poll_desc){
		.addr = addr,
		.fd = (int64_t)fd,
		.write = reader != g,
		.deadline = (int64_t)deadline > 0 ? (int64_t)deadline : 0,
	};
	return NULL;
}

/* A word may be a pollDesc's address, or that of its reader or writer. */
static struct err *try_word(struct runtime *rt, uint64_t value, uint64_t g,
			    struct poll_desc *out)
{
	const struct layout *l = &rt->layout;
	const uint64_t back[] = { 0, l->pollDesc.rg.offset,
				  l->pollDesc.wg.offset };
	uint64_t wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(back) && !out->addr; i++)
		if (target_mapping(rt->target, value - back[i]))
			TRY(forgive(try_desc(rt, value - back[i], g, out),
				    &wrong));
	return NULL;
}

struct err *poll_desc_find(struct runtime *rt, const struct goroutine *g,
			   struct poll_desc *out)
{
	uint64_t word = rt->arch->ptr_size, value;
	uint64_t end = min_u64(g->stack_hi, g->sp + POLL_BYTES);

	*out = (struct poll_desc){};
	if (!rt->layout.pollDesc.struct_present)
		return NULL;
	for (uint64_t at = g->sp; at + word <= end && !out->addr; at += word) {
		TRY(rt_ptr(rt, at, &value));
		if (value && value % word == 0)
			TRY(try_word(rt, value, g->addr, out));
	}
	return NULL;
}
