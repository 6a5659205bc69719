/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hdcheck: verifies and compares Go heap dumps.
 */
#include "config.h"

#include "base/bits.h"
#include "base/log.h"
#include "hdcheck/compare_text.h"
#include "hdcheck/find.h"
#include "hdcheck/json.h"
#include "hdcheck/objects.h"
#include "hdcheck/stacks.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { STATUS_FINE, STATUS_PROBLEMS, STATUS_UNREADABLE };

const char *argp_program_version = "hdcheck " PACKAGE_VERSION;

static const char doc[] =
	"Verify a Go heap dump (go1.7 heap dump) and show what it holds."
	"\vFILE may be - for standard input. With --compare, the two dumps are "
	"compared instead: A is one that hdattach wrote, B one that the "
	"program "
	"itself wrote of the same instant.\n\n"
	"Exit status: 0 nothing is wrong (or both are equal), 1 something is, "
	"2 a file can't be read, 64 wrong usage.";

enum {
	KEY_JSON = 256,
	KEY_STACKS,
	KEY_OBJECTS,
	KEY_FIND,
	KEY_STRICT,
	KEY_COUNTERS,
	KEY_MAX_PROBLEMS,
	KEY_COMPARE,
	KEY_EXE,
	KEY_IGNORE,
	KEY_LIST_RULES,
};

static const struct argp_option options[] = {
	{ "quiet", 'q', NULL, 0, "Show no summary, problems alone" },
	{ "json", KEY_JSON, NULL, 0, "Write all results as JSON" },
	{ "stacks", KEY_STACKS, NULL, 0,
	  "Show the frames of each goroutine instead of the summary" },
	{ "objects", KEY_OBJECTS, NULL, 0,
	  "List the objects instead: address, size, offsets of pointers" },
	{ "find", KEY_FIND, "ADDRESS", 0,
	  "Show what that address of the program lies in, and whether roots "
	  "lead there, instead of the summary; may be given several times" },
	{ "strict", KEY_STRICT, NULL, 0,
	  "Refuse pointers into the heap that lead to no object" },
	{ "counters", KEY_COUNTERS, NULL, 0,
	  "Require as many objects and bytes as HeapObjects and HeapAlloc "
	  "say" },
	{ "max-problems", KEY_MAX_PROBLEMS, "N", 0,
	  "Show the first N problems or differences (20)" },
	{ "compare", KEY_COMPARE, NULL, 0, "Compare two dumps, A and B" },
	{ "exe", KEY_EXE, "EXE", 0,
	  "The program that was dumped: names variables in differences" },
	{ "ignore", KEY_IGNORE, "RULE[,RULE...]", 0,
	  "Differences not to count; 'runtime' is all of --list-rules" },
	{ "list-rules", KEY_LIST_RULES, NULL, 0, "List the rules of --ignore" },
	{ 0 },
};

struct arguments {
	struct verify_options verify;
	bool quiet, json, stacks, objects, compare, list_rules;
	rule_set ignore;
	const char *exe;
	VEC(uint64_t) find; /* addresses */
	const char *files[2];
	unsigned int file_count;
};

static void parse_ignore(const char *list, struct arguments *a,
			 struct argp_state *state)
{
	struct err *e = rules_parse(list, &a->ignore);

	/* Ends the program. */
	if (e)
		argp_error(state, "%s", e->message);
	err_free(e);
}

static size_t parse_count(const char *text, struct argp_state *state)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end)
		argp_error(state, "'%s' is no number", text);
	return n;
}

static uint64_t parse_address(const char *text, struct argp_state *state)
{
	char *end;

	errno = 0;
	uint64_t addr = strtoull(text, &end, 0);
	if (errno || *text < '0' || *text > '9' || *end)
		argp_error(state, "'%s' is no address", text);
	return addr;
}

