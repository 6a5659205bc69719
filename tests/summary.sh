#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --summary tells on standard output what a dump would hold, and writes no file.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# The demo allocates nothing by itself, but a collection may be under way when
# it is ready, and dead objects go until that has ended.
at_rest() {
	"$hdattach" -v --summary "$pid" 2>&1 |
		grep -q -E "a collection marks|spans are not swept" || return 0
	return 1
}

for release in $(some_releases); do
	start_fixture demo "$release"
	until_true 20 at_rest
	mkdir here
	(cd here && expect 0 "$hdattach" --summary "$pid" && mv out err ..)
	nothing_in here
	rmdir here
	mv out summary
	expect 0 "$hdattach" -o dump "$pid"
	# Both tell the same.
	"$hdcheck" dump >check.out || fail "the dump is not sound"
	want=$(awk '$1 == "all" { gsub(",", ""); print $2, $3 }' check.out)
	got=$(awk '/ in all$/ { print $1, $2 }' summary)
	[ "$want" = "$got" ] || fail "Go $release: $got is not $want"
	grep -q "chan receive  *main\." summary || fail "no goroutines"
	grep -q "runtime\.p$" summary || [ "$release" = "$(releases | head -n 1)" ] ||
		fail "Go $release: no types"
	expect 64 "$hdattach" --summary -o x "$pid"
	rm dump
	unharmed
	stop_fixture
done
