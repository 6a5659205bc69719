/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/live_roots.h"

#include "runtime/finalizer_queue.h"
#include "runtime/list_guard.h"
#include "runtime/machine.h"
#include "runtime/running.h"
#include "runtime/runtime.h"
#include "runtime/special.h"
#include "runtime/stack_pointers.h"

#include <inttypes.h>

enum {
	CHUNK = 4096,	  /* bytes of a segment read at once */
	MAX_PS = 1 << 16, /* processors; more are not believed */
};

/* ---- globals ------------------------------------------------------------- */

static struct err *segment_chunk(struct runtime *rt,
				 const struct data_segment *s, uint64_t offset,
				 uint64_t len, root_fn *fn, void *arg)
{
	const uint8_t word = rt->arch->ptr_size;
	uint8_t bytes[CHUNK], mask[CHUNK / 8 / 8];
	uint64_t first = offset / word, n = len / word;

	if (first >= s->mask_bits)
		return NULL;
	n = min_u64(n, s->mask_bits - first);
	TRY(rt_read(rt, s->mask + first / 8, mask, (n + 7) / 8));
	TRY(rt_read(rt, s->start + offset, bytes, len));
	for (uint64_t i = 0; i < n; i++) {
		if (!bit_get(mask, i))
			continue;
		uint64_t value =
			load_uint(bytes + i * word, word, rt->arch->big_endian);
		if (value)
			TRY(fn(arg, value));
	}
	return NULL;
}

static struct err *segment_roots(struct runtime *rt,
				 const struct data_segment *s, root_fn *fn,
				 void *arg)
{
	uint64_t size = s->end - s->start;

	for (uint64_t at = 0; at < size; at += CHUNK)
		TRY(segment_chunk(rt, s, at, min_u64(size - at, CHUNK), fn,
				  arg));
	return NULL;
}

struct err *global_roots_each(struct runtime *rt, root_fn *fn, void *arg)
{
	for (size_t i = 0; i < rt->modules.list.len; i++) {
		const struct module *m = &rt->modules.list.v[i];

		TRY(segment_roots(rt, &m->data, fn, arg));
		TRY(segment_roots(rt, &m->bss, fn, arg));
	}
	return NULL;
}

/* ---- finalizers ---------------------------------------------------------- */

struct sink {
	struct runtime *rt;
	root_fn *fn;
	void *arg;
};

static struct err *finalizer_words(void *arg, const struct finalizer *f)
{
	const struct sink *s = arg;

	if (f->object)
		TRY(s->fn(s->arg, f->object));
	return f->fn ? s->fn(s->arg, f->fn) : NULL;
}

static struct err *cleanup_words(struct runtime *rt, const struct span *span,
				 const struct special_list *list, void *arg)
{
	const struct member *cleanup = &rt->layout.specialCleanup.cleanup;
	const struct sink *s = arg;

	(void)span;
	for (size_t i = 0; i < list->list.len; i++) {
		const struct special *special = &list->list.v[i];

		if (special->kind != SPECIAL_CLEANUP)
			continue;
		if (special->fn)
			TRY(s->fn(s->arg, special->fn));
		/* From Go 1.26 on it has more than a function. */
		uint64_t words = special->addr + cleanup->offset;
		if (cleanup->present)
			TRY(words_each(rt, words, words + cleanup->width, s->fn,
				       s->arg));
	}
	return NULL;
}

/* Cleanups that wait to be run, from Go 1.25 on: whole blocks of them.
 * Follows runtime/mcleanup.go:cleanupQueue. */
static struct err *queued_cleanup_words(struct runtime *rt, root_fn *fn,
					void *arg)
{
	const struct layout *l = &rt->layout;
	struct list_guard guard = {};
	uint64_t block;

	if (!l->var.gcCleanups.present || !l->cleanupQueue.all.present ||
	    !l->cleanupBlock.struct_present)
		return NULL;
	TRY(rt_field(rt, l->var.gcCleanups.addr, &l->cleanupQueue.all, &block));
	while (block) {
		if (list_circles(&guard, block))
			return err_new(ERR_FORMAT,
				       "the blocks of cleanups at "
				       "%#" PRIx64 " do not end",
				       block);
		TRY(words_each(rt, block, block + l->cleanupBlock.struct_size,
			       fn, arg));
		TRY(rt_field(rt, block, &l->cleanupBlockHeader.alllink,
			     &block));
	}
	return NULL;
}

struct err *finalizer_roots_each(struct runtime *rt, root_fn *fn, void *arg)
{
	struct sink s = { rt, fn, arg };

	TRY(finalizer_each(rt, finalizer_words, &s));
	TRY(queued_finalizer_each(rt, finalizer_words, &s));
	TRY(special_each_span(rt, 0, cleanup_words, &s));
	return queued_cleanup_words(rt, fn, arg);
}

/* ---- threads ------------------------------------------------------------- */

static struct err *register_word(void *arg, const struct register_root *r)
{
	const struct sink *s = arg;

	return s->fn(s->arg, r->value);
}

/* What a goroutine's thread does for it on the system stack. */
static struct err *system_stack_words(struct runtime *rt,
				      const struct machine *m, root_fn *fn,
				      void *arg)
{
	const struct layout *l = &rt->layout;
	uint64_t stack = m->g0 + l->g.stack.offset, lo, hi;

	if (m->on != ON_G0 || !m->curg || !m->thread)
		return NULL;
	TRY(rt_field(rt, stack, &l->stack.lo, &lo));
	TRY(rt_field(rt, stack, &l->stack.hi, &hi));
	uint64_t sp = m->thread->regs.sp;
	return sp >= lo && sp < hi ? words_each(rt, sp, hi, fn, arg) : NULL;
}

struct err *thread_roots_each(struct runtime *rt, root_fn *fn, void *arg)
{
	struct sink s = { rt, fn, arg };

	TRY(running_registers_each(rt, register_word, &s));
	for (size_t i = 0; rt->machines && i < rt->machines->list.len; i++)
		TRY(system_stack_words(rt, &rt->machines->list.v[i], fn, arg));
	return NULL;
}

/* ---- timers -------------------------------------------------------------- */

/* Up to Go 1.22, p.timers is the slice itself. */
struct err *timers_pending(struct runtime *rt, uint64_t *out)
{
	const struct layout *l = &rt->layout;
	uint64_t heap = l->p.timers.offset, p, n = 0;
	struct go_slice ps, timers;

	if (l->timers.heap.present)
		heap += l->timers.heap.offset;
	TRY(rt_slice(rt, l->var.allp.addr, MAX_PS, &ps));
	for (uint64_t i = 0; i < ps.len && l->p.timers.present; i++) {
		TRY(rt_ptr(rt, ps.addr + i * rt->arch->ptr_size, &p));
		if (!p)
			continue;
		TRY(rt_slice(rt, p + heap, UINT64_MAX, &timers));
		n += timers.len;
	}
	*out = n;
	return NULL;
}
