/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unwind_lib.h"

#include "elf/pclntab.h"
#include "runtime/runtime.h"
#include "runtime/unwind.h"

#include <dwarf.h>
#include <inttypes.h>
#include <libunwind.h>

/* Exported by every libunwind, and in none of its headers. */
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t as, unw_word_t ip,
				       unw_dyn_info_t *di, unw_proc_info_t *pi,
				       int need_unwind_info, void *arg);

#if defined(__x86_64__)
enum { REG_SP = UNW_X86_64_RSP, REG_PC = UNW_X86_64_RIP };
enum { DWARF_SP = 7, DWARF_RA = 16 };
#elif defined(__aarch64__)
enum { REG_SP = UNW_AARCH64_SP, REG_PC = UNW_AARCH64_PC };
enum { DWARF_SP = 31, DWARF_RA = 30 };
#endif

/*
 * Where libunwind finds the information that is made for it: addresses that
 * no program has, for they are the kernel's.
 */
#define MADE_BASE 0xffffff0000000000ull

struct lib_unwinder {
	struct runtime *rt;
	unw_addr_space_t space;
	unw_cursor_t cursor;
	uint64_t pc, sp;   /* where it starts */
	struct buf made;   /* the unwind information of one function */
	struct err *error; /* what libunwind can't carry through */
};

/* ---- unwind information of a function ------------------------------------ */

/*
 * What is made is laid out as .eh_frame_hdr's table with its single entry, a
 * CIE and an FDE (Linux Standard Base, "Exception Frames").
 */
enum {
	TABLE_ENTRY = 8, /* bytes: offsets of the pc and of the FDE */
	CIE_AT = TABLE_ENTRY,
};

static struct err *put(struct buf *b, uint64_t value, unsigned int width)
{
	uint64_t le = htole64(value);

	return buf_append(b, &le, width);
}

static struct err *put_uleb(struct buf *b, uint64_t value)
{
	do {
		uint8_t byte = value & 0x7f;

		value >>= 7;
		TRY(put(b, byte | (value ? 0x80 : 0), 1));
	} while (value);
	return NULL;
}

/* Fills up with DW_CFA_nop, and sets the length at `at`, which leaves itself
 * out. */
static struct err *close_entry(struct buf *b, size_t at)
{
	while ((b->len - at - 4) % 8)
		TRY(put(b, DW_CFA_nop, 1));
	uint32_t length = htole32((uint32_t)(b->len - at - 4));
	memcpy(b->v + at, &length, sizeof(length));
	return NULL;
}

/*
 * Below an injected call stands an interrupted instruction, and not one behind
 * a call: what unwind information calls a signal frame. Without that libunwind
 * would look for pc - 1, which at a function's entry is another's.
 */
static struct err *put_cie(struct buf *b, bool injected)
{
	size_t at = b->len;

	TRY(put(b, 0, 4)); /* length */
	TRY(put(b, 0, 4)); /* a CIE */
	TRY(put(b, 1, 1)); /* version */
	TRY(injected ? buf_append(b, "zRS", 4) : buf_append(b, "zR", 3));
	TRY(put_uleb(b, 1));  /* code alignment */
	TRY(put(b, 0x78, 1)); /* data alignment: -8 */
	TRY(put(b, DWARF_RA, 1));
	TRY(put_uleb(b, 1)); /* augmentation data: */
	TRY(put(b, DW_EH_PE_absptr, 1));
	TRY(put(b, DW_CFA_def_cfa, 1));
	TRY(put_uleb(b, DWARF_SP));
	TRY(put_uleb(b, 8));
	TRY(put(b, DW_CFA_offset | DWARF_RA, 1)); /* at CFA-8 */
	TRY(put_uleb(b, 1));
	return close_entry(b, at);
}

static struct err *put_advance(struct buf *b, uint64_t pcs)
{
	TRY(put(b, DW_CFA_advance_loc4, 1));
	return put(b, pcs, 4);
}

/* Whether the stack ends with the function: see unwind.c:is_outermost. */
static bool is_last(const struct runtime *rt, const struct func *f)
{
	const struct layout *l = &rt->layout;

	return f->flag & l->konst.FuncFlagTopFrame.value;
}

struct rows {
	struct lib_unwinder *u;
	uint64_t at; /* offset from the function's entry */
	uint64_t end;
};

/* A row for each step of the pcsp table. */
static struct err *put_row(void *arg, const struct pcvalue *step)
{
	struct rows *r = arg;
	struct buf *b = &r->u->made;

	if (step->start > r->at) {
		TRY(put_advance(b, step->start - r->at));
		r->at = step->start;
	}
	r->end = step->end;
	TRY(put(b, DW_CFA_def_cfa_offset, 1));
	return put_uleb(b, (uint64_t)(int64_t)step->value + 8);
}

static struct err *put_fde(struct lib_unwinder *u, const struct func *f,
			   uint64_t *end)
{
	struct rows rows = { .u = u };
	struct buf *b = &u->made;
	size_t at = b->len, size_at;

	TRY(put(b, 0, 4)); /* length */
	TRY(put(b, b->len - CIE_AT, 4));
	TRY(put(b, f->entry, 8));
	size_at = b->len;
	TRY(put(b, 0, 8));   /* pcs, known below */
	TRY(put_uleb(b, 0)); /* augmentation data */
	if (is_last(u->rt, f)) {
		TRY(put(b, DW_CFA_undefined, 1));
		TRY(put_uleb(b, DWARF_RA));
	}
	TRY(func_pcvalue_each(u->rt, f, f->pcsp, put_row, &rows));
	/* Of a signal frame libunwind reads 4 bytes behind the augmentation. */
	TRY(put(b, 0x01010101 * DW_CFA_nop, 4));
	uint64_t size = htole64(rows.end);
	memcpy(b->v + size_at, &size, sizeof(size));
	*end = f->entry + rows.end;
	return close_entry(b, at);
}

