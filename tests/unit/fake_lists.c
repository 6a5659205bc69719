/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_lists.h"

static uint64_t get_var(const struct fake_runtime *f, const struct variable *v)
{
	return fake_get(&f->target, v->addr, (unsigned int)v->size);
}

static uint64_t get(const struct fake_runtime *f, uint64_t addr,
		    const struct member *m)
{
	return fake_get(&f->target, addr + m->offset, m->width);
}

/* ---- goroutines ---------------------------------------------------------- */

uint64_t fake_add_goroutine(struct fake_runtime *f, uint32_t status,
			    uint64_t goid)
{
	const struct layout *l = &f->rt.layout;
	uint64_t n = get_var(f, &l->var.allglen);
	uint64_t g = fake_new(f, l->g.struct_size);

	ck_assert_uint_lt(n, FAKE_GOROUTINES);
	if (!n)
		fake_set_var(f, &l->var.allgptr,
			     fake_new(f, FAKE_GOROUTINES * 8));
	fake_word(f, get_var(f, &l->var.allgptr) + n * 8, g);
	fake_set_var(f, &l->var.allglen, n + 1);
	fake_set(f, g, &l->g.atomicstatus, status);
	fake_set(f, g, &l->g.goid, goid);
	return g;
}

uint64_t fake_add_defer(struct fake_runtime *f, uint64_t g, uint64_t fn)
{
	const struct layout *l = &f->rt.layout;
	uint64_t d = fake_new(f, l->_defer.struct_size);

	fake_set(f, d, &l->_defer.sp, d + 1);
	fake_set(f, d, &l->_defer.pc, d + 2);
	fake_set(f, d, &l->_defer.fn, fn);
	fake_set(f, d, &l->_defer.link, get(f, g, &l->g._defer));
	fake_set(f, g, &l->g._defer, d);
	return d;
}

uint64_t fake_add_panic(struct fake_runtime *f, uint64_t g, uint64_t type,
			uint64_t data)
{
	const struct layout *l = &f->rt.layout;
	uint64_t p = fake_new(f, l->_panic.struct_size);
	uint64_t arg = p + l->_panic.arg.offset;

	fake_set(f, arg, &l->eface._type, type);
	fake_set(f, arg, &l->eface.data, data);
	fake_set(f, p, &l->_panic.link, get(f, g, &l->g._panic));
	fake_set(f, g, &l->g._panic, p);
	return p;
}

uint64_t fake_add_thread(struct fake_runtime *f, uint64_t id, uint64_t procid)
{
	const struct layout *l = &f->rt.layout;
	uint64_t m = fake_new(f, l->m.struct_size);

	fake_set(f, m, &l->m.id, id);
	fake_set(f, m, &l->m.procid, procid);
	fake_set(f, m, &l->m.alllink, get_var(f, &l->var.allm));
	fake_set_var(f, &l->var.allm, m);
	return m;
}

void fake_set_wait_reasons(struct fake_runtime *f,
			   const char *const reasons[FAKE_WAIT_REASONS])
{
	const struct layout *l = &f->rt.layout;

	for (uint64_t i = 0; i < FAKE_WAIT_REASONS; i++)
		fake_string(f,
			    l->var.waitReasonStrings.addr +
				    i * l->string.struct_size,
			    reasons[i]);
}

uint64_t fake_add_funcval(struct fake_runtime *f, uint64_t pc)
{
	const struct layout *l = &f->rt.layout;
	uint64_t fn = fake_new(f, l->funcval.struct_size);

	fake_set(f, fn, &l->funcval.fn, pc);
	return fn;
}

/* ---- itabs --------------------------------------------------------------- */

uint64_t fake_add_itab(struct fake_runtime *f, uint64_t i, uint64_t type)
{
	const struct layout *l = &f->rt.layout;
	uint64_t table = get_var(f, &l->var.itabTable);
	uint64_t itab = fake_new(f, l->itab.struct_size);

	ck_assert_uint_lt(i, FAKE_ITABS);
	if (!table) {
		table = fake_new(f,
				 l->itabTableType.struct_size + FAKE_ITABS * 8);
		fake_set_var(f, &l->var.itabTable, table);
		fake_set(f, table, &l->itabTableType.size, FAKE_ITABS);
	}
	fake_set(f, table, &l->itabTableType.count,
		 get(f, table, &l->itabTableType.count) + 1);
	fake_word(f, table + l->itabTableType.entries.offset + i * 8, itab);
	fake_set(f, itab, &l->itab.Type, type);
	return itab;
}

