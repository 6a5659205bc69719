/* SPDX-License-Identifier: Apache-2.0 */
/* Where a running goroutine is, row by row of the table in doc/internals.md:
 * src/runtime/running.c, machine.c, sigframe.c; which words of its frames are
 * pointers: frame.c. */
#include "fake_lists.h"
#include "fake_module.h"

#include "runtime/frame.h"
#include "runtime/machine.h"
#include "runtime/running.h"

#include <stdlib.h>

enum {
	FUNC_SIZE = 32, /* bytes of code */
	STACK_SIZE = 0x1000,
	TLS_SIZE = 0x4000,
};

#define STACK UINT64_C(0xd000000000)  /* the goroutine's */
#define SYSTEM UINT64_C(0x7e00000000) /* the thread's own: g0's */
#define SIGNAL UINT64_C(0x7e10000000) /* gsignal's */
#define TLS UINT64_C(0x7e20000000)    /* what lies below the thread pointer */
#define TP (TLS + TLS_SIZE)	      /* of thread 0; of thread i, i more */
#define OBJECTS (FAKE_HEAP + FAKE_PAGE * 8)

/* In the order of functions. */
enum {
	F_WORK,
	F_CALLER,
	F_GOEXIT,
	F_SYSTEMSTACK,
	F_GOGO,
	F_RACECALL,
	F_RECOVERY,
	F_PREEMPT,
	F_COPYSTACK,
	F_ALIGNED,
	F_COUNT
};

static struct fake_runtime f;
static struct thread threads[2];
static uint64_t m, g, g0, g_signal;
static uint64_t object; /* allocated; the one behind it is not */

static uint64_t pc_of(int function)
{
	return FAKE_TEXT + (uint64_t)function * FUNC_SIZE + 4;
}

static void add_functions(void)
{
	const struct layout *l = &f.rt.layout;
	uint8_t sp_write = (uint8_t)l->konst.FuncFlagSPWrite.value;
	const struct fake_func funcs[F_COUNT] = {
		[F_WORK] = { "main.work", FUNC_SIZE, "a.go", 1, .delta = 24 },
		[F_CALLER] = { "main.caller", FUNC_SIZE, "a.go", 1,
			       .delta = 24 },
		[F_GOEXIT] = { "runtime.goexit", FUNC_SIZE, "a.go", 1,
			       .flag = (uint8_t)l->konst.FuncFlagTopFrame
					       .value },
		[F_SYSTEMSTACK] = { "runtime.systemstack", FUNC_SIZE, "a.go", 1,
				    .flag = sp_write, .delta = 8 },
		[F_GOGO] = { "gogo", FUNC_SIZE, "a.go", 1, .flag = sp_write },
		[F_RACECALL] = { "racecall", FUNC_SIZE, "a.go", 1,
				 .flag = sp_write },
		[F_RECOVERY] = { "runtime.recovery", FUNC_SIZE, "a.go", 1 },
		[F_PREEMPT] = { "runtime.asyncPreempt", FUNC_SIZE, "a.go", 1,
				.id = (uint8_t)l->konst.FuncID_asyncPreempt
					      .value,
				.delta = 24 },
		[F_ALIGNED] = { "main.aligned", FUNC_SIZE, "a.go", 1,
				.flag = sp_write, .delta = 24 },
		[F_COPYSTACK] = { "runtime.copystack", FUNC_SIZE, "a.go", 1 },
	};

	fake_set_functions(&f, funcs, F_COUNT);
}

static void add_objects(void)
{
	const struct fake_span s = { .base = OBJECTS, .class = CLASS_48 };

	fake_add_arena(&f, 0);
	fake_allocate(&f, fake_add_span(&f, &s), 3);
	object = OBJECTS + 3 * 48;
}

static void set_stack(uint64_t of, uint64_t lo)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, of + l->g.stack.offset, &l->stack.lo, lo);
	fake_set(&f, of + l->g.stack.offset, &l->stack.hi, lo + STACK_SIZE);
}

