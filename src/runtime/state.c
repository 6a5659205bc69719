/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include "runtime/runtime.h"

#include <string.h>

enum {
	MAX_LABELS = 1024,
	MAX_SETTINGS = 1024,
};

/* Follows runtime/traceback.go:gStatusStrings. */
static const char *status_name(const struct layout *l, uint32_t status)
{
	const struct {
		const struct constant *status;
		const char *name;
	} names[] = {
		{ &l->konst.Gidle, "idle" },
		{ &l->konst.Grunnable, "runnable" },
		{ &l->konst.Grunning, "running" },
		{ &l->konst.Gsyscall, "syscall" },
		{ &l->konst.Gwaiting, "waiting" },
		{ &l->konst.Gdead, "dead" },
		{ &l->konst.Gcopystack, "copystack" },
		{ &l->konst.Gpreempted, "preempted" },
		{ &l->konst.Gleaked, "leaked" },
		{ &l->konst.Gdeadextra, "waiting for cgo callback" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].status->present &&
		    names[i].status->value == status)
			return names[i].name;
	return "???";
}

static bool is_leaked(const struct layout *l, const struct goroutine *g)
{
	return l->konst.Gleaked.present && g->status == l->konst.Gleaked.value;
}

static bool is_waiting(const struct layout *l, const struct goroutine *g)
{
	return g->status == l->konst.Gwaiting.value;
}

struct err *state_append(struct runtime *rt, const struct goroutine *g,
			 struct buf *out)
{
	const struct layout *l = &rt->layout;

	if ((is_waiting(l, g) || is_leaked(l, g)) && g->waitreason)
		return goroutine_waitreason(rt, g, out);
	const char *name = status_name(l, g->status);
	return buf_append(out, name, strlen(name));
}

/* Whether it waits for something of its bubble alone, and its state does not
 * say so. */
static struct err *is_durable(struct runtime *rt, const struct goroutine *g,
			      bool *out)
{
	static const char suffix[] = "(durable)";
	const struct layout *l = &rt->layout;
	const struct variable *idle = &l->var.isIdleInSynctest;
	cleanup(buf_deinit) struct buf state = {};
	size_t n = sizeof(suffix) - 1;
	uint64_t is_idle;

	*out = false;
	/* 1.25 looks at the reason of a wait that is over. */
	if (!g->bubble || !l->synctestBubble.struct_present ||
	    (l->konst.Gleaked.present && !is_waiting(l, g)) || !idle->present ||
	    g->waitreason >= idle->size)
		return NULL;
	TRY(cache_read_uint(&rt->cache, idle->addr + g->waitreason, 1,
			    &is_idle));
	TRY(state_append(rt, g, &state));
	*out = is_idle &&
	       !(state.len >= n && !memcmp(state.v + state.len - n, suffix, n));
	return NULL;
}

struct err *state_append_marks(struct runtime *rt, const struct goroutine *g,
			       struct buf *out)
{
	bool durable;

	if (is_leaked(&rt->layout, g))
		TRY(buf_append(out, " (leaked)", 9));
	if (g->scanned)
		TRY(buf_append(out, " (scan)", 7));
	TRY(is_durable(rt, g, &durable));
	return durable ? buf_append(out, " (durable)", 10) : NULL;
}

uint64_t state_blocked_ns(const struct runtime *rt, const struct goroutine *g,
			  uint64_t now)
{
	const struct layout *l = &rt->layout;

	if ((!is_waiting(l, g) && g->status != l->konst.Gsyscall.value) ||
	    !g->waitsince || now < g->waitsince)
		return 0;
	return now - g->waitsince;
}

struct err *state_bubble(struct runtime *rt, const struct goroutine *g,
			 uint64_t *out)
{
	const struct layout *l = &rt->layout;
	uint64_t root;

	*out = 0;
	if (!g->bubble)
		return NULL;
	if (l->synctestBubble.struct_present)
		return rt_field(rt, g->bubble, &l->synctestBubble.id, out);
	if (!l->synctestGroup.struct_present)
		return NULL;
	TRY(rt_field(rt, g->bubble, &l->synctestGroup.root, &root));
	return rt_field(rt, root, &l->g.goid, out);
}

/* ---- labels -------------------------------------------------------------- */

struct err *state_shows_labels(struct runtime *rt, bool *out)
{
	static const char name[] = "tracebacklabels";
	const struct layout *l = &rt->layout;
	cleanup(buf_deinit) struct buf text = {};
	struct go_slice settings;
	uint64_t setting, word;

	*out = false;
	TRY(rt_slice(rt, l->var.dbgvars.addr, MAX_SETTINGS, &settings));
	for (uint64_t i = 0; i < settings.len; i++) {
		TRY(rt_ptr(rt, settings.addr + i * rt->arch->ptr_size,
			   &setting));
		text.len = 0;
		TRY(rt_string(rt, setting + l->dbgVar.name.offset, &text));
		if (text.len != sizeof(name) - 1 ||
		    memcmp(text.v, name, text.len))
			continue;
		TRY(rt_field(rt, setting, &l->dbgVar.atomic, &word));
		if (word)
			TRY(cache_read_uint(&rt->cache, word, 4, &word));
		*out = word == 1;
		return NULL;
	}
	return NULL;
}

/* A set is a slice of labels, and nothing else:
 * internal/runtime/pprof/label/labelset.go. */
struct err *state_each_label(struct runtime *rt, const struct goroutine *g,
			     struct err *(*fn)(void *, const struct buf *key,
					       const struct buf *value),
			     void *arg)
{
	const struct layout *l = &rt->layout;
	cleanup(buf_deinit) struct buf key = {}, value = {};
	struct go_slice list;

	if (!g->labels || !l->label.struct_present)
		return NULL;
	TRY(rt_slice(rt, g->labels, MAX_LABELS, &list));
	for (uint64_t i = 0; i < list.len; i++) {
		uint64_t at = list.addr + i * l->label.struct_size;

		key.len = value.len = 0;
		TRY(rt_string(rt, at + l->label.Key.offset, &key));
		TRY(rt_string(rt, at + l->label.Value.offset, &value));
		TRY(fn(arg, &key, &value));
	}
	return NULL;
}
