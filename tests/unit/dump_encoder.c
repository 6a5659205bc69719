/* SPDX-License-Identifier: Apache-2.0 */
#include "dump_encoder.h"

#include "base/bits.h"

#include <stdlib.h>

void encoder_deinit(struct encoder *e)
{
	free(e->v);
	*e = (struct encoder){ 0 };
}

void encode_raw(struct encoder *e, const void *data, size_t size)
{
	if (e->cap - e->len < size) {
		e->cap = (e->len + size) * 2;
		e->v = realloc(e->v, e->cap);
		if (!e->v)
			abort();
	}
	if (size)
		memcpy(e->v + e->len, data, size);
	e->len += size;
}

void encode_int(struct encoder *e, uint64_t n)
{
	uint8_t byte;

	for (; n >= 0x80; n >>= 7) {
		byte = (uint8_t)(n | 0x80);
		encode_raw(e, &byte, 1);
	}
	byte = (uint8_t)n;
	encode_raw(e, &byte, 1);
}

void encode_header(struct encoder *e)
{
	encode_raw(e, "go1.7 heap dump\n", 16);
}

static void encode_bytes(struct encoder *e, struct bytes b)
{
	encode_int(e, b.size);
	encode_raw(e, b.data, b.size);
}

static void encode_memory(struct encoder *e, const struct memory_record *m)
{
	encode_int(e, m->addr);
	encode_bytes(e, m->contents);
	encode_raw(e, m->fields.raw.data, m->fields.raw.size);
	encode_int(e, 0);
}

/* Numbers one after the other, as many as are given. */
#define INTS(e, ...)                                                           \
	do {                                                                   \
		const uint64_t ints_[] = { __VA_ARGS__ };                      \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(ints_); i_++)              \
			encode_int(e, ints_[i_]);                              \
	} while (0)

static void encode_goroutine(struct encoder *e,
			     const struct goroutine_record *g)
{
	INTS(e, g->addr, g->sp, g->goid, g->gopc, g->status, g->is_system,
	     g->is_background, g->wait_since);
	encode_bytes(e, g->wait_reason);
	INTS(e, g->ctxt, g->m, g->defer, g->panic);
}

static void encode_frame(struct encoder *e, const struct stack_frame_record *f)
{
	INTS(e, f->sp, f->depth, f->child_sp);
	encode_bytes(e, f->contents);
	INTS(e, f->entry, f->pc, f->continpc);
	encode_bytes(e, f->function);
	encode_raw(e, f->fields.raw.data, f->fields.raw.size);
	encode_int(e, 0);
}

static void encode_params(struct encoder *e, const struct params_record *p)
{
	INTS(e, p->big_endian, p->pointer_size, p->arena_start, p->arena_end);
	encode_bytes(e, p->arch);
	encode_bytes(e, p->version);
	encode_int(e, p->cpus);
}

static void encode_stats(struct encoder *e, const struct mem_stats_record *s)
{
	INTS(e, s->alloc, s->total_alloc, s->sys, s->lookups, s->mallocs,
	     s->frees, s->heap_alloc, s->heap_sys, s->heap_idle, s->heap_inuse,
	     s->heap_released, s->heap_objects, s->stack_inuse, s->stack_sys,
	     s->mspan_inuse, s->mspan_sys, s->mcache_inuse, s->mcache_sys,
	     s->buck_hash_sys, s->gc_sys, s->other_sys, s->next_gc, s->last_gc,
	     s->pause_total_ns);
	for (size_t i = 0; i < PAUSE_COUNT; i++)
		encode_int(e, s->pause_ns[i]);
	encode_int(e, s->num_gc);
}

static void encode_prof(struct encoder *e, const struct mem_prof_record *p)
{
	INTS(e, p->bucket, p->size, p->stack.count);
	encode_raw(e, p->stack.raw.data, p->stack.raw.size);
	INTS(e, p->allocs, p->frees);
}

static void encode_finalizer(struct encoder *e,
			     const struct finalizer_record *f)
{
	INTS(e, f->object, f->fn, f->code, f->arg_type, f->ptr_type);
}