static void set_saved(uint64_t pc, uint64_t sp)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, g + l->g.sched.offset, &l->gobuf.pc, pc);
	fake_set(&f, g + l->g.sched.offset, &l->gobuf.sp, sp);
}

/* One running goroutine on one thread; the other thread is nobody's. */
static void setup(void)
{
	fake_runtime_init(&f, FAKE_GO122);
	const struct layout *l = &f.rt.layout;

	add_functions();
	add_objects();
	fake_map(&f.target, STACK, STACK_SIZE);
	fake_map(&f.target, SYSTEM, STACK_SIZE);
	fake_map(&f.target, SIGNAL, STACK_SIZE);
	fake_map(&f.target, TLS, 2 * TLS_SIZE);
	g = fake_add_goroutine(&f, FAKE_RUNNING, 1);
	m = fake_add_thread(&f, 0, 77);
	g0 = fake_new(&f, l->g.struct_size);
	g_signal = fake_new(&f, l->g.struct_size);
	set_stack(g, STACK);
	set_stack(g_signal, SIGNAL);
	set_saved(pc_of(F_CALLER), STACK + 0x800);
	fake_set(&f, g, &l->g.m, m);
	fake_set(&f, m, &l->m.curg, g);
	fake_set(&f, m, &l->m.g0, g0);
	fake_set(&f, m, &l->m.gsignal, g_signal);
	fake_set(&f, m, &l->m.p, 1);
	for (int i = 0; i < 2; i++)
		threads[i] = (struct thread){
			.tid = 1077 - i,
			.ns_tid = 77 - i,
			.have_regs = true,
			.regs.tls = TP + (uint64_t)i * TLS_SIZE,
		};
	f.target.base.threads = threads;
	f.target.base.thread_count = 2;
}

static void teardown(void)
{
	f.target.base.threads = NULL; /* not to be freed */
	f.target.base.thread_count = 0;
	fake_runtime_deinit(&f);
}

/* The thread is on g `on`, with these registers; where is the goroutine? */
static struct goroutine place(uint64_t on, uint64_t pc, uint64_t sp)
{
	struct goroutine out;

	threads[0].regs.pc = pc;
	threads[0].regs.sp = sp;
	fake_word(&f, TP - 8, on);
	fake_load(&f);
	expect_ok(goroutine_read(&f.rt, g, &out));
	expect_ok(goroutine_place(&f.rt, &out));
	return out;
}

static struct running_gaps gaps(void)
{
	struct running_gaps out;

	expect_ok(running_gaps(&f.rt, &out));
	return out;
}

static void expect_place(struct goroutine at, enum goroutine_place expected,
			 uint64_t pc, uint64_t sp)
{
	ck_assert_int_eq(at.place, expected);
	ck_assert_uint_eq(at.pc, pc);
	ck_assert_uint_eq(at.sp, sp);
	ck_assert_uint_eq(gaps().unknown, 0);
}

static void expect_registers(struct goroutine at, uint64_t pc, uint64_t sp)
{
	expect_place(at, PLACE_REGISTERS, pc, sp);
}

static void expect_saved(struct goroutine at)
{
	expect_place(at, PLACE_SAVED, pc_of(F_CALLER), STACK + 0x800);
}

static void expect_gap(struct goroutine at, const char *why)
{
	ck_assert_int_eq(at.place, PLACE_UNKNOWN);
	ck_assert_str_eq(at.why, why);
	ck_assert_uint_eq(gaps().unknown, 1);
}

