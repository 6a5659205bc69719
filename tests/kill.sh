#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hdattach is killed (SIGKILL) before every ptrace request that it makes, and at
# random moments. The target, a service under load that executes programs,
# goes on each time: no thread stopped, no signal mask changed, no request
# failed. What dead children there are, the next run reaps.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# snapshots_of PID: children that make no signal at their end, dead or not.
snapshots_of() {
	for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
		awk '$38 == 0 { print $1 }' "/proc/$child/stat" 2>/dev/null || :
	done
}

none_left() { [ -z "$(snapshots_of "$pid")" ]; }

torture() {
	for kind in fork copy hold; do
		"$HD_BUILD/tests/killer" $kind steps "$pid" >steps ||
			fail "$kind: killed at some step"
		"$HD_BUILD/tests/killer" $kind random 20 "$pid" >random ||
			fail "$kind: killed at some moment"
		say "$kind: killed at $(cat steps) steps, $(cat random) moments"
		[ "$(cat steps)" -gt 20 ] || fail "too few steps"
	done
	status=0 # 1: a goroutine is in C, and where it stands is not known
	"$hdattach" -v --snapshot=fork -o dump "$pid" 2>err || status=$?
	[ "$status" -le 1 ] || fail "status $status: $(cat err)"
	said "snapshot by fork"
	sound dump
	rm dump
	until_true 10 none_left
	until_true 10 at_large "$pid"
	echo count >&6
	until_true 30 has_lines 1
	stop_fixture
}

for release in $(some_releases); do
	cgo=
	start_fixture exchange "$release"
	torture
done
cgo=1
start_fixture exchange "$(newest)"
torture

# The other way round: the target is killed, or executes itself (SIGUSR1), at
# each step of a capture, which comes to an end.
cgo=
build_fixture crowd "$(newest)"
for kind in fork copy; do
	for signal in 9 10; do
		"$HD_BUILD/tests/killer" $kind target $signal "$fixture" \
			>steps || fail "$kind: signal $signal at some step"
		[ "$(cat steps)" -gt 20 ] || fail "too few steps"
	done
done