void encode_record(struct encoder *e, const struct record *r)
{
	encode_int(e, r->kind);
	switch (r->kind) {
	case RECORD_OBJECT:
	case RECORD_DATA:
	case RECORD_BSS:
		encode_memory(e, &r->memory);
		break;
	case RECORD_OTHER_ROOT:
		encode_bytes(e, r->other_root.description);
		encode_int(e, r->other_root.pointer);
		break;
	case RECORD_TYPE:
		INTS(e, r->type.addr, r->type.size);
		encode_bytes(e, r->type.name);
		encode_int(e, r->type.indirect);
		break;
	case RECORD_GOROUTINE:
		encode_goroutine(e, &r->goroutine);
		break;
	case RECORD_STACK_FRAME:
		encode_frame(e, &r->frame);
		break;
	case RECORD_PARAMS:
		encode_params(e, &r->params);
		break;
	case RECORD_FINALIZER:
	case RECORD_QUEUED_FINALIZER:
		encode_finalizer(e, &r->finalizer);
		break;
	case RECORD_ITAB:
		INTS(e, r->itab.addr, r->itab.type);
		break;
	case RECORD_OS_THREAD:
		INTS(e, r->thread.m, r->thread.id, r->thread.tid);
		break;
	case RECORD_MEM_STATS:
		encode_stats(e, &r->stats);
		break;
	case RECORD_DEFER:
		INTS(e, r->defer.addr, r->defer.g, r->defer.sp, r->defer.pc,
		     r->defer.fn, r->defer.code, r->defer.link);
		break;
	case RECORD_PANIC:
		INTS(e, r->panic.addr, r->panic.g, r->panic.arg_type,
		     r->panic.arg_data, r->panic.defer, r->panic.link);
		break;
	case RECORD_MEM_PROF:
		encode_prof(e, &r->prof);
		break;
	case RECORD_ALLOC_SAMPLE:
		INTS(e, r->sample.object, r->sample.bucket);
		break;
	case RECORD_EOF:
	case RECORD_KINDS:
		break;
	}
}

struct dump_file encoder_file(const struct encoder *e)
{
	struct dump_file f;

	dump_file_init(&f, "test", e->v, e->len);
	return f;
}

/* ---- the sample ---------------------------------------------------------- */

#define CONTENTS(array)                                                        \
	{                                                                      \
		(const uint8_t *)(array), sizeof(array)                        \
	}

/* Field lists: kind 1 is a pointer. */
#define FIELDS(s)                                                              \
	{                                                                      \
		STR(s), (sizeof(s) - 1) / 2                                    \
	}

#define NODE SAMPLE_HEAP
#define TINY (SAMPLE_HEAP + 0x2000)
#define HEADER (SAMPLE_HEAP + 0x4000)
#define LARGE (SAMPLE_HEAP + 0x6000)
#define G1 UINT64_C(0xc000100000)
#define G2 UINT64_C(0xc000100400)
#define M UINT64_C(0x700000)
#define STACK2 (SAMPLE_STACK + 0x8000)

static void add(struct sample_dump *d, const struct record *r)
{
	d->r[d->count++] = *r;
}

