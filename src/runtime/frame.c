/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/frame.h"

#include "base/log.h"
#include "base/vec.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_FRAMES = 1 << 24 };

/* A bitmap in the target: n bits. */
struct bitvector {
	int64_t n; /* -1: there is none */
	uint64_t addr;
};

/* What a frame tells its caller's: runtime/heapdump.go:childInfo. */
struct callee {
	uint64_t argoff,
		arglen; /* where its arguments are, from its fp; bytes */
	struct bitvector args;
	bool conservative; /* its arguments are as its other words */
	uint64_t sp, depth;
};

struct frames {
	struct runtime *rt;
	VEC(uint64_t) pointers;
	uint64_t size; /* of the frame, bytes: no pointer lies behind it */
	struct callee callee;
	bool no_map; /* some frame's pointers are not known */
	/* The frame before was asyncPreempt's, which has saved registers of
	 * the next, or a write barrier's. */
	bool interrupted;
};

static struct err *add(struct frames *f, uint64_t offset)
{
	return vec_push(&f->pointers, offset);
}

/* Adds the pointers of a bitmap whose first word is at offset. */
static struct err *add_bits(struct frames *f, const struct bitvector *bv,
			    uint64_t offset)
{
	uint8_t bits[64];

	for (int64_t i = 0; i < bv->n && offset < f->size; i++) {
		size_t at = (size_t)i % (sizeof(bits) * 8);

		if (at == 0)
			TRY(rt_read(
				f->rt, bv->addr + (uint64_t)i / 8, bits,
				(size_t)min_u64((uint64_t)(bv->n - i + 7) / 8,
						sizeof(bits))));
		if (bit_get(bits, at))
			TRY(add(f, offset));
		offset += f->rt->arch->ptr_size;
	}
	return NULL;
}

/* Adds every word of [from, to): what nobody describes may be a pointer. */
static struct err *add_all(struct frames *f, uint64_t from, uint64_t to)
{
	to = min_u64(to, f->size);
	for (uint64_t at = from; at < to; at += f->rt->arch->ptr_size)
		TRY(add(f, at));
	return NULL;
}

/* ---- stack maps ---------------------------------------------------------- */

/*
 * The bitmap of a map at addr; n < 0 of a map says how many bytes the locals
 * take. Follows runtime/symtab.go:stackmapdata.
 */
static struct err *stackmap(struct runtime *rt, uint64_t addr, int32_t index,
			    int32_t *n, struct bitvector *out)
{
	const struct layout *l = &rt->layout;
	uint64_t count, nbit;

	*out = (struct bitvector){ .n = -1 };
	TRY(rt_field(rt, addr, &l->stackmap.n, &count));
	*n = (int32_t)count;
	if (*n <= 0)
		return NULL;
	TRY(rt_field(rt, addr, &l->stackmap.nbit, &nbit));
	/* The runtime does not look; beyond the map nothing is described. */
	if (index >= *n) {
		out->n = 0;
		return NULL;
	}
	out->n = (int64_t)nbit;
	out->addr = addr + l->stackmap.bytedata.offset +
		    (uint64_t)index * ((nbit + 7) / 8);
	return NULL;
}

/*
 * Which of the function's maps counts at the frame's pc: that of the call,
 * which lies before the return address.
 */
static struct err *map_index(struct runtime *rt, const struct unwinder *at,
			     int32_t *out)
{
	*out = -1;
	if (at->pc != at->func.entry)
		TRY(func_pcdata(rt, &at->func,
				rt->layout.konst.PCDATA_StackMapIndex.value,
				at->pc - 1, out));
	/* In the prologue, perhaps: assume so. */
	if (*out < 0)
		*out = 0;
	return NULL;
}

/* Assembly functions, too, do not say how large their arguments are. */
static struct err *is_reflect_stub(struct runtime *rt, const struct func *f,
				   bool *out)
{
	static const char *const stubs[] = { "reflect.makeFuncStub",
					     "reflect.methodValueCall" };
	cleanup(buf_deinit) struct buf name = {};

	TRY(func_name(rt, f, &name));
	*out = false;
	for (size_t i = 0; i < ARRAY_SIZE(stubs); i++)
		if (name.len == strlen(stubs[i]) &&
		    !memcmp(name.v, stubs[i], name.len))
			*out = true;
	return NULL;
}

/*
 * Bytes of arguments of a function whose code does not say: a stub of
 * reflection, which has them in the method value at the bottom of its frame.
 * Follows runtime/stkframe.go:(*stkframe).argMapInternal.
 */
