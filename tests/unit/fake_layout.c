/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_layout.h"

#include <check.h>

const uint16_t fake_class_size[FAKE_CLASSES] = { 0,   8,   16,	 24,  48,
						 512, 640, 2048, 8192 };

enum { FIRST = 8 }; /* bytes before the first member of a struct */

/* Bytes of a member, if it is no word: a number of integers or of structs. */
struct width {
	const char *name;
	uint32_t count, size; /* bytes of one */
	size_t of; /* offset of the struct's size in struct layout, or 0 */
};

#define BYTES(n) 1, n, 0
#define STRUCTS(n, id) n, 0, offsetof(struct layout, id.struct_size)
static const struct width widths[] = {
	{ "mheap.lock", STRUCTS(1, mutex) },
	{ "mheap.sweepgen", BYTES(4) },
	{ "mheap.allspans", STRUCTS(1, slice) },
	{ "mheap.arenas", BYTES(8 * FAKE_L1) },
	{ "mheap.heapArenas", STRUCTS(1, slice) },
	{ "mheap.userArenaArenas", STRUCTS(1, slice) },
	{ "mheap.spanalloc", STRUCTS(1, fixalloc) },
	{ "mheap.cachealloc", STRUCTS(1, fixalloc) },
	{ "heapArena.bitmap", BYTES(FAKE_ARENA / 64) },
	{ "heapArena.noMorePtrs", BYTES(FAKE_ARENA / 64 / 64) },
	{ "mspan.sweepgen", BYTES(4) },
	{ "mspan.allocCount", BYTES(2) },
	{ "mspan.allocCountBeforeCache", BYTES(2) },
	{ "mspan.spanclass", BYTES(1) },
	{ "mspan.state", BYTES(1) },
	{ "mspan.isUserArenaChunk", BYTES(1) },
	{ "spanInlineMarkBits.marks", BYTES(FAKE_INLINE_MARKS) },
	{ "heapArena.spans", BYTES(FAKE_ARENA / FAKE_PAGE * 8) },
	{ "mcache.alloc", BYTES(8 * 2 * FAKE_CLASSES) },
	{ "mcache.stackcache", STRUCTS(FAKE_STACK_ORDERS, stackfreelist) },
	{ "special.kind", BYTES(1) },
	{ "finBlock.cnt", BYTES(4) },
	{ "finBlock.fin", STRUCTS(FAKE_FINALIZERS, finalizer) },
	{ "sweepdata.active", STRUCTS(1, activeSweep) },
	{ "activeSweep.state", BYTES(4) },
	{ "p.statsSeq", BYTES(4) },
	{ "mstats.heapStats", STRUCTS(1, consistentHeapStats) },
	{ "mstats.pause_ns", BYTES(8 * 256) },
	{ "mstats.numgc", BYTES(4) },
	{ "consistentHeapStats.stats",
	  STRUCTS(FAKE_STATS_SHARDS, heapStatsDelta) },
	{ "heapStatsDelta.smallAllocCount", BYTES(8 * FAKE_CLASSES) },
	{ "heapStatsDelta.smallFreeCount", BYTES(8 * FAKE_CLASSES) },
	{ "g.stack", STRUCTS(1, stack) },
	{ "g.sched", STRUCTS(1, gobuf) },
	{ "g.atomicstatus", BYTES(4) },
	{ "g.waitreason", BYTES(1) },
	{ "g.runningCleanups", BYTES(1) },
	{ "ancestorInfo.pcs", STRUCTS(1, slice) },
	{ "label.Key", STRUCTS(1, string) },
	{ "label.Value", STRUCTS(1, string) },
	{ "dbgVar.name", STRUCTS(1, string) },
	{ "_defer.started", BYTES(1) },
	{ "m.ncgo", BYTES(4) },
	{ "m.isextra", BYTES(1) },
	{ "g.sig", BYTES(4) },
	{ "hchan.closed", BYTES(4) },
	{ "hchan.recvq", STRUCTS(1, waitq) },
	{ "hchan.sendq", STRUCTS(1, waitq) },
	{ "timers.heap", STRUCTS(1, slice) },
	{ "syncMutex.state", BYTES(4) },
	{ "syncMutex.sema", BYTES(4) },
	{ "syncRWMutex.writerSem", BYTES(4) },
	{ "syncRWMutex.readerSem", BYTES(4) },
	{ "syncRWMutex.readerCount", BYTES(4) },
	{ "syncWaitGroup.sema", BYTES(4) },
	{ "syncCond.notify", STRUCTS(1, notifyList) },
	{ "stackObjectRecord.off", BYTES(4) },
	{ "stackObjectRecord.size", BYTES(4) },
	{ "boundsError.is_signed", BYTES(1) },
	{ "boundsError.code", BYTES(1) },
	{ "TypeAssertionError.missingMethod", STRUCTS(1, string) },
	{ "sigTabT.name", STRUCTS(1, string) },
	{ "_panic.arg", STRUCTS(1, eface) },
	{ "_panic.recovered", BYTES(1) },
	{ "_panic.repanicked", BYTES(1) },
	{ "_panic.goexit", BYTES(1) },
	{ "moduledata.funcnametab", STRUCTS(1, slice) },
	{ "moduledata.cutab", STRUCTS(1, slice) },
	{ "moduledata.filetab", STRUCTS(1, slice) },
	{ "moduledata.pctab", STRUCTS(1, slice) },
	{ "moduledata.pclntable", STRUCTS(1, slice) },
	{ "moduledata.ftab", STRUCTS(1, slice) },
	{ "moduledata.textsectmap", STRUCTS(1, slice) },
	{ "moduledata.gcdatamask", STRUCTS(1, bitvector) },
	{ "moduledata.gcbssmask", STRUCTS(1, bitvector) },
	{ "moduledata.bad", BYTES(1) },
	{ "bitvector.n", BYTES(4) },
	{ "functab.entryoff", BYTES(4) },
	{ "functab.funcoff", BYTES(4) },
	{ "_func.entryOff", BYTES(4) },
	{ "_func.nameOff", BYTES(4) },
	{ "_func.args", BYTES(4) },
	{ "_func.deferreturn", BYTES(4) },
	{ "_func.pcsp", BYTES(4) },
	{ "_func.pcfile", BYTES(4) },
	{ "_func.pcln", BYTES(4) },
	{ "_func.npcdata", BYTES(4) },
	{ "_func.cuOffset", BYTES(4) },
	{ "_func.funcID", BYTES(1) },
	{ "_func.flag", BYTES(1) },
	{ "_func.nfuncdata", BYTES(1) },
	{ "inlinedCall.funcID", BYTES(1) },
	{ "inlinedCall.nameOff", BYTES(4) },
	{ "inlinedCall.parentPc", BYTES(4) },
	{ "stackmap.n", BYTES(4) },
	{ "stackmap.nbit", BYTES(4) },
	{ "stackmap.bytedata", BYTES(1) },
	{ "type.TFlag", BYTES(1) },
	{ "type.Kind_", BYTES(1) },
	{ "type.Str", BYTES(4) },
	{ "uncommon.PkgPath", BYTES(4) },
	{ "structtype.Fields", STRUCTS(1, slice) },
	{ "memRecord.active", STRUCTS(1, memRecordCycle) },
};

