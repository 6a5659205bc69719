/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Go release's heap is like, as far as a reader of dumps must know it.
 * From the version in the Params record ("go1.24.11", "devel go1.28-abc",
 * with " X:..." or "-X:..." of the experiments it was built with).
 */
#ifndef HD_HDCHECK_RELEASE_H
#define HD_HDCHECK_RELEASE_H

#include "hdcheck/record.h"

struct release {
	unsigned int minor;   /* 24 of go1.24.11 */
	bool headers;	      /* slots over 512 bytes begin with a type word */
	unsigned int reserve; /* bytes at most that a page of slots up to 512
			       * bytes keeps for heap and mark bits */
};

/* False, and out is left alone, if the version is not understood. */
bool release_parse(struct bytes version, struct release *out);

#endif
