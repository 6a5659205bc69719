/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err err_nomem = {
	.code = ERR_NOMEM,
	.message = (char *)"out of memory",
};

/* Takes message; NULL means that there was no memory to format it. */
static struct err *err_make(enum err_code code, int errnum, uint64_t addr,
			    char *message)
{
	struct err *e = message ? malloc(sizeof(*e)) : NULL;

	if (!e) {
		free(message);
		return &err_nomem;
	}
	*e = (struct err){
		.code = code,
		.errnum = errnum,
		.addr = addr,
		.message = message,
	};
	return e;
}

/* "formatted SUFFIX", or NULL when there is no memory. */
static char *format(const char *fmt, va_list ap, const char *suffix)
{
	cleanup_free char *text = NULL;
	char *whole;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return NULL;
	}
	if (asprintf(&whole, "%s%s", text, suffix) < 0)
		return NULL;
	return whole;
}

struct err *err_new(enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *message = format(fmt, ap, "");
	va_end(ap);
	return err_make(code, 0, 0, message);
}

struct err *err_os(int errnum, const char *fmt, ...)
{
	char suffix[128];
	va_list ap;

	snprintf(suffix, sizeof(suffix), ": %s", strerror(errnum));
	va_start(ap, fmt);
	char *message = format(fmt, ap, suffix);
	va_end(ap);
	return err_make(ERR_OS, errnum, 0, message);
}

struct err *err_fault(uint64_t addr, const char *fmt, ...)
{
	char suffix[64];
	va_list ap;

	snprintf(suffix, sizeof(suffix), ": no memory at %#llx",
		 (unsigned long long)addr);
	va_start(ap, fmt);
	char *message = format(fmt, ap, suffix);
	va_end(ap);
	return err_make(ERR_FAULT, 0, addr, message);
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
	cleanup_free char *suffix = NULL;
	va_list ap;

	if (!e || e == &err_nomem)
		return e;
	if (asprintf(&suffix, ": %s", e->message) < 0) {
		suffix = NULL;
		return e;
	}
	va_start(ap, fmt);
	char *message = format(fmt, ap, suffix);
	va_end(ap);
	if (message) {
		free(e->message);
		e->message = message;
	}
	return e;
}

struct err *err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e || e == &err_nomem)
		return e;
	va_start(ap, fmt);
	char *hint = format(fmt, ap, "");
	va_end(ap);
	if (hint) {
		free(e->hint);
		e->hint = hint;
	}
	return e;
}

void err_free(struct err *e)
{
	if (!e || e == &err_nomem)
		return;
	free(e->message);
	free(e->hint);
	free(e);
}
