#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stacks of programs that are never at rest, stopped again and again: each
# stack ends at an outermost function, goroutines that run have one, too, and
# the programs do not mind. STOPS=100 does as much as one likes.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# outermost FILE: with --system --all-frames each goroutine ends (but for who
# created it) in a function that nobody calls; those that do not are printed.
outermost() {
	awk '
	function finish() {
		if (header != "" && last !~ /^runtime\.(goexit|mstart|rt0_go)/)
			print header " ends in " last
		header = ""
	}
	/^goroutine / { finish(); header = $0; last = "nothing"; next }
	/^created by / || /^$/ || /^\t/ && !/^\t\(/ { next }
	{ last = $0 }
	END { finish() }' "$1"
}

# busy NAME RELEASE: stops a fixture that runs.
busy() {
	start_fixture "$1" "$2"
	running=0 unclean=0 i=0
	while [ "$i" -lt "${STOPS:-25}" ]; do
		i=$((i + 1))
		status=0
		"$hdattach" --system --all-frames -f stacks "$pid" \
			>out 2>err || status=$?
		case $status in
		0) outermost out >short ;;
		1) # said why, and told as far as it goes
			unclean=$((unclean + 1))
			: >short ;;
		*) fail "$*: status $status: $(cat err)" ;;
		esac
		[ ! -s short ] || fail "$*: $(head -n 3 short)"
		grep -q "^goroutine 1 " out || fail "$*: main is missing"
		running=$((running + $(grep -c '^goroutine .*\[running' out || :)))
	done
	# A moment at which some stack can not be told is rare, and a program
	# that is busy has goroutines that run.
	[ "$unclean" -le "$((i / 10))" ] || fail "$*: $unclean of $i not whole"
	[ "$running" -gt 0 ] || fail "$*: nothing ran in $i stops"
	until_true 10 at_large "$pid"
	stop_fixture
	say "$*: $i stops, $running stacks of running goroutines," \
		"$unclean not whole"
}

for release in $(some_releases); do
	busy busy "$release"
	busy running "$release"
done
