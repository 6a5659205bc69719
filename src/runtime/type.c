/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/type.h"

#include "base/log.h"
#include "runtime/gomap.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <string.h>

enum {
	MAX_TYPE = 256,	     /* bytes of an abi.Type */
	MAX_MASK_DEPTH = 64, /* nesting of types built on demand */
};

/* Types that exceed this are not believed. */
#define MAX_TYPE_SIZE (1ull << 40)
/* Nor are masks for more bytes than the heap has; for what lies elsewhere, for
 * more than these. */
#define MAX_MASKED (1ull << 30)
/* Nor are names. */
#define MAX_NAME (1u << 20)

struct err *type_table_init(struct type_table *t, struct runtime *rt)
{
	TRY(read_cache_init(&t->cache, rt->target));
	t->rt = rt;
	pthread_mutex_init(&t->lock, NULL);
	return NULL;
}

void type_table_deinit(struct type_table *t)
{
	if (!t->rt)
		return;
	for (size_t i = 0; i < t->masks.len; i++)
		free(t->masks.v[i].bits);
	vec_deinit(&t->masks);
	addr_map_deinit(&t->index);
	addr_map_deinit(&t->reflect_names);
	read_cache_deinit(&t->cache);
	pthread_mutex_destroy(&t->lock);
	*t = (struct type_table){};
}

/* ---- one type ------------------------------------------------------------ */

static struct err *read_type(struct runtime *rt, struct read_cache *cache,
			     uint64_t addr, struct type_info *out)
{
	const struct layout *l = &rt->layout;
	uint8_t bytes[MAX_TYPE];
	uint8_t kind;

	if (l->type.struct_size > sizeof(bytes))
		return err_new(ERR_FORMAT, "abi.Type has %u bytes",
			       l->type.struct_size);
	TRY(cache_read(cache, addr, bytes, l->type.struct_size));
	kind = (uint8_t)field(&l->type.Kind_, bytes);
	*out = (struct type_info){
		.addr = addr,
		.size = field(&l->type.Size_, bytes),
		.ptr_bytes = field(&l->type.PtrBytes, bytes),
		.gcdata = field(&l->type.GCData, bytes),
		.str = (uint32_t)field(&l->type.Str, bytes),
		.kind = l->konst.KindMask.present
				? kind & (uint8_t)l->konst.KindMask.value
				: kind & ~(uint8_t)l->konst.KindDirectIface
						  .value,
		.kind_flags = kind,
		.tflag = (uint8_t)field(&l->type.TFlag, bytes),
	};
	if (out->size > MAX_TYPE_SIZE || out->ptr_bytes > out->size ||
	    out->ptr_bytes % rt->arch->ptr_size)
		return err_new(ERR_FORMAT, "no type at %#" PRIx64, addr);
	return NULL;
}

struct err *type_read(struct runtime *rt, uint64_t addr, struct type_info *out)
{
	return read_type(rt, &rt->cache, addr, out);
}

bool type_word_is_pointer(const struct runtime *rt,
			  const struct type_info *type)
{
	const struct layout *l = &rt->layout;
	bool direct;

	/* The flag moved from the kind to the flags in Go 1.26. */
	if (l->konst.TFlagDirectIface.present)
		direct = type->tflag & l->konst.TFlagDirectIface.value;
	else
		direct = type->kind_flags & l->konst.KindDirectIface.value;
	return !direct || type->ptr_bytes != 0;
}

/* ---- names --------------------------------------------------------------- */

static struct err *add_reflect_name(void *arg, uint64_t key, uint64_t value)
{
	struct runtime *rt = arg;
	uint64_t id, addr, old;

	TRY(cache_read_uint(&rt->cache, key, 4, &id));
	TRY(rt_ptr(rt, value, &addr));
	if (!addr)
		return NULL;
	return addr_map_insert(&rt->types.reflect_names, id, addr, &old);
}

/* Of map[int32]unsafe.Pointer; false if it isn't known. */
static bool reflect_shape(const struct layout *l, struct gomap_shape *out)
{
	const struct member *keys, *values;

	if (l->offsBucket.struct_present) {
		keys = &l->offsBucket.keys;
		values = &l->offsBucket.values;
		out->size = l->offsBucket.struct_size;
	} else {
		keys = &l->offsGroup.keys;
		values = &l->offsGroup.elems;
		out->size = l->offsGroup.struct_size;
	}
	*out = (struct gomap_shape){
		.size = out->size,
		.keys = keys->offset,
		.key_stride = keys->width / GOMAP_ENTRIES,
		.values = values->offset,
		.value_stride = values->width / GOMAP_ENTRIES,
	};
	if (keys->present && values->present)
		return true;
	/* A slot has the key and the value. */
	*out = (struct gomap_shape){
		.size = l->offsGroup.struct_size,
		.keys = l->offsGroup.slots.offset + l->offsSlot.key.offset,
		.key_stride = l->offsSlot.struct_size,
		.values = l->offsGroup.slots.offset + l->offsSlot.elem.offset,
		.value_stride = l->offsSlot.struct_size,
	};
	return l->offsGroup.slots.present && l->offsSlot.struct_present;
}