static struct err *reflect_arg_bytes(struct runtime *rt,
				     const struct unwinder *at, uint64_t *out)
{
	const struct layout *l = &rt->layout;
	uint64_t word = rt->arch->ptr_size;
	uint64_t arg0 = at->sp + rt->arch->min_frame_size;
	uint64_t min_sp = at->fp - (rt->arch->has_link_register ? 0 : word);
	uint64_t value, fn, stack, n, arg_len, valid;

	bool stub;

	*out = 0;
	TRY(is_reflect_stub(rt, &at->func, &stub));
	if (!stub || arg0 >= min_sp || !l->reflectMethodValue.struct_present)
		return NULL;
	TRY(rt_ptr(rt, arg0, &value));
	TRY(rt_field(rt, value, &l->reflectMethodValue.fn, &fn));
	if (fn != at->func.entry)
		return NULL;
	TRY(rt_field(rt, value, &l->reflectMethodValue.stack, &stack));
	TRY(rt_field(rt, stack, &l->bitvector.n, &n));
	TRY(rt_field(rt, value, &l->reflectMethodValue.argLen, &arg_len));
	TRY(cache_read_uint(&rt->cache, arg0 + 4 * word, 1, &valid));
	/* The results count only once they are there. */
	*out = (valid ? n : min_u64(n, arg_len / word)) * word;
	return NULL;
}

static struct err *arg_bytes(struct runtime *rt, const struct unwinder *at,
			     uint64_t *out)
{
	if (at->func.args != rt->layout.konst.ArgsSizeUnknown.value) {
		*out = at->func.args > 0 ? (uint64_t)at->func.args : 0;
		return NULL;
	}
	return reflect_arg_bytes(rt, at, out);
}

/* ---- frames at no safe point --------------------------------------------- */

/* Whether a word leads to an object, or into its own frames: what the collector
 * asks of a word that may be a pointer (runtime/mgcmark.go:scanConservative).
 */
static struct err *leads_somewhere(struct runtime *rt,
				   const struct goroutine *g, uint64_t value,
				   bool *out)
{
	struct heap_address at;

	*out = value >= g->sp && value < g->stack_hi;
	if (*out || !span_find(&rt->spans, value, &at))
		return NULL;
	return span_slot_allocated(rt, &at, out);
}

/* Adds those words of [from, to) that lead somewhere. */
static struct err *add_conservative(struct frames *f, const struct unwinder *at,
				    uint64_t from, uint64_t to)
{
	uint64_t word = f->rt->arch->ptr_size, value;
	bool is_pointer;

	to = min_u64(to, f->size);
	for (uint64_t i = from; i < to; i += word) {
		TRY(rt_ptr(f->rt, at->sp + i, &value));
		TRY(leads_somewhere(f->rt, at->g, value, &is_pointer));
		if (is_pointer)
			TRY(add(f, i));
	}
	return NULL;
}

/*
 * Adds words of which no map tells: those of assembly. A goroutine that waits
 * has all of them live; one that runs can be in the midst of what the collector
 * never sees (gcWriteBarrier).
 */
static struct err *add_unmapped(struct frames *f, const struct unwinder *at,
				uint64_t from, uint64_t to)
{
	if (at->g->status == f->rt->layout.konst.Grunning.value)
		return add_conservative(f, at, from, to);
	return add_all(f, from, to);
}

/* Whether nobody but the registers that it saved knows of what it is in the
 * middle of. */
static bool saves_registers(const struct frames *f, const struct unwinder *at)
{
	const struct layout *l = &f->rt->layout;

	return at->func.id == l->konst.FuncID_asyncPreempt.value ||
	       at->func.id == l->konst.FuncID_debugCallV2.value;
}

/*
 * Whether the function's caller is at no safe point: the compiler makes no map
 * for the calls of a write barrier (cmd/compile/internal/liveness:
 * hasStackMap).
 */
static struct err *is_barrier(struct runtime *rt, const struct func *f,
			      bool *out)
{
	static const char *const names[] = { "gcWriteBarrier",
					     "runtime.gcWriteBarrier",
					     "runtime.wbZero",
					     "runtime.wbMove" };
	cleanup(buf_deinit) struct buf name = {};

	*out = false;
	TRY(func_name(rt, f, &name));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (name.len >= len && !memcmp(name.v, names[i], len))
			*out = true;
	}
	return NULL;
}

static bool is_conservative(const struct frames *f, const struct unwinder *at)
{
	return saves_registers(f, at) || f->interrupted ||
	       (!at->depth && at->g->place == PLACE_REGISTERS);
}

/* ---- pointers of a frame ------------------------------------------------- */

/* The callee's arguments, which lie in this frame. */
static struct err *add_out_args(struct frames *f, const struct unwinder *at)
{
	const struct callee *c = &f->callee;

