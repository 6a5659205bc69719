/* SPDX-License-Identifier: Apache-2.0 */
/* Who refers to what is waited for: wait_table_refer(). */
#include "runtime/damage.h"
#include "runtime/heap_index.h"
#include "runtime/runtime.h"
#include "runtime/stack_pointers.h"
#include "runtime/wait.h"

#include <stdlib.h>

/* An object, by the slot that it is in. */
struct in_slot {
	uint64_t slot; /* number */
	uint32_t object;
};

struct refs {
	struct runtime *rt;
	struct wait_table *t;
	struct heap_index index;
	VEC(struct in_slot) slots; /* by slot */
	uint32_t goroutine;	   /* the one at hand */
};

static int by_slot(const void *a, const void *b)
{
	const struct in_slot *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->object < y->object ? -1 : x->object > y->object;
}

static struct err *index_objects(struct refs *r)
{
	struct heap_slot at;

	for (uint32_t i = 0; i < r->t->objects.len; i++)
		if (heap_index_find(&r->index, r->t->objects.v[i].addr, &at))
			TRY(vec_push(&r->slots,
				     (struct in_slot){ at.number, i }));
	if (r->slots.len)
		qsort(r->slots.v, r->slots.len, sizeof(*r->slots.v), by_slot);
	return NULL;
}

/* The first that is not before the slot of that number. */
static size_t lower_bound(const struct refs *r, uint64_t number)
{
	size_t lo = 0, hi = r->slots.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->slots.v[mid].slot < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool waits_for(const struct refs *r, uint32_t object)
{
	const struct waiter *w = &r->t->list.v[r->goroutine];

	for (size_t i = 0; i < w->count; i++)
		if (r->t->cases.v[w->first + i].object == object)
			return true;
	return false;
}

static struct err *add(struct refs *r, uint32_t object, bool exact)
{
	const struct wait_link link = { object, r->goroutine, exact };

	return waits_for(r, object) ? NULL : vec_push(&r->t->refs, link);
}

static struct err *refer(void *arg, uint64_t word)
{
	struct refs *r = arg;
	int64_t exact = wait_table_find(r->t, word);
	struct heap_slot at;

	if (exact >= 0)
		TRY(add(r, (uint32_t)exact, true));
	if (!heap_index_find(&r->index, word, &at))
		return NULL;
	for (size_t i = lower_bound(r, at.number);
	     i < r->slots.len && r->slots.v[i].slot == at.number; i++)
		if (r->slots.v[i].object != exact)
			TRY(add(r, r->slots.v[i].object, false));
	return NULL;
}

static struct err *refer_all(struct refs *r)
{
	struct wait_table *t = r->t;

	TRY(heap_index_init(&r->index, r->rt));
	TRY(index_objects(r));
	for (uint32_t i = 0; i < t->list.len; i++) {
		r->goroutine = i;
		TRY(forgive(
			stack_pointers_each(r->rt, &t->list.v[i].g, refer, r),
			&t->damaged));
	}
	wait_links_sort(t->refs.v, &t->refs.len);
	for (size_t i = t->refs.len; i-- > 0;) {
		struct wait_object *o = &t->objects.v[t->refs.v[i].object];

		o->first_ref = i;
		o->refs++;
	}
	return NULL;
}

struct err *wait_table_refer(struct runtime *rt, struct wait_table *t)
{
	struct refs r = { .rt = rt, .t = t };
	struct err *e = refer_all(&r);

	heap_index_deinit(&r.index);
	vec_deinit(&r.slots);
	return err_wrap(e, "reading who refers to what is waited for");
}