/*
 * Reads runtime.reflectOffs.m, where the names (and more) of types that reflect
 * has made are. One that can't be read leaves them without.
 */
static struct err *load_reflect_names(struct runtime *rt)
{
	const struct layout *l = &rt->layout;
	struct gomap_shape shape;
	uint64_t map;

	rt->types.reflect_loaded = true;
	if (!l->var.reflectOffs.present || !l->reflectOffs.m.present ||
	    !reflect_shape(l, &shape))
		return NULL;
	cleanup_err struct err *e = rt_ptr(
		rt, l->var.reflectOffs.addr + l->reflectOffs.m.offset, &map);
	if (!e)
		e = gomap_each(rt, map, &shape, add_reflect_name, rt);
	if (e && e->code == ERR_NOMEM)
		return steal(&e);
	if (e)
		log_verbose("names of types made by reflect: %s", e->message);
	return NULL;
}

/* Follows runtime/runtime1.go:reflect_addReflectOff. */
static struct err *reflect_name(struct runtime *rt, uint32_t id, uint64_t *out)
{
	if (!rt->types.reflect_loaded)
		TRY(load_reflect_names(rt));
	*out = addr_map_find(&rt->types.reflect_names, id);
	return NULL;
}

/* A name, and where the memory ends that it must lie in. */
struct name {
	uint64_t addr, end; /* addr 0: there is none */
};

/* The name at that offset of a type. Follows runtime/type.go:resolveNameOff. */
static struct err *find_name(struct runtime *rt, uint64_t type, uint32_t offset,
			     struct name *out)
{
	const struct module *m = module_of_type(rt, type);

	*out = (struct name){ 0, UINT64_MAX };
	if (offset == 0)
		return NULL;
	if (!m)
		return reflect_name(rt, offset, &out->addr);
	if (offset >= m->etypes - m->types)
		return err_new(ERR_FORMAT, "it lies outside its module");
	*out = (struct name){ m->types + offset, m->etypes };
	return NULL;
}

/*
 * Moves from a name's start to its bytes, and counts those. Byte by byte: what
 * follows the name may not exist. Follows internal/abi/type.go:
 * Name.ReadVarint.
 */
static struct err *name_start(struct runtime *rt, struct name *name,
			      uint64_t *len)
{
	uint64_t byte = 0x80;

	*len = 0;
	name->addr++; /* a byte of flags */
	for (int shift = 0; byte & 0x80; shift += 7) {
		if (shift > 28 || name->addr >= name->end)
			return err_new(ERR_FORMAT, "its length does not end");
		TRY(cache_read_uint(&rt->cache, name->addr++, 1, &byte));
		*len |= (byte & 0x7f) << shift;
	}
	return *len <= MAX_NAME
		       ? NULL
		       : err_new(ERR_FORMAT, "it has %" PRIu64 " bytes", *len);
}

/* Appends it: a byte of flags, the length as a varint, the bytes. */
static struct err *read_name(struct runtime *rt, uint64_t type, uint32_t offset,
			     struct buf *out)
{
	struct name name;
	uint64_t len;

	TRY(find_name(rt, type, offset, &name));
	if (!name.addr)
		return NULL;
	TRY(name_start(rt, &name, &len));
	if (!len)
		return NULL;
	TRY(buf_reserve(out, len));
	TRY(rt_read(rt, name.addr, out->v + out->len, len));
	out->len += len;
	return NULL;
}

/* Appends the name at that offset of a type. */
static struct err *name_at(struct runtime *rt, uint64_t type, uint32_t offset,
			   struct buf *out)
{
	return err_wrap(read_name(rt, type, offset, out),
			"name of the type at %#" PRIx64, type);
}

struct err *type_string(struct runtime *rt, const struct type_info *type,
			struct buf *out)
{
	TRY(name_at(rt, type->addr, type->str, out));
	if (type->tflag & rt->layout.konst.TFlagExtraStar.value && out->len) {
		out->len--;
		memmove(out->v, out->v + 1, out->len);
	}
	return NULL;
}

/* Where the name proper starts. Follows runtime/type.go:rtype.name. */
static size_t last_component(const struct buf *s)
{
	size_t i = s->len;
	int brackets = 0;

	for (; i > 0 && (s->v[i - 1] != '.' || brackets); i--) {
		if (s->v[i - 1] == ']')
			brackets++;
		else if (s->v[i - 1] == '[')
			brackets--;
	}
	return i;
}

