/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Go runtime of a target, as a model: what the other files of this room
 * read from it hangs off struct runtime.
 *
 *	runtime_open	before the stop: the release, its layout (DWARF)
 *	runtime_load	at a stop: modules, spans
 *	runtime_unload	before the target runs on: forgets what load read
 *	runtime_close
 */
#ifndef HD_RUNTIME_RUNTIME_H
#define HD_RUNTIME_RUNTIME_H

#include "base/buf.h"
#include "runtime/layout.h"
#include "runtime/module.h"
#include "runtime/span.h"
#include "runtime/sweep.h"
#include "runtime/type.h"
#include "target/cache.h"
#include "target/target.h"

struct lib_unwinder;
struct machine_table;

/* A part of a file that is mapped, by run-time addresses. */
struct runtime_constant {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	bool relocated;	 /* it is not what the file has */
};

struct runtime_constants {
	char *path; /* opens the file; owned */
	VEC(struct runtime_constant) list;
};

struct runtime {
	struct target *target; /* borrowed */
	const struct arch *arch;
	struct layout layout;
	char *release; /* "go1.24.11 X:..." by the build information; owned */
	bool no_libunwind; /* unwind by unwind.c's rules alone; may be set */
	bool no_spans;	   /* nobody asks for the heap; may be set */
	uint64_t bias; /* run-time address minus address in the executable */
	/* What of its file nobody writes to (stacks_prepare). */
	struct runtime_constants constants;

	/* What is kept of a stop, if stacks_prepare() was called. */
	struct page_copy copy;

	/* As of the stop; small reads, by the main thread alone. */
	struct read_cache cache;
	struct module_table modules;
	struct type_table types;
	struct span_table spans;
	struct sweep sweep;	    /* of those that are not swept */
	struct read_cache specials; /* small reads of what specials are */
	struct lib_unwinder *lib;   /* NULL: not on this machine, or unwanted */
	struct machine_table *machines; /* NULL until running.c wants them */
};

/*
 * Opens the file that holds the runtime of a target that need not be stopped
 * (runtime_file.h): its release, and its layout. Errors: ERR_NOT_GO;
 * ERR_UNSUPPORTED (a release older than 1.21); ERR_MISSING (no DWARF, or a name
 * it lacks); ERR_FORMAT.
 */
struct err *runtime_open(struct target *target,
			 struct runtime **out) must_check;

/* Reads modules, and spans unless no_spans is set, of the stopped target. */
struct err *runtime_load(struct runtime *rt) must_check;
void runtime_unload(struct runtime *rt);

/*
 * Reads from another target from now on, which is borrowed: a snapshot of the
 * one so far, taken at this same stop, of which what was loaded stays true; or,
 * when it is unloaded, any of the same process.
 */
void runtime_retarget(struct runtime *rt, struct target *target);
void runtime_close(struct runtime *rt);

static inline void cleanup_runtime_fn(struct runtime **rt)
{
	if (*rt)
		runtime_close(*rt);
}
#define cleanup_runtime cleanup(cleanup_runtime_fn)

/* ---- small reads, through the cache --------------------------------------
 */

/* len bytes at addr. */
struct err *rt_read(struct runtime *rt, uint64_t addr, void *buf,
		    size_t len) must_check;

/* A pointer-sized word. */
struct err *rt_ptr(struct runtime *rt, uint64_t addr, uint64_t *out) must_check;

/* A member of the struct at addr; 0 if this release does not have it. */
struct err *rt_field(struct runtime *rt, uint64_t addr, const struct member *m,
		     uint64_t *out) must_check;

/* A variable of at most 8 bytes. */
struct err *rt_var(struct runtime *rt, const struct variable *v,
		   uint64_t *out) must_check;

/* A slice header; ERR_FORMAT if its length exceeds max elements. */
struct go_slice {
	uint64_t addr, len; /* len in elements */
};
struct err *rt_slice(struct runtime *rt, uint64_t addr, uint64_t max,
		     struct go_slice *out) must_check;

/* Appends the Go string at addr (its header) to out. */
struct err *rt_string(struct runtime *rt, uint64_t addr,
		      struct buf *out) must_check;

/* Appends the NUL-terminated string at addr, without its NUL, to out. */
struct err *rt_cstr(struct runtime *rt, uint64_t addr,
		    struct buf *out) must_check;

#endif
