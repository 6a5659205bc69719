/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/module.h"

#include "elf/pclntab.h"
#include "runtime/list_guard.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <string.h>

enum {
	MAX_TEXT_SECTIONS = 4096,
	MAX_FUNC = 128, /* bytes of a runtime._func */
};

/* Tables of a module that exceed this are not believed. */
#define MAX_TABLE (1ull << 36)

void module_table_deinit(struct module_table *t)
{
	for (size_t i = 0; i < t->list.len; i++)
		vec_deinit(&t->list.v[i].sections);
	vec_deinit(&t->list);
	free(t->found);
	t->found = NULL;
}

static struct err *read_table(struct runtime *rt, uint64_t module,
			      const struct member *m, struct table *out)
{
	struct go_slice s;

	TRY(rt_slice(rt, module + m->offset, MAX_TABLE, &s));
	*out = (struct table){ s.addr, s.len };
	return NULL;
}

static struct err *read_mask(struct runtime *rt, uint64_t addr,
			     struct data_segment *out)
{
	const struct layout *l = &rt->layout;
	uint64_t words;

	if (out->end < out->start)
		return err_new(ERR_FORMAT,
			       "a data segment ends before it starts");
	TRY(rt_field(rt, addr, &l->bitvector.n, &out->mask_bits));
	TRY(rt_field(rt, addr, &l->bitvector.bytedata, &out->mask));
	words = (out->end - out->start + rt->arch->ptr_size - 1) /
		rt->arch->ptr_size;
	if (out->mask_bits > words)
		return err_new(ERR_FORMAT,
			       "a mask of %" PRIu64 " bits for %" PRIu64
			       " words of data",
			       out->mask_bits, words);
	return NULL;
}

static struct err *read_sections(struct runtime *rt, uint64_t addr,
				 struct module *m)
{
	const struct layout *l = &rt->layout;
	struct go_slice s;

	TRY(rt_slice(rt, addr + l->moduledata.textsectmap.offset,
		     MAX_TEXT_SECTIONS, &s));
	for (uint64_t i = 0; s.len > 1 && i < s.len; i++) {
		uint64_t at = s.addr + i * l->textsect.struct_size;
		struct text_section t;

		TRY(rt_field(rt, at, &l->textsect.vaddr, &t.vaddr));
		TRY(rt_field(rt, at, &l->textsect.end, &t.end));
		TRY(rt_field(rt, at, &l->textsect.baseaddr, &t.base));
		TRY(vec_push(&m->sections, t));
	}
	return NULL;
}

