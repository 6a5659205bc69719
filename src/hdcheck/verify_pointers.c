/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second reading: where the pointers of all contents lead.
 */
#include "hdcheck/verifier.h"

#include <string.h>

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

/* The goroutine whose frames are being read. */
struct frames {
	uint64_t status;
	uint64_t sp;	/* of the innermost */
	bool preempted; /* the frame before was asyncPreempt's */
};

/* runtime/runtime2.go:_Grunning */
enum { STATUS_RUNNING = 2 };

/*
 * Bytes below a goroutine's innermost frame that are of its stack, too, for
 * functions may take them without asking (internal/abi.StackNosplitBase is
 * 800). A frame may point to where one that it called has been: gopanic does.
 */
enum { LEFT_BEHIND = 512 };

/*
 * Whether the frame is at no safe point, so that what is a pointer in it is
 * guessed: where a running goroutine is, and where one was preempted, with the
 * registers that asyncPreempt saved. Follows runtime/mgcmark.go:
 * scanframeworker.
 */
static bool is_conservative(struct frames *s,
			    const struct stack_frame_record *f)
{
	static const char name[] = "runtime.asyncPreempt";
	bool after = s->preempted;

	s->preempted = f->function.size >= strlen(name) &&
		       !memcmp(f->function.data, name, strlen(name));
	return after || s->preempted ||
	       (s->status == STATUS_RUNNING && !f->depth);
}

static struct err *dangling(struct verifier *v, const struct record *r,
			    uint64_t base, uint64_t offset, uint64_t value)
{
	struct bytes in = { NULL, 0 };

	if (r->kind == RECORD_STACK_FRAME)
		in = r->frame.function;
	v->summary.pointers.dangling++;
	if (v->options->strict)
		EXPECT(v, r, false,
		       "%#llx%s%.*s: the pointer at %llu, %#llx, leads to "
		       "nothing",
		       (ull)base, in.size ? " of " : "",
		       (int)min_u64(in.size, 80), (const char *)in.data,
		       (ull)offset, (ull)value);
	return NULL;
}

/* The word at p; constant widths, since this runs for each pointer. */
static uint64_t load_pointer(const struct verifier *v, const uint8_t *p)
{
	return v->pointer_size == 8 ? load_uint(p, 8, v->big_endian)
				    : load_uint(p, 4, v->big_endian);
}

/* Counts where the word at that offset leads; exact: it must lead somewhere. */
static struct err *follow_word(struct verifier *v, const struct record *r,
			       uint64_t base, uint64_t offset, uint64_t value,
			       bool exact)
{
	const struct object_index *ix = &v->objects;
	uint64_t start, size;

	if (value < ix->start || value >= ix->end)
		return NULL;
	if (object_index_find(ix, value, &start, &size))
		v->summary.pointers.objects++;
	else if (in_stack(v, value) ||
		 (value >= v->left.start && value < v->left.end))
		v->summary.pointers.stacks++;
	else if (exact)
		return dangling(v, r, base, offset, value);
	else
		v->summary.pointers.guessed++;
	return NULL;
}

static struct err *follow(struct verifier *v, const struct record *r,
			  uint64_t base, const struct bytes *contents,
			  struct field_list fields, bool exact)
{
	struct field f;

	while (field_take(&fields, &f)) {
		if (f.offset > contents->size ||
		    contents->size - f.offset < v->pointer_size)
			break; /* said by check_fields() */
		TRY(follow_word(v, r, base, f.offset,
				load_pointer(v, contents->data + f.offset),
				exact));
	}
	return NULL;
}

static struct err *follow_record(struct verifier *v, const struct record *r,
				 struct frames *s)
{
	switch (r->kind) {
	case RECORD_OBJECT:
	case RECORD_DATA:
	case RECORD_BSS:
		v->left = (struct range){ 0, 0, 0 };
		return follow(v, r, r->memory.addr, &r->memory.contents,
			      r->memory.fields, true);
	case RECORD_GOROUTINE:
		v->left = (struct range){ 0, 0, 0 };
		*s = (struct frames){ .status = r->goroutine.status };
		return NULL;
	case RECORD_STACK_FRAME:
		if (!r->frame.depth)
			s->sp = r->frame.sp;
		v->left = (struct range){ s->sp - LEFT_BEHIND, s->sp, 0 };
		return follow(v, r, r->frame.sp, &r->frame.contents,
			      r->frame.fields, !is_conservative(s, &r->frame));
	case RECORD_OTHER_ROOT:
		return follow_word(v, r, r->other_root.pointer, 0,
				   r->other_root.pointer, true);
	default:
		return NULL;
	}
}

struct err *check_pointers(struct verifier *v, const struct dump_file *f)
{
	struct frames frames = { 0 };
	struct reader reader;
	struct record r;
	bool more;

	TRY(reader_init(&reader, f));
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			break;
		TRY(follow_record(v, &r, &frames));
	}
	v->summary.have_pointers = true;
	return NULL;
}
