/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/roots.h"

#include "runtime/goroutine.h"
#include "runtime/list_guard.h"
#include "runtime/mcache.h"
#include "runtime/object.h"
#include "runtime/runtime.h"
#include "runtime/special.h"
#include "runtime/stack_objects.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct sink {
	struct err *(*fn)(void *arg, const struct other_root *);
	void *arg;
	struct object_reader *reader;
};

static void cleanup_reader_fn(struct object_reader **r)
{
	object_reader_destroy(*r);
}

/* What does not lead into the heap keeps nothing alive. */
static struct err *printf_like(4, 5)
	tell(struct runtime *rt, const struct sink *s, uint64_t pointer,
	     const char *fmt, ...)
{
	struct other_root root = { .pointer = pointer };
	va_list ap;

	if (!span_heap_arena(&rt->spans, pointer))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(root.what, sizeof(root.what), fmt, ap);
	va_end(ap);
	return s->fn(s->arg, &root);
}

/* ---- what an object with a finalizer leads to ---------------------------- */

/*
 * Pointers among n bytes of an object, at offset of it; bit i of the bitmap,
 * counted from first, is for word i.
 */
static struct err *tell_words(struct runtime *rt, const struct sink *s,
			      uint64_t object, uint64_t offset,
			      const uint8_t *bytes, uint64_t n,
			      const uint64_t *bits, uint64_t first)
{
	for (uint64_t i = 0; i < n / 8; i++) {
		uint64_t bit = first + i;

		if (!(bits[bit / 64] >> bit % 64 & 1))
			continue;
		TRY(tell(rt, s, load_le(bytes + i * 8, 8),
			 "object 0x%" PRIx64
			 ", which has a finalizer, at %" PRIu64,
			 object, offset + i * 8));
	}
	return NULL;
}

/* A span of a window's size at most. */
static struct err *tell_slot(struct runtime *rt, const struct sink *s,
			     const struct object_batch *b, uint32_t slot)
{
	const struct span_objects *o = &b->spans[0];

	if (b->count != 1 || !o->contents || !o->pointers ||
	    slot >= o->nelems || !bit_get((const void *)o->allocated, slot))
		return NULL;
	uint64_t at = slot * o->elemsize;
	return tell_words(rt, s, o->base + at, 0, o->contents + at, o->elemsize,
			  o->pointers, at / 8);
}

/*
 * The words of an object with a finalizer are roots, while it itself is none:
 * all that it leads to is kept, so that the finalizer finds it. Follows
 * runtime/mgcmark.go:gcScanFinalizer.
 */
static struct err *tell_object(struct runtime *rt, const struct sink *s,
			       const struct span *span, uint32_t slot)
{
	const struct object_batch *b;
	struct object_window w = {
		.kind = WINDOW_OBJECTS,
		.first = (size_t)(span - rt->spans.list.v),
		.count = 1,
		.len = span_bytes(&rt->spans, span),
	};
	const uint64_t size = w.len;

	if (span_noscan(span))
		return NULL;
	if (size <= WINDOW_BYTES) {
		TRY(object_reader_read(s->reader, &w, &b));
		return tell_slot(rt, s, b, slot);
	}
	w.kind = WINDOW_CONTENTS;
	for (; w.offset < size; w.offset += w.len) {
		w.len = min_u64(size - w.offset, WINDOW_BYTES);
		TRY(object_reader_read(s->reader, &w, &b));
		if (!b->allocated || !b->piece || !b->pointers)
			continue;
		TRY(tell_words(rt, s, span->base, w.offset, b->piece, b->len,
			       b->pointers, 0));
	}
	return NULL;
}

/* ---- specials ------------------------------------------------------------ */

/*
 * The words of a cleanup: a funcval up to Go 1.25, three pointers since
 * (runtime/mcleanup.go:cleanupFn).
 */
