/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file an output goes to. It appears under its name only when it is
 * whole: until then it has none, and is gone with us, whatever we die of. Where
 * the file system has no such files, it has a temporary name in the same
 * folder, which disappears with every error. Dumps hold secrets: mode 0600.
 * Large writes go straight to the file, small ones together. Standard output
 * is streamed to, and so is what exists and is not a regular file (a pipe, a
 * device).
 */
#ifndef HD_OUTPUT_OUT_FILE_H
#define HD_OUTPUT_OUT_FILE_H

#include "output/compress.h"

#include <stddef.h>
#include <stdint.h>

struct out_file;

/*
 * Opens the output at path; "-" is standard output. force: replace a file
 * that exists. Errors: ERR_EXISTS, ERR_USAGE (standard output is a terminal),
 * ERR_OS.
 */
struct err *out_file_create(const char *path, bool force,
			    struct out_file **out) must_check;

/*
 * Has all that is written from now on compressed; called before the first
 * write.
 */
struct err *out_file_compress(struct out_file *f,
			      struct compression_choice choice) must_check;

/*
 * Room for the file, in bytes: of its file system; UINT64_MAX where that can't
 * be told, or it is no file.
 */
uint64_t out_file_room(const struct out_file *f);

/* Has every write that would make the file larger than max bytes fail. */
void out_file_limit(struct out_file *f, uint64_t max);

/* Writes all n bytes, or fails: a short write is an error. */
struct err *out_file_write(struct out_file *f, const void *data,
			   size_t n) must_check;

/* Bytes written so far; of a compressed file, as they are in it. */
uint64_t out_file_bytes(const struct out_file *f);

/* Whether there is nothing to remove when it is left half written. */
bool out_file_streamed(const struct out_file *f);

/* Its name for people. */
const char *out_file_path(const struct out_file *f);

/* Makes the whole file appear under its name, on the disk. */
struct err *out_file_commit(struct out_file *f) must_check;

/* Closes; without a commit before, nothing is left. NULL is allowed. */
void out_file_close(struct out_file *f);

static inline void cleanup_out_file_fn(struct out_file **f)
{
	out_file_close(*f);
}
#define cleanup_out_file cleanup(cleanup_out_file_fn)

#endif
