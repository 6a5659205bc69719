/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands at a pc: the calls of the source, of which there are several
 * where the compiler has inlined some, each with its function, file and line.
 * A pc is looked up once; goroutines stand at the same places.
 *
 * Follows runtime/symtabinl.go: inlineUnwinder.
 */
#ifndef HD_RUNTIME_SYMBOL_H
#define HD_RUNTIME_SYMBOL_H

#include "base/addr_map.h"
#include "runtime/module.h"

/* A call as the source has it. */
struct call {
	const char *name; /* of the function, as in the symbol table */
	const char *file; /* "?" if unknown */
	uint64_t line;	  /* 0 if unknown */
	uint8_t id;	  /* FuncID_* */
	bool inlined;	  /* into the next one */
};

struct site {
	struct func func; /* the outermost one, which has the frame */
	uint64_t pc;
	const struct call *calls; /* innermost first */
	size_t count;		  /* at least 1 */
};

struct symbols {
	struct runtime *rt;    /* borrowed */
	struct addr_map index; /* pc to 1 + index in sites */
	VEC(struct site *) sites;
};

void symbols_init(struct symbols *s, struct runtime *rt);
void symbols_deinit(struct symbols *s);

/*
 * The calls at pc, which is that of an instruction and no return address, in
 * the function f. *out lives as long as s.
 */
struct err *symbols_find(struct symbols *s, const struct func *f, uint64_t pc,
			 const struct site **out) must_check;

#endif
