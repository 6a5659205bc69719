/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines with their defers and panics, and the threads (Ms) that run them.
 * Follows runtime/heapdump.go:dumpgs, dumpgoroutine, dumpms.
 */
#ifndef HD_RUNTIME_GOROUTINE_H
#define HD_RUNTIME_GOROUTINE_H

#include "base/buf.h"

#include <stdint.h>

struct runtime;

/* Where the stack of a goroutine starts. */
enum goroutine_place {
	PLACE_SAVED,	 /* at a call, where it gave way or left Go code */
	PLACE_REGISTERS, /* it runs: at any instruction */
	PLACE_MOVING,	 /* its stack is being moved: sp, pc may be stale */
	PLACE_UNKNOWN,	 /* it runs, but not in Go code; sp, pc are stale */
};

struct goroutine {
	uint64_t addr;	     /* of its g */
	uint64_t sp, pc, lr; /* where its stack starts; lr 0 if saved */
	enum goroutine_place place;
	const char *why; /* PLACE_UNKNOWN: in words; static */
	bool in_syscall; /* sp, pc are those of a system call's entry */
	bool scanned;	 /* somebody else holds it by its scan bit */
	uint64_t stack_lo, stack_hi;
	uint64_t id; /* goid */
	uint64_t gopc, startpc;
	uint32_t status;    /* without the scan bit */
	bool system;	    /* started by the runtime itself */
	uint64_t waitsince; /* ns, CLOCK_MONOTONIC; 0 if unknown */
	uint8_t waitreason;
	uint64_t ctxt, m, defer, panic;
	uint64_t lockedm; /* address of the M that it is locked to; 0: none */
	uint64_t parent;  /* goid of who started it; 0: unknown */
	uint64_t ancestors, labels;
	uint64_t bubble; /* of testing/synctest; 0: none */
};

struct defer {
	uint64_t addr, goroutine, sp, pc;
	uint64_t fn;   /* funcval; 0 for an open-coded defer */
	uint64_t code; /* pc of fn; 0 without */
	bool started;  /* up to 1.21: it is being called */
	uint64_t link;
};

struct panic {
	uint64_t addr, goroutine;
	uint64_t type, data; /* of its argument, an interface */
	bool recovered;	     /* it is over, but for the way back */
	bool goexit;	     /* it is no panic, but runtime.Goexit */
	uint64_t link;
};

/* An M. */
struct os_thread {
	uint64_t addr;
	uint64_t id;
	uint64_t procid; /* thread id in the target's own pid namespace */
};

/*
 * Every goroutine that is not dead, in the order of allgs. The writer inside
 * throws on statuses that a stopped world does not have; here they are told.
 */
struct err *goroutine_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct goroutine *),
			   void *arg) must_check;

/* The goroutine at addr as its g has it: where it is, if it runs, and whether
 * it is the system's is left out. */
struct err *goroutine_read(struct runtime *rt, uint64_t addr,
			   struct goroutine *out) must_check;

/* The addresses of all g's, of dead goroutines, too. */
struct err *goroutine_each_address(struct runtime *rt,
				   struct err *(*fn)(void *, uint64_t addr),
				   void *arg) must_check;

/* Copies all g's into rt->copy with a few reads, from where they are read then
 * (target/page_copy.h). */
struct err *goroutine_copy_all(struct runtime *rt) must_check;

/* Appends why the goroutine waits, as the runtime words it. */
struct err *goroutine_waitreason(struct runtime *rt, const struct goroutine *g,
				 struct buf *out) must_check;

struct err *defer_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *, const struct defer *),
		       void *arg) must_check;
struct err *panic_each(struct runtime *rt, const struct goroutine *g,
		       struct err *(*fn)(void *, const struct panic *),
		       void *arg) must_check;
struct err *os_thread_each(struct runtime *rt,
			   struct err *(*fn)(void *, const struct os_thread *),
			   void *arg) must_check;

#endif