/* Makes the table, the CIE and the FDE; *end is the function's, exclusive. */
static struct err *make_info(struct lib_unwinder *u, const struct func *f,
			     uint64_t *end)
{
	struct buf *b = &u->made;
	bool injected;

	b->len = 0;
	TRY(put(b, 0, 8));
	TRY(unwind_is_injected(u->rt, f, &injected));
	TRY(put_cie(b, injected));
	uint32_t fde = htole32((uint32_t)b->len);
	memcpy(b->v + 4, &fde, sizeof(fde));
	return put_fde(u, f, end);
}

/* ---- what libunwind asks for --------------------------------------------- */

/* Keeps e, which libunwind has no way to pass on. */
static int keep(struct lib_unwinder *u, struct err *e, int code)
{
	err_free(u->error);
	u->error = e;
	return -code;
}

/* A pc that is no Go function's: -UNW_ENOINFO would have libunwind guess. */
static int find_proc_info(unw_addr_space_t space, unw_word_t ip,
			  unw_proc_info_t *pi, int need_info, void *arg)
{
	struct lib_unwinder *u = arg;
	unw_dyn_info_t di = { 0 };
	uint64_t end = 0;
	struct func f;

	struct err *e = func_find(u->rt, ip, &f);
	if (e)
		return keep(u, e, UNW_EBADFRAME);
	if (!f.addr || !f.pcsp)
		return -UNW_EBADFRAME;
	e = make_info(u, &f, &end);
	if (e)
		return keep(u, e, UNW_EBADFRAME);
	if (ip >= end)
		return -UNW_EBADFRAME;
	di.format = UNW_INFO_FORMAT_IP_OFFSET;
	di.start_ip = f.entry;
	di.end_ip = end;
	di.u.rti.segbase = MADE_BASE;
	di.u.rti.table_data = MADE_BASE;
	di.u.rti.table_len = TABLE_ENTRY / sizeof(unw_word_t);
	return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &di, pi, need_info,
						  arg);
}

/* What was found is libunwind's own. */
static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *pi,
			    void *arg)
{
	(void)space;
	(void)pi;
	(void)arg;
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
	struct lib_unwinder *u = arg;
	uint64_t word;

	(void)space;
	if (write)
		return -UNW_EINVAL;
	if (addr >= MADE_BASE) {
		uint64_t at = addr - MADE_BASE, left;

		if (at >= u->made.len)
			return -UNW_EINVAL;
		left = u->made.len - at;
		*value = load_le(u->made.v + at, left < 8 ? (unsigned)left : 8);
		return 0;
	}
	struct err *e = rt_ptr(u->rt, addr, &word);
	if (e)
		return keep(u, e, UNW_EINVAL);
	*value = word;
	return 0;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t reg,
		      unw_word_t *value, int write, void *arg)
{
	struct lib_unwinder *u = arg;

	(void)space;
	if (write)
		return -UNW_EREADONLYREG;
	if (reg == (unw_regnum_t)REG_PC)
		*value = u->pc;
	else if (reg == (unw_regnum_t)REG_SP)
		*value = u->sp;
	else
		*value = 0; /* no rule of ours asks for it */
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

static int no_proc_name(unw_addr_space_t space, unw_word_t addr, char *name,
			size_t size, unw_word_t *offset, void *arg)
{
	(void)space;
	(void)addr;
	(void)name;
	(void)size;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

/* ---- interface ----------------------------------------------------------- */

struct err *lib_unwinder_create(struct runtime *rt, struct lib_unwinder **out)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_dyn_info,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = no_resume,
		.get_proc_name = no_proc_name,
	};

	/* The link register's rules are unwind.c's alone so far. */
	if (rt->arch != arch_host() || rt->arch->has_link_register) {
		*out = NULL;
		return NULL;
	}
	struct lib_unwinder *u = calloc(1, sizeof(*u));
	if (!u)
		return &err_nomem;
	u->rt = rt;
	u->space = unw_create_addr_space(&accessors, 0);
	if (!u->space) {
		free(u);
		return &err_nomem;
	}
	unw_set_caching_policy(u->space, UNW_CACHE_GLOBAL);
	*out = u;
	return NULL;
}

void lib_unwinder_destroy(struct lib_unwinder *u)
{
	if (!u)
		return;
	unw_destroy_addr_space(u->space);
	buf_deinit(&u->made);
	err_free(u->error);
	free(u);
}

/* The error behind a failed call of libunwind at u->pc. */
static struct err *failed(struct lib_unwinder *u, int code, const char *what)
{
	if (u->error)
		return steal(&u->error);
	return err_new(ERR_FORMAT, "%s: %s", what, unw_strerror(code));
}

struct err *lib_unwinder_start(struct lib_unwinder *u, uint64_t pc, uint64_t sp)
{
	u->pc = pc;
	u->sp = sp;
	err_free(u->error);
	u->error = NULL;
	int code = unw_init_remote(&u->cursor, u->space, u);
	return code < 0 ? failed(u, code, "unw_init_remote") : NULL;
}

struct err *lib_unwinder_step(struct lib_unwinder *u, uint64_t *pc,
			      uint64_t *sp)
{
	unw_word_t ip = 0, stack = 0;
	int code = unw_step(&u->cursor);

	if (code < 0)
		return failed(u, code, "unw_step");
	if (code > 0) {
		unw_get_reg(&u->cursor, UNW_REG_IP, &ip);
		unw_get_reg(&u->cursor, UNW_REG_SP, &stack);
	}
	*pc = ip;
	*sp = stack;
	return NULL;
}
