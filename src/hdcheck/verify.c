/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/verify.h"

#include "hdcheck/verifier.h"

#include <string.h>

/*
 * The order of kinds: a record's stage is never below that of one before it
 * (runtime/heapdump.go:mdump). Within a stage see check_neighbour().
 */
static const uint8_t stages[RECORD_KINDS] = {
	[RECORD_PARAMS] = 0,	    [RECORD_TYPE] = 1,
	[RECORD_ITAB] = 1,	    [RECORD_OBJECT] = 2,
	[RECORD_GOROUTINE] = 3,	    [RECORD_STACK_FRAME] = 3,
	[RECORD_DEFER] = 3,	    [RECORD_PANIC] = 3,
	[RECORD_OS_THREAD] = 4,	    [RECORD_DATA] = 5,
	[RECORD_BSS] = 6,	    [RECORD_OTHER_ROOT] = 7,
	[RECORD_FINALIZER] = 8,	    [RECORD_QUEUED_FINALIZER] = 9,
	[RECORD_MEM_STATS] = 10,    [RECORD_MEM_PROF] = 11,
	[RECORD_ALLOC_SAMPLE] = 12,
};

static struct err *check_other_root(struct verifier *v, const struct record *r)
{
	return check_name(v, r, "description", r->other_root.description);
}

typedef struct err *check_fn(struct verifier *v, const struct record *r);

static check_fn *const checks[RECORD_KINDS] = {
	[RECORD_OBJECT] = check_object,
	[RECORD_OTHER_ROOT] = check_other_root,
	[RECORD_TYPE] = check_type,
	[RECORD_GOROUTINE] = check_goroutine,
	[RECORD_STACK_FRAME] = check_frame,
	[RECORD_PARAMS] = check_params,
	[RECORD_FINALIZER] = check_finalizer,
	[RECORD_ITAB] = check_itab,
	[RECORD_OS_THREAD] = check_thread,
	[RECORD_MEM_STATS] = check_stats,
	[RECORD_QUEUED_FINALIZER] = check_finalizer,
	[RECORD_DATA] = check_segment,
	[RECORD_BSS] = check_segment,
	[RECORD_DEFER] = check_defer,
	[RECORD_PANIC] = check_panic,
	[RECORD_MEM_PROF] = check_prof,
	[RECORD_ALLOC_SAMPLE] = check_sample,
};

/* What a record must directly follow, where the stage does not say it all. */
static struct err *check_neighbour(struct verifier *v, const struct record *r)
{
	if (v->last == RECORD_TYPE)
		EXPECT(v, r,
		       r->kind == RECORD_ITAB && r->itab.type == v->last_type,
		       "follows a Type record that is not its own");
	switch (r->kind) {
	case RECORD_STACK_FRAME:
		EXPECT(v, r,
		       v->last == RECORD_GOROUTINE ||
			       v->last == RECORD_STACK_FRAME,
		       "follows no goroutine or frame");
		break;
	case RECORD_DEFER:
		EXPECT(v, r,
		       v->last == RECORD_GOROUTINE ||
			       v->last == RECORD_STACK_FRAME ||
			       v->last == RECORD_DEFER,
		       "follows no goroutine, frame or defer");
		break;
	case RECORD_PANIC:
		EXPECT(v, r, stages[v->last] == stages[RECORD_PANIC],
		       "follows nothing of a goroutine");
		break;
	default:
		break;
	}
	return NULL;
}

static struct err *check_order(struct verifier *v, const struct record *r)
{
	unsigned int stage = stages[r->kind];

	if (v->last == RECORD_EOF)
		EXPECT(v, r, r->kind == RECORD_PARAMS,
		       "comes first, where Params belongs");
	if (stage < v->stage && !v->misplaced[r->kind]) {
		v->misplaced[r->kind] = true;
		EXPECT(v, r, false, "out of order: comes behind %s",
		       record_name(v->last));
	}
	if (stage > v->stage)
		v->stage = stage;
	return check_neighbour(v, r);
}