/* What the kernel makes of registers for a signal handler: arch/amd64.c. */
static void put_ucontext(uint64_t at, uint64_t pc, uint64_t sp)
{
	const uint64_t words[] = {
		[0] = 7,
		[5] = 8,
		[18] = object,
		[20] = sp,
		[21] = pc,
		[22] = 0x246,
		[23] = 0x2b000000000033,
		[28] = at + 0x200,
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		fake_word(&f, at + 8 * i, words[i]);
}

/* ---- on its own stack ---------------------------------------------------- */

START_TEST(own_stack)
{
	const uint64_t sp = STACK + 0x40;

	expect_registers(place(g, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	/* A call of a nil function. */
	expect_registers(place(g, 0, sp), 0, sp);
	/* In systemstack, all saved, the thread's g set, but not SP. */
	expect_saved(place(g0, pc_of(F_SYSTEMSTACK), sp));
	/* In systemstack, back again. */
	expect_registers(place(g, pc_of(F_SYSTEMSTACK), sp),
			 pc_of(F_SYSTEMSTACK), sp);
	/* In gogo, about to jump. */
	expect_place(place(g, pc_of(F_GOGO), sp), PLACE_SAVED, pc_of(F_CALLER),
		     sp);
	expect_gap(place(g, 0x2000, sp), "on its stack, in no Go code");
}
END_TEST

/* Assembly that has aligned its SP: the frame pointer tells. */
START_TEST(aligned_stack)
{
	const uint64_t sp = STACK + 0x48, aligned = STACK + 0x40;

	/* The prologue has left SP there, and the frame pointer 16 above. */
	fake_word(&f, sp + 24, pc_of(F_CALLER));
	threads[0].regs.bp = sp + 16;
	expect_registers(place(g, pc_of(F_ALIGNED), sp), pc_of(F_ALIGNED), sp);
	expect_registers(place(g, pc_of(F_ALIGNED), aligned), pc_of(F_ALIGNED),
			 sp);
	/* It has another use for that register; other functions don't align. */
	expect_registers(place(g, pc_of(F_WORK), aligned), pc_of(F_WORK),
			 aligned);
	threads[0].regs.bp = sp + 24;
	expect_registers(place(g, pc_of(F_ALIGNED), aligned), pc_of(F_ALIGNED),
			 aligned);
	threads[0].regs.bp = 0x5000;
	expect_registers(place(g, pc_of(F_ALIGNED), aligned), pc_of(F_ALIGNED),
			 aligned);
}
END_TEST

/* ---- on the thread's stack ----------------------------------------------- */

START_TEST(system_stack)
{
	const uint64_t sp = SYSTEM + 0x40;

	expect_saved(place(g0, pc_of(F_WORK), sp));
	expect_saved(place(g0, 0x2000, sp)); /* in C */
	/* The thread's g is set, and SP about to be. */
	expect_saved(place(g, pc_of(F_GOGO), sp));
	expect_saved(place(g, pc_of(F_SYSTEMSTACK), sp));
	/* The race detector's C, and what calls it, save nothing. */
	expect_gap(place(g, pc_of(F_RACECALL), sp), "between two stacks");
	expect_gap(place(g, 0x2000, sp), "between two stacks");
	expect_gap(place(g0, pc_of(F_RECOVERY), sp), "recovering from a panic");
	set_saved(pc_of(F_CALLER), 0);
	expect_gap(place(g0, pc_of(F_WORK), sp), "nothing is saved");
	set_saved(pc_of(F_CALLER), SYSTEM);
	expect_gap(place(g0, pc_of(F_WORK), sp), "nothing is saved");
}
END_TEST

/* Its functions run on the thread's stack with the goroutine's own g. */
START_TEST(vdso)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, m, &l->m.vdsoPC, pc_of(F_WORK));
	fake_set(&f, m, &l->m.vdsoSP, STACK + 0x100);
	expect_place(place(g, 0x7fff00000000, SYSTEM + 0x40), PLACE_SAVED,
		     pc_of(F_WORK), STACK + 0x100);
	/* SP is not changed yet, or again what it was. */
	expect_registers(place(g, pc_of(F_CALLER), STACK + 0xc0),
			 pc_of(F_CALLER), STACK + 0xc0);
	/* The call was g0's. */
	fake_set(&f, m, &l->m.vdsoSP, SYSTEM + 0x100);
	expect_saved(place(g0, 0x7fff00000000, SYSTEM + 0x40));
}
END_TEST

/* The race detector's C: SP is in a register that C preserves. */
START_TEST(racecall)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t top = SYSTEM + 0x808, sp = SYSTEM + 0x100;
	const uint64_t saved = STACK + 0x200;
	uint64_t *r12 = &threads[0].regs.general[11];

	fake_set(&f, g0 + l->g.sched.offset, &l->gobuf.sp, top);
	fake_word(&f, saved, pc_of(F_WORK));
	*r12 = saved;
	/* Before the call, and behind it. */
	expect_place(place(g, pc_of(F_RACECALL), top - 8), PLACE_SAVED,
		     pc_of(F_WORK), saved + 8);
	expect_gap(place(g, 0x2000, sp), "between two stacks");
	fake_word(&f, top - 16, pc_of(F_RACECALL));
	expect_place(place(g, 0x2000, sp), PLACE_SAVED, pc_of(F_WORK),
		     saved + 8);
	/* C has pushed it. */
	*r12 = saved + 8; /* no return address */
	expect_gap(place(g, 0x2000, sp), "between two stacks");
	fake_word(&f, sp + 0x80, saved);
	expect_place(place(g, 0x2000, sp), PLACE_SAVED, pc_of(F_WORK),
		     saved + 8);
	/* A signal has interrupted C. */
	put_ucontext(SIGNAL + 0x400, 0x2000, sp);
	expect_place(place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100),
		     PLACE_SAVED, pc_of(F_WORK), saved + 8);
	/* The scheduler has not called it. */
	expect_saved(place(g0, pc_of(F_WORK), sp));
	/* An older call's return address, or so it looks. */
	fake_word(&f, top - 16, pc_of(F_WORK));
	expect_gap(place(g, 0x2000, sp), "between two stacks");
}
END_TEST

