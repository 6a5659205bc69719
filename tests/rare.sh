#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Objects of hundreds of megabytes, and a user arena that was freed while
# something still points into it.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

room=$(df -Pk . | awk 'NR == 2 { print $4 }')
[ "$room" -gt 1000000 ] || skip "a gigabyte of disk is wanted"

# rare RELEASE [OPTION...]: with these options of hdcheck.
rare() {
	release=$1
	shift
	start_fixture rare "$release"
	expect 0 "$hdattach" -o dump "$pid"
	sound dump --counters "$@"
	far=$(sed -n 's/^far //p' fixture.out)
	"$hdcheck" --find="$far" dump | grep -q ', reached$' ||
		fail "Go $release: the last pointer of a large object is lost"
	stop_fixture
	rm dump
}

for release in $(releases | head -n 1) $(newest); do
	say "Go $release"
	experiment= && rare "$release" --strict
	say "Go $release, with a freed arena"
	# There is a pointer into it, which leads to nothing.
	experiment=arenas && rare "$release"
	grep -q -E '^ *to nothing +1$' check.out ||
		fail "Go $release: not one stale pointer"
done
