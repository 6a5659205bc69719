/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a heap dump ("go1.7 heap dump"), as C structs, and the table
 * that says how each is encoded. Follows runtime/heapdump.go of Go 1.19 to
 * 1.27, whose encodings are the same.
 *
 * Bytes, strings and lists point into the file; they are valid as long as it
 * is open. Addresses are the target's.
 */
#ifndef HD_HDCHECK_RECORD_H
#define HD_HDCHECK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Tags, as they are in the file (runtime/heapdump.go:tagEOF...). */
enum record_kind {
	RECORD_EOF,
	RECORD_OBJECT,
	RECORD_OTHER_ROOT, /* no release writes it */
	RECORD_TYPE,
	RECORD_GOROUTINE,
	RECORD_STACK_FRAME,
	RECORD_PARAMS,
	RECORD_FINALIZER,
	RECORD_ITAB,
	RECORD_OS_THREAD,
	RECORD_MEM_STATS,
	RECORD_QUEUED_FINALIZER,
	RECORD_DATA,
	RECORD_BSS,
	RECORD_DEFER,
	RECORD_PANIC,
	RECORD_MEM_PROF,
	RECORD_ALLOC_SAMPLE,
	RECORD_KINDS
};

/* Bytes or a string, in place; a string has no NUL at its end. */
struct bytes {
	const uint8_t *data;
	uint64_t size;
};

enum field_kind {
	FIELD_END,
	FIELD_POINTER, /* the only one that any release writes */
	FIELD_IFACE,   /* two words */
	FIELD_EFACE,   /* two words */
	FIELD_KINDS
};

/* A checked field list, as it is encoded, without its end marker. */
struct field_list {
	struct bytes raw;
	uint64_t count;
};

struct field {
	uint64_t kind;	 /* enum field_kind */
	uint64_t offset; /* bytes from the start of the contents */
};

/* Object, Data, BSS. */
struct memory_record {
	uint64_t addr;
	struct bytes contents;
	struct field_list fields;
};

struct other_root_record {
	struct bytes description;
	uint64_t pointer;
};

struct type_record {
	uint64_t addr;
	uint64_t size; /* bytes of a value */
	struct bytes name;
	uint64_t indirect; /* bool: an interface's data word is a pointer */
};

struct goroutine_record {
	uint64_t addr; /* of the g */
	uint64_t sp;
	uint64_t goid;
	uint64_t gopc;
	uint64_t status;		   /* see goroutine_status_name() */
	uint64_t is_system, is_background; /* bools */
	uint64_t wait_since;		   /* ns, CLOCK_MONOTONIC; 0 unknown */
	struct bytes wait_reason;
	uint64_t ctxt;	       /* sched.ctxt */
	uint64_t m;	       /* address of the m it is on, or 0 */
	uint64_t defer, panic; /* heads of the lists */
};

struct stack_frame_record {
	uint64_t sp;	   /* lowest address */
	uint64_t depth;	   /* 0 is the innermost */
	uint64_t child_sp; /* sp of the frame it called, or 0 */
	struct bytes contents;
	uint64_t entry, pc, continpc;
	struct bytes function;
	struct field_list fields;
};

struct params_record {
	uint64_t big_endian; /* bool */
	uint64_t pointer_size;
	uint64_t arena_start, arena_end;
	struct bytes arch;    /* GOARCH */
	struct bytes version; /* runtime.Version(), experiments included */
	uint64_t cpus;
};

/* Finalizer, QueuedFinalizer. */
struct finalizer_record {
	uint64_t object;
	uint64_t fn;	   /* its funcval */
	uint64_t code;	   /* entry pc */
	uint64_t arg_type; /* of the finalizer's argument */
	uint64_t ptr_type; /* of the pointer to the object */
};

struct itab_record {
	uint64_t addr;
	uint64_t type; /* the concrete one */
};

struct os_thread_record {
	uint64_t m;
	uint64_t id;
	uint64_t tid; /* procid: of the operating system */
};