/* ---- in a signal handler ------------------------------------------------- */

START_TEST(signal_handler)
{
	const uint64_t sp = SIGNAL + 0x100, uc = SIGNAL + 0x400;
	const uint64_t own = STACK + 0x40;

	expect_gap(place(g_signal, pc_of(F_WORK), sp), "in a signal handler");
	put_ucontext(uc, pc_of(F_WORK), own);
	expect_registers(place(g_signal, pc_of(F_CALLER), sp), pc_of(F_WORK),
			 own);
	/* Its first instructions, and its last: g is not set, or again. */
	expect_registers(place(g, pc_of(F_CALLER), uc - 8), pc_of(F_WORK), own);
	expect_registers(place(g, 0x2000, uc), pc_of(F_WORK), own);
	/* A handler of C. */
	expect_registers(place(g, 0x2000, sp), pc_of(F_WORK), own);
	/* It has interrupted the scheduler, C, the vdso. */
	put_ucontext(uc, pc_of(F_WORK), SYSTEM + 0x40);
	expect_saved(place(g_signal, pc_of(F_CALLER), sp));
	put_ucontext(uc, 0x2000, SYSTEM + 0x40);
	expect_saved(place(g_signal, pc_of(F_CALLER), sp));
	fake_set(&f, m, &f.rt.layout.m.vdsoPC, pc_of(F_GOEXIT));
	fake_set(&f, m, &f.rt.layout.m.vdsoSP, STACK + 0x100);
	expect_place(place(g_signal, pc_of(F_CALLER), sp), PLACE_SAVED,
		     pc_of(F_GOEXIT), STACK + 0x100);
}
END_TEST

START_TEST(signals_in_signals)
{
	const uint64_t own = STACK + 0x40;

	put_ucontext(SIGNAL + 0x200, pc_of(F_CALLER), SIGNAL + 0x600);
	put_ucontext(SIGNAL + 0x800, pc_of(F_WORK), own);
	expect_registers(place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100),
			 pc_of(F_WORK), own);
	/* One that has interrupted itself: there is an end. */
	put_ucontext(SIGNAL + 0x200, pc_of(F_CALLER), SIGNAL + 0x100);
	expect_gap(place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100),
		   "in a signal handler");
}
END_TEST

