/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage of the target's memory that costs no more than what it is in.
 *
 *	TRY(forgive(read_list(rt, addr), &damaged));
 */
#ifndef HD_RUNTIME_DAMAGE_H
#define HD_RUNTIME_DAMAGE_H

#include "base/err.h"

#include <stdint.h>

/* Frees and counts what says that memory is missing or makes no sense, and
 * passes all other errors on. */
static inline struct err *forgive(struct err *e, uint64_t *count)
{
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	++*count;
	return NULL;
}

#endif
