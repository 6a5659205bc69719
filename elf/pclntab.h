/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings of Go's pclntab that are not structs of the runtime's DWARF:
 * pc-value tables, and its header. They take bytes; where these come from (the
 * target's memory, a file) is the caller's affair.
 *
 * Follows the Go release's runtime/symtab.go and internal/abi/symtab.go.
 */
#ifndef HD_ELF_PCLNTAB_H
#define HD_ELF_PCLNTAB_H

#include "base/cursor.h"

/* One step of a pc-value table: value holds for pcs in [start, end). */
struct pcvalue {
	uint64_t start, end; /* offsets from the function's entry, bytes */
	int32_t value;
};

struct pcvalue_iter {
	struct cursor cursor;
	uint64_t pc; /* offset from entry, bytes */
	int32_t value;
	uint8_t quantum; /* bytes */
	bool first;
};

/*
 * Walks a pc-value table from its first byte; the cursor may reach beyond the
 * table's end (it ends by itself). quantum is the machine's pc_quantum.
 * Follows runtime/symtab.go:step.
 */
void pcvalue_iter_init(struct pcvalue_iter *it, const struct cursor *c,
		       uint8_t quantum);

/* *more is false, and out is left alone, behind the last step. */
struct err *pcvalue_next(struct pcvalue_iter *it, struct pcvalue *out,
			 bool *more) must_check;

/*
 * The value of the table at an offset from the function's entry; ERR_FORMAT
 * if the table is damaged or does not reach it.
 */
struct err *pcvalue_at(const struct cursor *c, uint8_t quantum,
		       uint64_t pc_offset, int32_t *out) must_check;

/*
 * Checks the first 8 bytes of a pclntab: magic (Go 1.18, and 1.20 and newer),
 * quantum and pointer size, and goes behind them. ERR_FORMAT says what is
 * wrong.
 */
struct err *pclntab_check_header(struct cursor *c, uint8_t quantum,
				 uint8_t ptr_size) must_check;

#endif
