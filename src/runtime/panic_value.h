/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a panic was called with, in the words in which the runtime would print
 * it. It would call Error and String, which can't be done from outside: of the
 * errors that the runtime and the standard library make, the message is put
 * together here; once the runtime has called them itself, the value is the
 * text.
 *
 * Follows runtime/error.go: printpanicval, printanycustomtype, and the Error
 * methods there.
 */
#ifndef HD_RUNTIME_PANIC_VALUE_H
#define HD_RUNTIME_PANIC_VALUE_H

#include "base/buf.h"

#include <stdint.h>

struct runtime;

/* Appends the value of an interface: the address of its type, and its word.
 * Errors: ERR_FAULT, ERR_FORMAT (no such type, a string too long). */
struct err *panic_value_append(struct runtime *rt, uint64_t type, uint64_t data,
			       struct buf *out) must_check;

#endif
