/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

static char *default_name(const struct session *s, const char *kind)
{
	const struct target *t = s->target;
	char when[32];
	struct tm tm;
	char *name;

	localtime_r(&s->began, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	if (asprintf(&name, "%s.%d.%s.%s%s", t->exe_name, (int)t->pid, when,
		     kind, compression_suffix(s->options->compress.kind)) < 0)
		return NULL;
	return name;
}

struct err *session_open_output(struct session *s, const char *kind,
				struct out_file **out)
{
	const struct options *o = s->options;
	cleanup_out_file struct out_file *file = NULL;
	cleanup_free char *name = NULL;

	name = o->output ? strdup(o->output) : default_name(s, kind);
	if (!name)
		return &err_nomem;
	TRY(out_file_create(name, o->force, &file));
	if (o->compress.kind != COMPRESS_NONE)
		TRY(out_file_compress(file, o->compress));
	s->streamed |= out_file_streamed(file);
	*out = steal(&file);
	return NULL;
}

void session_warn_moment(struct session *s)
{
	const struct capture *c = &s->capture;
	char text[MOMENT_TEXT];

	if (c->clean)
		return;
	s->incomplete = true;
	moment_describe(&c->moment, text);
	log_warn("no clean moment in %u stops: %s; what was being changed may "
		 "be missing, dead or half written (a longer --max-wait may "
		 "help)",
		 c->tries, text);
}
