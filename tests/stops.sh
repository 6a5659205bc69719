#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stacks at random moments: of programs that grow stacks, call C, call time,
# fault and get signals a thousand times a second, stopped again and again.
# Each stack is whole, and the same by libunwind and by the rules, but for
# those that are being moved, or whose goroutine is between two stacks.
#
# tests/stops PID 2000 does as much as one likes.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

stops=$HD_BUILD/tests/stops

look() {
	"$stops" "$pid" 60 >stops.out || {
		tail -n 40 stops.out
		fail "$*: a stack is not whole"
	}
	say "$*: $(grep ' stops, ' stops.out)"
	stop_fixture
}

for release in $(some_releases); do
	for cgo in 0 1; do
		start_fixture running "$release"
		look "Go $release, cgo $cgo"
	done
	if [ "$release" = "$(newest)" ]; then
		start_fixture running "$release" -race
		look "Go $release, race"
	fi
	unset cgo
	start_fixture busy "$release"
	look "Go $release, busy"
done
