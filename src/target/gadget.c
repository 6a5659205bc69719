/* SPDX-License-Identifier: Apache-2.0 */
#include "target/gadget.h"

#include "target/maps.h"

#include "arch/lend.h"
#include "base/bits.h"

#include <string.h>

enum {
	CHUNK = 1 << 20, /* bytes that are looked at together */
	OVERLAP = 16,	 /* no pattern is longer */
};

/* Where in the n bytes at code, which are those at addr, the pattern is. */
static void look_for(const struct code_pattern *p, const uint8_t *code,
		     size_t n, uint64_t addr, uint64_t *found)
{
	const uint8_t *at =
		*found || !p->len ? NULL : memmem(code, n, p->bytes, p->len);

	if (at)
		*found = addr + (uint64_t)(at - code);
}

static void search(const struct live *l, const struct mapping *m, uint8_t *code,
		   struct gadgets *g)
{
	const struct arch_lend *lend = l->base.arch->lend;

	for (uint64_t addr = m->start; addr < m->end; addr += CHUNK) {
		size_t n = (size_t)min_u64(m->end - addr, CHUNK + OVERLAP);

		n = memory_read(&l->memory, addr, code, n);
		look_for(&lend->call, code, n, addr, &g->call);
		for (size_t i = 0; i < ARRAY_SIZE(lend->sigreturn); i++)
			look_for(&lend->sigreturn[i], code, n, addr,
				 &g->sigreturn);
		if (g->call && g->sigreturn)
			return;
	}
}

struct err *gadgets_find(const struct live *l, struct gadgets *out)
{
	struct mapping *maps = NULL;
	struct gadgets g = {};
	size_t n = 0;

	if (!l->base.arch->lend)
		return err_new(ERR_UNSUPPORTED,
			       "no thread is lent a system call on %s",
			       l->base.arch->name);
	cleanup_free uint8_t *code = malloc(CHUNK + OVERLAP);
	if (!code)
		return &err_nomem;
	TRY(live_mappings(l, &maps, &n));
	/* The code of a file alone: what is made on the fly may go away. */
	for (size_t i = 0; i < n && !(g.call && g.sigreturn); i++)
		if (maps[i].exec && !maps[i].write && maps[i].inode)
			search(l, &maps[i], code, &g);
	maps_free(maps, n);
	if (!g.call || !g.sigreturn)
		return err_new(ERR_MISSING,
			       "its code has no %s that a thread could be "
			       "sent through",
			       g.call ? "rt_sigreturn" : "system call");
	*out = g;
	return NULL;
}

static bool is_at(const struct live *l, uint64_t addr,
		  const struct code_pattern *p)
{
	uint8_t code[OVERLAP];

	return p->len &&
	       memory_read(&l->memory, addr, code, p->len) == p->len &&
	       memcmp(code, p->bytes, p->len) == 0;
}

bool gadgets_valid(const struct live *l, const struct gadgets *g)
{
	const struct arch_lend *lend = l->base.arch->lend;

	return is_at(l, g->call, &lend->call) &&
	       (is_at(l, g->sigreturn, &lend->sigreturn[0]) ||
		is_at(l, g->sigreturn, &lend->sigreturn[1]));
}
