/* SPDX-License-Identifier: Apache-2.0 */
#include "output/heapdump.h"

#include "base/addr_map.h"
#include "output/encoder.h"
#include "runtime/finalizer_queue.h"
#include "runtime/frame.h"
#include "runtime/itab.h"
#include "runtime/memprof.h"
#include "runtime/memstats.h"
#include "runtime/roots.h"
#include "runtime/running.h"
#include "runtime/runtime.h"
#include "runtime/special.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	FLUSH = 1 << 20,   /* bytes; small records are written together */
	CHUNK = 1 << 20,   /* bytes of memory that are read at once */
	MASK_CHUNK = 4096, /* bytes of its mask */
};

struct writer {
	struct runtime *rt;
	struct out_file *out;
	const struct heapdump_options *options;
	struct buf buf;	       /* not written yet */
	struct buf text;       /* scratch for names */
	struct addr_map types; /* that have their record */
	struct heapdump_result *result;
};

static struct err *flush(struct writer *w)
{
	if (!w->buf.len)
		return NULL;
	TRY(out_file_write(w->out, w->buf.v, w->buf.len));
	w->buf.len = 0;
	return NULL;
}

/* Called behind every record: keeps the buffer small. */
static struct err *end_record(struct writer *w)
{
	if (target_interrupted)
		return err_new(ERR_INTERRUPTED, "interrupted");
	return w->buf.len < FLUSH ? NULL : flush(w);
}

static struct err *encode_text(struct writer *w)
{
	return encode_bytes(&w->buf, w->text.v, w->text.len);
}

/* ---- params, types, itabs ------------------------------------------------ */

/* Follows runtime/heapdump.go:dumpparams. */
static struct err *write_params(struct writer *w)
{
	struct runtime *rt = w->rt;
	const struct span_table *t = &rt->spans;
	uint64_t start = 0, end = 0, ncpu;

	if (t->arenas.len) {
		start = t->arenas.v[0].base;
		end = t->arenas.v[t->arenas.len - 1].base + t->arena_size;
	}
	w->text.len = 0;
	TRY(rt_string(rt, rt->layout.var.buildVersion.addr, &w->text));
	TRY(rt_var(rt, &rt->layout.var.ncpu, &ncpu));
	TRY(encode_values(&w->buf, TAG_PARAMS, rt->arch->big_endian,
			  rt->arch->ptr_size, start, end));
	TRY(encode_string(&w->buf, rt->arch->name));
	TRY(encode_text(w));
	TRY(encode_uint(&w->buf, (uint64_t)(int64_t)(int32_t)ncpu));
	return end_record(w);
}

/* Each type once. Follows runtime/heapdump.go:dumptype. */
static struct err *write_type(struct writer *w, uint64_t addr)
{
	struct type_info type;
	uint64_t seen;

	TRY(addr_map_insert(&w->types, addr, 1, &seen));
	if (seen)
		return NULL;
	TRY(type_read(w->rt, addr, &type));
	w->text.len = 0;
	TRY(type_name(w->rt, &type, &w->text));
	if (!w->text.len)
		TRY(buf_append(&w->text, "unknown type", 12));
	TRY(encode_values(&w->buf, TAG_TYPE, addr, type.size));
	TRY(encode_text(w));
	TRY(encode_uint(&w->buf, type_word_is_pointer(w->rt, &type)));
	return end_record(w);
}

static struct err *write_itab(void *arg, const struct itab *it)
{
	struct writer *w = arg;

	TRY(err_wrap(write_type(w, it->type), "type of the itab at %#" PRIx64,
		     it->addr));
	TRY(encode_values(&w->buf, TAG_ITAB, it->addr, it->type));
	return end_record(w);
}

/* ---- objects ------------------------------------------------------------- */

static struct err *write_batch(void *arg, const uint8_t *data, size_t n)
{
	struct writer *w = arg;

	return out_file_write(w->out, data, n);
}

static void report_progress(void *arg, uint64_t done)
{
	const struct writer *w = arg;

	if (w->options->progress)
		w->options->progress(w->options->arg, done);
}

static struct err *write_objects(struct writer *w)
{
	const bool masked = w->options->no_contents;
	const struct pipeline_ops ops = {
		.encode = masked ? heapdump_encode_pointers
				 : heapdump_encode_objects,
		.write = write_batch,
		.progress = report_progress,
		.offset = out_file_bytes(w->out) + w->buf.len,
		.arg = w,
	};
	const struct object_wants wants = {
		.contents = true,
		.pointers = true,
		.pointers_of_pieces = masked,
	};

	TRY(flush(w));
	return pipeline_run(w->rt, wants, w->options->threads, &ops,
			    &w->result->totals);
}

