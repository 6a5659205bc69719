/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be reached in the heap: a mark for each slot, which spreads along
 * the pointers of objects as that of the garbage collector does. Two bits a
 * slot is all that is kept; objects are read in windows (object.h), of those
 * spans in which something was reached and not looked at yet.
 *
 *	graph_create(rt, &graph);
 *	graph_cut(graph, addr);			objects that lead nowhere
 *	TRY(graph_reach(graph, root));		as often as there are roots
 *	TRY(graph_spread(graph));
 *	if (graph_reached(graph, addr)) ...
 */
#ifndef HD_RUNTIME_GRAPH_H
#define HD_RUNTIME_GRAPH_H

#include "base/err.h"

#include <stdint.h>

struct graph;
struct runtime;

/* Nothing is reached; rt is borrowed. */
struct err *graph_create(struct runtime *rt, struct graph **out) must_check;
void graph_destroy(struct graph *g); /* NULL is allowed */

/* The object that addr is in, if any, is reached. */
void graph_reach(struct graph *g, uint64_t addr);

/* The object that addr is in is not looked into when it is reached: what it
 * leads to is another's concern. */
void graph_cut(struct graph *g, uint64_t addr);

/* Looks into an object that was cut, or was not. */
void graph_open(struct graph *g, uint64_t addr);

/*
 * To be called before anything is reached: that graph_reached() will be asked
 * for the lock at addr. Objects of less than 16 bytes without pointers share a
 * slot (runtime/malloc.go: the tiny allocator), and a word that leads behind a
 * lock at its start does not lead to the lock. ERR_NOMEM.
 */
struct err *graph_watch(struct graph *g, uint64_t addr) must_check;

/* Whether the object that addr is in is reached; false outside the heap. */
bool graph_reached(const struct graph *g, uint64_t addr);

/*
 * Everything that is reached by what is reached, is. Errors: those of
 * object_reader_read(); ERR_INTERRUPTED.
 */
struct err *graph_spread(struct graph *g) must_check;

struct graph_totals {
	uint64_t objects;    /* looked into */
	uint64_t unreadable; /* bytes; what they lead to is not reached */
	uint64_t untyped;    /* objects whose pointers are not known */
	uint64_t windows;    /* read */
};
const struct graph_totals *graph_totals(const struct graph *g);

static inline void cleanup_graph_fn(struct graph **g)
{
	graph_destroy(*g);
}
#define cleanup_graph cleanup(cleanup_graph_fn)

#endif
