/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's build information (section .go.buildinfo), which every Go program has,
 * stripped or not: the release that built it. Follows debug/buildinfo.
 */
#ifndef HD_ELF_BUILDINFO_H
#define HD_ELF_BUILDINFO_H

#include "elf/elf_file.h"

struct buildinfo {
	char *go_version; /* "go1.24.11", with " X:..." of experiments */
	char *mod;	  /* "path\t...\nmod\t...", as runtime/debug has
			   * it; "" if there is none */
};

/*
 * Reads the build information of f. ERR_NOT_GO if it has none; ERR_FORMAT if
 * it is damaged. Inline strings (Go 1.18 and newer) are decoded; of the older
 * form, pointers, only that it is older is said (ERR_UNSUPPORTED).
 */
struct err *buildinfo_read(const struct elf_file *f,
			   struct buildinfo *out) must_check;
void buildinfo_deinit(struct buildinfo *b);

#endif
