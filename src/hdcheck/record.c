/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/record.h"

#include "base/bits.h"

#define MEMBER(label, kind, path)                                              \
	{                                                                      \
		.name = label, .type = MEMBER_##kind,                          \
		.offset = offsetof(struct record, path)                        \
	}

static const struct record_member memory_members[] = {
	MEMBER("address", ADDR, memory.addr),
	MEMBER("contents", BYTES, memory.contents),
	MEMBER("fields", FIELDS, memory.fields),
};

static const struct record_member other_root_members[] = {
	MEMBER("description", STRING, other_root.description),
	MEMBER("pointer", ADDR, other_root.pointer),
};

static const struct record_member type_members[] = {
	MEMBER("address", ADDR, type.addr),
	MEMBER("size", INT, type.size),
	MEMBER("name", STRING, type.name),
	MEMBER("indirect", BOOL, type.indirect),
};

static const struct record_member goroutine_members[] = {
	MEMBER("address", ADDR, goroutine.addr),
	MEMBER("sp", ADDR, goroutine.sp),
	MEMBER("goid", INT, goroutine.goid),
	MEMBER("gopc", ADDR, goroutine.gopc),
	MEMBER("status", INT, goroutine.status),
	MEMBER("isSystem", BOOL, goroutine.is_system),
	MEMBER("isBackground", BOOL, goroutine.is_background),
	MEMBER("waitsince", INT, goroutine.wait_since),
	MEMBER("waitreason", STRING, goroutine.wait_reason),
	MEMBER("ctxt", ADDR, goroutine.ctxt),
	MEMBER("m", ADDR, goroutine.m),
	MEMBER("defer", ADDR, goroutine.defer),
	MEMBER("panic", ADDR, goroutine.panic),
};

static const struct record_member stack_frame_members[] = {
	MEMBER("sp", ADDR, frame.sp),
	MEMBER("depth", INT, frame.depth),
	MEMBER("child sp", ADDR, frame.child_sp),
	MEMBER("contents", BYTES, frame.contents),
	MEMBER("entry", ADDR, frame.entry),
	MEMBER("pc", ADDR, frame.pc),
	MEMBER("continpc", ADDR, frame.continpc),
	MEMBER("function", STRING, frame.function),
	MEMBER("fields", FIELDS, frame.fields),
};

static const struct record_member params_members[] = {
	MEMBER("big-endian", BOOL, params.big_endian),
	MEMBER("pointer size", INT, params.pointer_size),
	MEMBER("arena start", ADDR, params.arena_start),
	MEMBER("arena end", ADDR, params.arena_end),
	MEMBER("architecture", STRING, params.arch),
	MEMBER("version", STRING, params.version),
	MEMBER("CPUs", INT, params.cpus),
};

static const struct record_member finalizer_members[] = {
	MEMBER("object", ADDR, finalizer.object),
	MEMBER("funcval", ADDR, finalizer.fn),
	MEMBER("code", ADDR, finalizer.code),
	MEMBER("argument type", ADDR, finalizer.arg_type),
	MEMBER("pointer type", ADDR, finalizer.ptr_type),
};

static const struct record_member itab_members[] = {
	MEMBER("address", ADDR, itab.addr),
	MEMBER("type", ADDR, itab.type),
};

static const struct record_member os_thread_members[] = {
	MEMBER("m", ADDR, thread.m),
	MEMBER("id", INT, thread.id),
	MEMBER("thread", INT, thread.tid),
};

static const struct record_member mem_stats_members[] = {
#define X(member, name) MEMBER(name, INT, stats.member),
	MEM_STATS_MEMBERS(X)
#undef X
		MEMBER("PauseNs", PAUSES, stats.pause_ns),
	MEMBER("NumGC", INT, stats.num_gc),
};

static const struct record_member defer_members[] = {
	MEMBER("address", ADDR, defer.addr), MEMBER("goroutine", ADDR, defer.g),
	MEMBER("sp", ADDR, defer.sp),	     MEMBER("pc", ADDR, defer.pc),
	MEMBER("funcval", ADDR, defer.fn),   MEMBER("code", ADDR, defer.code),
	MEMBER("link", ADDR, defer.link),
};

static const struct record_member panic_members[] = {
	MEMBER("address", ADDR, panic.addr),
	MEMBER("goroutine", ADDR, panic.g),
	MEMBER("argument type", ADDR, panic.arg_type),
	MEMBER("argument data", ADDR, panic.arg_data),
	MEMBER("defer", ADDR, panic.defer),
	MEMBER("link", ADDR, panic.link),
};

static const struct record_member mem_prof_members[] = {
	MEMBER("bucket", ADDR, prof.bucket), MEMBER("size", INT, prof.size),
	MEMBER("stack", CALLS, prof.stack),  MEMBER("allocs", INT, prof.allocs),
	MEMBER("frees", INT, prof.frees),
};

static const struct record_member alloc_sample_members[] = {
	MEMBER("object", ADDR, sample.object),
	MEMBER("bucket", ADDR, sample.bucket),
};

#define FORMAT(label, list)                                                    \
	{                                                                      \
		.name = label, .members = list,                                \
		.member_count = ARRAY_SIZE(list)                               \
	}

const struct record_format record_formats[RECORD_KINDS] = {
	[RECORD_EOF] = { .name = "EOF" },
	[RECORD_OBJECT] = FORMAT("Object", memory_members),
	[RECORD_OTHER_ROOT] = FORMAT("OtherRoot", other_root_members),
	[RECORD_TYPE] = FORMAT("Type", type_members),
	[RECORD_GOROUTINE] = FORMAT("Goroutine", goroutine_members),
	[RECORD_STACK_FRAME] = FORMAT("StackFrame", stack_frame_members),
	[RECORD_PARAMS] = FORMAT("Params", params_members),
	[RECORD_FINALIZER] = FORMAT("Finalizer", finalizer_members),
	[RECORD_ITAB] = FORMAT("Itab", itab_members),
	[RECORD_OS_THREAD] = FORMAT("OSThread", os_thread_members),
	[RECORD_MEM_STATS] = FORMAT("MemStats", mem_stats_members),
	[RECORD_QUEUED_FINALIZER] =
		FORMAT("QueuedFinalizer", finalizer_members),
	[RECORD_DATA] = FORMAT("Data", memory_members),
	[RECORD_BSS] = FORMAT("BSS", memory_members),
	[RECORD_DEFER] = FORMAT("Defer", defer_members),
	[RECORD_PANIC] = FORMAT("Panic", panic_members),
	[RECORD_MEM_PROF] = FORMAT("MemProf", mem_prof_members),
	[RECORD_ALLOC_SAMPLE] = FORMAT("AllocSample", alloc_sample_members),
};

const char *goroutine_status_name(uint64_t status)
{
	/* Idle, dead and dead extra goroutines are in no dump. */
	static const char *const names[] = {
		[1] = "runnable", [2] = "running",   [3] = "syscall",
		[4] = "waiting",  [8] = "copystack", [9] = "preempted",
		[10] = "leaked",
	};

	return status < ARRAY_SIZE(names) ? names[status] : NULL;
}

static struct bytes take_string(struct bytes *raw)
{
	struct bytes s = { .size = bytes_take_uvarint(raw) };

	s.data = raw->data;
	raw->data += s.size;
	raw->size -= s.size;
	return s;
}

bool call_take(struct call_list *list, struct call *out)
{
	if (!list->raw.size)
		return false;
	out->function = take_string(&list->raw);
	out->file = take_string(&list->raw);
	out->line = bytes_take_uvarint(&list->raw);
	return true;
}
