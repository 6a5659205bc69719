/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope guards: a variable declared with one of these is released when it
 * leaves its scope, on every path. `steal(&p)` moves a value out, so that the
 * guard finds nothing left to do.
 *
 *	cleanup_free char *path = NULL;
 *	cleanup_close int fd = -1;
 *	...
 *	*out = steal(&path);
 */
#ifndef HD_BASE_CLEANUP_H
#define HD_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir_fn(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define cleanup(fn) __attribute__((cleanup(fn)))
#define cleanup_free cleanup(cleanup_free_fn)
#define cleanup_close cleanup(cleanup_close_fn)
#define cleanup_fclose cleanup(cleanup_fclose_fn)
#define cleanup_closedir cleanup(cleanup_closedir_fn)

/* Moves a pointer out of *pp, which becomes NULL. */
#define steal(pp)                                                              \
	({                                                                     \
		__typeof__(pp) steal_pp = (pp);                                \
		__typeof__(*steal_pp) steal_value = *steal_pp;                 \
		*steal_pp = NULL;                                              \
		steal_value;                                                   \
	})

/* Moves a file descriptor out of *fd, which becomes -1. */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

#endif
