/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdwarf, opened on those sections of an ELF file that names, types and
 * addresses need, and on no others: given the file, libdwarf would also load
 * all its symbols and location lists, which doubles its memory. The differences
 * between libdwarf's releases are here.
 *
 * Only the dwarf_*.c files of this room include this.
 */
#ifndef HD_ELF_DWARF_OPEN_H
#define HD_ELF_DWARF_OPEN_H

#include "base/err.h"

#include <libdwarf.h>

struct dwarf_file;

/*
 * Errors: ERR_MISSING (the file has no .debug_info), ERR_FORMAT, ERR_OS.
 * libdwarf is set to leave all freeing to its callers
 * (dwarf_set_de_alloc_flag): DIEs, attributes and blocks must be freed one by
 * one.
 */
struct err *dwarf_file_open(const char *path,
			    struct dwarf_file **out) must_check;
/* Gives the memory back to the system. */
void dwarf_file_close(struct dwarf_file *f);

/* Valid until the file is closed. */
Dwarf_Debug dwarf_file_debug(const struct dwarf_file *f);

bool dwarf_file_big_endian(const struct dwarf_file *f);

#endif