/* ---- goroutines and threads ---------------------------------------------- */

static struct err *write_defer(void *arg, const struct defer *d)
{
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_DEFER, d->addr, d->goroutine, d->sp,
			  d->pc, d->fn, d->code, d->link));
	return end_record(w);
}

/* The 0 was the panic's defer once: runtime/heapdump.go:dumpgoroutine. */
static struct err *write_panic(void *arg, const struct panic *p)
{
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_PANIC, p->addr, p->goroutine, p->type,
			  p->data, 0, p->link));
	return end_record(w);
}

/* Appends n bytes of the target's memory; not to be large. */
static struct err *put_memory(struct writer *w, uint64_t addr, uint64_t n)
{
	TRY(buf_reserve(&w->buf, n));
	TRY(target_read(w->rt->target, addr, w->buf.v + w->buf.len, n));
	w->buf.len += n;
	return NULL;
}

/* Whether a word that may be a pointer leads to the heap, to globals, or to its
 * own stack. */
static bool leads_somewhere(const struct writer *w, const struct goroutine *g,
			    uint64_t value)
{
	return span_heap_arena(&w->rt->spans, value) ||
	       module_of_data(w->rt, value) ||
	       (value >= g->stack_lo && value < g->stack_hi);
}

/*
 * Leaves only pointers of a frame, the last n bytes put. In a frame without a
 * map any word may be called one: only those that lead somewhere stay.
 */
static void mask_frame(struct writer *w, const struct frame *f, uint64_t n)
{
	uint8_t *words = w->buf.v + w->buf.len - n;
	uint64_t at = 0;

	for (size_t i = 0; i < f->pointer_count; i++) {
		uint64_t offset = f->pointers[i], value;

		if (offset < at || offset + 8 > n)
			continue;
		memset(words + at, 0, offset - at);
		value = load_le(words + offset, 8);
		at = offset + 8;
		if (!leads_somewhere(w, f->at->g, value))
			memset(words + offset, 0, 8);
	}
	memset(words + at, 0, n - at);
}

static struct err *write_frame_contents(struct writer *w, const struct frame *f)
{
	uint64_t size = f->at->fp - f->at->sp;

	TRY(encode_uint(&w->buf, size));
	TRY(buf_reserve(&w->buf, size));
	TRY(rt_read(w->rt, f->at->sp, w->buf.v + w->buf.len, size));
	w->buf.len += size;
	if (w->options->no_contents)
		mask_frame(w, f, size);
	return NULL;
}

/* Follows runtime/heapdump.go:dumpframe. */
static struct err *write_frame(void *arg, const struct frame *f)
{
	const struct unwinder *at = f->at;
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_STACK_FRAME, at->sp, f->depth,
			  f->child_sp));
	TRY(write_frame_contents(w, f));
	TRY(encode_values(&w->buf, at->func.entry, at->pc, at->continpc));
	w->text.len = 0;
	TRY(func_name(w->rt, &at->func, &w->text));
	if (!w->text.len)
		TRY(buf_append(&w->text, "unknown function", 16));
	TRY(encode_text(w));
	TRY(buf_reserve(&w->buf, f->pointer_count * (1 + PUT_MAX)));
	for (size_t i = 0; i < f->pointer_count; i++) {
		put_uint(&w->buf, FIELD_PTR);
		put_uint(&w->buf, f->pointers[i]);
	}
	TRY(encode_uint(&w->buf, FIELD_EOL));
	return end_record(w);
}

/* Follows runtime/heapdump.go:dumpgoroutine. */
static struct err *write_goroutine(void *arg, const struct goroutine *g)
{
	struct writer *w = arg;
	const uint64_t background = 0; /* never set by any release */
	enum stack_end end;

	w->text.len = 0;
	TRY(goroutine_waitreason(w->rt, g, &w->text));
	TRY(encode_values(&w->buf, TAG_GOROUTINE, g->addr, g->sp, g->id,
			  g->gopc, g->status, g->system, background,
			  g->waitsince));
	TRY(encode_text(w));
	TRY(encode_values(&w->buf, g->ctxt, g->m, g->defer, g->panic));
	w->result->goroutines++;
	TRY(end_record(w));
	TRY(frame_each(w->rt, g, write_frame, w, &end));
	w->result->stack_ends[end]++;
	w->result->broken_stacks += end != STACK_WHOLE;
	TRY(defer_each(w->rt, g, write_defer, w));
	return panic_each(w->rt, g, write_panic, w);
}

static struct err *write_os_thread(void *arg, const struct os_thread *t)
{
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_OS_THREAD, t->addr, t->id, t->procid));
	return end_record(w);
}

