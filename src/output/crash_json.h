/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a program is dying, or may be about to, as JSON (doc/stacks.md).
 */
#ifndef HD_OUTPUT_CRASH_JSON_H
#define HD_OUTPUT_CRASH_JSON_H

#include "output/json_builder.h"
#include "runtime/crash.h"

/* Appends "crash":[...], a line each. */
struct err *crash_json(struct json_builder *b, const struct crashes *all,
		       struct buf *out) must_check;

#endif
