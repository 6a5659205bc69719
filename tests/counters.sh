#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A swept heap that is at rest: the objects in the dump, and the statistics in
# it, are what the program itself was told by runtime.ReadMemStats.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# statistic NAME: the number in hdcheck's summary.
statistic() {
	sed -n "s/^ *$1  *//p" check.out | tr -d ,
}

for release in $(some_releases); do
	start_fixture counters "$release"
	expect 0 "$hdattach" -o dump "$pid"
	sound dump --counters
	sed -n 's/^heap //p' fixture.out >heap
	read -r objects bytes <heap
	got="$(statistic HeapObjects) $(statistic HeapAlloc)"
	[ "$got" = "$objects $bytes" ] ||
		fail "Go $release: heap of $got, not of $objects $bytes"
	rm dump
	stop_fixture
done