/* ---- data and bss -------------------------------------------------------- */

/* Fields of a segment's pointers, from its mask in the target. */
static struct err *write_mask(struct writer *w, const struct data_segment *s)
{
	uint8_t chunk[MASK_CHUNK];

	for (uint64_t done = 0; done < s->mask_bits;) {
		uint64_t n = min_u64(s->mask_bits - done, MASK_CHUNK * 8);

		TRY(target_read(w->rt->target, s->mask + done / 8, chunk,
				(n + 7) / 8));
		TRY(buf_reserve(&w->buf, n * (1 + PUT_MAX)));
		for (uint64_t i = 0; i < n; i++) {
			if (!bit_get(chunk, i))
				continue;
			put_uint(&w->buf, FIELD_PTR);
			put_uint(&w->buf, (done + i) * w->rt->arch->ptr_size);
		}
		done += n;
		TRY(flush(w));
	}
	return encode_uint(&w->buf, FIELD_EOL);
}

/* Leaves the pointers of the part of a segment that was put last: n bytes, at
 * offset `done` of the segment. */
static struct err *mask_segment(struct writer *w, const struct data_segment *s,
				uint64_t done, uint64_t n)
{
	cleanup_free uint64_t *bits = calloc(CHUNK / 64 / 8, 8);
	uint8_t *part = w->buf.v + w->buf.len - n;
	uint64_t first = done / 8, words = n / 8, known;

	if (!bits)
		return &err_nomem;
	known = s->mask_bits > first ? min_u64(words, s->mask_bits - first) : 0;
	TRY(target_read(w->rt->target, s->mask + first / 8, bits,
			(known + 7) / 8));
	for (uint64_t i = 0; i < known / 64 + (known % 64 != 0); i++)
		bits[i] = le64toh(bits[i]);
	heapdump_mask(part, bits, 0, known);
	memset(part + known * 8, 0, n - known * 8);
	return NULL;
}

static struct err *write_segment(struct writer *w, enum heapdump_tag tag,
				 const struct data_segment *s)
{
	uint64_t size = s->end - s->start;

	TRY(encode_values(&w->buf, tag, s->start, size));
	for (uint64_t done = 0; done < size; done += CHUNK) {
		uint64_t n = min_u64(size - done, CHUNK);

		TRY(flush(w));
		TRY(put_memory(w, s->start + done, n));
		if (w->options->no_contents)
			TRY(mask_segment(w, s, done, n));
	}
	TRY(write_mask(w, s));
	return end_record(w);
}

/*
 * Those of all modules, in the order of the runtime's own chain. The runtime
 * itself writes those of the first (runtime/heapdump.go:dumproots), and the
 * collector scans all (runtime/mgcmark.go:markroot).
 */
static struct err *write_segments(struct writer *w)
{
	const struct module_table *t = &w->rt->modules;

	for (size_t i = 0; i < t->list.len; i++)
		TRY(err_wrap(write_segment(w, TAG_DATA, &t->list.v[i].data),
			     "data segment"));
	for (size_t i = 0; i < t->list.len; i++)
		TRY(err_wrap(write_segment(w, TAG_BSS, &t->list.v[i].bss),
			     "bss segment"));
	return NULL;
}

/* ---- other roots: the runtime has a tag for them, and never writes any ----
 */

static struct err *write_root(void *arg, const struct other_root *r)
{
	struct writer *w = arg;

	TRY(encode_uint(&w->buf, TAG_OTHER_ROOT));
	TRY(encode_string(&w->buf, r->what));
	TRY(encode_uint(&w->buf, r->pointer));
	return end_record(w);
}

static struct err *write_register(void *arg, const struct register_root *r)
{
	struct other_root root = { .pointer = r->value };

	snprintf(root.what, sizeof(root.what), "register %s of thread %d",
		 r->name, (int)r->thread->ns_tid);
	return write_root(arg, &root);
}

/* Registers always: where the runtime writes a dump, nothing runs. */
static struct err *write_other_roots(struct writer *w)
{
	TRY(err_wrap(running_registers_each(w->rt, write_register, w),
		     "registers"));
	if (!w->options->extra_roots)
		return NULL;
	return err_wrap(other_root_each(w->rt, write_root, w), "other roots");
}

/* ---- finalizers, statistics, memory profile ------------------------------ */

static struct err *put_finalizer(struct writer *w, enum heapdump_tag tag,
				 const struct finalizer *f)
{
	TRY(encode_values(&w->buf, tag, f->object, f->fn, f->pc, f->fint,
			  f->ot));
	return end_record(w);
}