/* runtime.MemStats, in its order, as far as it is written. */
#define MEM_STATS_MEMBERS(X)                                                   \
	X(alloc, "Alloc")                                                      \
	X(total_alloc, "TotalAlloc")                                           \
	X(sys, "Sys")                                                          \
	X(lookups, "Lookups")                                                  \
	X(mallocs, "Mallocs")                                                  \
	X(frees, "Frees")                                                      \
	X(heap_alloc, "HeapAlloc")                                             \
	X(heap_sys, "HeapSys")                                                 \
	X(heap_idle, "HeapIdle")                                               \
	X(heap_inuse, "HeapInuse")                                             \
	X(heap_released, "HeapReleased")                                       \
	X(heap_objects, "HeapObjects")                                         \
	X(stack_inuse, "StackInuse")                                           \
	X(stack_sys, "StackSys")                                               \
	X(mspan_inuse, "MSpanInuse")                                           \
	X(mspan_sys, "MSpanSys")                                               \
	X(mcache_inuse, "MCacheInuse")                                         \
	X(mcache_sys, "MCacheSys")                                             \
	X(buck_hash_sys, "BuckHashSys")                                        \
	X(gc_sys, "GCSys")                                                     \
	X(other_sys, "OtherSys")                                               \
	X(next_gc, "NextGC")                                                   \
	X(last_gc, "LastGC")                                                   \
	X(pause_total_ns, "PauseTotalNs")

#define PAUSE_COUNT 256

struct mem_stats_record {
#define X(member, name) uint64_t member;
	MEM_STATS_MEMBERS(X)
#undef X
	uint64_t pause_ns[PAUSE_COUNT];
	uint64_t num_gc;
};

struct defer_record {
	uint64_t addr;
	uint64_t g;
	uint64_t sp, pc;
	uint64_t fn, code; /* 0 for an open-coded one */
	uint64_t link;
};

struct panic_record {
	uint64_t addr;
	uint64_t g;
	uint64_t arg_type, arg_data;
	uint64_t defer; /* always 0 */
	uint64_t link;
};

/* The stack of a MemProf record, in place, checked. */
struct call_list {
	struct bytes raw;
	uint64_t count;
};

struct call {
	struct bytes function, file;
	uint64_t line;
};

struct mem_prof_record {
	uint64_t bucket; /* its address */
	uint64_t size;	 /* bytes of one object */
	struct call_list stack;
	uint64_t allocs, frees;
};

struct alloc_sample_record {
	uint64_t object;
	uint64_t bucket;
};

struct record {
	enum record_kind kind;
	uint64_t offset; /* of its tag in the file */
	uint64_t size;	 /* encoded bytes, tag included */
	union {
		struct memory_record memory; /* Object, Data, BSS */
		struct other_root_record other_root;
		struct type_record type;
		struct goroutine_record goroutine;
		struct stack_frame_record frame;
		struct params_record params;
		struct finalizer_record finalizer;
		struct itab_record itab;
		struct os_thread_record thread;
		struct mem_stats_record stats;
		struct defer_record defer;
		struct panic_record panic;
		struct mem_prof_record prof;
		struct alloc_sample_record sample;
	};
};

enum member_type {
	MEMBER_INT,
	MEMBER_ADDR, /* an integer that is shown in hexadecimal */
	MEMBER_BOOL,
	MEMBER_BYTES,
	MEMBER_STRING,
	MEMBER_FIELDS,
	MEMBER_CALLS,
	MEMBER_PAUSES, /* PAUSE_COUNT integers */
};

/* One member of a record's encoding. */
struct record_member {
	const char *name;
	enum member_type type;
	size_t offset; /* in struct record */
};

/* How a kind is encoded, members in the order of the file. */
struct record_format {
	const char *name;
	const struct record_member *members;
	size_t member_count;
};

extern const struct record_format record_formats[RECORD_KINDS];

static inline const char *record_name(enum record_kind kind)
{
	return record_formats[kind].name;
}

/* A member of a record by its place in the table. */
static inline const void *record_member(const struct record *r,
					const struct record_member *m)
{
	return (const char *)r + m->offset;
}

/*
 * The name of a goroutine's status as runtime.Stack writes it, or NULL if no
 * goroutine of a dump can have it. Follows runtime/runtime2.go.
 */
const char *goroutine_status_name(uint64_t status);

static inline bool bytes_equal(struct bytes a, const char *data, size_t size)
{
	return a.size == size && (!size || !memcmp(a.data, data, size));
}

static inline uint64_t bytes_take_uvarint(struct bytes *b)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; b->size; shift += 7) {
		uint8_t byte = *b->data++;

		b->size--;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

/*
 * Takes the first field off the list; false if it is empty. Cannot fail: the
 * reader has checked the list. It is consumed: give it a copy.
 */
static inline bool field_take(struct field_list *list, struct field *out)
{
	if (!list->raw.size)
		return false;
	out->kind = bytes_take_uvarint(&list->raw);
	out->offset = bytes_take_uvarint(&list->raw);
	return true;
}

/* The same for the calls of a MemProf record, innermost first. */
bool call_take(struct call_list *list, struct call *out);

#endif
