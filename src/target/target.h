/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One address space and its threads: a live process, a snapshot of one, or a
 * core file. Only the maker knows which; all others use this interface.
 *
 * A target is made running (live) and is stopped by target_stop(); its memory
 * and registers are those of one instant from then until target_resume() or
 * target_close(). A core is always stopped and can't be resumed.
 *
 * Reads are safe from any thread. Everything else is called by the thread
 * that made the target (ptrace knows its tracer by thread).
 */
#ifndef HD_TARGET_TARGET_H
#define HD_TARGET_TARGET_H

#include "arch/arch.h"
#include "base/err.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* A mapping of the target's address space. */
struct mapping {
	uint64_t start, end;  /* end is exclusive */
	uint64_t file_offset; /* bytes */
	uint64_t dev, inode;  /* 0 where nothing is mapped */
	bool read, write, exec, shared;
	char *path; /* "" for anonymous memory; "[vdso]", "/usr/..."; owned */
};

/* A signal, as its siginfo_t has it. */
struct thread_signal {
	int number; /* 0: there is none */
	int code;
	uint64_t addr; /* of a fault */
};

/* A thread as of the stop. */
struct thread {
	pid_t tid;    /* in our pid namespace */
	pid_t ns_tid; /* in the target's own: what the runtime knows it by */
	bool have_regs;
	struct regs regs; /* tls included, on every machine */
	/* What it is about to receive: it has no effect yet. */
	struct thread_signal signal;
};

/* One range of a vectored read. */
struct read_range {
	uint64_t addr;
	size_t len; /* bytes */
	void *buf;
	bool ok; /* out: buf holds all len bytes */
};

/* When the target was stopped: when its last thread was. */
struct stop_time {
	struct timespec wall;	   /* CLOCK_REALTIME */
	struct timespec monotonic; /* CLOCK_MONOTONIC: the runtime's nanotime */
	uint64_t ticks;		   /* the runtime's cputicks; 0 if unknown */
};

struct target;

/* What a maker implements. Every entry is required, but for map. */
struct target_ops {
	/*
	 * Stops every thread and fills in mappings, threads, stop_time and,
	 * as soon as the first thread is being stopped, stop_began. On an
	 * error every thread runs again.
	 */
	struct err *(*stop)(struct target *t);
	/* Whatever it returns, what can run runs. */
	struct err *(*resume)(struct target *t);
	/* How many of the len bytes at addr could be read, from the first on.
	 */
	size_t (*read)(struct target *t, uint64_t addr, void *buf, size_t len);
	/* Sets ok of each range; no error: one range never costs another. */
	void (*read_many)(struct target *t, struct read_range *ranges,
			  size_t n);
	/* The address space is no more (the process ended or did an exec). */
	bool (*gone)(struct target *t);
	/*
	 * Fills in mappings as they are while the target runs. NULL where
	 * there is no such time: those of a core are there from the start.
	 */
	struct err *(*map)(struct target *t);
	/* Frees t and what is the maker's own; the rest is freed before. */
	void (*close)(struct target *t);
};

struct target {
	const struct target_ops *ops;
	const struct arch *arch;
	pid_t pid;	  /* 0 if unknown */
	char *exe_path;	  /* opens the executable ("/proc/PID/exe"); owned */
	char *root_path;  /* its root folder ("/proc/PID/root"), or NULL; owned
			   */
	char *exe_name;	  /* its name for people, without folders; owned */
	uint64_t at_phdr; /* AT_PHDR of its auxiliary vector; 0 if unknown */
	bool stopped;

	/* How long a stop may take, in ms; may be set before target_stop(). */
	unsigned int stop_timeout;

	/* As of the stop, or of target_map(); valid until the next stop,
	 * resume, target_map() or close. */
	struct mapping *mappings; /* by address, disjoint; owned */
	size_t mapping_count;
	struct thread *threads; /* by tid; owned */
	size_t thread_count;
	struct stop_time stop_time;

	/* CLOCK_MONOTONIC when the latest stop began to stop threads. */
	struct timespec stop_began;
	/* From there to the end of the resume, in ns, over all stops so far,
	 * given up ones included. */
	uint64_t pause_ns;
};

/*
 * Set by a signal handler: whatever waits in this room gives up soon (within
 * DEADLINE_TICK) with ERR_INTERRUPTED. It keeps nothing from being resumed.
 */
extern volatile sig_atomic_t target_interrupted;

/*
 * Stops every thread, and captures registers and mappings. Nothing is done
 * when it is stopped already.
 *
 * Errors, after which the target runs on: ERR_TIMEOUT (a thread did not stop
 * in time: the message names it), ERR_GONE (it ended, or runs another program
 * now), ERR_DENIED, ERR_INTERRUPTED, ERR_OS, ERR_NOMEM.
 */
struct err *target_stop(struct target *t) must_check;

/*
 * Lets the target run on. ERR_UNSUPPORTED for a core: there is no other
 * moment to wait for.
 */
struct err *target_resume(struct target *t) must_check;

/* Reads len bytes at addr, all or ERR_FAULT (or ERR_GONE). */
struct err *target_read(struct target *t, uint64_t addr, void *buf,
			size_t len) must_check;

/*
 * Reads n ranges with as few system calls as possible; see struct read_range.
 * When ranges failed, target_check() tells whether the target is there at all.
 */
void target_read_many(struct target *t, struct read_range *ranges, size_t n);

/* ERR_GONE if the target's address space is no more. */
struct err *target_check(struct target *t) must_check;

/*
 * The mappings of a target that need not be stopped: those of the stop, or, of
 * one that runs, those of an instant that has passed. Errors: ERR_GONE,
 * ERR_DENIED, ERR_OS, ERR_FORMAT.
 */
struct err *target_map(struct target *t) must_check;

/*
 * A path that opens the file that m maps, to be freed, or NULL: nothing is
 * mapped, or its file can't be come by. Where the target has another root, or
 * the file has been deleted or replaced, it is the file that is mapped all the
 * same.
 */
char *target_mapped_path(const struct target *t, const struct mapping *m);

/* The mapping that holds addr, or NULL. */
const struct mapping *target_mapping(const struct target *t, uint64_t addr);

/* Resumes what was stopped, and frees t; NULL is allowed. */
void target_close(struct target *t);

static inline void cleanup_target_fn(struct target **t)
{
	target_close(*t);
}
#define cleanup_target cleanup(cleanup_target_fn)

#endif