/* What some releases have, from one of the three on or up to one. */
struct presence {
	const char *name;
	enum fake_release from, to;
};

static const struct presence presences[] = {
	{ "mheap.userArenaArenas", FAKE_GO126, FAKE_GO126 },
	{ "heapArena.bitmap", FAKE_GO121, FAKE_GO121 },
	{ "heapArena.noMorePtrs", FAKE_GO121, FAKE_GO121 },
	{ "mspan.largeType", FAKE_GO122, FAKE_GO126 },
	{ "minSizeForMallocHeader", FAKE_GO122, FAKE_GO126 },
	{ "mallocHeaderSize", FAKE_GO122, FAKE_GO126 },
	{ "specialWeakHandle", FAKE_GO122, FAKE_GO126 },
	{ "specialWeakHandle.handle", FAKE_GO122, FAKE_GO126 },
	{ "specialCleanup", FAKE_GO122, FAKE_GO126 },
	{ "specialCleanup.fn", FAKE_GO122, FAKE_GO122 },
	{ "KindSpecialWeakHandle", FAKE_GO122, FAKE_GO126 },
	{ "KindSpecialCleanup", FAKE_GO122, FAKE_GO126 },
	{ "gcCleanups", FAKE_GO126, FAKE_GO126 },
	{ "spanInlineMarkBits", FAKE_GO126, FAKE_GO126 },
	{ "spanInlineMarkBits.marks", FAKE_GO126, FAKE_GO126 },
	{ "heapStatsDelta.inPtrScalarBits", FAKE_GO121, FAKE_GO122 },
	{ "g.runningCleanups", FAKE_GO126, FAKE_GO126 },
	{ "g.sleepWhen", FAKE_GO126, FAKE_GO126 },
	{ "hchan.timer", FAKE_GO126, FAKE_GO126 },
	{ "maybeTraceablePtr", FAKE_GO126, FAKE_GO126 },
	{ "maybeTraceablePtr.vu", FAKE_GO126, FAKE_GO126 },
	{ "timers", FAKE_GO126, FAKE_GO126 },
	{ "timers.heap", FAKE_GO126, FAKE_GO126 },
	{ "_panic.repanicked", FAKE_GO126, FAKE_GO126 },
	{ "KindSpecialCleanup", FAKE_GO126, FAKE_GO126 },
	{ "float64Bytes", FAKE_GO126, FAKE_GO126 },
	{ "g.bubble", FAKE_GO126, FAKE_GO126 },
	{ "_defer.started", FAKE_GO121, FAKE_GO121 },
	{ "_panic.deferBitsPtr", FAKE_GO122, FAKE_GO126 },
	{ "synctestBubble", FAKE_GO126, FAKE_GO126 },
	{ "label", FAKE_GO126, FAKE_GO126 },
	{ "TraceArgsEndSeq", FAKE_GO126, FAKE_GO126 },
	{ "FuncID_corostart", FAKE_GO122, FAKE_GO126 },
	{ "FuncID_runCleanups", FAKE_GO126, FAKE_GO126 },
	{ "Gleaked", FAKE_GO126, FAKE_GO126 },
	{ "Gdeadextra", FAKE_GO126, FAKE_GO126 },
	{ "mutexStackLocked", FAKE_GO126, FAKE_GO126 },
	{ "TFlagDirectIface", FAKE_GO126, FAKE_GO126 },
	{ "TFlagGCMaskOnDemand", FAKE_GO126, FAKE_GO126 },
	{ "KindMask", FAKE_GO121, FAKE_GO122 },
	{ "KindGCProg", FAKE_GO121, FAKE_GO122 },
};