static struct err *write_finalizer(void *arg, const struct finalizer *f)
{
	return put_finalizer(arg, TAG_FINALIZER, f);
}

static struct err *write_queued(void *arg, const struct finalizer *f)
{
	return put_finalizer(arg, TAG_QUEUED_FINALIZER, f);
}

/* Follows runtime/heapdump.go:dumpmemstats. */
static struct err *write_memstats(struct writer *w)
{
	struct memstats m;

	TRY(memstats_read(w->rt, &m));
	TRY(encode_values(
		&w->buf, TAG_MEM_STATS, m.alloc, m.total_alloc, m.sys,
		m.lookups, m.mallocs, m.frees, m.heap_alloc, m.heap_sys,
		m.heap_idle, m.heap_inuse, m.heap_released, m.heap_objects,
		m.stack_inuse, m.stack_sys, m.mspan_inuse, m.mspan_sys,
		m.mcache_inuse, m.mcache_sys, m.buckhash_sys, m.gc_sys,
		m.other_sys, m.next_gc, m.last_gc, m.pause_total_ns));
	TRY(encode_uints(&w->buf, m.pause_ns, MEMSTATS_PAUSES));
	TRY(encode_uint(&w->buf, m.num_gc));
	return end_record(w);
}

/*
 * Function, file and line of a pc. That of a caller lies behind the call.
 * Follows runtime/heapdump.go:dumpmemprof_callback.
 */
static struct err *write_location(struct writer *w, uint64_t pc, bool leaf)
{
	struct func f;
	uint64_t line;
	char unknown[32];

	TRY(func_find(w->rt, pc, &f));
	if (!f.addr) {
		snprintf(unknown, sizeof(unknown), "(0x%" PRIx64 ")", pc);
		TRY(encode_string(&w->buf, unknown));
		TRY(encode_string(&w->buf, "?"));
		return encode_uint(&w->buf, 0);
	}
	w->text.len = 0;
	TRY(func_name(w->rt, &f, &w->text));
	TRY(encode_text(w));
	if (!leaf && pc > f.entry)
		pc--;
	w->text.len = 0;
	TRY(func_line(w->rt, &f, pc, &w->text, &line));
	TRY(encode_text(w));
	return encode_uint(&w->buf, line);
}

static struct err *write_bucket(void *arg, const struct memprof_bucket *b)
{
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_MEM_PROF, b->addr, b->size, b->depth));
	for (uint64_t i = 0; i < b->depth; i++)
		TRY(write_location(w, b->stack[i], i == 0));
	TRY(encode_values(&w->buf, b->allocs, b->frees));
	return end_record(w);
}

static struct err *write_sample(void *arg, const struct alloc_sample *s)
{
	struct writer *w = arg;

	TRY(encode_values(&w->buf, TAG_ALLOC_SAMPLE, s->object, s->bucket));
	return end_record(w);
}

/* ---- the whole ----------------------------------------------------------- */

/* Follows runtime/heapdump.go:mdump. */
static struct err *write_all(struct writer *w)
{
	static const char header[] = "go1.7 heap dump\n";
	struct runtime *rt = w->rt;

	TRY(buf_append(&w->buf, header, sizeof(header) - 1));
	TRY(err_wrap(write_params(w), "parameters"));
	TRY(err_wrap(itab_each(rt, write_itab, w), "itabs"));
	TRY(err_wrap(write_objects(w), "objects"));
	TRY(err_wrap(goroutine_each(rt, write_goroutine, w), "goroutines"));
	TRY(err_wrap(os_thread_each(rt, write_os_thread, w), "threads"));
	TRY(write_segments(w));
	TRY(write_other_roots(w));
	TRY(err_wrap(finalizer_each(rt, write_finalizer, w), "finalizers"));
	TRY(err_wrap(queued_finalizer_each(rt, write_queued, w),
		     "queued finalizers"));
	TRY(err_wrap(write_memstats(w), "memory statistics"));
	TRY(err_wrap(memprof_each(rt, write_bucket, w), "memory profile"));
	TRY(err_wrap(alloc_sample_each(rt, write_sample, w),
		     "allocation samples"));
	TRY(encode_uint(&w->buf, TAG_EOF));
	return flush(w);
}

struct err *heapdump_write(struct runtime *rt, struct out_file *out,
			   const struct heapdump_options *options,
			   struct heapdump_result *result)
{
	struct heapdump_result r = {};
	struct writer w = {
		.rt = rt,
		.out = out,
		.options = options,
		.result = &r,
	};
	struct err *e = write_all(&w);

	buf_deinit(&w.buf);
	buf_deinit(&w.text);
	addr_map_deinit(&w.types);
	if (!e)
		*result = r;
	return e;
}
