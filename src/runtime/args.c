/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/args.h"

#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdio.h>

/* What a byte of FUNCDATA_ArgInfo says, if it is not the offset of a word,
 * behind which its size follows. Follows internal/abi/symtab.go. */
enum {
	ARGS_END = 0xff,
	ARGS_START_AGGREGATE = 0xfe,
	ARGS_END_AGGREGATE = 0xfd,
	ARGS_DOTDOTDOT = 0xfc,
	ARGS_OFFSET_TOO_LARGE = 0xfb,
	MAX_ARGS = (5 * 3 + 2) * 10 + 1, /* bytes: abi.TraceArgsMaxLen */
};

struct args {
	struct runtime *rt;
	uint64_t argp;
	uint64_t live;	   /* FUNCDATA_ArgLiveInfo; 0: all are live */
	int32_t live_at;   /* offset there of this pc's bitmap */
	uint8_t live_from; /* words at lower offsets are always live */
	uint8_t slot;	   /* of the next word that may be dead */
	bool first;
	struct buf *out;
};

static struct err *put(struct args *a, const char *text, size_t n)
{
	return buf_append(a->out, text, n);
}

static struct err *put_comma(struct args *a)
{
	return a->first ? NULL : put(a, ", ", 2);
}

static struct err *is_live(const struct args *a, uint8_t offset, bool *out)
{
	uint64_t bits;

	*out = true;
	if (!a->live || a->live_at <= 0 || offset < a->live_from)
		return NULL;
	TRY(cache_read_uint(&a->rt->cache,
			    a->live + (uint64_t)a->live_at + a->slot / 8, 1,
			    &bits));
	*out = bits >> (a->slot % 8) & 1;
	return NULL;
}

static struct err *put_word(struct args *a, uint8_t offset, uint8_t size)
{
	char text[24];
	uint64_t word;
	bool live;

	if (size == 0 || size > 8)
		return err_new(ERR_FORMAT, "an argument of %u bytes", size);
	TRY(cache_read_uint(&a->rt->cache, a->argp + offset, size, &word));
	TRY(is_live(a, offset, &live));
	if (offset >= a->live_from)
		a->slot++;
	int n = snprintf(text, sizeof(text), "0x%" PRIx64 "%s", word,
			 live ? "" : "?");
	return put(a, text, (size_t)n);
}

/* One of the bytes; *size is the next one, which a word uses up. */
static struct err *put_one(struct args *a, uint8_t byte, uint8_t size,
			   bool *is_word)
{
	bool starts = byte == ARGS_START_AGGREGATE;

	*is_word = false;
	if (byte == ARGS_END_AGGREGATE) {
		a->first = false;
		return put(a, "}", 1);
	}
	TRY(put_comma(a));
	a->first = starts;
	switch (byte) {
	case ARGS_START_AGGREGATE:
		return put(a, "{", 1);
	case ARGS_DOTDOTDOT:
		return put(a, "...", 3);
	case ARGS_OFFSET_TOO_LARGE:
		return put(a, "_", 1);
	default:
		*is_word = true;
		return put_word(a, byte, size);
	}
}

static struct err *read_liveness(struct args *a, const struct func *f,
				 uint64_t pc)
{
	const struct layout *l = &a->rt->layout;
	uint64_t from;

	a->live_from = 0xff;
	TRY(func_data(a->rt, f, l->konst.FUNCDATA_ArgLiveInfo.value, &a->live));
	if (!a->live)
		return NULL;
	TRY(func_pcdata(a->rt, f, l->konst.PCDATA_ArgLiveIndex.value, pc,
			&a->live_at));
	TRY(cache_read_uint(&a->rt->cache, a->live, 1, &from));
	a->live_from = (uint8_t)from;
	return NULL;
}

struct err *args_append(struct runtime *rt, const struct func *f, uint64_t argp,
			uint64_t pc, struct buf *out)
{
	struct args a = { .rt = rt, .argp = argp, .first = true, .out = out };
	uint64_t info, byte, size = 0;
	bool is_word;

	TRY(func_data(rt, f, rt->layout.konst.FUNCDATA_ArgInfo.value, &info));
	if (!info)
		return NULL;
	TRY(read_liveness(&a, f, pc));
	for (int i = 0; i < MAX_ARGS; i++) {
		TRY(cache_read_uint(&rt->cache, info++, 1, &byte));
		if (byte == ARGS_END)
			return NULL;
		if (byte < ARGS_OFFSET_TOO_LARGE)
			TRY(cache_read_uint(&rt->cache, info, 1, &size));
		TRY(put_one(&a, (uint8_t)byte, (uint8_t)size, &is_word));
		info += is_word;
	}
	return err_new(ERR_FORMAT, "the arguments at %#" PRIx64 " do not end",
		       info);
}