/* Of one experiment of one release: never there. */
static const char *const never[] = {
	"heapArena.heapArenaPtrScalar",
	"heapArenaPtrScalar",
	"heapArenaPtrScalar.bitmap",
	"heapArenaPtrScalar.noMorePtrs",
	"synctestGroup", /* of 1.24 alone */
};

static bool is_present(const char *name, enum fake_release release)
{
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!strcmp(never[i], name))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(presences); i++)
		if (!strcmp(presences[i].name, name))
			return release >= presences[i].from &&
			       release <= presences[i].to;
	return true;
}

static uint32_t width_of(const struct layout *l, const char *name,
			 enum fake_release release)
{
	/* Words before Go 1.22. */
	if (!strcmp(name, "mspan.nelems") || !strcmp(name, "mspan.freeindex") ||
	    !strcmp(name, "mspan.freeIndexForScan"))
		return release == FAKE_GO121 ? 8 : 2;
	/* Two words from Go 1.26 on; a slice up to 1.22. */
	if (!strcmp(name, "sudog.elem") || !strcmp(name, "sudog.c"))
		return release == FAKE_GO126 ? l->maybeTraceablePtr.struct_size
					     : 8;
	if (!strcmp(name, "p.timers"))
		return release == FAKE_GO126 ? l->timers.struct_size
					     : l->slice.struct_size;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		const struct width *w = &widths[i];

		if (!strcmp(w->name, name))
			return w->count *
			       (w->of ? *(const uint32_t *)((const char *)l +
							    w->of)
				      : w->size);
	}
	return 8;
}