/* The handler has pushed a call onto the interrupted stack, and is about to
 * set the pc. */
START_TEST(injected_call)
{
	const uint64_t uc = SIGNAL + 0x400, own = STACK + 0x40;

	put_ucontext(uc, pc_of(F_WORK), own - 8);
	fake_word(&f, own - 8, pc_of(F_WORK));
	expect_registers(place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100),
			 pc_of(F_WORK), own);
}
END_TEST

/* What only looks like what the kernel makes is not taken for it. */
START_TEST(no_ucontext)
{
	static const struct {
		unsigned int word;
		uint64_t value;
	} damages[] = {
		{ 0, 8 },
		{ 1, 1 },
		{ 22, 0x244 },
		{ 22, 1 << 23 },
		{ 23, 0 },
		{ 28, 0 },
		{ 28, SIGNAL + (1 << 20) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		put_ucontext(SIGNAL + 0x400, pc_of(F_WORK), STACK + 0x40);
		fake_word(&f, SIGNAL + 0x400 + 8 * damages[i].word,
			  damages[i].value);
		expect_gap(place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100),
			   "in a signal handler");
	}
}
END_TEST

/* ---- statuses ------------------------------------------------------------ */

/* Entering a system call, or leaving it: its registers are right, and what was
 * saved for the call is not wrong. */
START_TEST(system_call)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t sp = STACK + 0x40;

	fake_set(&f, g, &l->g.syscallpc, pc_of(F_CALLER));
	fake_set(&f, g, &l->g.syscallsp, STACK + 0x400);
	expect_registers(place(g, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	expect_place(place(g, pc_of(F_RACECALL), SYSTEM), PLACE_SAVED,
		     pc_of(F_CALLER), STACK + 0x400);
	expect_saved(place(g0, pc_of(F_WORK), SYSTEM + 0x40));
	/* In it: the registers are the kernel's, or C's. */
	fake_set(&f, g, &l->g.atomicstatus, FAKE_SYSCALL);
	expect_place(place(g, pc_of(F_WORK), sp), PLACE_SAVED, pc_of(F_CALLER),
		     STACK + 0x400);
}
END_TEST

START_TEST(moved_stacks)
{
	const struct layout *l = &f.rt.layout;
	uint64_t sp = SYSTEM + 0x40;

	fake_set(&f, g, &l->g.atomicstatus, FAKE_COPYSTACK);
	ck_assert_int_eq(place(g0, pc_of(F_WORK), sp).place, PLACE_MOVING);
	ck_assert_uint_eq(gaps().moving, 1);
	/* Shrunk by its own goroutine, which keeps its status. */
	fake_set(&f, g, &l->g.atomicstatus, FAKE_RUNNING);
	fake_word(&f, sp + 24, pc_of(F_COPYSTACK));
	ck_assert_int_eq(place(g0, pc_of(F_WORK), sp).place, PLACE_MOVING);
	ck_assert_uint_eq(gaps().moving, 1);
	/* By a worker of the collector, whose own goroutine waits. */
	fake_set(&f, g, &l->g.atomicstatus, FAKE_WAITING);
	ck_assert_int_eq(place(g0, pc_of(F_WORK), sp).place, PLACE_SAVED);
	ck_assert_uint_eq(gaps().moving, 1);
	fake_set(&f, g, &l->g.atomicstatus, FAKE_SCAN | FAKE_WAITING);
	ck_assert_int_eq(place(g0, pc_of(F_WORK), sp).place, PLACE_MOVING);
	/* And interrupted in it. */
	put_ucontext(SIGNAL + 0x400, pc_of(F_WORK), sp);
	place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100);
	ck_assert_uint_eq(gaps().moving, 1);
	/* An M without a P moves nothing. */
	fake_set(&f, m, &l->m.p, 0);
	place(g0, pc_of(F_WORK), sp);
	ck_assert_uint_eq(gaps().moving, 0);
}
END_TEST

