/* SPDX-License-Identifier: Apache-2.0 */
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *format_bytes(char out[UNITS_MAX], uint64_t bytes)
{
	static const char *const units[] = {
		"kB", "MB", "GB", "TB", "PB", "EB"
	};
	double n = (double)bytes;
	int unit = -1;

	if (bytes < 1000) {
		snprintf(out, UNITS_MAX, "%" PRIu64 " bytes", bytes);
		return out;
	}
	while (n >= 999.5 && unit < 5) {
		n /= 1000;
		unit++;
	}
	/* Three digits, also of what is rounded up. */
	snprintf(out, UNITS_MAX, "%.*f %s",
		 n < 9.995   ? 2
		 : n < 99.95 ? 1
			     : 0,
		 n, units[unit]);
	return out;
}

const char *format_count(char out[UNITS_MAX], uint64_t n)
{
	char digits[UNITS_MAX];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

const char *format_duration(char out[UNITS_MAX], uint64_t ns)
{
	double s = (double)ns / 1e9;
	uint64_t seconds = ns / 1000000000 + (ns % 1000000000 >= 500000000);

	/* None is rounded up to one of the next unit: "1000.0 ms". */
	if (ns < 1000000)
		snprintf(out, UNITS_MAX, "%" PRIu64 " us", ns / 1000);
	else if (s < 0.99995)
		snprintf(out, UNITS_MAX, "%.1f ms", s * 1e3);
	else if (s < 59.995)
		snprintf(out, UNITS_MAX, "%.2f s", s);
	else
		snprintf(out, UNITS_MAX, "%" PRIu64 " min %02u s", seconds / 60,
			 (unsigned int)(seconds % 60));
	return out;
}
