/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/objects.h"

#include "hdcheck/reader.h"

#include <inttypes.h>

static void print_object(const struct memory_record *m, FILE *out)
{
	struct field_list fields = m->fields;
	struct field f;

	fprintf(out, "%#" PRIx64 " %" PRIu64, m->addr, m->contents.size);
	while (field_take(&fields, &f))
		fprintf(out, " %" PRIu64, f.offset);
	fputc('\n', out);
}

static struct err *print_all(const struct dump_file *f, FILE *out)
{
	struct reader reader;
	struct record r;
	bool more;

	TRY(reader_init(&reader, f));
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			return NULL;
		if (r.kind == RECORD_OBJECT)
			print_object(&r.memory, out);
	}
}

struct err *objects_print(const struct dump_file *f, FILE *out)
{
	struct err *e = print_all(f, out);

	if (!e || e->code != ERR_FORMAT)
		return e;
	err_free(e);
	return NULL;
}