	if (c->conservative)
		return add_conservative(f, at, c->argoff,
					c->argoff + c->arglen);
	if (c->args.n >= 0)
		return add_bits(f, &c->args, c->argoff);
	return add_unmapped(f, at, c->argoff, c->argoff + c->arglen);
}

static struct err *add_locals(struct frames *f, const struct unwinder *at,
			      int32_t index)
{
	const struct layout *l = &f->rt->layout;
	uint64_t top = at->varp - at->sp; /* offset */
	struct bitvector bv;
	uint64_t map;
	int32_t n;

	TRY(func_data(f->rt, &at->func,
		      l->konst.FUNCDATA_LocalsPointerMaps.value, &map));
	if (!map)
		return add_unmapped(f, at, f->callee.arglen, top);
	TRY(stackmap(f->rt, map, index, &n, &bv));
	if (n < 0) {
		uint64_t size = (uint64_t) - (int64_t)n;

		return size > top ? NULL : add_all(f, top - size, top);
	}
	uint64_t bytes = bv.n > 0 ? (uint64_t)bv.n * f->rt->arch->ptr_size : 0;
	if (!bytes || bytes > top)
		return NULL;
	return add_bits(f, &bv, top - bytes);
}

/* What this frame tells its caller's. */
static struct err *become_callee(struct frames *f, const struct unwinder *at,
				 int32_t index)
{
	struct callee *c = &f->callee;
	uint64_t map;
	int32_t n;

	c->argoff = at->argp - at->fp;
	c->sp = at->sp;
	c->depth++;
	c->conservative = is_conservative(f, at);
	f->interrupted = saves_registers(f, at);
	if (at->g->status == f->rt->layout.konst.Grunning.value &&
	    !f->interrupted)
		TRY(is_barrier(f->rt, &at->func, &f->interrupted));
	c->args = (struct bitvector){ .n = -1 };
	c->arglen = 0;
	TRY(arg_bytes(f->rt, at, &c->arglen));
	TRY(func_data(f->rt, &at->func,
		      f->rt->layout.konst.FUNCDATA_ArgsPointerMaps.value,
		      &map));
	return map ? stackmap(f->rt, map, index, &n, &c->args) : NULL;
}

static struct err *add_pointers(struct frames *f, const struct unwinder *at,
				int32_t *index)
{
	TRY(map_index(f->rt, at, index));
	/* What it was about to call with lies among its words. */
	if (is_conservative(f, at))
		return add_conservative(f, at, 0, at->varp - at->sp);
	TRY(add_out_args(f, at));
	return add_locals(f, at, *index);
}

/* What makes no sense costs a frame its pointers, and not the dump. */
static struct err *tolerate(struct frames *f, struct err *e)
{
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	f->no_map = true;
	err_free(e);
	return NULL;
}

static struct err *visit(struct frames *f, const struct unwinder *at,
			 struct err *(*fn)(void *arg, const struct frame *),
			 void *arg)
{
	int32_t index = 0;

	f->pointers.len = 0;
	f->size = (at->fp - at->sp) & ~(uint64_t)(f->rt->arch->ptr_size - 1);
	TRY(tolerate(f, add_pointers(f, at, &index)));
	struct frame frame = {
		.at = at,
		.depth = f->callee.depth,
		.child_sp = f->callee.sp,
		.pointers = f->pointers.v,
		.pointer_count = f->pointers.len,
	};
	TRY(fn(arg, &frame));
	return tolerate(f, become_callee(f, at, index));
}

/* Says, to who asks for details, what is wrong with a stack. */
static void tell(const struct unwinder *u, enum stack_end end)
{
	const struct goroutine *g = u->g;

	log_verbose("goroutine %" PRIu64 ": %s%s%s (pc %#" PRIx64
		    ", sp %#" PRIx64 ", depth %u)",
		    g->id, stack_end_text(end), g->why ? ": " : "",
		    g->why ? g->why : "", u->pc, u->sp, u->depth);
}

static struct err *walk(struct frames *f, const struct goroutine *g,
			struct err *(*fn)(void *arg, const struct frame *),
			void *arg, enum stack_end *end)
{
	struct unwinder u;

	TRY(unwind_start(&u, f->rt, g));
	for (int i = 0; u.valid && i < MAX_FRAMES; i++) {
		TRY(visit(f, &u, fn, arg));
		TRY(unwind_next(&u));
	}
	*end = u.end == STACK_WHOLE && f->no_map ? STACK_NO_MAP : u.end;
	if (*end != STACK_WHOLE)
		tell(&u, *end);
	return NULL;
}

struct err *frame_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *arg, const struct frame *),
		       void *arg, enum stack_end *end)
{
	struct frames f = { .rt = rt, .callee.args.n = -1 };
	struct err *e = walk(&f, g, fn, arg, end);

	vec_deinit(&f.pointers);
	return e;
}