static struct err *tell_cleanup(struct runtime *rt, const struct sink *s,
				uint64_t addr, const char *what)
{
	const struct layout *l = &rt->layout;
	const struct member *words[] = { &l->cleanupFn.call, &l->cleanupFn.fn,
					 &l->cleanupFn.arg };
	uint64_t pointer;

	if (!l->cleanupFn.struct_present) {
		TRY(rt_ptr(rt, addr, &pointer));
		return tell(rt, s, pointer, "%s", what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		TRY(rt_field(rt, addr, words[i], &pointer));
		TRY(tell(rt, s, pointer, "%s", what));
	}
	return NULL;
}

/* Of an object that the sweep is yet to find dead, the queue has it then; up
 * to Go 1.24 that of the finalizers, which has records. */
static struct err *tell_set_cleanup(struct runtime *rt, const struct sink *s,
				    const struct special *special)
{
	const struct layout *l = &rt->layout;
	const struct member *m = l->specialCleanup.cleanup.present
					 ? &l->specialCleanup.cleanup
					 : &l->specialCleanup.fn;
	char what[ROOT_TEXT];

	if (special->freed && !l->var.gcCleanups.present)
		return NULL;
	snprintf(what, sizeof(what), "%scleanup of 0x%" PRIx64,
		 special->freed ? "queued " : "", special->object);
	return tell_cleanup(rt, s, special->addr + m->offset, what);
}

static struct err *tell_special(struct runtime *rt, const struct sink *s,
				const struct span *span,
				const struct special *special)
{
	switch (special->kind) {
	case SPECIAL_FINALIZER:
		if (special->freed)
			return NULL; /* queued: it has a record */
		TRY(tell(rt, s, special->fn, "finalizer of 0x%" PRIx64,
			 special->object));
		return tell_object(rt, s, span, special->slot);
	case SPECIAL_WEAK_HANDLE:
		if (special->freed)
			return NULL;
		return tell(rt, s, special->handle, "weak handle of 0x%" PRIx64,
			    special->object);
	case SPECIAL_CLEANUP:
		return tell_set_cleanup(rt, s, special);
	default:
		return NULL;
	}
}

static struct err *tell_specials(struct runtime *rt, const struct span *span,
				 const struct special_list *list, void *arg)
{
	for (size_t i = 0; i < list->list.len; i++)
		TRY(tell_special(rt, arg, span, &list->list.v[i]));
	return NULL;
}

/* ---- what else is kept off the heap -------------------------------------- */

/* Follows runtime/mgcmark.go:markroot (fixedRootCleanups). */
static struct err *tell_queue(struct runtime *rt, const struct sink *s)
{
	const struct layout *l = &rt->layout;
	const struct member *cleanups = &l->cleanupBlock.cleanups;
	uint64_t size = l->cleanupFn.struct_present ? l->cleanupFn.struct_size
						    : rt->arch->ptr_size;
	struct list_guard guard = {};
	uint64_t block, n;

	if (!l->var.gcCleanups.present || !l->cleanupQueue.struct_present ||
	    !cleanups->present || !l->cleanupBlockHeader.struct_present)
		return NULL;
	TRY(rt_field(rt, l->var.gcCleanups.addr, &l->cleanupQueue.all, &block));
	while (block) {
		if (list_circles(&guard, block))
			return err_new(ERR_FORMAT,
				       "the queue of cleanups does not end");
		TRY(rt_field(rt, block, &l->cleanupBlockHeader.n, &n));
		if (n > cleanups->width / size)
			return err_new(ERR_FORMAT,
				       "a block of %" PRIu64
				       " cleanups counts %" PRIu64,
				       cleanups->width / size, n);
		for (uint64_t i = 0; i < n; i++)
			TRY(tell_cleanup(rt, s,
					 block + cleanups->offset + i * size,
					 "queued cleanup"));
		TRY(rt_field(rt, block, &l->cleanupBlockHeader.alllink,
			     &block));
	}
	return NULL;
}

/* The block that a P puts its next tiny objects into. */
static struct err *tell_tiny(struct runtime *rt, uint64_t mcache, void *arg)
{
	uint64_t tiny;

	TRY(rt_field(rt, mcache, &rt->layout.mcache.tiny, &tiny));
	return tell(rt, arg, tiny,
		    "block of tiny objects of the mcache at 0x%" PRIx64,
		    mcache);
}

/* ---- locals that have an address ----------------------------------------- */

struct stack_sink {
	struct runtime *rt;
	const struct sink *sink;
	uint64_t goroutine; /* its id */
};

static struct err *tell_stack_word(void *arg, uint64_t object, uint64_t pointer)
{
	const struct stack_sink *s = arg;

	return tell(s->rt, s->sink, pointer,
		    "stack object at 0x%" PRIx64 " of goroutine %" PRIu64,
		    object, s->goroutine);
}

/* A stack that makes no sense has been told of with its frames. */
static struct err *tell_stack(void *arg, const struct goroutine *g)
{
	struct stack_sink *s = arg;

	s->goroutine = g->id;
	struct err *e = stack_objects_each(s->rt, g, tell_stack_word, s);
	if (!e || (e->code != ERR_FAULT && e->code != ERR_FORMAT))
		return e;
	err_free(e);
	return NULL;
}

struct err *other_root_each(struct runtime *rt,
			    struct err *(*fn)(void *arg,
					      const struct other_root *),
			    void *arg)
{
	cleanup(cleanup_reader_fn) struct object_reader *reader = NULL;
	const struct object_wants wants = {
		.contents = true,
		.pointers = true,
		.pointers_of_pieces = true,
	};

	TRY(object_reader_create(rt, wants, &reader));
	struct sink s = { fn, arg, reader };
	TRY(special_each_span(rt, 0, tell_specials, &s));
	TRY(tell_queue(rt, &s));
	TRY(mcache_each(rt, tell_tiny, &s));
	struct stack_sink stacks = { .rt = rt, .sink = &s };
	return goroutine_each(rt, tell_stack, &stacks);
}