/* Structs that begin with another one: its size, and more bytes. */
static uint32_t embedded(const struct layout *l, const char *name)
{
	static const struct {
		const char *name;
		uint32_t more;
	} types[] = {
		{ "arraytype", 0 },	 { "structtype", 0 },
		{ "ptrtype", 8 },	 { "functype", 16 },
		{ "slicetype", 24 },	 { "chantype", 32 },
		{ "interfacetype", 40 }, { "maptype", 48 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return l->type.struct_size + types[i].more;
	if (!strncmp(name, "special", 7) && strcmp(name, "special"))
		return l->special.struct_size;
	return FIRST;
}

/* Gives a member the next place; returns where it ends. */
static uint32_t place(const struct layout *l, struct member *m,
		      const char *name, enum fake_release release, uint32_t at)
{
	m->width = width_of(l, name, release);
	m->offset = (uint32_t)round_up(at, m->width < 8 ? m->width : 8);
	m->present = is_present(name, release);
	return m->offset + m->width;
}

static void place_members(struct layout *l, enum fake_release release)
{
	uint32_t at = 0;

#define STRUCT(id, names, need)                                                \
	l->id.struct_present = is_present(#id, release);                       \
	at = embedded(l, #id);
#define MEMBER(owner, id, need)                                                \
	at = place(l, &l->owner.id, #owner "." #id, release, at);
#define MEMBER_AS(owner, id, names, need) MEMBER(owner, id, need)
#define END_STRUCT(id) l->id.struct_size = (uint32_t)round_up(at, 8);
#define VARIABLE(id, names, need)
#define CONSTANT(id, names, need)
#include "runtime/members.def"
#undef STRUCT
#undef MEMBER
#undef MEMBER_AS
#undef END_STRUCT
#undef VARIABLE
#undef CONSTANT
}

/* ---- variables and constants --------------------------------------------- */

#define STRUCT(id, names, need)
#define MEMBER(owner, id, need)
#define MEMBER_AS(owner, id, names, need)
#define END_STRUCT(id)

/* Bytes of a variable. */
static uint64_t size_of(const struct layout *l, const char *name)
{
	const struct {
		const char *name;
		uint64_t size;
	} sizes[] = {
		{ "mheap_", l->mheap.struct_size },
		{ "emptymspan", l->mspan.struct_size },
		{ "class_to_size", sizeof(fake_class_size) },
		{ "fingStatus", 4 },
		{ "gcController", l->gcController.struct_size },
		{ "gcphase", 4 },
		{ "sweep", l->sweepdata.struct_size },
		{ "memstats", l->mstats.struct_size },
		{ "allglock", l->mutex.struct_size },
		{ "finlock", l->mutex.struct_size },
		{ "profMemActiveLock", l->mutex.struct_size },
		{ "allp", l->slice.struct_size },
		{ "gomaxprocs", 4 },
		{ "ncpu", 4 },
		{ "buildVersion", l->string.struct_size },
		{ "waitReasonStrings",
		  FAKE_WAIT_REASONS * l->string.struct_size },
		{ "isIdleInSynctest", FAKE_WAIT_REASONS },
		{ "dbgvars", l->slice.struct_size },
		{ "firstmoduledata", l->moduledata.struct_size },
		{ "semtable", FAKE_SEMAPHORE_ROOTS * 64 },
		{ "signal_handlers", 24 },
		{ "gcCleanups", l->cleanupQueue.struct_size },
		{ "iscgo", 1 },
		{ "boundsErrorFmts", 2 * l->string.struct_size },
		{ "boundsNegErrorFmts", 2 * l->string.struct_size },
		{ "sigtable", 16 * l->sigTabT.struct_size },
		{ "syscall_errors", 4 * l->string.struct_size },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!strcmp(sizes[i].name, name))
			return sizes[i].size;
	return 8;
}

static void place_variable(const struct layout *l, struct variable *v,
			   const char *name, enum fake_release release,
			   uint64_t *at)
{
	*v = (struct variable){ *at, size_of(l, name),
				is_present(name, release) };
	*at = round_up(*at + v->size, 16);
}

static void place_variables(struct layout *l, enum fake_release release)
{
	uint64_t at = FAKE_VARS;

#define VARIABLE(id, names, need)                                              \
	place_variable(l, &l->var.id, #id, release, &at);
#define CONSTANT(id, names, need)
#include "runtime/members.def"
#undef VARIABLE
#undef CONSTANT
}

static const struct {
	const char *name;
	int64_t value;
} constants[] = {
	{ "mSpanInUse", 1 },
	{ "PageShift", 13 },
	{ "heapArenaBytes", FAKE_ARENA },
	{ "arenaL1Bits", 2 },
	{ "arenaL2Bits", FAKE_L2_BITS },
	{ "arenaBaseOffset",
	  (int64_t)(FAKE_HEAP - FAKE_ARENA_INDEX * FAKE_ARENA) },
	{ "minSizeForMallocHeader", 512 },
	{ "mallocHeaderSize", 8 },
	{ "KindSpecialFinalizer", 1 },
	{ "KindSpecialProfile", 4 },
	{ "fingRunningFinalizer", 4 },
	{ "GCoff", 0 },
	{ "sweepDrainedMask", 1ll << 31 },
	{ "memoryLimitMinHeapGoalHeadroom", 1 << 20 },
	{ "memoryLimitHeapGoalHeadroomPercent", 3 },
	{ "Gidle", 0 },
	{ "Grunnable", 1 },
	{ "Grunning", 2 },
	{ "Gsyscall", 3 },
	{ "Gwaiting", 4 },
	{ "Gdead", 6 },
	{ "Gcopystack", 8 },
	{ "Gpreempted", 9 },
	{ "Gleaked", 10 },
	{ "Gdeadextra", 11 },
	{ "Gscan", 0x1000 },
	{ "ArgsSizeUnknown", INT32_MIN },
	{ "semTabSize", FAKE_SEMAPHORE_ROOTS },
	{ "FuncFlagTopFrame", 1 },
	{ "FuncFlagSPWrite", 2 },
	{ "PCDATA_StackMapIndex", 1 },
	{ "PCDATA_InlTreeIndex", 2 },
	{ "PCDATA_ArgLiveIndex", 3 },
	{ "FUNCDATA_StackObjects", 2 },
	{ "FUNCDATA_InlTree", 3 },
	{ "FUNCDATA_OpenCodedDeferInfo", 4 },
	{ "FUNCDATA_ArgInfo", 5 },
	{ "FUNCDATA_ArgLiveInfo", 6 },
	{ "TraceArgsEndSeq", 255 },
	{ "tracebackInnerFrames", 50 },
	{ "tracebackOuterFrames", 50 },
	{ "FUNCDATA_ArgsPointerMaps", 0 },
	{ "FUNCDATA_LocalsPointerMaps", 1 },
	{ "TFlagUncommon", 1 },
	{ "TFlagExtraStar", 2 },
	{ "TFlagNamed", 4 },
	{ "TFlagGCMaskOnDemand", 16 },
	{ "TFlagDirectIface", 32 },
	{ "KindDirectIface", 32 },
	{ "KindMask", 31 },
	{ "KindGCProg", 64 },
	{ "KindBool", 1 },
	{ "KindUint", 7 },
	{ "KindFloat32", 13 },
	{ "KindComplex64", 15 },
	{ "KindComplex128", 16 },
	{ "KindString", 24 },
	{ "KindArray", 17 },
	{ "KindChan", 18 },
	{ "KindFunc", 19 },
	{ "KindInterface", 20 },
	{ "KindMap", 21 },
	{ "KindPointer", 22 },
	{ "KindSlice", 23 },
	{ "KindStruct", 25 },
};

/* Others are like nothing else. */
static void set_constant(struct constant *c, const char *name,
			 enum fake_release release, int64_t other)
{
	*c = (struct constant){ other, is_present(name, release) };
	for (size_t i = 0; i < ARRAY_SIZE(constants); i++)
		if (!strcmp(constants[i].name, name))
			c->value = constants[i].value;
}

static void set_constants(struct layout *l, enum fake_release release)
{
	int64_t other = 0x70;

#define VARIABLE(id, names, need)
#define CONSTANT(id, names, need)                                              \
	set_constant(&l->konst.id, #id, release, other++);
#include "runtime/members.def"
#undef VARIABLE
#undef CONSTANT
}

#undef STRUCT
#undef MEMBER
#undef MEMBER_AS
#undef END_STRUCT

uint64_t fake_vars_end(const struct layout *l)
{
	const struct variable *variables = (const struct variable *)&l->var;
	uint64_t end = 0;

	for (size_t i = 0; i < sizeof(l->var) / sizeof(*variables); i++)
		end = max_u64(end, variables[i].addr + variables[i].size);
	return end;
}

void fake_layout_init(struct layout *l, enum fake_release release)
{
	*l = (struct layout){};
	/* A struct may lie in a struct that lies in a third. */
	for (int pass = 0; pass < 4; pass++)
		place_members(l, release);
	place_variables(l, release);
	set_constants(l, release);
}
