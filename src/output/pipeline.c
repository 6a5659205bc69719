/* SPDX-License-Identifier: Apache-2.0 */
#include "output/pipeline.h"

#include "runtime/runtime.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum { MAX_THREADS = 4 };

/* What the threads share, under the lock. */
struct pipeline {
	pthread_mutex_t lock;
	pthread_cond_t turn_changed;
	const struct pipeline_ops *ops;
	struct runtime *rt;
	struct object_wants wants;
	struct object_walk walk;
	uint64_t tickets; /* windows given out */
	uint64_t turn;	  /* the window that may be written */
	struct err *error;
	struct pipeline_totals totals;
	uint64_t bytes_done; /* of spans */
};

/* The first error counts; it ends every thread. Takes e. */
static void fail(struct pipeline *p, struct err *e)
{
	if (p->error)
		err_free(e);
	else
		p->error = e;
	pthread_cond_broadcast(&p->turn_changed);
}

/* Takes the next window and its place in the order; false: no more. */
static bool take(struct pipeline *p, struct object_window *window,
		 uint64_t *ticket)
{
	bool more = false;

	pthread_mutex_lock(&p->lock);
	if (target_interrupted && !p->error)
		fail(p, err_new(ERR_INTERRUPTED, "interrupted"));
	if (!p->error)
		more = object_walk_next(&p->walk, window);
	if (more)
		*ticket = p->tickets++;
	pthread_mutex_unlock(&p->lock);
	return more;
}

/* Adds up a batch; an object in pieces counts with the first of each kind. */
static void count(struct pipeline *p, const struct object_batch *b)
{
	const struct span_table *t = &p->rt->spans;

	p->totals.unreadable += b->unreadable;
	if (!b->window->offset)
		p->totals.untyped += b->untyped;
	if (b->window->kind == WINDOW_POINTERS)
		return;
	if (b->window->kind == WINDOW_CONTENTS)
		p->bytes_done += b->window->len;
	if (b->window->kind == WINDOW_CONTENTS && b->window->offset)
		return;
	for (size_t i = 0; i < b->count; i++) {
		const struct span_objects *o = &b->spans[i];

		p->totals.objects += o->allocated_count;
		p->totals.object_bytes += o->allocated_count * o->elemsize;
		if (b->window->kind == WINDOW_OBJECTS)
			p->bytes_done += span_bytes(t, o->span);
	}
}

/* Waits for the window's turn, and writes. False: an error ended it all. */
static bool hand_on(struct pipeline *p, uint64_t ticket,
		    const struct object_batch *batch, const struct buf *buf)
{
	struct err *e;

	pthread_mutex_lock(&p->lock);
	while (p->turn != ticket && !p->error)
		pthread_cond_wait(&p->turn_changed, &p->lock);
	if (p->error) {
		pthread_mutex_unlock(&p->lock);
		return false;
	}
	pthread_mutex_unlock(&p->lock);

	/* Whose turn it is needs no lock. */
	e = buf->len ? p->ops->write(p->ops->arg, buf) : NULL;
	count(p, batch);
	if (!e && p->ops->progress)
		p->ops->progress(p->ops->arg, p->bytes_done);

	pthread_mutex_lock(&p->lock);
	if (e)
		fail(p, e);
	p->turn++;
	pthread_cond_broadcast(&p->turn_changed);
	pthread_mutex_unlock(&p->lock);
	return !e;
}

static struct err *work(struct pipeline *p, struct object_reader *reader,
			struct buf *buf)
{
	struct object_window window;
	uint64_t ticket;

	while (take(p, &window, &ticket)) {
		const struct object_batch *batch;

		buf->len = 0;
		TRY(object_reader_read(reader, &window, &batch));
		TRY(p->ops->encode(batch, buf));
		if (!hand_on(p, ticket, batch, buf))
			break;
	}
	return NULL;
}

static void *worker(void *arg)
{
	struct pipeline *p = arg;
	struct object_reader *reader = NULL;
	cleanup(buf_deinit) struct buf buf = {};

	struct err *e = object_reader_create(p->rt, p->wants, &reader);
	if (!e)
		e = work(p, reader, &buf);
	object_reader_destroy(reader);
	if (e) {
		pthread_mutex_lock(&p->lock);
		fail(p, e);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static unsigned int useful_threads(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (unsigned int)n;
}

/* Starts helpers, which leave signals to the main thread. */
static unsigned int start(struct pipeline *p, pthread_t *ids, unsigned int n)
{
	unsigned int started = 0;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (started < n && !pthread_create(&ids[started], NULL, worker, p))
		started++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return started;
}

struct err *pipeline_run(struct runtime *rt, struct object_wants wants,
			 unsigned int threads, const struct pipeline_ops *ops,
			 struct pipeline_totals *totals)
{
	pthread_t ids[MAX_THREADS];
	struct pipeline p = {
		.ops = ops,
		.rt = rt,
		.wants = wants,
		.walk = { .rt = rt },
	};

	if (!threads || threads > MAX_THREADS)
		threads = useful_threads();
	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.turn_changed, NULL);
	/* The main thread works too: fewer helpers only make it slower. */
	unsigned int started = start(&p, ids, threads - 1);
	worker(&p);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	pthread_cond_destroy(&p.turn_changed);
	pthread_mutex_destroy(&p.lock);
	if (p.error)
		return p.error;
	*totals = p.totals;
	return NULL;
}
