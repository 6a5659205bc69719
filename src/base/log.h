/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to standard error: "hdattach: ...", a line each. A status line
 * (progress on a terminal) is wiped before a message and so never mixes with
 * it. Safe from any thread.
 */
#ifndef HD_BASE_LOG_H
#define HD_BASE_LOG_H

#include "base/err.h"

enum log_level {
	LOG_QUIET,  /* errors alone */
	LOG_NORMAL, /* and warnings, progress, the closing line */
	LOG_VERBOSE /* and what was found and chosen */
};

/* Name of the program, as it heads every line, and what is shown. */
void log_init(const char *program, enum log_level level);
enum log_level log_level(void);

/* The error's message, and its hint on a line of its own. */
void log_err(const struct err *e);
void log_error(const char *fmt, ...) printf_like(1, 2);
void log_warn(const char *fmt, ...) printf_like(1, 2);
void log_info(const char *fmt, ...) printf_like(1, 2);
void log_verbose(const char *fmt, ...) printf_like(1, 2);

/*
 * Replaces the status line; "" wipes it. Only called when standard error is
 * a terminal.
 */
void log_status(const char *line);

#endif
