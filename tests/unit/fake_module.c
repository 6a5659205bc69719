/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_module.h"

enum {
	MAX_FUNCS = 16,
	NAMES = 1024, /* bytes of a table of strings */
	PCTAB = 1024,
};

/* ---- functions ----------------------------------------------------------- */

/* A table of bytes that is filled. */
struct bytes {
	uint8_t v[NAMES];
	size_t len;
};

static void put_varint(struct bytes *b, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		b->v[b->len++] = (uint8_t)(value | 0x80);
	b->v[b->len++] = (uint8_t)value;
	ck_assert_uint_lt(b->len, sizeof(b->v));
}

static uint32_t put_text(struct bytes *b, const char *text)
{
	uint32_t offset = (uint32_t)b->len;
	size_t size = strlen(text) + 1;

	ck_assert_uint_le(b->len + size, sizeof(b->v));
	memcpy(b->v + b->len, text, size);
	b->len += size;
	return offset;
}

/* Appends a step of a pc table: runtime/symtab.go:step. */
static void put_step(struct bytes *b, int32_t *last, int32_t value,
		     uint64_t size)
{
	int32_t delta = value - *last;

	put_varint(b,
		   delta < 0 ? (uint32_t)-delta * 2 - 1 : (uint32_t)delta * 2);
	put_varint(b, size);
	*last = value;
}

/* A table of one value for all of the code; of another one for the second
 * half. Its offset. */
static uint32_t put_table(struct bytes *b, const struct fake_func *func,
			  int32_t value, int32_t second)
{
	uint32_t offset = (uint32_t)b->len;
	int32_t last = -1;

	put_step(b, &last, value, func->size / 2);
	if (second != value)
		put_step(b, &last, second, func->size - func->size / 2);
	else
		b->v[b->len - 1] = (uint8_t)func->size;
	ck_assert_uint_lt(func->size, 0x80);
	put_varint(b, 0);
	return offset;
}

static uint64_t module_member(const struct fake_runtime *f,
			      const struct member *m)
{
	return f->rt.layout.var.firstmoduledata.addr + m->offset;
}

static void set_table(struct fake_runtime *f, const struct member *m,
		      const struct bytes *b, uint64_t size)
{
	fake_slice(f, module_member(f, m), fake_new_copy(f, b->v, b->len),
		   b->len / size);
}

/* The _func, and its strings and tables; file number i is its own. */
static void put_func(struct fake_runtime *f, uint64_t addr, uint32_t i,
		     const struct fake_func *s, uint64_t entry,
		     struct bytes *names, struct bytes *pctab)
{
	const struct layout *l = &f->rt.layout;

	fake_set(f, addr, &l->_func.entryOff, entry);
	fake_set(f, addr, &l->_func.nameOff, put_text(names, s->name));
	fake_set(f, addr, &l->_func.args, (uint32_t)s->args);
	fake_set(f, addr, &l->_func.funcID, s->id);
	fake_set(f, addr, &l->_func.flag, s->flag);
	fake_set(f, addr, &l->_func.cuOffset, i);
	fake_set(f, addr, &l->_func.pcsp,
		 put_table(pctab, s, s->delta, s->delta));
	fake_set(f, addr, &l->_func.pcfile, put_table(pctab, s, 0, 0));
	fake_set(f, addr, &l->_func.pcln,
		 put_table(pctab, s, s->line, s->line + 10));
}

void fake_set_functions(struct fake_runtime *f, const struct fake_func *funcs,
			size_t n)
{
	const struct layout *l = &f->rt.layout;
	uint64_t module = l->var.firstmoduledata.addr, entry = 0;
	/* Offset 0 of these means nothing. */
	struct bytes names = { .len = 1 }, pctab = { .len = 1 };
	struct bytes files = {}, cutab = {};
	uint64_t tables = fake_new(f, n * l->_func.struct_size);
	uint64_t ftab = fake_new(f, (n + 1) * l->functab.struct_size);

	ck_assert_uint_le(n, MAX_FUNCS);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = ftab + i * l->functab.struct_size;
		uint32_t file = put_text(&files, funcs[i].file);

		memcpy(cutab.v + cutab.len, &file, 4);
		cutab.len += 4;
		fake_set(f, at, &l->functab.entryoff, entry);
		fake_set(f, at, &l->functab.funcoff, i * l->_func.struct_size);
		put_func(f, tables + i * l->_func.struct_size, (uint32_t)i,
			 &funcs[i], entry, &names, &pctab);
		entry += funcs[i].size;
	}
	fake_set(f, ftab + n * l->functab.struct_size, &l->functab.entryoff,
		 entry);
	fake_slice(f, module_member(f, &l->moduledata.ftab), ftab, n + 1);
	fake_slice(f, module_member(f, &l->moduledata.pclntable), tables,
		   n * l->_func.struct_size);
	set_table(f, &l->moduledata.funcnametab, &names, 1);
	set_table(f, &l->moduledata.filetab, &files, 1);
	set_table(f, &l->moduledata.pctab, &pctab, 1);
	set_table(f, &l->moduledata.cutab, &cutab, 4);
	fake_set(f, module, &l->moduledata.text, FAKE_TEXT);
	fake_set(f, module, &l->moduledata.etext, FAKE_TEXT + entry);
	fake_set(f, module, &l->moduledata.minpc, FAKE_TEXT);
	fake_set(f, module, &l->moduledata.maxpc, FAKE_TEXT + entry);
}

