/* SPDX-License-Identifier: Apache-2.0 */
#include "target/fd_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LINE = 512, /* bytes of a line that are looked at */
	WORDS4 = 1, /* of 32 bits in an address */
	WORDS6 = 4,
	UNIX_FIELDS = 7, /* before the path in /proc/net/unix */
};

/* ---- addresses ----------------------------------------------------------- */

/*
 * "0100007F:1F90": words of 32 bits in the byte order of the machine, and a
 * port. Linux: net/ipv4/tcp_ipv4.c:get_tcp4_sock, net/ipv6/tcp_ipv6.c.
 */
static struct err *put_address(const char *text, struct buf *out)
{
	uint32_t words[WORDS6];
	char name[INET6_ADDRSTRLEN];
	unsigned int port;
	int n = 0;

	while (n < WORDS6 && sscanf(text, "%8x", &words[n]) == 1 &&
	       text[0] != ':') {
		text += 8;
		n++;
	}
	if ((n != WORDS4 && n != WORDS6) || sscanf(text, ":%x", &port) != 1 ||
	    !inet_ntop(n == WORDS4 ? AF_INET : AF_INET6, words, name,
		       sizeof(name)))
		return buf_printf(out, "?");
	return buf_printf(out, n == WORDS4 ? "%s:%u" : "[%s]:%u", name, port);
}

static bool is_nobody(const char *address)
{
	return !address[strspn(address, "0:")];
}

/* A line of /proc/net/tcp, udp and their like. */
static struct err *put_inet(const char *kind, const char *line, uint64_t inode,
			    struct buf *out, bool *found)
{
	char local[64], remote[64];
	uint64_t number;

	if (sscanf(line, "%*s %63s %63s %*s %*s %*s %*s %*s %*s %" SCNu64,
		   local, remote, &number) != 3 ||
	    number != inode)
		return NULL;
	*found = true;
	TRY(buf_printf(out, " (%s ", kind));
	TRY(put_address(local, out));
	if (!is_nobody(remote)) {
		TRY(buf_printf(out, " to "));
		TRY(put_address(remote, out));
	}
	return buf_printf(out, ")");
}

/* A line of /proc/net/unix: the path comes last, if there is one. */
static struct err *put_unix(const char *line, uint64_t inode, struct buf *out,
			    bool *found)
{
	uint64_t number;
	int path = 0;

	if (sscanf(line, "%*s %*s %*s %*s %*s %*s %" SCNu64 " %n", &number,
		   &path) != 1 ||
	    number != inode)
		return NULL;
	*found = true;
	if (!path || !line[path])
		return buf_printf(out, " (unix)");
	return buf_printf(out, " (unix %s)", line + path);
}

struct err *fd_name_of_socket(const char *kind, const char *table,
			      uint64_t inode, struct buf *out, bool *found)
{
	*found = false;
	while (*table && !*found) {
		size_t n = strcspn(table, "\n");
		char line[LINE];

		snprintf(line, sizeof(line), "%.*s", (int)n, table);
		if (!strcmp(kind, "unix"))
			TRY(put_unix(line, inode, out, found));
		else
			TRY(put_inet(kind, line, inode, out, found));
		table += n + (table[n] == '\n');
	}
	return NULL;
}

/* ---- the target's -------------------------------------------------------- */

/* All of a file of /proc, with a NUL behind it; false if there is none. */
static struct err *read_file(const char *path, struct buf *out, bool *there)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	*there = fd >= 0;
	while (*there) {
		ssize_t n;

		TRY(buf_reserve(out, 1 << 16));
		n = read(fd, out->v + out->len, (1 << 16) - 1);
		if (n <= 0) {
			out->v[out->len] = 0;
			return NULL;
		}
		out->len += (size_t)n;
	}
	return NULL;
}

/* Looks the socket up in the tables of the target's network namespace. */
static struct err *put_socket(const struct target *t, uint64_t inode,
			      struct buf *out)
{
	static const char *const kinds[] = { "tcp", "tcp6", "unix", "udp",
					     "udp6" };
	bool found = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		cleanup(buf_deinit) struct buf table = {};
		char path[64];
		bool there;

		snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)t->pid,
			 kinds[i]);
		TRY(read_file(path, &table, &there));
		if (there)
			TRY(fd_name_of_socket(kinds[i], (const char *)table.v,
					      inode, out, &found));
		if (found)
			return NULL;
	}
	return buf_printf(out, " (socket)");
}

struct err *fd_name_append(const struct target *t, int64_t fd, struct buf *out)
{
	char path[64], name[PATH_MAX];
	uint64_t inode;

	if (!t->pid || !t->root_path) /* a core */
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/fd/%" PRId64, (int)t->pid, fd);
	ssize_t n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return NULL;
	name[n] = 0;
	if (sscanf(name, "socket:[%" SCNu64 "]", &inode) == 1)
		return put_socket(t, inode, out);
	return buf_printf(out, " (%s)", name);
}
