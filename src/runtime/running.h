/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the stack of a running goroutine starts: its thread's registers know,
 * as of the stop, and not what the goroutine saved when it last gave way.
 */
#ifndef HD_RUNTIME_RUNNING_H
#define HD_RUNTIME_RUNNING_H

#include "runtime/goroutine.h"

/*
 * Sets sp, pc, lr and `place` of a goroutine whose status is running; others
 * are left alone.
 */
struct err *goroutine_place(struct runtime *rt, struct goroutine *g) must_check;

#endif