/* ---- specials ------------------------------------------------------------ */

static void push_special(struct fake_runtime *f, uint64_t mspan,
			 uint64_t special, uint64_t offset, int64_t kind)
{
	const struct layout *l = &f->rt.layout;

	fake_set(f, special, &l->special.kind, (uint64_t)kind);
	fake_set(f, special, &l->special.offset, offset);
	fake_set(f, special, &l->special.next,
		 get(f, mspan, &l->mspan.specials));
	fake_set(f, mspan, &l->mspan.specials, special);
}

uint64_t fake_add_finalizer(struct fake_runtime *f, uint64_t mspan,
			    uint64_t offset, uint64_t fn, uint64_t fint,
			    uint64_t ot)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_new(f, l->specialfinalizer.struct_size);

	push_special(f, mspan, s, offset, l->konst.KindSpecialFinalizer.value);
	fake_set(f, s, &l->specialfinalizer.fn, fn);
	fake_set(f, s, &l->specialfinalizer.fint, fint);
	fake_set(f, s, &l->specialfinalizer.ot, ot);
	return s;
}

uint64_t fake_add_sample(struct fake_runtime *f, uint64_t mspan,
			 uint64_t offset, uint64_t bucket)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_new(f, l->specialprofile.struct_size);

	push_special(f, mspan, s, offset, l->konst.KindSpecialProfile.value);
	fake_set(f, s, &l->specialprofile.b, bucket);
	return s;
}

uint64_t fake_add_cleanup(struct fake_runtime *f, uint64_t mspan,
			  uint64_t offset, uint64_t fn)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_new(f, l->specialCleanup.struct_size);

	push_special(f, mspan, s, offset, l->konst.KindSpecialCleanup.value);
	if (l->specialCleanup.fn.present)
		fake_set(f, s, &l->specialCleanup.fn, fn);
	return s;
}

uint64_t fake_add_weak_handle(struct fake_runtime *f, uint64_t mspan,
			      uint64_t offset, uint64_t cell)
{
	const struct layout *l = &f->rt.layout;
	uint64_t s = fake_new(f, l->specialWeakHandle.struct_size);

	push_special(f, mspan, s, offset, l->konst.KindSpecialWeakHandle.value);
	fake_set(f, s, &l->specialWeakHandle.handle, cell);
	return s;
}

uint64_t fake_add_block(struct fake_runtime *f)
{
	const struct layout *l = &f->rt.layout;
	uint64_t block = fake_new(f, l->finBlock.struct_size);

	fake_set(f, block, &l->finBlock.alllink, get_var(f, &l->var.allfin));
	fake_set_var(f, &l->var.allfin, block);
	return block;
}

void fake_queue_finalizer(struct fake_runtime *f, uint64_t block, uint64_t i,
			  uint64_t object, uint64_t fn, uint64_t fint,
			  uint64_t ot)
{
	const struct layout *l = &f->rt.layout;
	uint64_t at =
		block + l->finBlock.fin.offset + i * l->finalizer.struct_size;

	ck_assert_uint_lt(i, FAKE_FINALIZERS);
	fake_set(f, at, &l->finalizer.arg, object);
	fake_set(f, at, &l->finalizer.fn, fn);
	fake_set(f, at, &l->finalizer.fint, fint);
	fake_set(f, at, &l->finalizer.ot, ot);
}

/* ---- memory profile ------------------------------------------------------ */

uint64_t fake_add_bucket(struct fake_runtime *f, uint64_t size,
			 const uint64_t *pcs, uint64_t depth, uint64_t allocs,
			 uint64_t frees)
{
	const struct layout *l = &f->rt.layout;
	uint64_t stack = l->bucket.struct_size;
	uint64_t record = stack + depth * 8;
	uint64_t b = fake_new(f, record + l->memRecord.struct_size);
	uint64_t active = b + record + l->memRecord.active.offset;

	fake_set(f, b, &l->bucket.size, size);
	fake_set(f, b, &l->bucket.nstk, depth);
	fake_set(f, b, &l->bucket.allnext, get_var(f, &l->var.mbuckets));
	fake_set_var(f, &l->var.mbuckets, b);
	for (uint64_t i = 0; i < depth; i++)
		fake_word(f, b + stack + i * 8, pcs[i]);
	fake_set(f, active, &l->memRecordCycle.allocs, allocs);
	fake_set(f, active, &l->memRecordCycle.frees, frees);
	return b;
}
