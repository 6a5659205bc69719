/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy PID BYTES FILE: the limit that a dump is measured against. Reads that
 * many bytes of the process's writable private memory, 1 MiB at a time with
 * process_vm_readv, and writes them to FILE, as plainly as can be. The process
 * is not stopped.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static char buffer[CHUNK];

/* Copies [start, end), at most *left bytes; what can't be read is left out. */
static void copy(pid_t pid, uint64_t start, uint64_t end, int fd,
		 uint64_t *left)
{
	for (uint64_t at = start; at < end && *left; at += CHUNK) {
		uint64_t n = end - at < CHUNK ? end - at : CHUNK;
		struct iovec local = { buffer, n < *left ? n : *left };
		struct iovec remote = { (void *)(uintptr_t)at, local.iov_len };
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			continue;
		if (write(fd, buffer, (size_t)got) != got) {
			perror("write");
			exit(1);
		}
		*left -= (uint64_t)got;
	}
}

int main(int argc, char **argv)
{
	char path[64], line[512], access[8];
	uint64_t start, end, left;

	if (argc != 4) {
		fputs("usage: copy PID BYTES FILE\n", stderr);
		return 64;
	}
	left = strtoull(argv[2], NULL, 10);
	snprintf(path, sizeof(path), "/proc/%s/maps", argv[1]);
	FILE *maps = fopen(path, "r");
	int fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (!maps || fd < 0) {
		perror("open");
		return 1;
	}
	while (left && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end,
			   access) == 3 &&
		    access[0] == 'r' && access[1] == 'w' && access[3] == 'p')
			copy(atoi(argv[1]), start, end, fd, &left);
	fclose(maps);
	if (fsync(fd) < 0 || close(fd) < 0) {
		perror("fsync");
		return 1;
	}
	if (left)
		fprintf(stderr, "copy: %" PRIu64 " bytes short\n", left);
	return 0;
}
