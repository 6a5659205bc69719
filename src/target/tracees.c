/* SPDX-License-Identifier: Apache-2.0 */
#include "target/tracees.h"

#include "base/vec.h"

#include <errno.h>
#include <string.h>

enum {
	RELEASE_TIMEOUT = 200, /* ms */
};

void tracees_init(struct tracees *ts, const struct proc *proc, bool own_child)
{
	*ts = (struct tracees){ .proc = proc, .own_child = own_child };
}

void tracees_deinit(struct tracees *ts)
{
	err_free(tracees_release(ts));
	vec_deinit(ts);
}

/* Index of tid, or of the place for it. */
static size_t place_of(const struct tracees *ts, pid_t tid)
{
	size_t low = 0, high = ts->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ts->v[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void poll_all(struct tracees *ts)
{
	for (size_t i = ts->len; i-- > 0;)
		if (ts->v[i].state == TRACEE_RUNNING ||
		    ts->v[i].state == TRACEE_STOPPED)
			tracee_poll(&ts->v[i]);
}

/* In the handler of a signal: waitid() is all it comes to. */
static void poll_on_tick(void *arg)
{
	poll_all(arg);
}

/*
 * PTRACE_SEIZE waits for the end of an exec, which waits for all the other
 * threads to be gone, which wait for their tracer to take note: that is us.
 */
static int seize_patiently(struct tracees *ts, pid_t tid, struct deadline *d)
{
	deadline_watch(d, poll_on_tick, ts);
	int errnum = tracee_seize(tid);
	deadline_watch(d, NULL, NULL);
	return errnum;
}

/*
 * Makes tid one of ours, or finds that it is already: an exec gives the
 * leader's id to the thread that does it. The errno of the kernel, or 0; ESRCH
 * if it is gone. *dead: it has exited but stays (a leader that called
 * pthread_exit).
 */
static int seize_id(struct tracees *ts, pid_t tid, struct deadline *d,
		    bool *dead)
{
	int errnum = 0;

	/* Once more: an exec may have replaced a dead leader in between. */
	for (int i = 0; i < 2; i++) {
		errnum = seize_patiently(ts, tid, d);
		if (errnum != EPERM)
			return errnum;
		char state = proc_thread_state(ts->proc, tid);
		if (state == 'X')
			return ESRCH;
		*dead = proc_state_dead(state);
		if (*dead || tracee_interrupt(tid))
			return 0;
	}
	return errnum;
}

/* Adds tid, which is to be at this place. One that is gone is left out. */
static struct err *seize(struct tracees *ts, size_t place, pid_t tid,
			 struct deadline *d)
{
	struct tracee t = {
		.tid = tid,
		.keep = ts->own_child && tid == ts->proc->pid,
	};
	bool dead = false;

	TRY(vec_reserve(ts, 1)); /* before it is traced */
	int errnum = seize_id(ts, tid, d, &dead);
	if (errnum == ESRCH)
		return NULL;
	if (errnum)
		return err_os(errnum, "can't trace thread %d", tid);
	if (dead) {
		t.state = TRACEE_DEAD;
		t.stays = true;
	}
	memmove(&ts->v[place + 1], &ts->v[place],
		(ts->len - place) * sizeof(t));
	ts->v[place] = t;
	ts->len++;
	return NULL;
}

/* Forgets those whose ids are free, and may be given to new threads. */
static void forget_dead(struct tracees *ts)
{
	size_t kept = 0;

	for (size_t i = 0; i < ts->len; i++)
		if (ts->v[i].state != TRACEE_DEAD || ts->v[i].stays)
			ts->v[kept++] = ts->v[i];
	ts->len = kept;
}

/*
 * Seizes the threads that are not known yet. *complete: all there are were
 * known, and none is left out. The list alone doesn't tell: where a thread
 * ends as the kernel lists it, the list ends (next_tid()), and what it started
 * is not in there. The number of threads is exact, and once all that were
 * listed are stopped, only others can change it.
 */
static struct err *seize_new(struct tracees *ts, struct deadline *d,
			     bool interrupt, bool *complete)
{
	cleanup_tids struct tids tids = {};
	struct proc_stat stat;

	forget_dead(ts);
	TRY(proc_list_tasks(ts->proc, &tids));
	TRY(proc_read_stat(ts->proc, 0, &stat));
	*complete = tids.len == stat.threads;
	for (size_t i = 0; i < tids.len; i++) {
		pid_t tid = tids.v[i];
		size_t place = place_of(ts, tid);

		if (place < ts->len && ts->v[place].tid == tid)
			continue;
		*complete = false;
		TRY(seize(ts, place, tid, d));
		if (interrupt)
			tracee_interrupt(tid);
	}
	return NULL;
}

static void interrupt_running(const struct tracees *ts)
{
	for (size_t i = 0; i < ts->len; i++)
		if (ts->v[i].state == TRACEE_RUNNING)
			tracee_interrupt(ts->v[i].tid);
}

/*
 * Waits until none is TRACEE_RUNNING. A thread in exec waits in the kernel for
 * all others to be gone, and those for us to take note of their exit: so at
 * each tick all are looked at. The leader's exit is reported last, and it
 * mostly has the lowest id: so the order is from the end.
 */
static struct err *wait_all(struct tracees *ts, const struct deadline *d)
{
	for (size_t i = ts->len; i-- > 0;) {
		while (ts->v[i].state == TRACEE_RUNNING) {
			TRY(tracee_wait(&ts->v[i], ts->proc, d));
			if (ts->v[i].state == TRACEE_RUNNING)
				poll_all(ts);
		}
	}
	return NULL;
}

struct err *tracees_stop(struct tracees *ts, unsigned int timeout_ms,
			 struct timespec *began)
{
	cleanup_deadline struct deadline d = {};
	bool complete;

	TRY(deadline_init(&d, timeout_ms, true));
	TRY(deadline_check(&d));
	TRY(seize_new(ts, &d, false, &complete));
	clock_gettime(CLOCK_MONOTONIC, began);
	interrupt_running(ts);
	do {
		TRY(wait_all(ts, &d));
		TRY(seize_new(ts, &d, true, &complete));
		TRY(deadline_check(&d));
	} while (!complete);
	if (!tracees_living(ts))
		return err_new(ERR_GONE, "it has ended, or executed another "
					 "program");
	return NULL;
}

struct err *tracees_stop_one(struct tracees *ts, pid_t tid,
			     unsigned int timeout_ms)
{
	cleanup_deadline struct deadline d = {};

	TRY(deadline_init(&d, timeout_ms, false));
	TRY(seize(ts, place_of(ts, tid), tid, &d));
	interrupt_running(ts);
	return wait_all(ts, &d);
}

struct tracee *tracees_find(const struct tracees *ts, pid_t tid)
{
	size_t i = place_of(ts, tid);

	return i < ts->len && ts->v[i].tid == tid ? &ts->v[i] : NULL;
}

/*
 * Detaches those that are in a stop. One that was killed in its stop, or whose
 * id was taken over by an exec, is running.
 */
static void detach_stopped(struct tracees *ts)
{
	for (size_t i = 0; i < ts->len; i++) {
		struct tracee *t = &ts->v[i];

		if (t->state == TRACEE_STOPPED)
			t->state = tracee_detach(t) ? TRACEE_RELEASED
						    : TRACEE_RUNNING;
	}
}

/*
 * The id of a leader that had exited lives on when another thread has done an
 * exec: that thread is the leader then, and as much ours as it was before.
 */
static void revive_leader(struct tracees *ts)
{
	pid_t leader = ts->proc->pid;
	size_t i = place_of(ts, leader);

	if (i < ts->len && ts->v[i].tid == leader &&
	    ts->v[i].state == TRACEE_DEAD &&
	    !proc_state_dead(proc_thread_state(ts->proc, leader)))
		ts->v[i].state = TRACEE_RUNNING;
}

/* Forgets all but those that could not be detached. */
static void forget_released(struct tracees *ts)
{
	size_t kept = 0;

	for (size_t i = 0; i < ts->len; i++)
		if (ts->v[i].state == TRACEE_RUNNING)
			ts->v[kept++] = ts->v[i];
	ts->len = kept;
}

static bool any_running(const struct tracees *ts)
{
	for (size_t i = 0; i < ts->len; i++)
		if (ts->v[i].state == TRACEE_RUNNING)
			return true;
	return false;
}

/* Stops and detaches those that are running. */
static struct err *release_running(struct tracees *ts)
{
	cleanup_deadline struct deadline d = {};

	TRY(deadline_init(&d, RELEASE_TIMEOUT, false));
	while (any_running(ts)) {
		interrupt_running(ts);
		struct err *e = wait_all(ts, &d);
		detach_stopped(ts);
		if (e)
			return e;
		revive_leader(ts);
		TRY(deadline_check(&d));
	}
	return NULL;
}

struct err *tracees_release(struct tracees *ts)
{
	struct err *e = NULL;

	detach_stopped(ts);
	revive_leader(ts);
	if (any_running(ts))
		e = release_running(ts);
	forget_released(ts);
	return e;
}

const struct tracee *tracees_living(const struct tracees *ts)
{
	const struct tracee *living = NULL;

	for (size_t i = 0; i < ts->len; i++) {
		if (ts->v[i].state != TRACEE_STOPPED)
			continue;
		if (!living || ts->v[i].tid == ts->proc->pid)
			living = &ts->v[i];
	}
	return living;
}
