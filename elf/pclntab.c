/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/pclntab.h"

/* internal/abi/symtab.go:PCLnTabMagic */
#define MAGIC_GO12 0xfffffffbu
#define MAGIC_GO116 0xfffffffau
#define MAGIC_GO118 0xfffffff0u
#define MAGIC_GO120 0xfffffff1u

void pcvalue_iter_init(struct pcvalue_iter *it, const struct cursor *c,
		       uint8_t quantum)
{
	*it = (struct pcvalue_iter){
		.cursor = *c,
		.value = -1,
		.quantum = quantum,
		.first = true,
	};
}

/* A varint of 32 bits, as all numbers of pc-value tables are. */
static struct err *read_u32(struct cursor *c, uint32_t *out)
{
	const uint8_t *start = c->pos;
	uint64_t value;

	TRY(cursor_uvarint(c, &value));
	if (value > UINT32_MAX) {
		c->pos = start;
		return cursor_error(c, "a pc-value delta exceeds 32 bits");
	}
	*out = (uint32_t)value;
	return NULL;
}

struct err *pcvalue_next(struct pcvalue_iter *it, struct pcvalue *out,
			 bool *more)
{
	struct cursor c = it->cursor;
	uint32_t value_delta = 0, pc_delta = 0;

	TRY(read_u32(&c, &value_delta));
	if (value_delta == 0 && !it->first) {
		*more = false;
		return NULL;
	}
	TRY(read_u32(&c, &pc_delta));
	uint64_t start = it->pc;
	/* The value's delta is zigzag encoded, and wraps. */
	uint32_t delta = -(value_delta & 1) ^ (value_delta >> 1);
	it->value = (int32_t)((uint32_t)it->value + delta);
	it->pc += (uint64_t)pc_delta * it->quantum;
	/* runtime/symtab.go:pcvalue is at the first step while pc == entry. */
	it->first = it->pc == 0;
	it->cursor = c;
	*out = (struct pcvalue){ start, it->pc, it->value };
	*more = true;
	return NULL;
}

struct err *pcvalue_at(const struct cursor *c, uint8_t quantum,
		       uint64_t pc_offset, int32_t *out)
{
	struct pcvalue_iter it;
	struct pcvalue step;
	bool more;

	pcvalue_iter_init(&it, c, quantum);
	for (;;) {
		TRY(pcvalue_next(&it, &step, &more));
		if (!more)
			return cursor_error(&it.cursor,
					    "pc-value table ends at +%#llx, "
					    "before +%#llx",
					    (unsigned long long)it.pc,
					    (unsigned long long)pc_offset);
		if (pc_offset < step.end) {
			*out = step.value;
			return NULL;
		}
	}
}

static struct err *check_magic(const struct cursor *c, uint64_t magic)
{
	switch (magic) {
	case MAGIC_GO118:
	case MAGIC_GO120:
		return NULL;
	case MAGIC_GO12:
	case MAGIC_GO116:
		return cursor_error(c,
				    "pclntab of Go 1.17 or older (magic "
				    "%#llx)",
				    (unsigned long long)magic);
	default:
		return cursor_error(c, "not a pclntab (magic %#llx)",
				    (unsigned long long)magic);
	}
}

struct err *pclntab_check_header(struct cursor *c, uint8_t quantum,
				 uint8_t ptr_size)
{
	struct cursor at = *c;
	const uint8_t *rest;
	uint64_t magic;

	TRY(cursor_uint(&at, 4, &magic));
	TRY(check_magic(c, magic));
	/* runtime/symtab.go:pcHeader: pad1, pad2, minLC, ptrSize */
	TRY(cursor_bytes(&at, 4, &rest));
	if (rest[0] || rest[1])
		return cursor_error(c, "pclntab: padding is %u, %u, not 0",
				    rest[0], rest[1]);
	if (rest[2] != quantum)
		return cursor_error(c, "pclntab: quantum is %u, not %u",
				    rest[2], quantum);
	if (rest[3] != ptr_size)
		return cursor_error(c, "pclntab: pointer size is %u, not %u",
				    rest[3], ptr_size);
	*c = at;
	return NULL;
}