/* ---- types --------------------------------------------------------------- */

void fake_types_init(struct fake_types *t, struct fake_runtime *f)
{
	const struct layout *l = &f->rt.layout;
	uint64_t module = l->var.firstmoduledata.addr;

	*t = (struct fake_types){ f, FAKE_TYPES + 16 };
	fake_map(&f->target, FAKE_TYPES, FAKE_TYPES_SIZE);
	fake_set(f, module, &l->moduledata.types, FAKE_TYPES);
	fake_set(f, module, &l->moduledata.etypes,
		 FAKE_TYPES + FAKE_TYPES_SIZE);
}

/* Flags, length, bytes: internal/abi/type.go:Name. */
uint32_t fake_add_name(struct fake_types *t, const char *name)
{
	struct bytes b = { .v = { 1 }, .len = 1 };
	size_t len = strlen(name);
	uint64_t addr = t->next;

	if (!len)
		return 0;
	put_varint(&b, len);
	ck_assert_uint_le(b.len + len, sizeof(b.v));
	memcpy(b.v + b.len, name, len);
	b.len += len;
	memcpy(fake_at(&t->f->target, addr, b.len), b.v, b.len);
	t->next += b.len;
	return (uint32_t)(addr - FAKE_TYPES);
}

uint64_t fake_uncommon_offset(const struct layout *l, int64_t kind)
{
	if (kind == l->konst.KindArray.value)
		return l->arraytype.struct_size;
	if (kind == l->konst.KindChan.value)
		return l->chantype.struct_size;
	if (kind == l->konst.KindFunc.value)
		return l->functype.struct_size;
	if (kind == l->konst.KindInterface.value)
		return l->interfacetype.struct_size;
	if (kind == l->konst.KindMap.value)
		return l->maptype.struct_size;
	if (kind == l->konst.KindPointer.value)
		return l->ptrtype.struct_size;
	if (kind == l->konst.KindSlice.value)
		return l->slicetype.struct_size;
	if (kind == l->konst.KindStruct.value)
		return l->structtype.struct_size;
	return l->type.struct_size;
}

uint64_t fake_add_module_type(struct fake_types *t, const struct fake_type *s)
{
	struct fake_runtime *f = t->f;
	const struct layout *l = &f->rt.layout;
	int64_t kind = s->kind ? s->kind : l->konst.KindStruct.value;
	uint64_t uncommon = fake_uncommon_offset(l, kind);
	uint64_t used = s->mask ? 64 - (uint64_t)__builtin_clzll(s->mask) : 0;
	uint64_t type = round_up(t->next, 8), le = htole64(s->mask);
	uint8_t tflag = s->tflag;

	t->next = type + uncommon + l->uncommon.struct_size;
	fake_set(f, type, &l->type.Size_, s->words * 8);
	fake_set(f, type, &l->type.PtrBytes, used * 8);
	fake_set(f, type, &l->type.GCData, fake_new_copy(f, &le, 8));
	fake_set(f, type, &l->type.Kind_, (uint64_t)kind | s->kind_flags);
	if (s->string)
		fake_set(f, type, &l->type.Str, fake_add_name(t, s->string));
	if (s->pkg_path) {
		fake_set(f, type + uncommon, &l->uncommon.PkgPath,
			 fake_add_name(t, s->pkg_path));
		tflag |= (uint8_t)l->konst.TFlagUncommon.value;
	}
	fake_set(f, type, &l->type.TFlag, tflag);
	return type;
}

/* ---- data ---------------------------------------------------------------- */

static void set_segment(struct fake_runtime *f, uint64_t addr, uint64_t size,
			uint64_t mask, const struct member *start,
			const struct member *end, const struct member *bits)
{
	const struct layout *l = &f->rt.layout;
	uint64_t module = l->var.firstmoduledata.addr, le = htole64(mask);

	ck_assert_uint_le(size, 64 * 8);
	fake_map(&f->target, addr, size);
	fake_set(f, module, start, addr);
	fake_set(f, module, end, addr + size);
	fake_set(f, module_member(f, bits), &l->bitvector.n, size / 8);
	fake_set(f, module_member(f, bits), &l->bitvector.bytedata,
		 fake_new_copy(f, &le, 8));
}

void fake_set_data(struct fake_runtime *f, uint64_t size, uint64_t mask)
{
	const struct layout *l = &f->rt.layout;

	set_segment(f, FAKE_DATA, size, mask, &l->moduledata.data,
		    &l->moduledata.edata, &l->moduledata.gcdatamask);
}

void fake_set_bss(struct fake_runtime *f, uint64_t size, uint64_t mask)
{
	const struct layout *l = &f->rt.layout;

	set_segment(f, FAKE_BSS, size, mask, &l->moduledata.bss,
		    &l->moduledata.ebss, &l->moduledata.gcbssmask);
}
