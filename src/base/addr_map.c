/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr_map.h"

#include <stdbool.h>

/* The slot of key, or the free one where it belongs. */
static struct addr_map_entry *slot(struct addr_map_entry *slots, size_t cap,
				   uint64_t key)
{
	/* Fibonacci hashing; addresses differ in their middle bits. */
	size_t i = (key * 0x9e3779b97f4a7c15) >> 20;

	for (;; i++) {
		struct addr_map_entry *s = &slots[i & (cap - 1)];

		if (!s->value || s->key == key)
			return s;
	}
}

static struct err *grow(struct addr_map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	struct addr_map_entry *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return &err_nomem;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*slot(slots, cap, m->slots[i].key) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return NULL;
}

struct err *addr_map_insert(struct addr_map *m, uint64_t key, uint64_t value,
			    uint64_t *old)
{
	if (m->len >= m->cap - m->cap / 4)
		TRY(grow(m));
	struct addr_map_entry *s = slot(m->slots, m->cap, key);
	*old = s->value;
	if (s->value)
		return NULL;
	*s = (struct addr_map_entry){ .key = key, .value = value };
	m->len++;
	return NULL;
}

void addr_map_replace(struct addr_map *m, uint64_t key, uint64_t value)
{
	struct addr_map_entry *s;

	if (!m->cap)
		return;
	s = slot(m->slots, m->cap, key);
	if (s->value)
		s->value = value;
}

uint64_t addr_map_find(const struct addr_map *m, uint64_t key)
{
	return m->cap ? slot(m->slots, m->cap, key)->value : 0;
}

void addr_map_deinit(struct addr_map *m)
{
	free(m->slots);
	*m = (struct addr_map){ 0 };
}
