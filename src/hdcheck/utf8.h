/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HD_HDCHECK_UTF8_H
#define HD_HDCHECK_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether size bytes are UTF-8 (shortest forms, no surrogates: RFC 3629). */
bool utf8_valid(const uint8_t *data, size_t size);

#endif