static struct err *check_record(struct verifier *v, const struct record *r)
{
	if (v->stack.active && stages[r->kind] != stages[RECORD_STACK_FRAME])
		TRY(finish_goroutine(v));
	/* Objects follow objects millions of times. */
	if (r->kind != RECORD_OBJECT || v->last != RECORD_OBJECT)
		TRY(check_order(v, r));
	TRY(checks[r->kind](v, r));
	v->last = r->kind;
	if (r->kind == RECORD_TYPE)
		v->last_type = r->type.addr;
	return summary_add(&v->summary, r);
}

/* The number of records of each kind that must be there. */
static struct err *check_counts(struct verifier *v)
{
	static const enum record_kind one[] = { RECORD_PARAMS,
						RECORD_MEM_STATS };
	static const enum record_kind some[] = { RECORD_DATA, RECORD_BSS };
	const uint64_t *count = v->summary.count;

	for (size_t i = 0; i < ARRAY_SIZE(one); i++)
		if (count[one[i]] != 1)
			TRY(problems_add(&v->problems, PROBLEM_OF_DUMP,
					 "%llu %s records, not one",
					 (ull)count[one[i]],
					 record_name(one[i])));
	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		if (!count[some[i]])
			TRY(problems_add(&v->problems, PROBLEM_OF_DUMP,
					 "no %s record", record_name(some[i])));
	if (v->last == RECORD_TYPE)
		TRY(problems_add(&v->problems, PROBLEM_OF_DUMP,
				 "the last Type record has no Itab"));
	return NULL;
}

static struct err *read_all(struct verifier *v, const struct dump_file *f)
{
	struct reader reader;
	struct record r;
	bool more;

	TRY(reader_init(&reader, f));
	v->lookup = reader;
	for (;;) {
		TRY(reader_next(&reader, &r, &more));
		if (!more)
			break;
		TRY(check_record(v, &r));
	}
	v->summary.whole = true;
	return NULL;
}

static struct err *finish(struct verifier *v, const struct dump_file *f)
{
	if (v->stack.active)
		TRY(finish_goroutine(v));
	TRY(check_counts(v));
	TRY(finish_stacks(v));
	TRY(finish_heap(v));
	return v->have_objects ? check_pointers(v, f) : NULL;
}

static struct err *run(struct verifier *v, const struct dump_file *f)
{
	cleanup_err struct err *e = read_all(v, f);

	/* Behind a broken record nothing is known. */
	if (e && e->code == ERR_FORMAT)
		return problems_add(&v->problems, PROBLEM_OF_DUMP, "%s",
				    e->message);
	if (e)
		return steal(&e);
	return finish(v, f);
}

static void verifier_deinit(struct verifier *v)
{
	struct addr_map *maps[] = { &v->types,	 &v->itabs,	&v->goroutines,
				    &v->goids,	 &v->threads,	&v->buckets,
				    &v->samples, &v->finalizers };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		addr_map_deinit(maps[i]);
	object_index_deinit(&v->objects);
	vec_deinit(&v->thread_refs);
	vec_deinit(&v->stacks);
	vec_deinit(&v->segments);
	problems_deinit(&v->problems);
	summary_deinit(&v->summary);
}

struct err *verify(const struct dump_file *f,
		   const struct verify_options *options, struct verdict *out)
{
	cleanup(verifier_deinit) struct verifier v = {
		.options = options,
		.pointer_size = 8,
		.summary.file_size = f->size,
	};

	problems_init(&v.problems, options->max_problems);
	TRY(run(&v, f));
	summary_finish(&v.summary);
	out->problems = v.problems;
	out->summary = v.summary;
	memset(&v.problems, 0, sizeof(v.problems));
	memset(&v.summary, 0, sizeof(v.summary));
	return NULL;
}

void verdict_deinit(struct verdict *v)
{
	problems_deinit(&v->problems);
	summary_deinit(&v->summary);
}
