/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
	pthread_mutex_t lock;
	const char *program;
	enum log_level level;
	bool status_shown;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.program = "hdattach",
	.level = LOG_NORMAL,
};

void log_init(const char *program, enum log_level level)
{
	state.program = program;
	state.level = level;
}

enum log_level log_level(void)
{
	return state.level;
}

static void wipe_status(void)
{
	if (state.status_shown)
		fputs("\r\033[K", stderr);
	state.status_shown = false;
}

printf_like(2, 0) static void emit(const char *prefix, const char *fmt,
				   va_list ap)
{
	pthread_mutex_lock(&state.lock);
	wipe_status();
	fprintf(stderr, "%s: %s", state.program, prefix);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	fflush(stderr);
	pthread_mutex_unlock(&state.lock);
}

#define DEFINE_LOG(name, least, prefix)                                        \
	void name(const char *fmt, ...)                                        \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		if (state.level < (least))                                     \
			return;                                                \
		va_start(ap, fmt);                                             \
		emit(prefix, fmt, ap);                                         \
		va_end(ap);                                                    \
	}
DEFINE_LOG(log_error, LOG_QUIET, "")
DEFINE_LOG(log_warn, LOG_NORMAL, "warning: ")
DEFINE_LOG(log_info, LOG_NORMAL, "")
DEFINE_LOG(log_verbose, LOG_VERBOSE, "")

void log_err(const struct err *e)
{
	log_error("%s", e->message);
	if (e->hint)
		log_error("  %s", e->hint);
}

void log_status(const char *line)
{
	pthread_mutex_lock(&state.lock);
	wipe_status();
	if (*line) {
		fputs(line, stderr);
		state.status_shown = true;
	}
	fflush(stderr);
	pthread_mutex_unlock(&state.lock);
}
