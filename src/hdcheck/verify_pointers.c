/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second reading: where the pointers of all contents lead.
 */
#include "hdcheck/verifier.h"

/* Whether addr lies in the frames of a goroutine. */
static bool in_stack(const struct verifier *v, uint64_t addr)
{
	size_t low = 0, high = v->stacks.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->stacks.v[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < v->stacks.v[low - 1].end;
}

static struct err *dangling(struct verifier *v, const struct record *r,
			    uint64_t base, uint64_t offset, uint64_t value)
{
	v->summary.pointers.dangling++;
	if (v->options->strict)
		EXPECT(v, r, false,
		       "%#llx: the pointer at %llu, %#llx, leads to nothing",
		       (ull)base, (ull)offset, (ull)value);
	return NULL;
}

/* The word at p; constant widths, since this runs for each pointer. */
static uint64_t load_pointer(const struct verifier *v, const uint8_t *p)
{
	return v->pointer_size == 8 ? load_uint(p, 8, v->big_endian)
				    : load_uint(p, 4, v->big_endian);
}

static struct err *follow(struct verifier *v, const struct record *r,
			  uint64_t base, const struct bytes *contents,
			  struct field_list fields)
{
	const struct object_index *ix = &v->objects;
	struct field f;
	uint64_t start, size;

	while (field_take(&fields, &f)) {
		if (f.offset > contents->size ||
		    contents->size - f.offset < v->pointer_size)
			break; /* said by check_fields() */
		uint64_t value = load_pointer(v, contents->data + f.offset);
		if (value < ix->start || value >= ix->end)
			continue;
		if (object_index_find(ix, value, &start, &size))
			v->summary.pointers.objects++;
		else if (in_stack(v, value))
			v->summary.pointers.stacks++;
		else
			TRY(dangling(v, r, base, f.offset, value));
	}
	return NULL;
}

static struct err *follow_record(struct verifier *v, const struct record *r)
{
	switch (r->kind) {
	case RECORD_OBJECT:
	case RECORD_DATA:
	case RECORD_BSS:
		return follow(v, r, r->memory.addr, &r->memory.contents,
			      r->memory.fields);
	case RECORD_STACK_FRAME:
		return follow(v, r, r->frame.sp, &r->frame.contents,
			      r->frame.fields);
	default:
		return NULL;
	}
}

struct err *check_pointers(struct verifier *v, const struct dump_file *f)
{
	struct reader reader;
	struct record r;
	bool more;

	TRY(reader_init(&reader, f));
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			break;
		TRY(follow_record(v, &r));
	}
	v->summary.have_pointers = true;
	return NULL;
}