#define ADD(d, label, ...)                                                     \
	add(d, &(struct record){ .kind = RECORD_##label, __VA_ARGS__ })

static void add_tables(struct sample_dump *d)
{
	ADD(d, PARAMS,
	    .params = { 0, 8, SAMPLE_HEAP, SAMPLE_HEAP + 0x4000000,
			STR("amd64"), STR("go1.24.11"), 4 });
	ADD(d, TYPE, .type = { 0x500000, 16, STR("main.T"), 1 });
	ADD(d, ITAB, .itab = { 0x600000, 0x500000 });
	ADD(d, TYPE, .type = { 0x500040, 8, STR("*os.File"), 0 });
	ADD(d, ITAB, .itab = { 0x600040, 0x500040 });
}

static void add_objects(struct sample_dump *d)
{
	d->node[0] = d->node[1] = NODE + 48;
	d->header[0] = 0x500000;
	d->header[1] = LARGE + 8192 + 16;
	ADD(d, OBJECT,
	    .memory = { NODE, CONTENTS(d->node), FIELDS("\1\0\1\10") });
	ADD(d, OBJECT,
	    .memory = { NODE + 48, CONTENTS(d->node2), FIELDS("\1\0\1\10") });
	ADD(d, OBJECT, .memory = { TINY, CONTENTS(d->tiny) });
	ADD(d, OBJECT,
	    .memory = { HEADER, CONTENTS(d->header), FIELDS("\1\10") });
	ADD(d, OBJECT, .memory = { LARGE, CONTENTS(d->large) });
}

static void add_stacks(struct sample_dump *d)
{
	uint64_t sp = SAMPLE_STACK;

	d->frame2[1] = sp + 8;
	ADD(d, GOROUTINE,
	    .goroutine = { G1, sp, 1, 0x401000, 4, 0, 0, 77,
			   STR("chan receive"), 0, 0, 0x1000, 0x3000 });
	ADD(d, STACK_FRAME,
	    .frame = { sp, 0, 0, CONTENTS(d->frame), 0x402000, 0x402010,
		       0x402010, STR("runtime.gopark"), FIELDS("\1\20") });
	ADD(d, STACK_FRAME,
	    .frame = { sp + 32, 1, sp, CONTENTS(d->frame2), 0x403000, 0x403020,
		       0x403020, STR("main.main"), FIELDS("\1\10") });
	ADD(d, DEFER,
	    .defer = { 0x1000, G1, sp, 0x403020, 0x404000, 0x405000, 0x2000 });
	ADD(d, DEFER, .defer = { 0x2000, G1, sp, 0x403020, 0, 0, 0 });
	ADD(d, PANIC, .panic = { 0x3000, G1, 0x500000, 0x406000, 0, 0 });
	ADD(d, GOROUTINE,
	    .goroutine = { G2, STACK2, 2, 0x401000, 3, 1, 0, 0, STR(""), 0, M,
			   0, 0 });
	ADD(d, STACK_FRAME,
	    .frame = { STACK2, 0, 0, CONTENTS(d->other_frame), 0x407000,
		       0x407001, 0, STR("syscall.Syscall") });
	ADD(d, OS_THREAD, .thread = { M, 0, 1234 });
}

static void add_roots(struct sample_dump *d)
{
	ADD(d, DATA,
	    .memory = { SAMPLE_DATA, CONTENTS(d->data), FIELDS("\1\0\1\30") });
	ADD(d, BSS,
	    .memory = { SAMPLE_BSS, CONTENTS(d->bss), FIELDS("\1\10") });
	ADD(d, OTHER_ROOT, .other_root = { STR("a root"), NODE });
	ADD(d, FINALIZER,
	    .finalizer = { NODE, 0x404000, 0x405000, 0x500000, 0x500040 });
	ADD(d, FINALIZER,
	    .finalizer = { HEADER + 8, 0x404000, 0x405000, 0x500000,
			   0x500040 });
	ADD(d, QUEUED_FINALIZER, .finalizer = { 0, 0x404000, 0x405000, 0, 0 });
	ADD(d, QUEUED_FINALIZER,
	    .finalizer = { NODE + 48, 0x404000, 0x405000, 0x500000, 0x500040 });
}

static void add_stats(struct sample_dump *d)
{
	struct record r = {
		.kind = RECORD_MEM_STATS,
		.stats = {
			.alloc = 25328,
			.total_alloc = 50000,
			.mallocs = 105,
			.frees = 100,
			.heap_alloc = 25328,
			.heap_inuse = 49152,
			.heap_idle = 8192,
			.heap_sys = 57344,
			.heap_released = 4096,
			.heap_objects = 5,
			.stack_inuse = 2048,
			.stack_sys = 4096,
			.mspan_inuse = 160,
			.mspan_sys = 16384,
			.mcache_inuse = 1200,
			.mcache_sys = 16384,
			.buck_hash_sys = 1000,
			.gc_sys = 2000,
			.other_sys = 3000,
			.next_gc = 4194304,
			.last_gc = 1700000000,
			.pause_total_ns = 30,
			.pause_ns = { 10, 20 },
			.num_gc = 2,
		},
	};

	r.stats.sys = 57344 + 4096 + 16384 + 16384 + 1000 + 2000 + 3000;
	add(d, &r);
}

static void add_profile(struct sample_dump *d)
{
	static const char calls[] = "\4main\7main.go\12\4newT\3t.g\13";

	ADD(d, MEM_PROF, .prof = { 0x800000, 16, { STR(calls), 2 }, 9, 3 });
	ADD(d, ALLOC_SAMPLE, .sample = { TINY + 4, 0x800000 });
	ADD(d, ALLOC_SAMPLE, .sample = { HEADER + 8, 0x800000 });
}

void sample_init(struct sample_dump *d)
{
	memset(d, 0, sizeof(*d));
	add_tables(d);
	add_objects(d);
	add_stacks(d);
	add_roots(d);
	add_stats(d);
	add_profile(d);
}

void sample_insert(struct sample_dump *d, size_t index, const struct record *r)
{
	struct record copy = *r;

	memmove(&d->r[index + 1], &d->r[index],
		(d->count++ - index) * sizeof(*d->r));
	d->r[index] = copy;
}

void sample_remove(struct sample_dump *d, size_t index)
{
	memmove(&d->r[index], &d->r[index + 1],
		(--d->count - index) * sizeof(*d->r));
}

void sample_encode(const struct sample_dump *d, struct encoder *e)
{
	encode_header(e);
	for (size_t i = 0; i < d->count; i++)
		encode_record(e, &d->r[i]);
	encode_int(e, RECORD_EOF);
}
