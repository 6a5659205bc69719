/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <errno.h>
#include <jansson.h>

static json_t *ms(uint64_t ns)
{
	return json_real((double)ns / 1e6);
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *make(const struct capture *c, const struct heapdump_result *r,
		    const struct out_file *out, bool whole)
{
	const struct pipeline_times *times = &r->totals.times;

	return json_pack(
		"{s:s*, s:o, s:o, s:o, s:b, s:s, s:i, s:b, s:o,"
		" s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"file", out_file_path(out), "bytes", count(out_file_bytes(out)),
		"objects", count(r->totals.objects), "goroutines",
		count(r->goroutines), "whole", whole, "snapshot",
		snapshot_name(c->kind), "stops", (int)c->tries, "clean",
		c->clean, "pause_ms", ms(c->target->pause_ns), "stop_ms",
		ms(c->times.stop), "look_ms", ms(c->times.look), "snapshot_ms",
		ms(c->times.snapshot), "resume_ms", ms(c->times.resume),
		"read_ms", ms(times->read), "encode_ms", ms(times->encode),
		"write_ms", ms(times->write));
}

struct err *report_print(FILE *to, const struct capture *c,
			 const struct heapdump_result *r,
			 const struct out_file *out, bool whole)
{
	json_t *report = make(c, r, out, whole);
	int failed =
		report ? json_dumpf(report, to, JSON_REAL_PRECISION(9)) : -1;

	json_decref(report);
	if (!report)
		return &err_nomem;
	if (failed || putc('\n', to) == EOF || fflush(to))
		return err_os(errno, "printing the report");
	return NULL;
}