/* ---- threads ------------------------------------------------------------- */

START_TEST(no_thread)
{
	const struct layout *l = &f.rt.layout;

	threads[0].have_regs = false;
	expect_gap(place(g, pc_of(F_WORK), STACK), "its thread is not known");
	threads[0].have_regs = true;
	threads[0].ns_tid = 1;
	expect_gap(place(0, pc_of(F_WORK), STACK), "its thread is not known");
	fake_set(&f, g, &l->g.m, m + 8);
	ck_assert_str_eq(place(g, pc_of(F_WORK), STACK).why, "no M runs it");
	fake_set(&f, g, &l->g.m, m);
	fake_set(&f, m, &l->m.curg, g + 8);
	threads[0].ns_tid = 77;
	fake_load(&f);
	struct goroutine at;
	expect_ok(goroutine_read(&f.rt, g, &at));
	expect_ok(goroutine_place(&f.rt, &at));
	ck_assert_str_eq(at.why, "no M runs it");
}
END_TEST

/* Only the id of the thread tells: what it is on is told by its registers. */
START_TEST(by_procid)
{
	const uint64_t sp = STACK + 0x40;

	threads[0].regs.tls = threads[1].regs.tls = 0;
	expect_registers(place(0, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	expect_saved(place(0, pc_of(F_WORK), SYSTEM + 0x40));
	put_ucontext(SIGNAL + 0x400, pc_of(F_WORK), sp);
	expect_registers(place(0, pc_of(F_CALLER), SIGNAL + 0x100),
			 pc_of(F_WORK), sp);
}
END_TEST

/* m.procid of an M that C's threads take in turn is an earlier one's. */
START_TEST(stale_procid)
{
	const struct layout *l = &f.rt.layout;
	const uint64_t sp = STACK + 0x40;
	uint64_t other = fake_add_thread(&f, 1, 76);
	uint64_t its_g0 = fake_new(&f, l->g.struct_size);

	/* Thread 1 is the other M's, which tells where g is kept. */
	fake_set(&f, other, &l->m.g0, its_g0);
	fake_word(&f, TP + TLS_SIZE - 8, its_g0);
	fake_set(&f, m, &l->m.procid, 76);
	expect_registers(place(g, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	fake_set(&f, m, &l->m.procid, 0);
	expect_registers(place(g, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	const struct machine *mach = machine_find(f.rt.machines, m);
	ck_assert_ptr_eq(mach->thread, &threads[0]);
	ck_assert_int_eq(mach->on, ON_CURG);
	mach = machine_find(f.rt.machines, other);
	ck_assert_ptr_eq(mach->thread, &threads[1]);
	ck_assert_int_eq(mach->on, ON_G0);
	ck_assert_ptr_null(machine_find(f.rt.machines, g));
}
END_TEST

/* With C, g is one of the thread's variables. */
START_TEST(tls_elsewhere)
{
	const uint64_t sp = STACK + 0x40;

	fake_word(&f, TP - 0x500, g);
	fake_word(&f, TP - 0x700, g);
	expect_registers(place(0, pc_of(F_WORK), sp), pc_of(F_WORK), sp);
	ck_assert_int_eq(f.rt.machines->tls_offset, -0x500);
	fake_word(&f, TP - 0x500, g0);
	expect_saved(place(0, pc_of(F_WORK), sp));
}
END_TEST

/* ---- registers ----------------------------------------------------------- */

struct roots {
	struct register_root v[8];
	size_t n;
};

static struct err *see_root(void *arg, const struct register_root *r)
{
	struct roots *roots = arg;

	ck_assert_uint_lt(roots->n, ARRAY_SIZE(roots->v));
	roots->v[roots->n++] = *r;
	return NULL;
}

static struct roots roots(void)
{
	struct roots out = {};

	expect_ok(running_registers_each(&f.rt, see_root, &out));
	return out;
}

START_TEST(registers)
{
	uint64_t *general = threads[0].regs.general;
	struct roots r;

	general[0] = object + 8;    /* rax */
	general[1] = object + 48;   /* rbx: free */
	general[2] = STACK + 0x100; /* rcx: no object */
	general[14] = object;	    /* r15 */
	threads[1].regs.general[0] = object;
	place(g, pc_of(F_WORK), STACK + 0x40);
	r = roots();
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.v[0].name, "rax");
	ck_assert_uint_eq(r.v[0].value, object + 8);
	ck_assert_ptr_eq(r.v[0].thread, &threads[0]);
	ck_assert_uint_eq(r.v[0].goroutine, g);
	ck_assert_uint_eq(r.v[0].id, 1);
	ck_assert_str_eq(r.v[1].name, "r15");
	/* Of a goroutine at a call they are none of its. */
	place(g0, pc_of(F_WORK), SYSTEM + 0x40);
	ck_assert_uint_eq(roots().n, 0);
	/* Those that a signal has interrupted. */
	put_ucontext(SIGNAL + 0x400, pc_of(F_WORK), STACK + 0x40);
	place(g_signal, pc_of(F_CALLER), SIGNAL + 0x100);
	r = roots();
	ck_assert_uint_eq(r.n, 1);
	ck_assert_str_eq(r.v[0].name, "rax");
	ck_assert_uint_eq(r.v[0].value, object);
}
END_TEST

/* ---- frames -------------------------------------------------------------- */

struct frames {
	uint64_t pointers[4]; /* of each frame, how many */
	uint64_t first[4];    /* and the offset of its first */
	size_t n;
};

static struct err *see_frame(void *arg, const struct frame *frame)
{
	struct frames *frames = arg;

	ck_assert_uint_lt(frames->n, ARRAY_SIZE(frames->pointers));
	frames->pointers[frames->n] = frame->pointer_count;
	frames->first[frames->n++] =
		frame->pointer_count ? frame->pointers[0] : UINT64_MAX;
	return NULL;
}

static struct frames frames(const struct goroutine *at, enum stack_end *end)
{
	struct frames out = {};

	expect_ok(frame_each(&f.rt, at, see_frame, &out, end));
	return out;
}

/* A frame of two words, the saved frame pointer and the return address; it
 * returns its end. */
static uint64_t put_frame(uint64_t sp, uint64_t word0, uint64_t word1,
			  uint64_t ret)
{
	fake_word(&f, sp, word0);
	fake_word(&f, sp + 8, word1);
	fake_word(&f, sp + 24, ret);
	return sp + 32;
}

/* Words of the innermost frame are pointers if they lead somewhere, and, while
 * the goroutine runs, those of functions without maps, as these are. */
START_TEST(conservative_frames)
{
	const uint64_t sp = STACK + 0x40;
	enum stack_end end;
	struct goroutine at;
	struct frames seen;
	uint64_t top;

	top = put_frame(sp, object + 48, object + 40, pc_of(F_CALLER));
	top = put_frame(top, object + 48, 2, pc_of(F_GOEXIT));
	at = place(g, pc_of(F_WORK), sp);
	seen = frames(&at, &end);
	ck_assert_int_eq(end, STACK_WHOLE);
	ck_assert_uint_eq(seen.n, 3);
	ck_assert_uint_eq(seen.pointers[0], 1);
	ck_assert_uint_eq(seen.first[0], 8);
	ck_assert_uint_eq(seen.pointers[1], 0);
	/* While it waits, all words that nobody describes are live. */
	set_saved(pc_of(F_WORK), sp);
	fake_set(&f, g, &f.rt.layout.g.atomicstatus, FAKE_WAITING);
	at = place(g0, 0, 0);
	seen = frames(&at, &end);
	ck_assert_uint_eq(seen.pointers[0], 2);
	ck_assert_uint_eq(seen.pointers[1], 2);
}
END_TEST

/* So are asyncPreempt's, and those of whom it has interrupted. */
START_TEST(preempted_frames)
{
	const uint64_t sp = STACK + 0x40;
	enum stack_end end;
	struct goroutine at;
	struct frames seen;
	uint64_t top;

	top = put_frame(sp, 1, object, pc_of(F_WORK));
	top = put_frame(top, sp + 8, object + 48, pc_of(F_CALLER));
	top = put_frame(top, 1, 2, pc_of(F_GOEXIT));
	set_saved(pc_of(F_PREEMPT), sp);
	fake_set(&f, g, &f.rt.layout.g.atomicstatus, FAKE_RUNNABLE);
	at = place(g0, 0, 0);
	seen = frames(&at, &end);
	ck_assert_int_eq(end, STACK_WHOLE);
	ck_assert_uint_eq(seen.n, 4);
	ck_assert_uint_eq(seen.pointers[0], 1);
	ck_assert_uint_eq(seen.first[0], 8);
	ck_assert_uint_eq(seen.pointers[1], 1);
	ck_assert_uint_eq(seen.first[1], 0);
	ck_assert_uint_eq(seen.pointers[2], 2);
}
END_TEST

static enum stack_end end_of(struct goroutine at)
{
	enum stack_end end;

	frames(&at, &end);
	return end;
}

/* With libunwind, and without. */
START_TEST(ends)
{
	const uint64_t sp = STACK + 0x40;

	for (int i = 0; i < 2; i++) {
		f.rt.no_libunwind = i;
		put_frame(sp, 1, 2, pc_of(F_GOEXIT));
		ck_assert_int_eq(end_of(place(g, pc_of(F_WORK), sp)),
				 STACK_WHOLE);
		put_frame(sp, 1, 2, 0x2000);
		ck_assert_int_eq(end_of(place(g, pc_of(F_WORK), sp)),
				 STACK_NO_FUNCTION);
		put_frame(sp, 1, 2, 0);
		ck_assert_int_eq(end_of(place(g, pc_of(F_WORK), sp)),
				 STACK_NO_CALLER);
		/* It may be anywhere that systemstack was called from; but if
		 * the thread is still there, then it was called from there. */
		put_frame(sp, 1, 2, pc_of(F_SYSTEMSTACK));
		fake_word(&f, sp + 40, pc_of(F_GOEXIT));
		set_saved(pc_of(F_WORK), sp);
		ck_assert_int_eq(end_of(place(g0, 0x2000, SYSTEM)),
				 STACK_SWITCH);
		ck_assert_int_eq(end_of(place(g, pc_of(F_WORK), sp)),
				 STACK_WHOLE);
		ck_assert_int_eq(
			end_of(place(g, pc_of(F_WORK), STACK + STACK_SIZE - 8)),
			STACK_OUTSIDE);
		ck_assert_int_eq(end_of(place(g, 0x2000, sp)), STACK_NOWHERE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("running");
	TCase *tc = tcase_create("running");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, own_stack);
	tcase_add_test(tc, aligned_stack);
	tcase_add_test(tc, system_stack);
	tcase_add_test(tc, vdso);
	tcase_add_test(tc, racecall);
	tcase_add_test(tc, signal_handler);
	tcase_add_test(tc, signals_in_signals);
	tcase_add_test(tc, injected_call);
	tcase_add_test(tc, no_ucontext);
	tcase_add_test(tc, system_call);
	tcase_add_test(tc, moved_stacks);
	tcase_add_test(tc, no_thread);
	tcase_add_test(tc, by_procid);
	tcase_add_test(tc, stale_procid);
	tcase_add_test(tc, tls_elsewhere);
	tcase_add_test(tc, registers);
	tcase_add_test(tc, conservative_frames);
	tcase_add_test(tc, preempted_frames);
	tcase_add_test(tc, ends);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
