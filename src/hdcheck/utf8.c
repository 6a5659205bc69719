/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/utf8.h"

/* Bytes of the character at p of which n are there, 0 if it is not valid. */
static size_t utf8_char(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80	     ? 1
		     : (p[0] & 0xe0) == 0xc0 ? 2
		     : (p[0] & 0xf0) == 0xe0 ? 3
		     : (p[0] & 0xf8) == 0xf0 ? 4
					     : 0;
	if (len <= 1)
		return len;
	if (len > n)
		return 0;
	uint32_t c = p[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return len;
}

bool utf8_valid(const uint8_t *data, size_t size)
{
	while (size) {
		size_t len = utf8_char(data, size);

		if (!len)
			return false;
		data += len;
		size -= len;
	}
	return true;
}
