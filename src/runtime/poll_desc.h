/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file descriptor that a goroutine waits for. Follows runtime/netpoll.go.
 */
#ifndef HD_RUNTIME_POLL_DESC_H
#define HD_RUNTIME_POLL_DESC_H

#include "base/err.h"

#include <stdint.h>

struct goroutine;
struct runtime;

struct poll_desc {
	uint64_t addr; /* of its pollDesc; 0: not found */
	int64_t fd;
	bool write;	  /* waits to write, not to read */
	int64_t deadline; /* CLOCK_MONOTONIC, ns; 0: none */
};

/*
 * The pollDesc whose reader or writer is g, which waits in netpollblock: its
 * address is in the innermost frames.
 */
struct err *poll_desc_find(struct runtime *rt, const struct goroutine *g,
			   struct poll_desc *out) must_check;

#endif