/* What can't be seen from one argument alone. */
static void check_arguments(const struct arguments *a, struct argp_state *state)
{
	unsigned int wanted = a->compare ? 2 : 1;

	if (a->list_rules)
		return;
	if (a->file_count != wanted)
		argp_error(state, "%s needed",
			   a->compare ? "two files are" : "a file is");
	if (!a->compare && (a->exe || a->ignore))
		argp_error(state, "--exe and --ignore are for --compare");
	if (a->stacks && (a->compare || a->quiet))
		argp_error(state, "--stacks is not for --compare or --quiet");
	if (a->objects && (a->compare || a->quiet || a->stacks || a->json))
		argp_error(state, "--objects is not for --compare, --quiet, "
				  "--stacks or --json");
	if (a->find.len &&
	    (a->compare || a->json || a->stacks || a->objects || a->quiet))
		argp_error(state, "--find is not for --compare, --json, "
				  "--stacks, --objects or --quiet");
	if (a->compare && (a->verify.strict || a->verify.counters))
		argp_error(state, "--strict and --counters are not for "
				  "--compare");
	for (int i = 0; i < RULE_COUNT && !a->exe; i++)
		if (rules[i].needs_exe && rule_holds(a->ignore, (enum rule)i))
			argp_error(state, "--ignore %s needs --exe",
				   rules[i].name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'q':
		a->quiet = true;
		break;
	case KEY_JSON:
		a->json = true;
		break;
	case KEY_STACKS:
		a->stacks = true;
		break;
	case KEY_OBJECTS:
		a->objects = true;
		break;
	case KEY_FIND:
		/* The program ends soon if there is no memory. */
		err_free(vec_push(&a->find, parse_address(arg, state)));
		break;
	case KEY_STRICT:
		a->verify.strict = true;
		break;
	case KEY_COUNTERS:
		a->verify.counters = true;
		break;
	case KEY_MAX_PROBLEMS:
		a->verify.max_problems = parse_count(arg, state);
		break;
	case KEY_COMPARE:
		a->compare = true;
		break;
	case KEY_EXE:
		a->exe = arg;
		break;
	case KEY_IGNORE:
		parse_ignore(arg, a, state);
		break;
	case KEY_LIST_RULES:
		a->list_rules = true;
		break;
	case ARGP_KEY_ARG:
		if (a->file_count == ARRAY_SIZE(a->files))
			argp_error(state, "too many files");
		a->files[a->file_count++] = arg;
		break;
	case ARGP_KEY_END:
		check_arguments(a, state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void print_problems(const struct problems *p, FILE *out)
{
	for (size_t i = 0; i < p->list.len; i++) {
		const struct problem *x = &p->list.v[i];

		if (x->offset == PROBLEM_OF_DUMP)
			fprintf(out, "  %s\n", x->text);
		else
			fprintf(out, "  offset %llu: %s\n",
				(unsigned long long)x->offset, x->text);
	}
	if (p->count > p->list.len)
		fprintf(out, "  ... and %llu more\n",
			(unsigned long long)(p->count - p->list.len));
}

static void print_verdict(const struct arguments *a, const char *name,
			  const struct verdict *v, FILE *out)
{
	char n[NUMBER_SIZE];

	if (v->problems.count)
		fprintf(out, "%s: %s problem%s\n", name,
			number_format(v->problems.count, n),
			v->problems.count == 1 ? "" : "s");
	else if (!a->quiet && !a->stacks && !a->objects && !a->find.len)
		fputs("no problems\n", out);
	print_problems(&v->problems, out);
}

/* With --stacks, --objects or --find, standard output is for those alone. */
static struct err *print_text(const struct arguments *a,
			      const struct dump_file *f,
			      const struct verdict *v)
{
	if (a->stacks) {
		TRY(stacks_print(f, stdout));
	} else if (a->objects) {
		TRY(objects_print(f, stdout));
	} else if (a->find.len) {
		if (v->summary.whole)
			TRY(find_print(f, a->find.v, a->find.len, stdout));
	} else if (!a->quiet) {
		summary_print(&v->summary, f->name, stdout);
		fputc('\n', stdout);
	}
	bool listing = a->stacks || a->objects || a->find.len;
	print_verdict(a, f->name, v, listing ? stderr : stdout);
	return NULL;
}

static struct err *run_verify(const struct arguments *a, int *status)
{
	cleanup_dump_file struct dump_file f = { 0 };
	cleanup_verdict struct verdict v = { 0 };

	TRY(dump_file_open(a->files[0], &f));
	TRY(verify(&f, &a->verify, &v));
	if (a->json)
		TRY(json_verdict(&v, f.name, a->stacks ? &f : NULL, stdout));
	else
		TRY(print_text(a, &f, &v));
	*status = v.problems.count ? STATUS_PROBLEMS : STATUS_FINE;
	return NULL;
}

static struct err *run_compare(const struct arguments *args, int *status)
{
	cleanup_dump_file struct dump_file a = { 0 }, b = { 0 };
	cleanup_comparison struct comparison c = { 0 };
	cleanup_exe struct exe *exe = NULL;
	struct compare_options o = {
		.ignore = args->ignore,
		.max_differences = args->verify.max_problems,
	};

	if (args->exe)
		TRY(exe_open(args->exe, args->ignore, &exe));
	o.exe = exe;
	TRY(dump_file_open(args->files[0], &a));
	TRY(dump_file_open(args->files[1], &b));
	TRY(compare(&a, &b, &o, &c));
	if (args->json)
		TRY(json_comparison(&c, a.name, b.name, stdout));
	else {
		print_problems(&c.differences, stdout);
		if (!args->quiet)
			comparison_print(&c, args->ignore, stdout);
	}
	*status = c.differences.count ? STATUS_PROBLEMS : STATUS_FINE;
	return NULL;
}

static void list_rules(void)
{
	for (int i = 0; i < RULE_COUNT; i++)
		printf("%-18s %s%s\n", rules[i].name, rules[i].reason,
		       rules[i].needs_exe ? " (needs --exe)" : "");
}

static struct err *run(const struct arguments *a, int *status)
{
	if (a->list_rules)
		list_rules();
	else if (a->compare)
		TRY(run_compare(a, status));
	else
		TRY(run_verify(a, status));
	if (fflush(stdout) || ferror(stdout))
		return err_os(errno, "writing to standard output");
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "FILE\n--compare A B",
					  doc };
	struct arguments a = { .verify.max_problems = 20 };
	cleanup_err struct err *e = NULL;
	int status = STATUS_FINE;

	argp_err_exit_status = EX_USAGE;
	log_init("hdcheck", LOG_NORMAL);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	e = run(&a, &status);
	vec_deinit(&a.find);
	if (!e)
		return status;
	log_err(e);
	return STATUS_UNREADABLE;
}
