/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_program.h"

enum {
	FUNC_SIZE = 64, /* bytes of code */
	TOP_FRAME = 1,
	POINTERS = 5, /* of types of three words: the first and the last */
};

enum { F_MAIN, F_USER, F_PARK, F_SWEEPER, F_FINALIZER, F_COUNT };

static const struct fake_func funcs[F_COUNT] = {
	[F_MAIN] = { "runtime.main", FUNC_SIZE, "/go/proc.go", 100,
		     .flag = TOP_FRAME, .delta = 40 },
	[F_USER] = { "main.main", FUNC_SIZE, "/src/main.go", 7, .delta = 24 },
	[F_PARK] = { "runtime.gopark", FUNC_SIZE, "/go/proc.go", 300,
		     .delta = 16 },
	[F_SWEEPER] = { "runtime.bgsweep", FUNC_SIZE, "/go/sweep.go", 200,
			.flag = TOP_FRAME, .delta = 56 },
	[F_FINALIZER] = { "main.final", FUNC_SIZE, "/src/main.go", 70 },
};

static uint64_t pc_of(int function)
{
	return FAKE_TEXT + (uint64_t)function * FUNC_SIZE;
}

static uint64_t get(const struct fake_program *p, uint64_t addr,
		    const struct member *m)
{
	return fake_get(&p->f.target, addr + m->offset, m->width);
}

uint64_t fake_slot(const struct fake_program *p, uint64_t mspan, uint64_t i)
{
	const struct layout *l = &p->f.rt.layout;

	return get(p, mspan, &l->mspan.startAddr) +
	       i * get(p, mspan, &l->mspan.elemsize);
}

/* ---- the heap ------------------------------------------------------------ */

static uint64_t add_span(struct fake_program *p, uint64_t page,
			 enum fake_class class, bool noscan, uint64_t npages)
{
	uint64_t mspan = fake_add_span(
		&p->f, &(struct fake_span){
			       .base = FAKE_HEAP + page * FAKE_PAGE,
			       .class = class,
			       .noscan = noscan,
			       .npages = npages,
		       });

	return mspan;
}

/* Makes a word of a small object a pointer, in the way of the release. */
static void set_pointer_bit(struct fake_program *p, uint64_t heap_arena,
			    uint64_t addr)
{
	const struct layout *l = &p->f.rt.layout;
	uint64_t page = addr / FAKE_PAGE * FAKE_PAGE;
	uint64_t bits = page + FAKE_PAGE - FAKE_PAGE / 64;
	uint64_t word = (addr - page) / 8;

	if (p->release == FAKE_GO126)
		bits -= l->spanInlineMarkBits.struct_size;
	if (p->release == FAKE_GO121) {
		bits = heap_arena + l->heapArena.bitmap.offset;
		word = (addr - FAKE_HEAP) / 8;
	}
	*fake_at(&p->f.target, bits + word / 8, 1) |= (uint8_t)(1 << word % 8);
}

/* Chains the small objects: the second word of each leads to the next. */
static void fill_small(struct fake_program *p, uint64_t heap_arena)
{
	for (uint64_t i = 0; i < PROGRAM_SMALL; i++) {
		uint64_t word = fake_slot(p, p->small, i * 20) + 8;

		fake_allocate(&p->f, p->small, i * 20);
		set_pointer_bit(p, heap_arena, word);
		fake_word(&p->f, word,
			  fake_slot(p, p->small, (i + 1) % PROGRAM_SMALL * 20));
	}
}

/* Larger ones: from the first word behind the header, if there is one, each
 * third word and the one before it. */
static void fill_middle(struct fake_program *p, uint64_t heap_arena,
			uint64_t type)
{
	uint64_t header = p->release == FAKE_GO121 ? 0 : 8;

	for (uint64_t i = 0; i < PROGRAM_MIDDLE; i++) {
		uint64_t slot = fake_slot(p, p->middle, i);

		fake_allocate(&p->f, p->middle, i);
		if (header)
			fake_word(&p->f, slot, type);
		else
			set_pointer_bit(p, heap_arena, slot);
		fake_word(&p->f, slot + header,
			  fake_slot(p, p->small, i * 20) + 16);
	}
}

static void fill_large(struct fake_program *p, uint64_t heap_arena,
		       uint64_t type)
{
	const struct layout *l = &p->f.rt.layout;
	uint64_t slot = fake_slot(p, p->large, 0);

	fake_allocate(&p->f, p->large, 0);
	if (l->mspan.largeType.present)
		fake_set(&p->f, p->large, &l->mspan.largeType, type);
	else
		set_pointer_bit(p, heap_arena, slot);
	fake_word(&p->f, slot, fake_slot(p, p->middle, 1));
}

