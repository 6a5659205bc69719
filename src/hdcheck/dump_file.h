/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a heap dump: a mapped file. A pipe is copied to an unlinked
 * temporary file first (in $TMPDIR, else /tmp), so that memory stays free of
 * it.
 */
#ifndef HD_HDCHECK_DUMP_FILE_H
#define HD_HDCHECK_DUMP_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct dump_file {
	const char *name; /* for messages; borrowed */
	const uint8_t *data;
	size_t size; /* bytes */
	bool mapped; /* data is to be unmapped */
};

/*
 * Opens the file at path, "-" being standard input; path is borrowed until
 * the file is closed. ERR_OS. A file that another process makes shorter
 * meanwhile ends this one by SIGBUS, as with every mapped file.
 */
struct err *dump_file_open(const char *path, struct dump_file *out) must_check;

/* A dump in memory; name and data are borrowed. */
void dump_file_init(struct dump_file *f, const char *name, const void *data,
		    size_t size);

void dump_file_close(struct dump_file *f);

#define cleanup_dump_file cleanup(dump_file_close)

#endif
