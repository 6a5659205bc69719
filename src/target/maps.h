/* SPDX-License-Identifier: Apache-2.0 */
/* The mappings of an address space, as /proc/PID/maps lists them (proc(5)). */
#ifndef HD_TARGET_MAPS_H
#define HD_TARGET_MAPS_H

#include "target/target.h"

/*
 * Parses the NUL-terminated text of a maps file into *out, to be freed by
 * maps_free(). Paths are as the kernel writes them: " (deleted)" and escaped
 * newlines included. ERR_FORMAT names the line that is not in the known form
 * or not in the order of addresses.
 */
struct err *maps_parse(const char *text, struct mapping **out,
		       size_t *count) must_check;
void maps_free(struct mapping *maps, size_t count);

#endif
