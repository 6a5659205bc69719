/* SPDX-License-Identifier: Apache-2.0 */
#include "target/deadline.h"

#include "target/target.h"

#include <errno.h>
#include <sys/syscall.h>

#ifndef sigev_notify_thread_id /* glibc before 2.35 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* A real-time signal that nobody sends by accident. */
#define TICK_SIGNAL (SIGRTMIN + 5)

/* That a system call is interrupted is all that most ticks are for. */
static void on_tick(int sig, siginfo_t *info, void *context)
{
	struct deadline *d = info->si_value.sival_ptr;
	int saved = errno;

	(void)sig;
	(void)context;
	if (info->si_code == SI_TIMER && d->on_tick)
		d->on_tick(d->arg);
	errno = saved;
}

struct err *deadline_init(struct deadline *d, unsigned int ms,
			  bool heed_interrupt)
{
	struct sigaction action = {
		.sa_sigaction = on_tick,
		.sa_flags = SA_SIGINFO, /* and not SA_RESTART */
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = TICK_SIGNAL,
		.sigev_value.sival_ptr = d,
	};
	struct timespec tick = { .tv_nsec = DEADLINE_TICK * 1000000 };
	struct itimerspec period = { .it_interval = tick, .it_value = tick };
	sigset_t mask;

	*d = (struct deadline){ .heed_interrupt = heed_interrupt };
	d->end = monotonic_ns() + (uint64_t)ms * 1000000;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &d->timer) < 0)
		return err_os(errno, "can't create a timer");
	sigemptyset(&action.sa_mask);
	sigaction(TICK_SIGNAL, &action, &d->old_action);
	sigemptyset(&mask);
	sigaddset(&mask, TICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &mask, &d->old_mask);
	timer_settime(d->timer, 0, &period, NULL);
	d->set = true;
	return NULL;
}

/*
 * A tick that is pending when the timer is deleted is delivered on the return
 * from that very system call: the signal is unblocked, and is ours alone. So
 * none can meet the old action.
 */
void deadline_deinit(struct deadline *d)
{
	if (!d->set)
		return;
	timer_delete(d->timer);
	pthread_sigmask(SIG_SETMASK, &d->old_mask, NULL);
	sigaction(TICK_SIGNAL, &d->old_action, NULL);
	d->set = false;
}

void deadline_watch(struct deadline *d, void (*watch)(void *arg), void *arg)
{
	d->on_tick = NULL;
	d->arg = arg;
	d->on_tick = watch;
}

struct err *deadline_check(const struct deadline *d)
{
	if (d->heed_interrupt && target_interrupted)
		return err_new(ERR_INTERRUPTED, "interrupted");
	if (monotonic_ns() >= d->end)
		return err_new(ERR_TIMEOUT, "no answer in time");
	return NULL;
}
