/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file descriptor of the target is, where it is alive to be asked.
 */
#ifndef HD_TARGET_FD_NAME_H
#define HD_TARGET_FD_NAME_H

#include "base/buf.h"
#include "target/target.h"

/*
 * Appends " (NAME)": a path, or a socket's kind and addresses, "tcp
 * 127.0.0.1:80 from 127.0.0.1:4711"; nothing where it can't be told. As it is
 * now, which is no longer as of the stop once the target runs on.
 */
struct err *fd_name_append(const struct target *t, int64_t fd,
			   struct buf *out) must_check;

/*
 * Appends the addresses of the socket of that inode by `table`, the text of
 * /proc/PID/net/KIND; *found tells whether it is in it. For tests.
 */
struct err *fd_name_of_socket(const char *kind, const char *table,
			      uint64_t inode, struct buf *out,
			      bool *found) must_check;

#endif
