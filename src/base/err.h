/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a function that can fail returns `struct err *`, NULL for success.
 *
 * An error carries a code (what a caller may act on), a message (what was
 * being done, to what, and why it failed), optionally an errno or a faulting
 * address, and optionally a hint (what the user can do about it). Whoever
 * receives an error owns it: passes it on, wraps it, or frees it. Running out
 * of memory is reported by a static object, so that reporting cannot fail.
 *
 * The form follows drgn's struct drgn_error.
 */
#ifndef HD_BASE_ERR_H
#define HD_BASE_ERR_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
	ERR_NOMEM,   /* out of memory, here */
	ERR_OS,	     /* a system call failed: see errnum */
	ERR_FAULT,   /* target memory that can't be read: see addr */
	ERR_FORMAT,  /* a file or structure is not as it must be */
	ERR_NOT_GO,  /* the target is not a Go program */
	ERR_MISSING, /* a symbol, member or constant that is required */
	ERR_DENIED,  /* may not attach or read */
	ERR_GONE,    /* the target, or what was looked for, exists no more */
	ERR_EXISTS,  /* the output file exists */
	ERR_LIMIT,   /* there is no room, or more than is allowed */
	ERR_TIMEOUT, /* a deadline has passed */
	ERR_INTERRUPTED, /* a signal asked us to end */
	ERR_UNSUPPORTED, /* nothing wrong, but hdattach can't do it */
	ERR_USAGE,	 /* the command line */
};

struct err {
	enum err_code code;
	int errnum;    /* ERR_OS: errno; else 0 */
	uint64_t addr; /* ERR_FAULT: first unreadable target address */
	char *message; /* one line, no full stop, no newline */
	char *hint;    /* one line on what to do about it, or NULL */
};

/* The error for failed allocations; never freed. */
extern struct err err_nomem;

/* A new error. Never NULL: it is &err_nomem when there is no memory for it. */
struct err *err_new(enum err_code code, const char *fmt, ...) printf_like(2, 3);

/* A failed system call: "MESSAGE: strerror(errnum)". */
struct err *err_os(int errnum, const char *fmt, ...) printf_like(2, 3);

/* Unreadable target memory: "MESSAGE: no memory at 0xADDR". */
struct err *err_fault(uint64_t addr, const char *fmt, ...) printf_like(2, 3);

/*
 * Says what was being done when e happened: "MESSAGE: e's message". Code,
 * errnum, addr and hint are kept. Takes e, returns what replaces it; NULL in,
 * NULL out.
 */
struct err *err_wrap(struct err *e, const char *fmt, ...) printf_like(2, 3);

/* Sets what the user can do about e, and returns e. */
struct err *err_hint(struct err *e, const char *fmt, ...) printf_like(2, 3);

/* Frees an error; NULL is allowed. */
void err_free(struct err *e);

static inline void cleanup_err_fn(struct err **e)
{
	err_free(*e);
}
#define cleanup_err cleanup(cleanup_err_fn)

/* Returns from the calling function when expr is an error. */
#define TRY(expr)                                                              \
	do {                                                                   \
		struct err *try_err = (expr);                                  \
		if (try_err)                                                   \
			return try_err;                                        \
	} while (0)

#endif
