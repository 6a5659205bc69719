/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/native.h"

#include "base/bits.h"
#include "runtime/runtime.h"

#include <libunwind-ptrace.h>

enum { MAX_FRAMES = 256 };

struct native {
	struct runtime *rt;
	const struct regs *regs;
	void *upt; /* libunwind-ptrace's */
	unw_addr_space_t space;
};

/*
 * libunwind hands on our argument to our functions, but those of
 * libunwind-ptrace hand on their own when they call ours. One thread unwinds.
 */
static struct native *at_work;

static int find_proc_info(unw_addr_space_t space, unw_word_t ip,
			  unw_proc_info_t *pi, int need_info, void *arg)
{
	(void)arg;
	return _UPT_find_proc_info(space, ip, pi, need_info, at_work->upt);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *pi,
			    void *arg)
{
	(void)arg;
	_UPT_put_unwind_info(space, pi, at_work->upt);
}

static int no_dyn_info(unw_addr_space_t space, unw_word_t *addr, void *arg)
{
	(void)space;
	(void)addr;
	(void)arg;
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t space, unw_word_t addr,
		      unw_word_t *value, int write, void *arg)
{
	uint64_t word;

	(void)space;
	(void)arg;
	struct err *e = write ? NULL : rt_ptr(at_work->rt, addr, &word);
	if (write || e) {
		err_free(e);
		return -UNW_EINVAL;
	}
	*value = word;
	return 0;
}

/* Names of registers, by libunwind's numbers; NULL at the end. */
#if defined(__x86_64__)
static const char *const names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi",
				     "rbp", "rsp", "r8",  "r9",	 "r10", "r11",
				     "r12", "r13", "r14", "r15" };
enum { REG_PC = UNW_X86_64_RIP, REG_SP = UNW_X86_64_RSP };
#elif defined(__aarch64__)
static const char *const names[] = { "x0",  "x1",  "x2",  "x3",	 "x4",	"x5",
				     "x6",  "x7",  "x8",  "x9",	 "x10", "x11",
				     "x12", "x13", "x14", "x15", "x16", "x17",
				     "x18", "x19", "x20", "x21", "x22", "x23",
				     "x24", "x25", "x26", "x27", "x28", "x29",
				     "x30" };
enum { REG_PC = UNW_AARCH64_PC, REG_SP = UNW_AARCH64_SP };
#endif

static int access_reg(unw_addr_space_t space, unw_regnum_t reg,
		      unw_word_t *value, int write, void *arg)
{
	const struct native *n = at_work;
	const struct arch *arch = n->rt->arch;

	(void)space;
	(void)arg;
	if (write)
		return -UNW_EREADONLYREG;
	*value = 0;
	if (reg == (unw_regnum_t)REG_PC)
		*value = n->regs->pc;
	else if (reg == (unw_regnum_t)REG_SP)
		*value = n->regs->sp;
	else if (reg >= 0 && (size_t)reg < ARRAY_SIZE(names))
		for (unsigned int i = 0; i < arch->general_count; i++)
			if (!strcmp(arch->general[i], names[reg]))
				*value = n->regs->general[i];
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t reg,
			unw_fpreg_t *value, int write, void *arg)
{
	(void)space;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t addr, char *name,
			 size_t size, unw_word_t *offset, void *arg)
{
	(void)arg;
	return _UPT_get_proc_name(space, addr, name, size, offset,
				  at_work->upt);
}

/* ---- frames -------------------------------------------------------------- */

static void describe(unw_cursor_t *cursor, struct native_frame *f)
{
	unw_word_t pc = 0, sp = 0, offset = 0;

	*f = (struct native_frame){};
	unw_get_reg(cursor, UNW_REG_IP, &pc);
	unw_get_reg(cursor, UNW_REG_SP, &sp);
	f->pc = pc;
	f->sp = sp;
	int code = unw_get_proc_name(cursor, f->name, sizeof(f->name), &offset);
	if (code < 0 && code != -UNW_ENOMEM) /* which is a name cut short */
		f->name[0] = '\0';
	f->offset = offset;
}

static struct err *walk(struct native *n,
			struct err *(*fn)(void *, const struct native_frame *),
			void *arg)
{
	struct native_frame f;
	unw_cursor_t cursor;

	if (unw_init_remote(&cursor, n->space, n) < 0)
		return NULL;
	for (int i = 0; i < MAX_FRAMES; i++) {
		describe(&cursor, &f);
		if (!f.pc || module_of_pc(n->rt, f.pc) ||
		    f.sp - n->regs->sp >= NATIVE_STACK)
			return NULL;
		TRY(fn(arg, &f));
		if (unw_step(&cursor) <= 0)
			return NULL;
	}
	return NULL;
}

struct err *native_each(struct runtime *rt, const struct regs *regs,
			struct err *(*fn)(void *, const struct native_frame *),
			void *arg)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_dyn_info,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = no_resume,
		.get_proc_name = get_proc_name,
	};
	struct native n = { .rt = rt, .regs = regs };

	if (rt->arch != arch_host() || !rt->target->pid)
		return NULL;
	n.space = unw_create_addr_space(&accessors, 0);
	n.upt = _UPT_create(rt->target->pid);
	struct err *e = n.space && n.upt ? NULL : &err_nomem;
	at_work = &n;
	if (!e)
		e = walk(&n, fn, arg);
	at_work = NULL;
	if (n.upt)
		_UPT_destroy(n.upt);
	if (n.space)
		unw_destroy_addr_space(n.space);
	return e;
}

/* Callee-saved registers of C, above the arguments of crosscall2's call. */
static struct err *read_saved(struct runtime *rt, uint64_t sp, struct regs *out)
{
	static const struct {
		const char *name;
		uint64_t at; /* bytes from crosscall2's sp */
	} saved[] = {
		{ "rbp", 0x28 }, { "rbx", 0x30 }, { "r12", 0x38 },
		{ "r13", 0x40 }, { "r14", 0x48 }, { "r15", 0x50 },
	};
	const struct arch *arch = rt->arch;

	for (size_t i = 0; i < ARRAY_SIZE(saved); i++)
		for (unsigned int j = 0; j < arch->general_count; j++)
			if (!strcmp(arch->general[j], saved[i].name))
				TRY(rt_ptr(rt, sp + saved[i].at,
					   &out->general[j]));
	return NULL;
}

struct err *native_below_callback(struct runtime *rt, uint64_t sp,
				  uint64_t frame, struct regs *out,
				  uint64_t *older)
{
	struct regs regs = {};
	struct func f;
	uint64_t pc;
	int32_t delta;

	if (rt->arch != &arch_amd64)
		return err_new(ERR_FORMAT, "not known on %s", rt->arch->name);
	TRY(rt_ptr(rt, sp, older));
	sp += frame;
	TRY(rt_ptr(rt, sp - 8, &pc));
	TRY(func_find(rt, pc, &f));
	if (!f.addr)
		return err_new(ERR_FORMAT, "no function calls cgocallback");
	TRY(func_pcvalue(rt, &f, f.pcsp, pc, &delta));
	TRY(read_saved(rt, sp, &regs));
	sp += (uint64_t)(int64_t)delta + 8;
	TRY(rt_ptr(rt, sp - 8, &regs.pc));
	regs.sp = sp;
	*out = regs;
	return NULL;
}