static void add_heap(struct fake_program *p)
{
	uint64_t heap_arena = fake_add_arena(&p->f, 0);
	uint64_t type = fake_add_type(&p->f, 3, POINTERS);

	p->large = add_span(p, 16, CLASS_LARGE, false, p->large_pages);
	p->small = add_span(p, 1, CLASS_48, false, 1);
	p->tiny = add_span(p, 0, CLASS_16, true, 1);
	p->middle = add_span(p, 3, CLASS_640, false, 1);
	fill_small(p, heap_arena);
	fill_middle(p, heap_arena, type);
	fill_large(p, heap_arena, type);
	for (uint64_t i = 0; i < PROGRAM_TINY; i++)
		fake_allocate(&p->f, p->tiny, i);
	p->object_bytes = PROGRAM_SMALL * 48 + PROGRAM_TINY * 16 +
			  PROGRAM_MIDDLE * 640 + p->large_pages * FAKE_PAGE;
}

/* ---- goroutines ---------------------------------------------------------- */

/* Gives a goroutine a stack: number i; its sp is `used` bytes below the end. */
static uint64_t set_stack(struct fake_program *p, uint64_t g, uint64_t i,
			  uint64_t used, uint64_t pc)
{
	const struct layout *l = &p->f.rt.layout;
	uint64_t lo = FAKE_STACK + i * FAKE_STACK_SIZE;
	uint64_t hi = lo + FAKE_STACK_SIZE;

	fake_set(&p->f, g + l->g.stack.offset, &l->stack.lo, lo);
	fake_set(&p->f, g + l->g.stack.offset, &l->stack.hi, hi);
	fake_set(&p->f, g + l->g.sched.offset, &l->gobuf.sp, hi - used);
	fake_set(&p->f, g + l->g.sched.offset, &l->gobuf.pc, pc);
	return hi - used;
}

/* Three frames: gopark, called by main.main, called by runtime.main. */
static void add_main(struct fake_program *p)
{
	const struct layout *l = &p->f.rt.layout;
	uint64_t g = fake_add_goroutine(&p->f, FAKE_WAITING, 1);
	uint64_t sp = set_stack(p, g, 0, 200, pc_of(F_PARK) + 9);

	fake_word(&p->f, sp + 16, pc_of(F_USER) + 20);
	fake_word(&p->f, sp + 24 + 24, pc_of(F_MAIN) + 33);
	fake_word(&p->f, sp + 24, fake_slot(p, p->small, 20));
	fake_word(&p->f, sp + 24 + 8, sp + 24); /* into the stack itself */
	fake_set(&p->f, g, &l->g.startpc, pc_of(F_MAIN));
	fake_set(&p->f, g, &l->g.gopc, pc_of(F_USER));
	fake_set(&p->f, g, &l->g.waitreason, 1);
	fake_set(&p->f, g, &l->g.waitsince, 123456789);
	fake_add_defer(&p->f, g, 0);
	fake_add_defer(&p->f, g, fake_add_funcval(&p->f, pc_of(F_FINALIZER)));
	fake_add_panic(&p->f, g, 0, 0);
}

static void add_goroutines(struct fake_program *p)
{
	static const char *const reasons[] = { "", "chan receive", "select" };
	const struct layout *l = &p->f.rt.layout;
	uint64_t thread = fake_add_thread(&p->f, 0, 4000), g;

	fake_add_thread(&p->f, 1, 4001);
	fake_set_wait_reasons(&p->f, reasons);
	fake_map(&p->f.target, FAKE_STACK, 2 * FAKE_STACK_SIZE);
	add_main(p);
	fake_add_goroutine(&p->f, FAKE_DEAD, 2);
	g = fake_add_goroutine(&p->f, FAKE_SYSCALL, 3);
	set_stack(p, g, 1, 104, pc_of(F_SWEEPER) + 1);
	fake_set(&p->f, g, &l->g.startpc, pc_of(F_SWEEPER));
	fake_set(&p->f, g, &l->g.m, thread);
}

/* ---- the rest ------------------------------------------------------------ */

