/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes for tests to attach to: forked, with a piece of memory shared
 * with the test, and killed when the test ends, however it does.
 */
#ifndef HD_TESTS_CHILD_H
#define HD_TESTS_CHILD_H

#include "target/target.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CHILD_THREADS = 8,
	CHILD_SIGNALS = 3000,
};

/* What parent and child have in common; all zero at first. */
struct shared {
	atomic_int ready;	   /* the child is where the test wants it */
	atomic_int go;		   /* for the test to set */
	atomic_int errors;	   /* what went wrong in the child */
	atomic_int pid;		   /* of a grandchild */
	atomic_uint_fast64_t work; /* grows as long as the child runs */
	atomic_int tid[CHILD_THREADS];
	int pipe[2];
	atomic_uchar seen[CHILD_SIGNALS]; /* how often each was received */
	atomic_int seen_count;
};

struct child {
	pid_t pid;
	struct shared *shared;
};

/*
 * Forks a child that runs body and exits, and waits until it has set ready.
 * The test fails if it does not within a minute.
 */
struct child child_start(void (*body)(struct shared *));

/* As child_start(), with memory that is already there. */
struct child child_start_with(struct shared *s, void (*body)(struct shared *));
struct shared *shared_create(void);

/* Kills the child and waits for it; its wait status. */
int child_end(struct child *c);

/* Waits, at most a minute, for *v to be at least n; false if it isn't. */
bool wait_at_least(atomic_int *v, int n);

/* Waits until the child's work has grown: it runs. */
bool wait_work(struct shared *s);

/* Waits until a thread's state (of /proc) is one of these; false if not. */
bool wait_state(pid_t tid, const char *states);

/* True if work stands still: no thread of the child runs. */
bool work_stands_still(struct shared *s);

void sleep_ms(unsigned int ms);

/* A target of the child, patient on a loaded machine. */
struct target *open_child(const struct child *c);

/* Fails the test if a living thread of the process has a tracer. */
void expect_untraced(pid_t pid);

/* Bodies. */

void child_idle(struct shared *s);    /* sleeps in pause() */
void child_worker(struct shared *s);  /* one thread that works */
void child_workers(struct shared *s); /* and 3 more, tid[] set */
/* As child_workers(); takes SIGRTMIN and SIGUSR1, numbered: see seen[]. */
void child_signalled(struct shared *s);

/* Reads FAULT_ADDR, where nothing is, and survives, all the time. */
enum { FAULT_ADDR = 0x18 };
void child_faults(struct shared *s);

/* Starts threads that end at once, and works; a thread's function. */
void *child_thread_parent(void *shared);

#endif
