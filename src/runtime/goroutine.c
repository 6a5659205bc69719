/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/goroutine.h"

#include "runtime/list_guard.h"
#include "runtime/running.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_G = 1024 }; /* bytes of a g */

/* More are not believed. */
#define MAX_GOROUTINES (1ull << 32)

static struct err *endless(const char *what, uint64_t addr)
{
	return err_new(ERR_FORMAT, "the %s of %#" PRIx64 " do not end", what,
		       addr);
}

/* ---- goroutines ---------------------------------------------------------- */

/* Whether nobody but the runtime cares about a goroutine that starts there;
 * *varies: another one that does is to be asked for itself.
 * Follows runtime/traceback.go:isSystemGoroutine, fixed being false. */
static struct err *is_system(struct runtime *rt, uint64_t g, uint64_t startpc,
			     bool *out, bool *varies)
{
	const struct layout *l = &rt->layout;
	cleanup(buf_deinit) struct buf name = {};
	struct func f;
	uint64_t word;

	*out = *varies = false;
	TRY(func_find(rt, startpc, &f));
	if (!f.addr || f.id == l->konst.FuncID_runtime_main.value ||
	    f.id == l->konst.FuncID_handleAsyncEvent.value ||
	    (l->konst.FuncID_corostart.present &&
	     f.id == l->konst.FuncID_corostart.value))
		return NULL;
	*varies = true;
	if (f.id == l->konst.FuncID_runFinalizers.value) {
		TRY(rt_var(rt, &l->var.fingStatus, &word));
		*out = !(word & (uint64_t)l->konst.fingRunningFinalizer.value);
		return NULL;
	}
	if (l->konst.FuncID_runCleanups.present &&
	    f.id == l->konst.FuncID_runCleanups.value) {
		TRY(rt_field(rt, g, &l->g.runningCleanups, &word));
		*out = !word;
		return NULL;
	}
	*varies = false;
	TRY(func_name(rt, &f, &name));
	*out = name.len >= 8 && !memcmp(name.v, "runtime.", 8);
	return NULL;
}

static void decode(const struct layout *l, uint64_t addr, const uint8_t *bytes,
		   struct goroutine *g)
{
	const uint8_t *sched = bytes + l->g.sched.offset;
	const uint8_t *stack = bytes + l->g.stack.offset;
	uint64_t syscallsp = field(&l->g.syscallsp, bytes);
	uint64_t status = field(&l->g.atomicstatus, bytes);

	*g = (struct goroutine){
		.addr = addr,
		.sp = syscallsp ? syscallsp : field(&l->gobuf.sp, sched),
		.pc = syscallsp ? field(&l->g.syscallpc, bytes)
				: field(&l->gobuf.pc, sched),
		.lr = syscallsp ? 0 : field(&l->gobuf.lr, sched),
		.in_syscall = syscallsp != 0,
		.scanned = status & (uint64_t)l->konst.Gscan.value,
		.stack_lo = field(&l->stack.lo, stack),
		.stack_hi = field(&l->stack.hi, stack),
		.id = field(&l->g.goid, bytes),
		.gopc = field(&l->g.gopc, bytes),
		.startpc = field(&l->g.startpc, bytes),
		.status = (uint32_t)(status & ~(uint64_t)l->konst.Gscan.value),
		.waitsince = field(&l->g.waitsince, bytes),
		.waitreason = (uint8_t)field(&l->g.waitreason, bytes),
		.ctxt = field(&l->gobuf.ctxt, sched),
		.m = field(&l->g.m, bytes),
		.defer = field(&l->g._defer, bytes),
		.panic = field(&l->g._panic, bytes),
		.lockedm = field(&l->g.lockedm, bytes),
		.parent = field(&l->g.parentGoid, bytes),
		.ancestors = field(&l->g.ancestors, bytes),
		.labels = field(&l->g.labels, bytes),
		.bubble = field(&l->g.bubble, bytes),
	};
}

struct err *goroutine_read(struct runtime *rt, uint64_t addr,
			   struct goroutine *out)
{
	const struct layout *l = &rt->layout;
	uint8_t bytes[MAX_G];

	if (l->g.struct_size > MAX_G)
		return err_new(ERR_FORMAT, "runtime.g has %u bytes",
			       l->g.struct_size);
	TRY(rt_read(rt, addr, bytes, l->g.struct_size));
	decode(l, addr, bytes, out);
	return NULL;
}

static bool is_dead(const struct layout *l, uint32_t status)
{
	return status == l->konst.Gidle.value ||
	       status == l->konst.Gdead.value ||
	       (l->konst.Gdeadextra.present &&
		status == l->konst.Gdeadextra.value);
}

/*
 * allglen and allgptr are stored in an order that keeps them a consistent pair
 * at any moment; allgs itself may be half updated. Follows
 * runtime/proc.go:allgadd.
 */
struct err *goroutine_each_address(struct runtime *rt,
				   struct err *(*fn)(void *, uint64_t addr),
				   void *arg)
{
	uint64_t n, list;

	TRY(rt_var(rt, &rt->layout.var.allglen, &n));
	TRY(rt_var(rt, &rt->layout.var.allgptr, &list));
	if (n > MAX_GOROUTINES)
		return err_new(ERR_FORMAT, "%" PRIu64 " goroutines", n);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr;

		TRY(rt_ptr(rt, list + i * rt->arch->ptr_size, &addr));
		TRY(err_wrap(fn(arg, addr), "goroutine at %#" PRIx64, addr));
	}
	return NULL;
}

