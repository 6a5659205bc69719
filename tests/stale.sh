#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Spans that were cached before the sweep began, and are not swept: they are
# there for some microseconds, from the end of marking until all processors
# have been flushed, and never when WriteHeapDump has stopped the world. So a
# program is stopped there, and dumped; it writes its own dump a little later.
# By then it has swept, and some goroutines have moved on; but what the
# collection left must be the same.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

freeze_at=$HD_BUILD/tests/freeze_at
rules=duplicate-types,tail-slots

# try: leaves both dumps; true if the moment was clean and had such spans.
try() {
	mkfifo stdin
	exec 6<>stdin
	: >fixture.out
	: >frozen
	"$fixture" <stdin >fixture.out 2>fixture.err 3>theirs 6<&- &
	pid=$!
	mine "$pid"
	until_true 60 grep -q '^ready ' fixture.out
	"$freeze_at" "$pid" runtime.mProf_Flush now >frozen &
	freezer=$!
	mine "$freezer"
	until_true 60 grep -q '^armed' frozen
	printf c >&6
	wait "$freezer" || fail "the collection did not end"
	not_mine "$freezer"
	got=0
	"$hdattach" -v --max-wait=0 -o ours --force "$pid" 2>err || got=$?
	kill -CONT "$pid"
	status=0
	wait "$pid" || status=$?
	not_mine "$pid"
	[ "$status" -eq 0 ] || fail "the fixture ended with status $status"
	exec 6>&-
	rm stdin
	[ "$got" -le 1 ] || fail "hdattach ended with status $got"
	[ "$got" -eq 0 ] && grep -q ', [1-9][0-9]* of them cached' err
}

# row KIND: what hdcheck counts of it: "DIFFER ONLY_A ONLY_B".
row() { awk -v kind="$1" '$1 == kind { print $4, $5, $6 }' check.out; }

for release in $(some_releases); do
	build_fixture unswept "$release"
	left=30
	until try; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || fail "Go $release: no such moment"
	done
	grep "not swept" err
	sound ours
	"$hdcheck" --compare ours theirs --ignore "$rules" >check.out || :
	# The runtime allocates threads and goroutines of its own meanwhile.
	row Object | awk '{ exit !($2 == 0 && $3 < 20) }' ||
		fail "Go $release: objects: $(row Object)"
	# Of cleanups in the queue none is told from another by its object.
	row QueuedFinalizer | awk '{ exit !($2 == 0 && $3 == 0) }' ||
		fail "Go $release: queued: $(row QueuedFinalizer)"
	for kind in Finalizer AllocSample; do
		[ "$(row $kind)" = "0 0 0" ] ||
			fail "Go $release: $kind: $(row $kind)"
	done
done
