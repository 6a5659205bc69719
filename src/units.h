/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for people.
 */
#ifndef HD_UNITS_H
#define HD_UNITS_H

#include <stddef.h>
#include <stdint.h>

enum { UNITS_MAX = 32 };

/* "1.30 GB", "999 bytes": powers of ten. */
const char *format_bytes(char out[UNITS_MAX], uint64_t bytes);

/* "7,654,321" */
const char *format_count(char out[UNITS_MAX], uint64_t n);

/* "340 us", "12.3 ms", "4.56 s", "2 min 05 s" */
const char *format_duration(char out[UNITS_MAX], uint64_t ns);

#endif
