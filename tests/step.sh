#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stacks after each single instruction: through prologues and epilogues, on
# the way to the system stack and back, in the vdso, in C and back in Go, in
# signal handlers, panics and recoveries, from one goroutine to the next.
#
# tests/step PID 200 200 does as much as one likes.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

[ "$(uname -m)" = x86_64 ] || skip "it steps on x86-64 alone"

# The program is to do little of each thing; start_program gives no arguments.
brief() {
	printf '#!/bin/sh\nexec "%s" brief\n' "$fixture" >brief
	chmod +x brief
	start_program ./brief
}

follow() {
	build_fixture running "$release"
	brief
	"$HD_BUILD/tests/step" "$pid" 70 50 >step.out || {
		tail -n 60 step.out
		fail "Go $release, cgo ${cgo:-0}: a stack is wrong"
	}
	say "Go $release, cgo ${cgo:-0}: $(tail -n 1 step.out)"
	grep -q '^[1-9][0-9]* steps in ' step.out || fail "nothing was stepped"
	stop_fixture
}

for release in $(some_releases); do
	cgo=0
	follow
	cgo=1
	follow
done
