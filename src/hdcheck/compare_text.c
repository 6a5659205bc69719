/* SPDX-License-Identifier: Apache-2.0 */
#include "hdcheck/compare_text.h"

#include "hdcheck/summary.h"

static void print_kind(const struct comparison *c, enum record_kind kind,
		       FILE *out)
{
	const struct kind_counts *k = &c->kinds[kind];
	char n[5][NUMBER_SIZE];

	if (!k->a && !k->b)
		return;
	fprintf(out, "%-16s %13s %13s %10s %10s %10s%s\n", record_name(kind),
		number_format(k->a, n[0]), number_format(k->b, n[1]),
		number_format(k->differ, n[2]), number_format(k->only_a, n[3]),
		number_format(k->only_b, n[4]),
		k->reordered ? "  other order" : "");
}

void comparison_print(const struct comparison *c, rule_set ignore, FILE *out)
{
	char n[NUMBER_SIZE];

	fprintf(out, "%s%-16s %13s %13s %10s %10s %10s\n",
		c->differences.count ? "\n" : "", "records", "in A", "in B",
		"differ", "only A", "only B");
	for (int i = 1; i < RECORD_KINDS; i++)
		print_kind(c, (enum record_kind)i, out);
	if (ignore)
		fprintf(out, "\nignored by rule\n");
	for (int i = 0; i < RULE_COUNT; i++)
		if (rule_holds(ignore, (enum rule)i))
			fprintf(out, "  %-18s %9s  %s\n", rules[i].name,
				number_format(c->ignored[i], n),
				rules[i].reason);
	if (c->differences.count)
		fprintf(out, "\n%s difference%s\n",
			number_format(c->differences.count, n),
			c->differences.count == 1 ? "" : "s");
	else
		fprintf(out, "\nno differences\n");
}