/* Members of moduledata that are plain words. */
static struct err *read_words(struct runtime *rt, uint64_t addr,
			      struct module *m)
{
	const struct layout *l = &rt->layout;
	const struct {
		const struct member *member;
		uint64_t *to;
	} words[] = {
		{ &l->moduledata.minpc, &m->minpc },
		{ &l->moduledata.maxpc, &m->maxpc },
		{ &l->moduledata.text, &m->text },
		{ &l->moduledata.etext, &m->etext },
		{ &l->moduledata.types, &m->types },
		{ &l->moduledata.etypes, &m->etypes },
		{ &l->moduledata.rodata, &m->rodata },
		{ &l->moduledata.gofunc, &m->gofunc },
		{ &l->moduledata.data, &m->data.start },
		{ &l->moduledata.edata, &m->data.end },
		{ &l->moduledata.bss, &m->bss.start },
		{ &l->moduledata.ebss, &m->bss.end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		TRY(rt_field(rt, addr, words[i].member, words[i].to));
	return NULL;
}

static struct err *read_module(struct runtime *rt, uint64_t addr,
			       struct module *m)
{
	const struct layout *l = &rt->layout;
	const struct {
		const struct member *member;
		struct table *to;
	} tables[] = {
		{ &l->moduledata.funcnametab, &m->funcnametab },
		{ &l->moduledata.cutab, &m->cutab },
		{ &l->moduledata.filetab, &m->filetab },
		{ &l->moduledata.pctab, &m->pctab },
		{ &l->moduledata.pclntable, &m->pclntable },
		{ &l->moduledata.ftab, &m->ftab },
	};

	m->addr = addr;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		TRY(read_table(rt, addr, tables[i].member, tables[i].to));
	TRY(read_words(rt, addr, m));
	if (m->minpc > m->maxpc || m->types > m->etypes || m->ftab.len < 2)
		return err_new(ERR_FORMAT, "not a moduledata");
	TRY(read_mask(rt, addr + l->moduledata.gcdatamask.offset, &m->data));
	TRY(read_mask(rt, addr + l->moduledata.gcbssmask.offset, &m->bss));
	return read_sections(rt, addr, m);
}

struct err *module_table_load(struct runtime *rt)
{
	const struct layout *l = &rt->layout;
	struct module_table *t = &rt->modules;
	uint64_t addr = l->var.firstmoduledata.addr;
	struct list_guard guard = {};

	while (addr) {
		uint64_t bad;

		if (list_circles(&guard, addr))
			return err_new(ERR_FORMAT, "their chain does not end");
		TRY(rt_field(rt, addr, &l->moduledata.bad, &bad));
		if (!bad) {
			TRY(vec_push(&t->list, (struct module){}));
			TRY(err_wrap(read_module(rt, addr,
						 &t->list.v[t->list.len - 1]),
				     "module at %#" PRIx64, addr));
		}
		TRY(rt_field(rt, addr, &l->moduledata.next, &addr));
	}
	if (!t->list.len)
		return err_new(ERR_FORMAT, "there is none");
	return NULL;
}

const struct module *module_of_pc(const struct runtime *rt, uint64_t pc)
{
	for (size_t i = 0; i < rt->modules.list.len; i++) {
		const struct module *m = &rt->modules.list.v[i];

		if (pc >= m->minpc && pc < m->maxpc)
			return m;
	}
	return NULL;
}

static bool holds(const struct data_segment *s, uint64_t addr)
{
	return addr >= s->start && addr < s->end;
}

const struct module *module_of_data(const struct runtime *rt, uint64_t addr)
{
	for (size_t i = 0; i < rt->modules.list.len; i++) {
		const struct module *m = &rt->modules.list.v[i];

		if (holds(&m->data, addr) || holds(&m->bss, addr))
			return m;
	}
	return NULL;
}

const struct module *module_of_type(const struct runtime *rt, uint64_t addr)
{
	for (size_t i = 0; i < rt->modules.list.len; i++) {
		const struct module *m = &rt->modules.list.v[i];

		if (addr >= m->types && addr < m->etypes)
			return m;
	}
	return NULL;
}

/* Follows runtime/symtab.go:(*moduledata).textOff. */
static bool text_offset(const struct module *m, uint64_t pc, uint64_t *out)
{
	if (!m->sections.len) {
		*out = pc - m->text;
		return true;
	}
	for (size_t i = 0; i < m->sections.len; i++) {
		const struct text_section *s = &m->sections.v[i];
		bool last = i == m->sections.len - 1;
		uint64_t end = s->base + (s->end - s->vaddr);

		/* The end of the last one counts: see etext. */
		if (pc >= s->base && (pc < end || (last && pc == end))) {
			*out = pc - s->base + s->vaddr;
			return true;
		}
	}
	return false;
}

/* Follows runtime/symtab.go:(*moduledata).textAddr. */
static uint64_t text_address(const struct module *m, uint64_t offset)
{
	for (size_t i = 0; i < m->sections.len; i++) {
		const struct text_section *s = &m->sections.v[i];
		bool last = i == m->sections.len - 1;

		if (offset >= s->vaddr &&
		    (offset < s->end || (last && offset == s->end)))
			return s->base + offset - s->vaddr;
	}
	return m->text + offset;
}

static struct err *read_func(struct runtime *rt, const struct module *m,
			     uint64_t offset, struct func *out)
{
	const struct layout *l = &rt->layout;
	uint8_t bytes[MAX_FUNC];

	if (l->_func.struct_size > sizeof(bytes))
		return err_new(ERR_FORMAT, "runtime._func has %u bytes",
			       l->_func.struct_size);
	if (offset > m->pclntable.len)
		return err_new(ERR_FORMAT, "a function outside the pclntab");
	uint64_t addr = m->pclntable.addr + offset;
	TRY(rt_read(rt, addr, bytes, l->_func.struct_size));
	*out = (struct func){
		.module = m,
		.addr = addr,
		.entry = text_address(m, field(&l->_func.entryOff, bytes)),
		.name_off = (uint32_t)field(&l->_func.nameOff, bytes),
		.pcsp = (uint32_t)field(&l->_func.pcsp, bytes),
		.pcfile = (uint32_t)field(&l->_func.pcfile, bytes),
		.pcln = (uint32_t)field(&l->_func.pcln, bytes),
		.cu_offset = (uint32_t)field(&l->_func.cuOffset, bytes),
		.deferreturn = (uint32_t)field(&l->_func.deferreturn, bytes),
		.npcdata = (uint32_t)field(&l->_func.npcdata, bytes),
		.nfuncdata = (uint32_t)field(&l->_func.nfuncdata, bytes),
		.args = (int32_t)field(&l->_func.args, bytes),
		.id = (uint8_t)field(&l->_func.funcID, bytes),
		.flag = (uint8_t)field(&l->_func.flag, bytes),
	};
	return NULL;
}

/* Finds the last entry of ftab that does not lie behind offset. */
static struct err *search_ftab(struct runtime *rt, const struct module *m,
			       uint64_t offset, uint64_t *funcoff)
{
	const struct layout *l = &rt->layout;
	uint64_t size = l->functab.struct_size;
	uint64_t lo = 0, hi = m->ftab.len - 1; /* the last is a sentinel */

	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2, entry;

		TRY(rt_field(rt, m->ftab.addr + mid * size,
			     &l->functab.entryoff, &entry));
		if (entry <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return rt_field(rt, m->ftab.addr + lo * size, &l->functab.funcoff,
			funcoff);
}

static struct err *find(struct runtime *rt, uint64_t pc, struct func *out)
{
	const struct module *m = module_of_pc(rt, pc);
	uint64_t offset, funcoff;

	*out = (struct func){};
	if (!m || !text_offset(m, pc, &offset))
		return NULL;
	TRY(search_ftab(rt, m, offset, &funcoff));
	return read_func(rt, m, funcoff, out);
}

struct err *func_find(struct runtime *rt, uint64_t pc, struct func *out)
{
	struct module_table *t = &rt->modules;
	struct func func;

	if (!t->found)
		t->found = calloc(FOUND_FUNCS, sizeof(*t->found));
	if (!t->found)
		return &err_nomem;
	/* Fibonacci hashing: neighbours go apart. */
	struct found_func *slot =
		&t->found[pc * 0x9e3779b97f4a7c15ull >> 55 & (FOUND_FUNCS - 1)];
	if (!pc || slot->pc != pc) {
		TRY(find(rt, pc, &func));
		*slot = (struct found_func){ pc, func };
	}
	*out = slot->func;
	return NULL;
}

struct err *func_name(struct runtime *rt, const struct func *f, struct buf *out)
{
	if (f->name_off == 0 || f->name_off >= f->module->funcnametab.len)
		return NULL;
	return rt_cstr(rt, f->module->funcnametab.addr + f->name_off, out);
}

/*
 * Calls fn with the bytes of a pc table. A table says nowhere how long it is:
 * where fn finds that it does not end in the bytes it is given, it is called
 * again with more.
 */
static struct err *
with_table(struct runtime *rt, const struct func *f, uint32_t offset,
	   struct err *(*fn)(void *arg, const struct cursor *table), void *arg)
{
	const struct table *pctab = &f->module->pctab;
	cleanup_free uint8_t *large = NULL;
	uint8_t small[256];
	uint8_t *bytes = small;
	struct cursor c;

	if (offset >= pctab->len)
		return err_new(ERR_FORMAT, "a pc table outside the pctab");
	for (size_t size = sizeof(small);; size *= 8) {
		uint64_t left = pctab->len - offset;
		size_t n = (size_t)min_u64(size, left);

		TRY(rt_read(rt, pctab->addr + offset, bytes, n));
		cursor_init(&c, "pctab", bytes, n, offset);
		struct err *e = fn(arg, &c);
		if (!e || n == left || e->code != ERR_FORMAT)
			return e;
		err_free(e);
		free(large);
		bytes = large = malloc(size * 8);
		if (!large)
			return &err_nomem;
	}
}

struct lookup {
	uint64_t pc_offset; /* from the function's entry */
	uint8_t quantum;
	int32_t value;
};

static struct err *look_up(void *arg, const struct cursor *table)
{
	struct lookup *l = arg;

	return pcvalue_at(table, l->quantum, l->pc_offset, &l->value);
}

struct err *func_pcvalue(struct runtime *rt, const struct func *f,
			 uint32_t offset, uint64_t pc, int32_t *out)
{
	struct lookup l = { pc - f->entry, rt->arch->pc_quantum, -1 };

	if (offset)
		TRY(with_table(rt, f, offset, look_up, &l));
	*out = l.value;
	return NULL;
}

struct steps {
	VEC(struct pcvalue) list;
	uint8_t quantum;
};

static struct err *collect(void *arg, const struct cursor *table)
{
	struct steps *s = arg;
	struct pcvalue_iter it;
	struct pcvalue step;
	bool more;

	s->list.len = 0;
	pcvalue_iter_init(&it, table, s->quantum);
	for (;;) {
		TRY(pcvalue_next(&it, &step, &more));
		if (!more)
			return NULL;
		TRY(vec_push(&s->list, step));
	}
}

struct err *func_pcvalue_each(struct runtime *rt, const struct func *f,
			      uint32_t offset,
			      struct err *(*fn)(void *, const struct pcvalue *),
			      void *arg)
{
	struct steps s = { .quantum = rt->arch->pc_quantum };
	struct err *e = NULL;

	if (offset)
		e = with_table(rt, f, offset, collect, &s);
	for (size_t i = 0; !e && i < s.list.len; i++)
		e = fn(arg, &s.list.v[i]);
	vec_deinit(&s.list);
	return e;
}

/* Offset i of those behind the _func: npcdata of pc tables, then nfuncdata.
 * Follows runtime/symtab.go:pcdatastart. */
static struct err *trailing_offset(struct runtime *rt, const struct func *f,
				   uint32_t i, uint32_t *out)
{
	const struct member *last = &rt->layout._func.nfuncdata;
	uint64_t value;

	TRY(cache_read_uint(&rt->cache,
			    f->addr + last->offset + last->width + i * 4, 4,
			    &value));
	*out = (uint32_t)value;
	return NULL;
}

struct err *func_pcdata(struct runtime *rt, const struct func *f, int64_t table,
			uint64_t pc, int32_t *out)
{
	uint32_t offset;

	if (table < 0 || table >= f->npcdata) {
		*out = -1;
		return NULL;
	}
	TRY(trailing_offset(rt, f, (uint32_t)table, &offset));
	return func_pcvalue(rt, f, offset, pc, out);
}

struct err *func_data(struct runtime *rt, const struct func *f, int64_t kind,
		      uint64_t *out)
{
	uint32_t offset;

	*out = 0;
	if (kind < 0 || kind >= f->nfuncdata)
		return NULL;
	TRY(trailing_offset(rt, f, f->npcdata + (uint32_t)kind, &offset));
	if (offset != UINT32_MAX)
		*out = f->module->gofunc + offset;
	return NULL;
}

struct err *func_line(struct runtime *rt, const struct func *f, uint64_t pc,
		      struct buf *file, uint64_t *line)
{
	const struct module *m = f->module;
	int32_t fileno, lineno;
	uint64_t fileoff = UINT32_MAX;

	TRY(func_pcvalue(rt, f, f->pcfile, pc, &fileno));
	TRY(func_pcvalue(rt, f, f->pcln, pc, &lineno));
	*line = 0;
	if (fileno < 0 || lineno == -1)
		return buf_append(file, "?", 1);
	uint64_t index = (uint64_t)f->cu_offset + (uint32_t)fileno;
	if (index < m->cutab.len)
		TRY(cache_read_uint(&rt->cache, m->cutab.addr + index * 4, 4,
				    &fileoff));
	*line = (uint32_t)lineno;
	if (fileoff >= m->filetab.len)
		return buf_append(file, "?", 1);
	return rt_cstr(rt, m->filetab.addr + fileoff, file);
}
