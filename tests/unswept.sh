#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# unswept.sh RELEASE [BUILD]: frozen before the sweep. A program of that Go
# release, most of whose heap is not swept yet, or is being marked, calls
# debug.WriteHeapDump (fixtures/unswept). It is stopped as the runtime enters
# runtime.mdump, which sweeps, or, before that, runtime.readmemstats_m, which
# gives back the spans that are cached; and dumped from outside. Then it goes
# on: it sweeps, and writes its own dump. Both must be equal record by record,
# but for the rules named below: what the writer inside changes by being there,
# by flushing and by sweeping.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

rules=writer-scratch,tmpbuf-accounting,lastpoll,duplicate-types,tail-slots
freeze_at=$HD_BUILD/tests/freeze_at

# freeze FUNCTION MODE: starts the fixture, and leaves it stopped as it enters
# FUNCTION.
freeze() {
	mkfifo stdin
	exec 6<>stdin
	: >fixture.out
	: >frozen
	"$fixture" <stdin >fixture.out 2>fixture.err 3>theirs 6<&- &
	pid=$!
	mine "$pid"
	until_true 60 grep -q '^ready ' fixture.out
	"$freeze_at" "$pid" "$1" >frozen &
	freezer=$!
	mine "$freezer"
	until_true 60 grep -q '^armed' frozen
	printf '%s' "$2" >&6
	wait "$freezer" || fail "the fixture did not come to $1"
	not_mine "$freezer"
}

thaw() {
	kill -CONT "$pid"
	status=0
	wait "$pid" || status=$?
	not_mine "$pid"
	[ "$status" -eq 0 ] || fail "the fixture ended with status $status"
	exec 6>&-
	rm stdin
}

# count WORDS: the number before (or the one that is) those words in what
# hdattach has said.
count() { sed -n "s/.* \([0-9][0-9]*\) $1.*/\1/p" err; }

# at_least NUMBER WORDS
at_least() {
	n=$(count "$2")
	[ "${n:-0}" -ge "$1" ] || fail "${n:-no} $2, not $1 or more"
}

# compare RULE...: both dumps are equal but for the usual rules and these.
compare() {
	sound ours
	sound theirs
	"$hdcheck" --compare ours theirs --exe "$fixture" \
		--ignore "$rules,$(echo "$*" | tr ' ' ,)" >check.out ||
		{
			sed 's/^/  | /' check.out
			fail "the dumps differ"
		}
}

# ruled RULE: what the program did had to be excused.
ruled() { grep -q -E "^  $1 +[1-9]" check.out || fail "$1 was not needed"; }

try() {
	freeze "$1" "$2"
	expect 0 "$hdattach" -v --max-wait=0 -o ours --force "$pid"
	cat err
	thaw
}

# What the fixture has made is there to be swept, but for what a little
# sweeping before the stop may have taken of it.
expect_sweep() {
	at_least 500 "spans are not swept"
	at_least 50 "finalizers and"
	at_least 20 "objects revived"
	! as_new_as 1.24 || at_least 50 "cleanups are queued"
	! as_new_as 1.24 || at_least 50 "weak handles"
}

# as_new_as 1.MINOR: the release is.
as_new_as() { [ "$(echo "$release" | cut -d . -f 2)" -ge "${1#1.}" ]; }

experiment=
case ${2:-} in
'') set -- "$1" ;;
pie) set -- "$1" -buildmode=pie ;;
greenteagc | nogreenteagc) experiment=$2 && set -- "$1" ;;
*) fail "no such build: $2" ;;
esac
build_fixture unswept "$@"

try runtime.mdump s
expect_sweep
compare sweep-books
ruled sweep-books

try runtime.readmemstats_m s
expect_sweep
compare sweep-books,flush-accounting,writer-status
ruled writer-status

try runtime.mdump m
said "a collection marks"
compare write-barrier

try runtime.readmemstats_m m
said "a collection marks"
compare sweep-books,write-barrier,flush-accounting,writer-status
ruled writer-status
