/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules (the program, its plugins and shared objects) and their functions.
 * Follows runtime/symtab.go.
 */
#ifndef HD_RUNTIME_MODULE_H
#define HD_RUNTIME_MODULE_H

#include "base/buf.h"
#include "base/vec.h"

#include <stdint.h>

struct pcvalue;
struct runtime;

/* An array in the target. */
struct table {
	uint64_t addr;
	uint64_t len; /* elements */
};

/* A text section; a program has several when it exceeds a branch's reach. */
struct text_section {
	uint64_t vaddr, end; /* offsets from the module's text */
	uint64_t base;	     /* address of vaddr in the target */
};

/* A segment of globals, with the mask of its pointers. */
struct data_segment {
	uint64_t start, end; /* end is exclusive */
	uint64_t mask;	     /* address of the bitmap, a bit a word */
	uint64_t mask_bits;
};

struct module {
	uint64_t addr; /* of its moduledata */
	struct table funcnametab, cutab, filetab, pctab, pclntable, ftab;
	uint64_t minpc, maxpc; /* maxpc is exclusive */
	uint64_t text, etext;
	uint64_t types, etypes;
	uint64_t rodata, gofunc;
	struct data_segment data, bss;
	VEC(struct text_section) sections; /* empty: a single one */
};

/* A function, from its runtime._func. */
struct func {
	const struct module *module;
	uint64_t addr;	/* of the _func; 0: no function */
	uint64_t entry; /* first pc */
	uint32_t name_off, pcsp, pcfile, pcln, cu_offset, deferreturn;
	uint32_t npcdata, nfuncdata;
	int32_t args; /* bytes, or ArgsSizeUnknown */
	uint8_t id;   /* FuncID_* */
	uint8_t flag;
};

/* Goroutines stand at the same places: what was found for some pcs. */
enum { FOUND_FUNCS = 512 };

struct found_func {
	uint64_t pc; /* 0: none */
	struct func func;
};

struct module_table {
	/* In the runtime's order; the first is firstmoduledata. */
	VEC(struct module) list;
	struct found_func *found; /* FOUND_FUNCS, by pc */
};

/* Reads the chain of modules. ERR_FORMAT says which module is damaged. */
struct err *module_table_load(struct runtime *rt) must_check;
void module_table_deinit(struct module_table *t);

/* The module whose functions cover pc, or NULL. */
const struct module *module_of_pc(const struct runtime *rt, uint64_t pc);

/* The module whose data or bss addr lies in, or NULL. */
const struct module *module_of_data(const struct runtime *rt, uint64_t addr);

/* The module whose type data covers addr, or NULL (made by reflection). */
const struct module *module_of_type(const struct runtime *rt, uint64_t addr);

/*
 * The function that holds pc; out->addr is 0 if there is none.
 * Follows runtime/symtab.go:findfunc.
 */
struct err *func_find(struct runtime *rt, uint64_t pc,
		      struct func *out) must_check;

/* Appends the function's name, as in the symbol table, to out. */
struct err *func_name(struct runtime *rt, const struct func *f,
		      struct buf *out) must_check;

/*
 * The value at pc of the table at offset in the module's pctab; -1 where the
 * function has no such table (offset 0).
 */
struct err *func_pcvalue(struct runtime *rt, const struct func *f,
			 uint32_t offset, uint64_t pc, int32_t *out) must_check;

/*
 * Calls fn for each step of the table at offset in the module's pctab, in order
 * of the pcs; not at all where the function has no such table.
 */
struct err *func_pcvalue_each(struct runtime *rt, const struct func *f,
			      uint32_t offset,
			      struct err *(*fn)(void *, const struct pcvalue *),
			      void *arg) must_check;

/*
 * The value at pc of the function's table of that PCDATA_*; -1 where it has
 * none. Follows runtime/symtab.go:pcdatavalue.
 */
struct err *func_pcdata(struct runtime *rt, const struct func *f, int64_t table,
			uint64_t pc, int32_t *out) must_check;

/*
 * The address of the function's data of that FUNCDATA_*; 0 where it has none.
 * Follows runtime/symtab.go:funcdata.
 */
struct err *func_data(struct runtime *rt, const struct func *f, int64_t kind,
		      uint64_t *out) must_check;

/*
 * File and line of pc: appends the file to out, "?" (and line 0) if unknown.
 * Follows runtime/symtab.go:funcline.
 */
struct err *func_line(struct runtime *rt, const struct func *f, uint64_t pc,
		      struct buf *file, uint64_t *line) must_check;

#endif
