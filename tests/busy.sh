#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A program that never pauses: a dump may say that it is not whole, but is
# sound all the same, and the program goes on.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

for release in $(some_releases); do
	start_fixture busy "$release"
	for n in 1 2 3; do
		status=0
		"$hdattach" -o "dump.$n" "$pid" 2>err || status=$?
		cat err
		case $status in
		0) ;;
		1) [ -s err ] || fail "Go $release: no word of what is missing" ;;
		*) fail "Go $release: status $status" ;;
		esac
		sound "dump.$n"
		rm "dump.$n"
		until_true 10 at_large "$pid"
	done
	stop_fixture
done
