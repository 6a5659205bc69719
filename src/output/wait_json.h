/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goroutines wait for, as JSON (doc/stacks.md). Goroutines name what they
 * wait for by its address, and the objects themselves, with all who wait for
 * them, are in a list of their own: 10,000 goroutines may wait for one channel.
 */
#ifndef HD_OUTPUT_WAIT_JSON_H
#define HD_OUTPUT_WAIT_JSON_H

#include "output/json_builder.h"
#include "output/wait_text.h"

/* Sets "waits" of an object if goroutine i of the table is blocked. */
struct err *wait_json_set(struct json_builder *b, const struct wait_text *t,
			  size_t i, json_t *object) must_check;

/* Appends what is waited for: "objects":[...], a line each. */
struct err *wait_json_objects(struct json_builder *b, const struct wait_text *t,
			      struct buf *out) must_check;

#endif
