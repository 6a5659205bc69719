/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of finalizers: a list of blocks, of which those with room are
 * filled first. Follows runtime/mfinal.go.
 */
#ifndef HD_RUNTIME_FINALIZER_QUEUE_H
#define HD_RUNTIME_FINALIZER_QUEUE_H

#include "runtime/special.h"

/*
 * Finalizers that wait to be run, in the order of the runtime's own list, with
 * those that the sweep adds to it.
 */
struct err *queued_finalizer_each(struct runtime *rt,
				  struct err *(*fn)(void *,
						    const struct finalizer *),
				  void *arg) must_check;

#endif
