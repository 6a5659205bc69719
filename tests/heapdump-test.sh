#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The three tests of runtime/debug/heapdump_test.go, from outside: programs
# that reach the state of each test and are dumped by hdattach.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# number N: an integer as it stands in a dump (LEB128), for grep -P.
number() {
	n=$1
	while [ "$n" -ge 128 ]; do
		printf '\\x%02x' $((n % 128 + 128))
		n=$((n / 128))
	done
	printf '\\x%02x' "$n"
}

# record TAG ADDRESS: a record of that kind begins with that address.
record() {
	grep -z -a -q -P "$(number "$1")$(number "$2")" dump
}

nonempty() {
	start_fixture heapdump_nonempty "$1"
	expect 0 "$hdattach" -o dump "$pid"
	[ -s dump ] || fail "Go $1: an empty dump"
	sound dump
	stop_fixture
}

finalizers() {
	start_fixture heapdump_finalizers "$1"
	expect 0 "$hdattach" -o dump "$pid"
	sound dump
	[ "$(grep -c '^finalizer' fixture.out)" -eq 3 ] &&
		[ "$(grep -c '^queued' fixture.out)" -eq 4 ] ||
		fail "Go $1: the fixture has lost some"
	while read -r word address; do
		case $word in
		finalizer) tag=7 other=11 ;;
		queued) tag=11 other=7 ;;
		*) continue ;;
		esac
		record "$tag" "$address" || fail "Go $1: no $word $address"
		! record "$other" "$address" || fail "Go $1: two of $address"
	done <fixture.out
	stop_fixture
	! grep -q finalized fixture.out || fail "Go $1: a finalizer has run"
}

type_name() {
	start_fixture heapdump_typename "$1"
	expect 0 "$hdattach" -o dump "$pid"
	sound dump
	path=hdattach.test/fixtures/heapdump_typename
	path=$path/a_package_with_quite_a_long_name/and_another_one_below_it
	for name in "$path.G[int]" "$path.G[$path.G[int]]"; do
		# The record's string: its length, then its bytes.
		grep -z -a -q -P "$(number ${#name})\\Q$name\\E" dump ||
			fail "Go $1: no type $name"
	done
	stop_fixture
}

for release in $(some_releases); do
	for state in nonempty finalizers type_name; do
		say "$state, Go $release"
		$state "$release"
		rm dump
	done
done
