/* SPDX-License-Identifier: Apache-2.0 */
#include "target/cgroup.h"

#include "base/bits.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A controller in one of the two versions. */
struct hierarchy {
	const char *controller; /* "": version 2 */
	const char *mount_type;
	const char *limit, *usage;
	const char *reclaimable; /* the line of memory.stat, or NULL */
};

static const struct hierarchy memory_kinds[] = {
	{ "", "cgroup2", "memory.max", "memory.current", "inactive_file" },
	{ "memory", "cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes",
	  "total_inactive_file" },
};

static const struct hierarchy pids_kinds[] = {
	{ "", "cgroup2", "pids.max", "pids.current", NULL },
	{ "pids", "cgroup", "pids.max", "pids.current", NULL },
};

/* Whether a comma-separated list has the word. */
static bool in_list(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len >= n) {
		const char *comma = memchr(list, ',', len);
		size_t item = comma ? (size_t)(comma - list) : len;

		if (item == n && strncmp(list, word, n) == 0)
			return true;
		if (!comma)
			return false;
		list += item + 1;
		len -= item + 1;
	}
	return false;
}

/* Lines are ID:CONTROLLER[,CONTROLLER...]:PATH (cgroups(7)). */
char *cgroup_path(const char *text, const char *controller)
{
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n");
		const char *list = memchr(line, ':', n);
		const char *path = list ? memchr(list + 1, ':',
						 n - (size_t)(list + 1 - line))
					: NULL;

		if (path &&
		    in_list(list + 1, (size_t)(path - list - 1), controller))
			return strndup(path + 1, n - (size_t)(path + 1 - line));
		line += n + (line[n] == '\n');
	}
	return NULL;
}

/* Where a hierarchy is mounted, or NULL (proc(5), mountinfo). */
static char *find_mount(const struct hierarchy *h)
{
	cleanup_fclose FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		char point[PATH_MAX], type[32], options[512];
		const char *rest = strstr(line, " - ");

		if (!rest ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
		    sscanf(rest + 3, "%31s %*s %511s", type, options) != 2 ||
		    strcmp(type, h->mount_type) != 0)
			continue;
		if (!*h->controller ||
		    in_list(options, strlen(options), h->controller))
			return strdup(point);
	}
	return NULL;
}

/* The number a file of a group begins with; UINT64_MAX for "max" and for a file
 * that is not there. */
static uint64_t read_number(const char *group, const char *file)
{
	cleanup_free char *path = NULL;
	unsigned long long n;

	if (asprintf(&path, "%s/%s", group, file) < 0) {
		path = NULL;
		return UINT64_MAX;
	}
	cleanup_fclose FILE *f = fopen(path, "re");
	return f && fscanf(f, "%llu", &n) == 1 ? n : UINT64_MAX;
}

static uint64_t read_stat(const char *group, const char *key)
{
	cleanup_free char *path = NULL;
	char name[64];
	unsigned long long n;

	if (!key || asprintf(&path, "%s/memory.stat", group) < 0) {
		path = NULL;
		return 0;
	}
	cleanup_fclose FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%63s %llu", name, &n) == 2)
		if (strcmp(name, key) == 0)
			return n;
	return 0;
}

static uint64_t room_of(const struct hierarchy *h, const char *group)
{
	uint64_t limit = read_number(group, h->limit);
	uint64_t usage = read_number(group, h->usage);

	if (limit == UINT64_MAX || usage == UINT64_MAX)
		return UINT64_MAX;
	usage -= min_u64(usage, read_stat(group, h->reclaimable));
	return usage < limit ? limit - usage : 0;
}

/* From the group up to the root of what is mounted. */
static uint64_t least_room(const struct hierarchy *h, const char *text)
{
	cleanup_free char *path = cgroup_path(text, h->controller);
	cleanup_free char *mount = path ? find_mount(h) : NULL;
	cleanup_free char *group = NULL;
	uint64_t least = UINT64_MAX;

	if (!mount || asprintf(&group, "%s%s", mount, path) < 0) {
		group = NULL;
		return UINT64_MAX;
	}
	for (size_t root = strlen(mount); strlen(group) >= root;) {
		least = min_u64(least, room_of(h, group));
		char *slash = strrchr(group, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return least;
}

void cgroup_read_room(const struct proc *p, struct cgroup_room *out)
{
	cleanup_free char *text = NULL;
	size_t size;

	*out = (struct cgroup_room){ UINT64_MAX, UINT64_MAX };
	cleanup_err struct err *e = proc_read(p, "cgroup", &text, &size);
	if (e)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(memory_kinds); i++)
		out->memory = min_u64(out->memory,
				      least_room(&memory_kinds[i], text));
	for (size_t i = 0; i < ARRAY_SIZE(pids_kinds); i++)
		out->pids =
			min_u64(out->pids, least_room(&pids_kinds[i], text));
}
