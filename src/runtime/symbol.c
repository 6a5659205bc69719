/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/symbol.h"

#include "runtime/runtime.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_INLINED = 1024 }; /* calls at a place: more are not believed */

void symbols_init(struct symbols *s, struct runtime *rt)
{
	*s = (struct symbols){ .rt = rt };
}

static void site_destroy(struct site *site)
{
	for (size_t i = 0; i < site->count; i++) {
		free((char *)site->calls[i].name);
		free((char *)site->calls[i].file);
	}
	free((struct call *)site->calls);
	free(site);
}

void symbols_deinit(struct symbols *s)
{
	for (size_t i = 0; i < s->sites.len; i++)
		site_destroy(s->sites.v[i]);
	vec_deinit(&s->sites);
	addr_map_deinit(&s->index);
}

struct calls {
	VEC(struct call) list;
};

static void cleanup_calls_fn(struct calls *c)
{
	for (size_t i = 0; i < c->list.len; i++) {
		free((char *)c->list.v[i].name);
		free((char *)c->list.v[i].file);
	}
	vec_deinit(&c->list);
}

static char *to_string(const struct buf *b)
{
	return strndup(b->len ? (const char *)b->v : "", b->len);
}

/* Adds the call of the function of that name at pc. */
static struct err *add_call(struct symbols *s, struct calls *c,
			    const struct func *f, struct call call, uint64_t pc)
{
	cleanup(buf_deinit) struct buf name = {}, file = {};

	TRY(func_name(s->rt, f, &name));
	TRY(func_line(s->rt, f, pc, &file, &call.line));
	TRY(vec_reserve(&c->list, 1));
	call.name = to_string(&name);
	call.file = to_string(&file);
	c->list.v[c->list.len++] = call;
	return call.name && call.file ? NULL : &err_nomem;
}

/*
 * Adds the call that is inlined at pc as the tree has it at index, and sets pc
 * to where its caller has it.
 */
static struct err *add_inlined(struct symbols *s, struct calls *c,
			       const struct func *f, uint64_t tree,
			       int32_t index, uint64_t *pc)
{
	const struct layout *l = &s->rt->layout;
	uint64_t entry = tree + (uint64_t)index * l->inlinedCall.struct_size;
	struct func inlined = *f;
	uint64_t id, name, parent;

	TRY(rt_field(s->rt, entry, &l->inlinedCall.funcID, &id));
	TRY(rt_field(s->rt, entry, &l->inlinedCall.nameOff, &name));
	TRY(rt_field(s->rt, entry, &l->inlinedCall.parentPc, &parent));
	inlined.name_off = (uint32_t)name;
	struct call call = { .id = (uint8_t)id, .inlined = true };
	TRY(add_call(s, c, &inlined, call, *pc));
	*pc = f->entry + (uint64_t)(int64_t)(int32_t)parent;
	return NULL;
}

/* Follows runtime/symtabinl.go:newInlineUnwinder and next. */
static struct err *add_calls(struct symbols *s, struct calls *c,
			     const struct func *f, uint64_t pc)
{
	const struct layout *l = &s->rt->layout;
	uint64_t tree;
	int32_t index;

	TRY(func_data(s->rt, f, l->konst.FUNCDATA_InlTree.value, &tree));
	while (tree) {
		TRY(func_pcdata(s->rt, f, l->konst.PCDATA_InlTreeIndex.value,
				pc, &index));
		if (index < 0)
			break;
		if (c->list.len == MAX_INLINED)
			return err_new(ERR_FORMAT,
				       "the calls inlined at %#" PRIx64
				       " do not end",
				       pc);
		TRY(add_inlined(s, c, f, tree, index, &pc));
	}
	return add_call(s, c, f, (struct call){ .id = f->id }, pc);
}

static struct err *make_site(struct symbols *s, const struct func *f,
			     uint64_t pc, struct site **out)
{
	cleanup(cleanup_calls_fn) struct calls c = {};

	TRY(add_calls(s, &c, f, pc));
	struct site *site = malloc(sizeof(*site));
	if (!site)
		return &err_nomem;
	*site = (struct site){ *f, pc, c.list.v, c.list.len };
	c = (struct calls){};
	*out = site;
	return NULL;
}

struct err *symbols_find(struct symbols *s, const struct func *f, uint64_t pc,
			 const struct site **out)
{
	uint64_t i = addr_map_find(&s->index, pc), old;
	struct site *site;

	if (!i) {
		TRY(make_site(s, f, pc, &site));
		struct err *e = vec_push(&s->sites, site);
		if (e) {
			site_destroy(site);
			return e;
		}
		i = s->sites.len;
		TRY(addr_map_insert(&s->index, pc, i, &old));
	}
	*out = s->sites.v[i - 1];
	return NULL;
}
