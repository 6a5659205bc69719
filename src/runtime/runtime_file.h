/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a target that holds its Go runtime. Mostly that is the
 * executable. It is a library where a C program has loaded Go code
 * (-buildmode=c-shared), or where all Go programs share one (-linkshared).
 */
#ifndef HD_RUNTIME_RUNTIME_FILE_H
#define HD_RUNTIME_RUNTIME_FILE_H

#include "elf/elf_file.h"

struct target;

struct runtime_file {
	struct elf_file *elf; /* owned */
	char *release;	      /* "go1.24.11", with " X:..."; owned */
	uint64_t bias;	      /* run-time address minus address in the file */
};

/*
 * Finds it, in a target that need not be stopped. A library is looked for
 * among the mapped files where the executable has no runtime; of several the
 * first one counts, and a warning says so. Errors: ERR_NOT_GO (there is none);
 * those of elf/buildinfo.h and elf_file_open().
 */
struct err *runtime_file_find(struct target *t,
			      struct runtime_file *out) must_check;
void runtime_file_deinit(struct runtime_file *f);

#endif
