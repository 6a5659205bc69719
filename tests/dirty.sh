#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dirty.sh RELEASE [BUILD]: the world frozen as it is, dirty. A program that
# allocates and collects without a pause (fixtures/ledger) is stopped by a
# signal, at whatever moment: in the midst of marking, of sweeping, of an
# allocation. hdattach dumps it; then another program, which has no code in
# common with it (tests/reader), reads the same memory. Both find the same
# objects with the same pointers. HD_STOPS is how often (10).

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

stops=${HD_STOPS:-10}

build_reader() {
	find_go
	reader=$HD_CACHE/reader
	mkdir -p "$HD_CACHE"
	(
		cd "$HD_SRC/tests/reader" || exit 1
		export GOFLAGS='' GOWORK=off CGO_ENABLED=0
		export GOTOOLCHAIN="go$(newest)"
		"$go" version >/dev/null 2>&1 || exit 77
		flock "$reader.lock" "$go" build -buildvcs=false -o "$reader" .
	) || {
		[ $? -ne 77 ] || skip "Go $(newest) is not to be had"
		fail "the reader does not build"
	}
}

# stands: every thread has come to its stop, also those that waited for a disk
# or for a child.
stands() {
	for t in /proc/"$pid"/task/*/stat; do
		sed 's/.*) //' "$t" 2>/dev/null | grep -q '^T' || return 1
	done
}

# at_some_time: a fraction of a second, another one each time.
at_some_time() { sleep "0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' ')"; }

# look: stops the program, compares, and lets it run on.
look() {
	at_some_time
	kill -STOP "$pid"
	until_true 30 stands
	status=0
	"$hdattach" -v --max-wait=0 --force -o dump "$pid" 2>err || status=$?
	[ "$status" -le 1 ] || {
		cat err
		fail "exit status $status"
	}
	status=0
	"$reader" "$pid" >theirs 2>reader.err || status=$?
	kill -CONT "$pid"
	case $status in
	0) ;;
	3) return 1 ;;
	*)
		cat reader.err
		fail "the reader failed"
		;;
	esac
	"$hdcheck" --objects dump >ours 2>/dev/null || :
	cmp -s ours theirs && return
	grep -v 'not in this release' err
	diff ours theirs | cut -c 1-100 | head -n 20
	fail "the other reader finds other objects in a Go $release program"
}

build_reader
cgo=
case ${2:-} in
'') set -- "$1" ;;
cgo) set -- "$1" && cgo=1 ;;
*) fail "no such build: $2" ;;
esac
start_fixture ledger "$@"
n=0 torn=0
while [ "$n" -lt "$stops" ]; do
	if look; then
		n=$((n + 1))
	else
		torn=$((torn + 1))
		[ "$torn" -le $((10 + stops / 2)) ] ||
			fail "$torn moments with a span in mid-sweep"
	fi
done
until_true 10 at_large "$pid"
stop_fixture
say "Go $release: the same objects in $n moments; $torn were in mid-sweep"