struct gs {
	VEC(struct area) list;
	uint32_t size; /* of a g, bytes */
};

static struct err *add_g(void *arg, uint64_t addr)
{
	struct gs *gs = arg;

	return vec_push(&gs->list, (struct area){ addr, addr + gs->size });
}

struct err *goroutine_copy_all(struct runtime *rt)
{
	struct gs gs = { .size = rt->layout.g.struct_size };
	struct area list;
	uint64_t n;

	TRY(rt_var(rt, &rt->layout.var.allglen, &n));
	TRY(rt_var(rt, &rt->layout.var.allgptr, &list.start));
	list.end = list.start + n * rt->arch->ptr_size;
	if (n <= MAX_GOROUTINES)
		TRY(page_copy_add(&rt->copy, &list, 1));
	struct err *e = goroutine_each_address(rt, add_g, &gs);
	if (!e)
		e = page_copy_add(&rt->copy, gs.list.v, gs.list.len);
	vec_deinit(&gs.list);
	return e;
}

struct walk {
	struct runtime *rt;
	struct err *(*fn)(void *, const struct goroutine *);
	void *arg;
	/* Many goroutines start at one place; of some it varies with what they
	 * do whether they are the system's. */
	uint64_t startpc;
	bool system, varies;
};

static struct err *visit(void *arg, uint64_t addr)
{
	struct walk *w = arg;
	const struct layout *l = &w->rt->layout;
	struct goroutine g;

	TRY(goroutine_read(w->rt, addr, &g));
	if (is_dead(l, g.status))
		return NULL;
	if (g.startpc != w->startpc || w->varies)
		TRY(is_system(w->rt, addr, g.startpc, &w->system, &w->varies));
	w->startpc = g.startpc;
	g.system = w->system;
	TRY(goroutine_place(w->rt, &g));
	return w->fn(w->arg, &g);
}

struct err *goroutine_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct goroutine *),
			   void *arg)
{
	struct walk w = { .rt = rt, .fn = fn, .arg = arg };

	return goroutine_each_address(rt, visit, &w);
}

struct err *goroutine_waitreason(struct runtime *rt, const struct goroutine *g,
				 struct buf *out)
{
	static const char unknown[] = "unknown wait reason";
	const struct layout *l = &rt->layout;
	const struct variable *v = &l->var.waitReasonStrings;

	if (g->waitreason >= v->size / l->string.struct_size)
		return buf_append(out, unknown, sizeof(unknown) - 1);
	return rt_string(rt, v->addr + g->waitreason * l->string.struct_size,
			 out);
}

/* ---- defers and panics --------------------------------------------------- */

struct err *defer_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *, const struct defer *),
		       void *arg)
{
	const struct layout *l = &rt->layout;

	struct defer d = { .goroutine = g->addr, .link = g->defer };
	uint64_t started;
	struct list_guard guard = {};
	while (d.link) {
		if (list_circles(&guard, d.link))
			return endless("defers", g->addr);
		d.addr = d.link;
		d.code = 0;
		TRY(rt_field(rt, d.addr, &l->_defer.sp, &d.sp));
		TRY(rt_field(rt, d.addr, &l->_defer.pc, &d.pc));
		TRY(rt_field(rt, d.addr, &l->_defer.fn, &d.fn));
		TRY(rt_field(rt, d.addr, &l->_defer.started, &started));
		d.started = started;
		TRY(rt_field(rt, d.addr, &l->_defer.link, &d.link));
		if (d.fn)
			TRY(rt_field(rt, d.fn, &l->funcval.fn, &d.code));
		TRY(fn(arg, &d));
	}
	return NULL;
}

struct err *panic_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *, const struct panic *),
		       void *arg)
{
	const struct layout *l = &rt->layout;

	struct panic p = { .goroutine = g->addr, .link = g->panic };
	uint64_t word;
	struct list_guard guard = {};
	while (p.link) {
		if (list_circles(&guard, p.link))
			return endless("panics", g->addr);
		p.addr = p.link;
		uint64_t eface = p.addr + l->_panic.arg.offset;
		TRY(rt_field(rt, eface, &l->eface._type, &p.type));
		TRY(rt_field(rt, eface, &l->eface.data, &p.data));
		TRY(rt_field(rt, p.addr, &l->_panic.recovered, &word));
		p.recovered = word;
		TRY(rt_field(rt, p.addr, &l->_panic.goexit, &word));
		p.goexit = word;
		TRY(rt_field(rt, p.addr, &l->_panic.link, &p.link));
		TRY(fn(arg, &p));
	}
	return NULL;
}

/* ---- threads ------------------------------------------------------------- */

struct err *os_thread_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct os_thread *),
			   void *arg)
{
	const struct layout *l = &rt->layout;
	struct list_guard guard = {};
	struct os_thread t;
	uint64_t next;

	TRY(rt_var(rt, &l->var.allm, &next));
	while (next) {
		if (list_circles(&guard, next))
			return endless("links", next);
		t.addr = next;
		TRY(rt_field(rt, next, &l->m.id, &t.id));
		TRY(rt_field(rt, next, &l->m.procid, &t.procid));
		TRY(rt_field(rt, next, &l->m.alllink, &next));
		TRY(fn(arg, &t));
	}
	return NULL;
}