/* Bytes of the type's own struct; the uncommon type follows it. */
static uint64_t kind_size(const struct layout *l, uint8_t kind)
{
	const struct {
		int64_t kind;
		uint32_t size;
	} sizes[] = {
		{ l->konst.KindArray.value, l->arraytype.struct_size },
		{ l->konst.KindChan.value, l->chantype.struct_size },
		{ l->konst.KindFunc.value, l->functype.struct_size },
		{ l->konst.KindInterface.value, l->interfacetype.struct_size },
		{ l->konst.KindMap.value, l->maptype.struct_size },
		{ l->konst.KindPointer.value, l->ptrtype.struct_size },
		{ l->konst.KindSlice.value, l->slicetype.struct_size },
		{ l->konst.KindStruct.value, l->structtype.struct_size },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (sizes[i].kind == kind)
			return sizes[i].size;
	return l->type.struct_size;
}

static struct err *package_path(struct runtime *rt,
				const struct type_info *type, struct buf *out)
{
	const struct layout *l = &rt->layout;
	uint64_t offset;

	if (!(type->tflag & l->konst.TFlagUncommon.value))
		return NULL;
	TRY(rt_field(rt, type->addr + kind_size(l, type->kind),
		     &l->uncommon.PkgPath, &offset));
	return name_at(rt, type->addr, (uint32_t)offset, out);
}

struct err *type_name(struct runtime *rt, const struct type_info *type,
		      struct buf *out)
{
	cleanup(buf_deinit) struct buf string = {};
	size_t before = out->len;

	TRY(type_string(rt, type, &string));
	TRY(package_path(rt, type, out));
	if (out->len == before)
		return buf_append(out, string.v, string.len);
	TRY(buf_append(out, ".", 1));
	if (!(type->tflag & rt->layout.konst.TFlagNamed.value) || !string.len)
		return NULL;
	size_t start = last_component(&string);
	return buf_append(out, string.v + start, string.len - start);
}

/* ---- masks --------------------------------------------------------------- */

/* A mask being built, and what it is built with. */
struct builder {
	struct type_table *table;
	struct type_mask *mask;
	uint8_t *bits; /* the mask's, as bytes */
};

/* Copies n bits of the mask at addr to word to. */
static struct err *copy_bits(struct builder *b, uint64_t addr, uint64_t n,
			     uint64_t to)
{
	uint8_t chunk[512];

	for (uint64_t done = 0; done < n;) {
		uint64_t left = n - done;
		uint64_t bits =
			left < sizeof(chunk) * 8 ? left : sizeof(chunk) * 8;

		TRY(cache_read(&b->table->cache, addr + done / 8, chunk,
			       (bits + 7) / 8));
		for (uint64_t i = 0; i < bits; i++)
			if (bit_get(chunk, i))
				bit_set(b->bits, to + done + i);
		done += bits;
	}
	return NULL;
}

static struct err *build(struct builder *b, const struct type_info *type,
			 uint64_t to, int depth);

/* An element or field at word to; without pointers there is nothing to do. */
static struct err *build_part(struct builder *b, const struct type_info *part,
			      uint64_t to, int depth)
{
	uint64_t words = part->ptr_bytes / b->table->rt->arch->ptr_size;

	if (!words)
		return NULL;
	if (to + words > b->mask->nwords)
		return err_new(ERR_FORMAT,
			       "a part of type %#" PRIx64 " lies outside it",
			       part->addr);
	return build(b, part, to, depth + 1);
}

static struct err *build_array(struct builder *b, const struct type_info *type,
			       uint64_t to, int depth)
{
	const struct layout *l = &b->table->rt->layout;
	struct read_cache *cache = &b->table->cache;
	uint64_t elem, len;
	struct type_info info;

	TRY(cache_read_uint(cache, type->addr + l->arraytype.Elem.offset, 8,
			    &elem));
	TRY(cache_read_uint(cache, type->addr + l->arraytype.Len.offset, 8,
			    &len));
	TRY(read_type(b->table->rt, cache, elem, &info));
	if (!info.size || len > type->size / info.size)
		return err_new(ERR_FORMAT, "no array type at %#" PRIx64,
			       type->addr);
	for (uint64_t i = 0; info.ptr_bytes && i < len; i++)
		TRY(build_part(
			b, &info,
			to + i * (info.size / b->table->rt->arch->ptr_size),
			depth));
	return NULL;
}

static struct err *build_struct(struct builder *b, const struct type_info *type,
				uint64_t to, int depth)
{
	const struct layout *l = &b->table->rt->layout;
	struct read_cache *cache = &b->table->cache;
	uint64_t at = type->addr + l->structtype.Fields.offset;
	uint64_t fields, len, end = 0;

	TRY(cache_read_uint(cache, at + l->slice.array.offset, 8, &fields));
	TRY(cache_read_uint(cache, at + l->slice.len.offset, 8, &len));
	if (len > MAX_NAME)
		return err_new(ERR_FORMAT, "no struct type at %#" PRIx64,
			       type->addr);
	for (uint64_t i = 0; i < len; i++) {
		uint64_t f = fields + i * l->structfield.struct_size;
		struct type_info info;
		uint64_t typ, offset;

		TRY(cache_read_uint(cache, f + l->structfield.Typ.offset, 8,
				    &typ));
		TRY(cache_read_uint(cache, f + l->structfield.Offset.offset, 8,
				    &offset));
		TRY(read_type(b->table->rt, cache, typ, &info));
		/* In order and disjoint: or a type inside itself would take
		 * for ever. */
		if (offset < end || offset > type->size ||
		    info.size > type->size - offset)
			return err_new(ERR_FORMAT,
				       "no struct type at %#" PRIx64,
				       type->addr);
		end = offset + info.size;
		TRY(build_part(b, &info,
			       to + offset / b->table->rt->arch->ptr_size,
			       depth));
	}
	return NULL;
}

/*
 * Sets the bits of type at word to. A mask that the runtime builds on demand
 * (Go 1.24 and newer) is put together from those of its parts, for it may not
 * have been built. Follows runtime/type.go:buildGCMask.
 */
static struct err *build(struct builder *b, const struct type_info *type,
			 uint64_t to, int depth)
{
	const struct layout *l = &b->table->rt->layout;

	if (depth > MAX_MASK_DEPTH)
		return err_new(ERR_FORMAT,
			       "type %#" PRIx64 " is nested without end",
			       type->addr);
	if (l->konst.KindGCProg.present &&
	    type->kind_flags & l->konst.KindGCProg.value)
		return err_new(ERR_UNSUPPORTED,
			       "type %#" PRIx64 " has a GC program",
			       type->addr);
	if (!l->konst.TFlagGCMaskOnDemand.present ||
	    !(type->tflag & l->konst.TFlagGCMaskOnDemand.value))
		return copy_bits(b, type->gcdata,
				 type->ptr_bytes / b->table->rt->arch->ptr_size,
				 to);
	if (type->kind == l->konst.KindArray.value)
		return build_array(b, type, to, depth);
	if (type->kind == l->konst.KindStruct.value)
		return build_struct(b, type, to, depth);
	return err_new(ERR_FORMAT, "type %#" PRIx64 " of kind %d has no mask",
		       type->addr, type->kind);
}

static struct err *make_mask(struct type_table *t, uint64_t addr,
			     struct type_mask *out)
{
	struct type_info type;
	struct type_mask mask;

	TRY(read_type(t->rt, &t->cache, addr, &type));
	mask = (struct type_mask){
		.size = type.size,
		.nwords = type.ptr_bytes / t->rt->arch->ptr_size,
	};
	if (!type.size)
		return err_new(ERR_FORMAT, "type %#" PRIx64 " has no size",
			       addr);
	if (type.ptr_bytes > max_u64(t->rt->spans.bytes, MAX_MASKED))
		return err_new(ERR_FORMAT, "no type at %#" PRIx64, addr);
	cleanup_free uint64_t *bits = calloc(mask.nwords / 64 + 1, 8);
	if (!bits)
		return &err_nomem;
	mask.bits = bits;
	struct builder b = { t, &mask, (uint8_t *)bits };
	TRY(build(&b, &type, 0, 0));
	for (uint64_t i = 0; i <= mask.nwords / 64; i++)
		bits[i] = le64toh(bits[i]);
	mask.bits = steal(&bits);
	*out = mask;
	return NULL;
}

/* As type_mask(), with the lock held. */
static struct err *mask_locked(struct type_table *t, uint64_t addr,
			       struct type_mask *out)
{
	uint64_t index = addr_map_find(&t->index, addr);

	if (!index) {
		TRY(vec_reserve(&t->masks, 1));
		TRY(make_mask(t, addr, &t->masks.v[t->masks.len]));
		index = ++t->masks.len;
		TRY(addr_map_insert(&t->index, addr, index, &(uint64_t){ 0 }));
	}
	*out = t->masks.v[index - 1];
	return NULL;
}

struct err *type_mask(struct type_table *t, uint64_t addr,
		      struct type_mask *out)
{
	if (!addr)
		return err_new(ERR_FORMAT, "no type at 0");
	pthread_mutex_lock(&t->lock);
	struct err *e = mask_locked(t, addr, out);
	pthread_mutex_unlock(&t->lock);
	return e;
}
