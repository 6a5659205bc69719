/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/release.h"

#include <string.h>

/* Slots' pointer bits (runtime/mbitmap.go: heapBitsInSpan), inline marks
 * (runtime/mgcmark_greenteagc.go: spanInlineMarkBits). */
#define HEAP_BITS_RESERVE 128
#define INLINE_MARKS_RESERVE 128

static const uint8_t *find(struct bytes in, const char *what)
{
	return memmem(in.data, in.size, what, strlen(what));
}

/*
 * Whether name is one of the experiments behind "X:" (cmd/link: main.go). A
 * blank precedes that, or a hyphen in newer releases.
 */
static bool has_experiment(struct bytes version, const char *name)
{
	const uint8_t *p = find(version, "X:");
	const uint8_t *end = version.data + version.size;
	size_t len = strlen(name);

	for (p = p ? p + 2 : end; p < end;) {
		const uint8_t *comma = memchr(p, ',', (size_t)(end - p));
		const uint8_t *stop = comma ? comma : end;

		if ((size_t)(stop - p) == len && !memcmp(p, name, len))
			return true;
		p = stop + 1;
	}
	return false;
}

static bool minor_parse(struct bytes version, unsigned int *out)
{
	const uint8_t *p = find(version, "go1.");
	const uint8_t *end = version.data + version.size;
	unsigned int minor = 0, digits = 0;

	if (!p)
		return false;
	for (p += 4; p < end && *p >= '0' && *p <= '9' && digits < 4; p++) {
		minor = minor * 10 + *p - '0';
		digits++;
	}
	if (!digits)
		return false;
	*out = minor;
	return true;
}

bool release_parse(struct bytes version, struct release *out)
{
	struct release r = { 0 };
	bool marks;

	if (!version.size || !minor_parse(version, &r.minor))
		return false;
	r.headers = r.minor >= 22 && !has_experiment(version, "noallocheaders");
	marks = r.minor >= 26 ? !has_experiment(version, "nogreenteagc")
			      : has_experiment(version, "greenteagc");
	r.reserve = (r.headers ? HEAP_BITS_RESERVE : 0) +
		    (marks ? INLINE_MARKS_RESERVE : 0);
	*out = r;
	return true;
}