static void add_types(struct fake_program *p)
{
	const struct layout *l = &p->f.rt.layout;
	struct fake_types types;

	fake_types_init(&types, &p->f);
	fake_add_itab(
		&p->f, 1,
		fake_add_module_type(&types, &(struct fake_type){
						     .words = 3,
						     .mask = POINTERS,
						     .string = "main.T",
						     .pkg_path = "example/main",
						     .tflag = 4,
					     }));
	fake_add_itab(
		&p->f, 6,
		fake_add_module_type(&types,
				     &(struct fake_type){
					     .words = 1,
					     .mask = 1,
					     .kind = l->konst.KindPointer.value,
					     .string = "*main.T",
				     }));
}

static void add_specials(struct fake_program *p)
{
	static const uint64_t pcs[] = { FAKE_TEXT + 2 * FUNC_SIZE + 8,
					FAKE_TEXT + FUNC_SIZE + 40, 0x10 };
	uint64_t fn = fake_add_funcval(&p->f, pc_of(F_FINALIZER));
	uint64_t header = p->release == FAKE_GO121 ? 0 : 8;
	uint64_t first = fake_add_bucket(&p->f, 48, pcs, 3, 1000, 5);
	uint64_t bucket = fake_add_bucket(&p->f, 640, pcs, 1, 3, 3);
	uint64_t block = fake_add_block(&p->f);

	fake_add_sample(&p->f, p->middle, 640 + header, bucket);
	fake_add_finalizer(&p->f, p->middle, header, fn, 1, 2);
	fake_add_finalizer(&p->f, p->small, 0, fn, 3, 4);
	fake_add_sample(&p->f, p->small, 0, first);
	fake_set(&p->f, block, &p->f.rt.layout.finBlock.cnt, 1);
	fake_queue_finalizer(&p->f, block, 0, fake_slot(p, p->small, 40), fn, 5,
			     6);
}

/* One shard of counters, which agree with the objects. */
static void set_stats(struct fake_program *p)
{
	const struct layout *l = &p->f.rt.layout;
	uint64_t delta = l->var.memstats.addr + l->mstats.heapStats.offset +
			 l->consistentHeapStats.stats.offset;
	uint64_t small = delta + l->heapStatsDelta.smallAllocCount.offset;
	uint64_t at = l->var.gcController.addr;

	fake_word(&p->f, small + CLASS_48 * 8, PROGRAM_SMALL);
	fake_word(&p->f, small + CLASS_16 * 8, PROGRAM_TINY);
	fake_word(&p->f, small + CLASS_640 * 8, PROGRAM_MIDDLE);
	fake_set(&p->f, delta, &l->heapStatsDelta.largeAlloc,
		 p->large_pages * FAKE_PAGE);
	fake_set(&p->f, delta, &l->heapStatsDelta.largeAllocCount, 1);
	fake_set(&p->f, delta, &l->heapStatsDelta.inStacks,
		 2 * FAKE_STACK_SIZE);
	fake_set(&p->f, at, &l->gcController.heapInUse,
		 (p->large_pages + 3) * FAKE_PAGE);
	fake_set(&p->f, at, &l->gcController.memoryLimit, INT64_MAX);
	fake_set(&p->f, at, &l->gcController.gcPercentHeapGoal, 4 << 20);
	fake_set(&p->f, at, &l->gcController.triggered, ~0ull);
}

void fake_program_init(struct fake_program *p, enum fake_release release,
		       uint64_t large_pages)
{
	static const char *const versions[] = { "go1.21.13", "go1.22.12",
						"go1.26.6" };
	const struct layout *l = &p->f.rt.layout;
	struct fake_func functions[F_COUNT];

	p->release = release;
	p->large_pages = large_pages;
	fake_runtime_init(&p->f, release);
	fake_string(&p->f, l->var.buildVersion.addr, versions[release]);
	fake_set_var(&p->f, &l->var.ncpu, 4);
	memcpy(functions, funcs, sizeof(funcs));
	functions[F_MAIN].id = (uint8_t)l->konst.FuncID_runtime_main.value;
	fake_set_functions(&p->f, functions, F_COUNT);
	add_types(p);
	add_heap(p);
	add_goroutines(p);
	add_specials(p);
	set_stats(p);
	fake_set_data(&p->f, 24, 4);
	fake_word(&p->f, FAKE_DATA + 16, fake_slot(p, p->large, 0) + 8);
	fake_set_bss(&p->f, 16, 1);
	fake_word(&p->f, FAKE_BSS, fake_slot(p, p->tiny, 1) + 3);
}

void fake_program_deinit(struct fake_program *p)
{
	fake_runtime_deinit(&p->f);
}
