/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/deferred.h"

#include "base/cursor.h"
#include "runtime/runtime.h"

enum {
	MAX_OPEN = 8,	/* open-coded defers of a function: bits of a byte */
	MAX_INFO = 128, /* bytes of FUNCDATA_OpenCodedDeferInfo */
};

struct visit {
	struct runtime *rt;
	const struct trace_call *call;
	struct err *(*fn)(void *, uint64_t closure, uint64_t code);
	void *arg;
};

static struct err *tell(const struct visit *v, uint64_t closure)
{
	uint64_t code = 0;

	if (closure)
		err_free(rt_field(v->rt, closure, &v->rt->layout.funcval.fn,
				  &code));
	return v->fn(v->arg, closure, code);
}

/* ---- open-coded ---------------------------------------------------------- */

/* Where the bits are, and the closure of each; offsets below varp. */
struct open_info {
	uint64_t bits;
	uint64_t closures[MAX_OPEN];
};

/* From 1.22 on the closures are an array; before, each has a place of its own,
 * and the last comes first. */
static struct err *parse(const struct runtime *rt, struct cursor *c,
			 struct open_info *out)
{
	uint64_t n;

	TRY(cursor_uvarint(c, &out->bits));
	TRY(cursor_uvarint(c, &n));
	if (rt->layout._panic.deferBitsPtr.present) {
		for (uint64_t i = 0; i < MAX_OPEN; i++)
			out->closures[i] = n - i * rt->arch->ptr_size;
		return NULL;
	}
	if (n > MAX_OPEN)
		return cursor_error(c, "more defers than bits");
	while (n-- > 0)
		TRY(cursor_uvarint(c, &out->closures[n]));
	return NULL;
}

static struct err *read_info(struct runtime *rt, uint64_t addr,
			     struct open_info *out)
{
	uint8_t bytes[MAX_INFO];
	struct cursor c;

	TRY(rt_read(rt, addr, bytes, sizeof(bytes)));
	cursor_init(&c, "OpenCodedDeferInfo", bytes, sizeof(bytes), addr);
	return parse(rt, &c, out);
}

static struct err *each_open(const struct visit *v)
{
	struct runtime *rt = v->rt;
	struct open_info info = {};
	uint64_t addr, bits, closure;

	TRY(func_data(rt, &v->call->site->func,
		      rt->layout.konst.FUNCDATA_OpenCodedDeferInfo.value,
		      &addr));
	if (!addr)
		return NULL;
	TRY(read_info(rt, addr, &info));
	TRY(cache_read_uint(&rt->cache, v->call->varp - info.bits, 1, &bits));
	for (int i = MAX_OPEN - 1; i >= 0; i--) {
		if (!(bits >> i & 1))
			continue;
		TRY(rt_ptr(rt, v->call->varp - info.closures[i], &closure));
		TRY(tell(v, closure));
	}
	return NULL;
}

/* ---- with a record ------------------------------------------------------- */

static struct err *visit_record(void *arg, const struct defer *d)
{
	const struct visit *v = arg;

	/* Up to 1.21, a panic makes records of open-coded ones: without fn, or
	 * with that of the one that is being called. */
	if (d->sp != v->call->sp || !d->fn || d->started)
		return NULL;
	return v->fn(v->arg, d->fn, d->code);
}

struct err *deferred_each(struct runtime *rt, const struct goroutine *g,
			  const struct trace_call *c,
			  struct err *(*fn)(void *, uint64_t closure,
					    uint64_t code),
			  void *arg)
{
	struct visit v = { rt, c, fn, arg };

	TRY(defer_each(rt, g, visit_record, &v));
	return each_open(&v);
}
