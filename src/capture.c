/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include "base/log.h"

#include <errno.h>
#include <time.h>

enum {
	FIRST_WAIT = 1, /* ms between two stops; doubled each time */
	LONGEST_WAIT = 64,
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void wait_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR && !target_interrupted)
		;
}

static struct err *load(struct runtime *rt, struct capture *c)
{
	TRY(runtime_load(rt));
	TRY(moment_check(rt, &c->moment));
	c->clean = moment_clean(&c->moment);
	return NULL;
}

/* A glance spares loading the heap's spans at a moment that is not fit anyhow,
 * unless it is the last one. */
static struct err *look(struct runtime *rt, bool last, struct capture *c)
{
	c->clean = false;
	TRY(moment_glance(rt, &c->moment));
	if (!last && !moment_clean(&c->moment))
		return NULL;
	return load(rt, c);
}

/*
 * A list that is being changed can look damaged; at another moment it will
 * not. Takes e; what it returns is final.
 */
static struct err *tolerate(struct target *target, const struct capture *c,
			    struct err *e)
{
	if (e->code != ERR_FORMAT && e->code != ERR_FAULT)
		return e;
	log_verbose("stop %u: %s", c->tries, e->message);
	err_free(e);
	return target_check(target);
}

static void tell(const struct capture *c, unsigned int wait)
{
	char text[MOMENT_TEXT];

	moment_describe(&c->moment, text);
	log_verbose("stop %u: %s; again in %u ms", c->tries,
		    *text ? text : "half-done changes", wait);
}

struct err *capture_stop(struct target *target, struct runtime *rt,
			 unsigned int max_wait, struct capture *out)
{
	uint64_t deadline = now_ms() + max_wait;
	unsigned int wait = FIRST_WAIT;
	struct capture c = {};

	for (;;) {
		bool last = now_ms() + wait > deadline;

		TRY(target_stop(target));
		c.tries++;
		struct err *e = look(rt, last, &c);
		if (e && !last)
			e = tolerate(target, &c, e);
		if (!e && (c.clean || last)) {
			*out = c;
			return NULL;
		}
		runtime_unload(rt);
		struct err *resumed = target_resume(target);
		if (e) {
			err_free(resumed);
			return e;
		}
		TRY(resumed);
		tell(&c, wait);
		wait_ms(wait);
		if (target_interrupted)
			return err_new(ERR_INTERRUPTED, "interrupted");
		wait = wait * 2 < LONGEST_WAIT ? wait * 2 : LONGEST_WAIT;
	}
}
