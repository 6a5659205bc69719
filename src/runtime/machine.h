/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ms ("machines") and the threads that run them. Which g a thread is on, it
 * says itself, in its thread-local storage (runtime/stubs.go:getg); that is
 * right even where m.procid is 0, is left over from another thread, or is of
 * another pid namespace. Where the storage is not known, m.procid has to do.
 */
#ifndef HD_RUNTIME_MACHINE_H
#define HD_RUNTIME_MACHINE_H

#include "base/addr_map.h"
#include "base/vec.h"
#include "runtime/goroutine.h"
#include "target/target.h"

struct runtime;

/* What a thread runs on, as it says itself. */
enum machine_g {
	ON_UNKNOWN,
	ON_CURG, /* a goroutine: m.curg */
	ON_G0,	 /* the scheduler's, on the thread's own stack; also C */
	ON_GSIGNAL,
};

/* Where its goroutine stands, once running.c has looked. */
struct machine_place {
	bool known;
	enum goroutine_place place;
	const char *why; /* static */
	uint64_t pc, sp, lr;
	struct regs regs; /* of PLACE_REGISTERS: those of the Go code */
};

struct machine {
	uint64_t m; /* address */
	uint64_t procid;
	uint64_t g0, gsignal, curg;  /* curg 0: it runs no goroutine */
	const struct thread *thread; /* with registers; NULL: not known */
	enum machine_g on;
	struct machine_place at;
	bool moving; /* it is moving a goroutine's stack (running.c) */
};

struct machine_table {
	VEC(struct machine) list; /* in the order of allm */
	/* Address of an m or of one of its gs -> index + 1. */
	struct addr_map index;
	/* Where threads keep g, from regs.tls on; 0: not known. */
	int64_t tls_offset;
	size_t moving; /* machines that are */
};

/*
 * The Ms of the stopped target, of whose runtime no more than the cache must
 * be loaded.
 */
struct err *machine_table_load(struct runtime *rt,
			       struct machine_table **out) must_check;
void machine_table_destroy(struct machine_table *t); /* NULL is allowed */

/* The machine of an m, or NULL. */
struct machine *machine_find(const struct machine_table *t, uint64_t m);

#endif
