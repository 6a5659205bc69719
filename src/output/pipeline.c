/* SPDX-License-Identifier: Apache-2.0 */
#include "output/pipeline.h"

#include "runtime/runtime.h"
#include "target/deadline.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum {
	MAX_THREADS = 4,
	/* The kernel copies a tenth faster where memory and file are aligned
	 * alike. */
	ALIGN = 64,
	/* Of address space: more than a window's encoding, so that buffers
	 * stay where they are. */
	BUFFER = 4 * WINDOW_BYTES,
};

/* What the threads share, under the lock. */
struct pipeline {
	pthread_mutex_t lock;
	pthread_cond_t turn_changed;
	const struct pipeline_ops *ops;
	struct runtime *rt;
	struct object_wants wants;
	struct object_walk walk;
	uint64_t tickets;	   /* windows given out */
	uint64_t encoded, written; /* windows: the next one's turn it is */
	uint64_t offset;	   /* in the output, of the one to encode */
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

/* Waits until it is the window's turn; false: an error has ended it all. */
static bool await(struct pipeline *p, const uint64_t *turn, uint64_t ticket)
{
	pthread_mutex_lock(&p->lock);
	while (*turn != ticket && !p->error)
		pthread_cond_wait(&p->turn_changed, &p->lock);
	bool mine = !p->error;
	pthread_mutex_unlock(&p->lock);
	return mine;
}

static void pass_on(struct pipeline *p, uint64_t *turn)
{
	pthread_mutex_lock(&p->lock);
	++*turn;
	pthread_cond_broadcast(&p->turn_changed);
	pthread_mutex_unlock(&p->lock);
}

/* Encodes at a place that is aligned as it will be in the file: `skip` bytes
 * from the start. That is known in its turn only. */
static struct err *encode(struct pipeline *p, const struct object_batch *batch,
			  struct buf *buf, size_t *skip)
{
	*skip = (p->offset - (uintptr_t)buf->v) % ALIGN;
	buf->len = *skip;
	TRY(p->ops->encode(batch, buf));
	p->offset += buf->len - *skip;
	return NULL;
}

static struct err *hand_on(struct pipeline *p, const struct object_batch *batch,
			   const uint8_t *data, size_t n)
{
	if (n)
		TRY(p->ops->write(p->ops->arg, data, n));
	count(p, batch);
	if (p->ops->progress)
		p->ops->progress(p->ops->arg, p->bytes_done);
	return NULL;
}

/* Adds the time since *from to *sum, and moves *from on. */
static void lap(uint64_t *from, uint64_t *sum)
{
	uint64_t now = monotonic_ns();

	*sum += now - *from;
	*from = now;
}

static struct err *work(struct pipeline *p, struct object_reader *reader,
			struct buf *buf)
{
	struct object_window window;
	uint64_t ticket;

	TRY(buf_reserve(buf, BUFFER));
	while (take(p, &window, &ticket)) {
		const struct object_batch *batch;
		uint64_t clock = monotonic_ns(), read = 0;
		size_t skip;

		TRY(object_reader_read(reader, &window, &batch));
		lap(&clock, &read);
		/* Whose turn it is needs no lock. */
		if (!await(p, &p->encoded, ticket))
			break;
		clock = monotonic_ns();
		TRY(encode(p, batch, buf, &skip));
		lap(&clock, &p->totals.times.encode);
		p->totals.times.read += read;
		pass_on(p, &p->encoded);
		if (!await(p, &p->written, ticket))
			break;
		clock = monotonic_ns();
		TRY(hand_on(p, batch, buf->v + skip, buf->len - skip));
		lap(&clock, &p->totals.times.write);
		pass_on(p, &p->written);
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
		.offset = ops->offset,
	};

	if (!threads)
		threads = useful_threads();
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
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
