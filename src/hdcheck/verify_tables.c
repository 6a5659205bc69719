/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Params, Type, Itab, OSThread, MemProf: the tables that others refer to.
 */
#include "hdcheck/verifier.h"

#include "hdcheck/utf8.h"

#include <string.h>

/* GOARCH values, as in internal/goarch of Go 1.27. */
static const struct machine {
	const char *name;
	unsigned int pointer_size;
	bool big_endian, x86;
} machines[] = {
	{ "386", 4, false, true },	 { "amd64", 8, false, true },
	{ "arm", 4, false, false },	 { "arm64", 8, false, false },
	{ "loong64", 8, false, false },	 { "mips", 4, true, false },
	{ "mipsle", 4, false, false },	 { "mips64", 8, true, false },
	{ "mips64le", 8, false, false }, { "ppc64", 8, true, false },
	{ "ppc64le", 8, false, false },	 { "riscv64", 8, false, false },
	{ "s390x", 8, true, false },	 { "wasm", 8, false, false },
};

/* No heap address has more bits (runtime/malloc.go: heapAddrBits). */
#define HEAP_ADDR_BITS 48

struct err *check_name(struct verifier *v, const struct record *r,
		       const char *what, struct bytes name)
{
	EXPECT(v, r, name.size, "its %s is empty", what);
	EXPECT(v, r, utf8_valid(name.data, name.size), "its %s is not UTF-8",
	       what);
	return NULL;
}

static struct err *check_machine(struct verifier *v, const struct record *r)
{
	const struct params_record *p = &r->params;

	EXPECT(v, r, p->pointer_size == 8 || p->pointer_size == 4,
	       "pointers of %llu bytes", (ull)p->pointer_size);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		const struct machine *m = &machines[i];

		if (!bytes_equal(p->arch, m->name, strlen(m->name)))
			continue;
		v->link_register = !m->x86;
		EXPECT(v, r,
		       m->pointer_size == p->pointer_size &&
			       m->big_endian == p->big_endian,
		       "%s has not %llu-byte %s-endian pointers", m->name,
		       (ull)p->pointer_size, p->big_endian ? "big" : "little");
		return NULL;
	}
	EXPECT(v, r, false, "architecture \"%.*s\" is unknown",
	       (int)min_u64(p->arch.size, 40), (const char *)p->arch.data);
	return NULL;
}

static struct err *check_version(struct verifier *v, const struct record *r)
{
	struct bytes s = r->params.version;

	EXPECT(v, r,
	       (s.size > 4 && !memcmp(s.data, "go1.", 4)) ||
		       (s.size >= 5 && !memcmp(s.data, "devel", 5)),
	       "version \"%.*s\" is not one of Go", (int)min_u64(s.size, 40),
	       (const char *)s.data);
	if (!release_parse(s, &v->release))
		/* What the newest known release does. */
		release_parse((struct bytes){ (const uint8_t *)"go1.27", 6 },
			      &v->release);
	return NULL;
}

static struct err *check_arenas(struct verifier *v, const struct record *r)
{
	uint64_t start = r->params.arena_start, end = r->params.arena_end;
	bool sane = start && start < end && start % HEAP_PAGE_SIZE == 0 &&
		    end % HEAP_PAGE_SIZE == 0 &&
		    end - start <= UINT64_C(1) << HEAP_ADDR_BITS;

	EXPECT(v, r, sane, "arena bounds %#llx to %#llx can't be", (ull)start,
	       (ull)end);
	if (!sane)
		return NULL;
	TRY(object_index_init(&v->objects, start, end));
	v->have_objects = true;
	return NULL;
}

struct err *check_params(struct verifier *v, const struct record *r)
{
	if (v->summary.count[RECORD_PARAMS])
		return NULL; /* check_counts() says it */
	v->big_endian = r->params.big_endian;
	if (r->params.pointer_size == 4)
		v->pointer_size = 4;
	TRY(check_machine(v, r));
	TRY(check_version(v, r));
	EXPECT(v, r, r->params.cpus && r->params.cpus <= 1 << 20, "%llu CPUs",
	       (ull)r->params.cpus);
	return check_arenas(v, r);
}

static bool same_type(const struct type_record *a, const struct type_record *b)
{
	return a->size == b->size && a->indirect == b->indirect &&
	       a->name.size == b->name.size &&
	       !memcmp(a->name.data, b->name.data, a->name.size);
}

/* The runtime's cache of types forgets: a mere repetition is no problem. */
static struct err *check_repeated_type(struct verifier *v,
				       const struct record *r, uint64_t offset)
{
	struct record first;

	TRY(reader_at(&v->lookup, offset, &first));
	EXPECT(v, r, same_type(&first.type, &r->type),
	       "%#llx is another one at offset %llu", (ull)r->type.addr,
	       (ull)offset);
	v->summary.repeated_types++;
	return NULL;
}

struct err *check_type(struct verifier *v, const struct record *r)
{
	const struct type_record *t = &r->type;
	uint64_t old;

	EXPECT(v, r, t->addr, "its address is 0");
	EXPECT(v, r, t->size <= UINT64_C(1) << HEAP_ADDR_BITS,
	       "%llu bytes is no size of a type", (ull)t->size);
	TRY(check_name(v, r, "name", t->name));
	TRY(remember(&v->types, t->addr, r, &old));
	return old ? check_repeated_type(v, r, old) : NULL;
}

struct err *check_itab(struct verifier *v, const struct record *r)
{
	uint64_t old;

	EXPECT(v, r, r->itab.addr, "its address is 0");
	EXPECT(v, r, addr_map_find(&v->types, r->itab.type),
	       "%#llx is of type %#llx, which no record describes",
	       (ull)r->itab.addr, (ull)r->itab.type);
	TRY(remember(&v->itabs, r->itab.addr, r, &old));
	EXPECT(v, r, !old, "%#llx is at offset %llu already", (ull)r->itab.addr,
	       (ull)old);
	return NULL;
}

struct err *check_thread(struct verifier *v, const struct record *r)
{
	uint64_t old;

	EXPECT(v, r, r->thread.m, "its address is 0");
	TRY(remember(&v->threads, r->thread.m, r, &old));
	EXPECT(v, r, !old, "m %#llx is at offset %llu already",
	       (ull)r->thread.m, (ull)old);
	return NULL;
}

struct err *check_prof(struct verifier *v, const struct record *r)
{
	struct call_list stack = r->prof.stack;
	struct call call;
	uint64_t old;

	EXPECT(v, r, r->prof.bucket, "its address is 0");
	EXPECT(v, r, r->prof.size, "bucket %#llx is of objects of 0 bytes",
	       (ull)r->prof.bucket);
	EXPECT(v, r, r->prof.frees <= r->prof.allocs,
	       "bucket %#llx has %llu frees of %llu objects",
	       (ull)r->prof.bucket, (ull)r->prof.frees, (ull)r->prof.allocs);
	while (call_take(&stack, &call)) {
		TRY(check_name(v, r, "function's name", call.function));
		TRY(check_name(v, r, "file's name", call.file));
	}
	TRY(remember(&v->buckets, r->prof.bucket, r, &old));
	EXPECT(v, r, !old, "bucket %#llx is at offset %llu already",
	       (ull)r->prof.bucket, (ull)old);
	return NULL;
}
