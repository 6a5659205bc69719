# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
#
# What the end-to-end tests share; each begins with
#
#	. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"
#
# A test runs in a directory of its own below tests/work in the build tree. It
# is removed when the test has passed, and left for a look when it has failed.
# Exit status: 0 passed, 1 failed, 77 skipped (says why), 99 the test itself is
# broken.
#
# HD_SRC and HD_BUILD are the source and the build tree (set by make check),
# HD_CACHE is where built fixtures are kept.

set -eu
umask 022
export LC_ALL=C

HD_SRC=$(cd "${HD_SRC:-$(dirname "$0")/..}" && pwd)
HD_BUILD=$(cd "${HD_BUILD:-.}" && pwd)
HD_CACHE=${HD_CACHE:-$HD_BUILD/fixtures-bin}
hdattach=$HD_BUILD/hdattach
hdcheck=$HD_BUILD/hdcheck
tracer=$HD_BUILD/tests/tracer
launch=$HD_BUILD/tests/launch

# ---- the test itself --------------------------------------------------------

test_name=$(basename "$0" .sh)
work=$HD_BUILD/tests/work/$test_name
pids=
undo= # a command for the end of the test, whatever its end

say() { echo "$test_name: $*"; }

fail() {
	say "FAILED: $*"
	exit 1
}

skip() {
	say "skipped: $*"
	exit 77
}

# Ends what this test has started, and nothing else.
clean_up() {
	status=$?
	trap - EXIT
	for p in $pids; do
		kill -CONT "$p" 2>/dev/null || :
		kill -KILL "$p" 2>/dev/null || :
	done
	${undo:-:}
	cd /
	case $status in
	0 | 77) rm -rf "$work" ;;
	*) echo "left for a look: $work" ;;
	esac
	exit "$status"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
rm -rf "$work"
mkdir -p "$work"
cd "$work"

# Whatever is started in the background and may outlive the test.
mine() { pids="$pids $1"; }

# The process has ended and been waited for: its number may be another's now.
not_mine() {
	rest=
	for p in $pids; do
		[ "$p" = "$1" ] || rest="$rest $p"
	done
	pids=$rest
}

# until_true SECONDS COMMAND...: COMMAND succeeds at last, or the test fails.
# The time is only for ending a test that hangs.
until_true() {
	left=$(($1 * 20))
	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}

# expect STATUS COMMAND...: runs COMMAND, with its output in out and err.
expect() {
	want=$1
	shift
	got=0
	"$@" >out 2>err || got=$?
	[ "$got" -eq "$want" ] && return
	say "standard error of: $*"
	sed 's/^/  | /' err
	fail "exit status $got instead of $want: $*"
}

# said WORD...: the last command's messages have each WORD, in any case.
said() {
	for w; do
		grep -q -i -e "$w" err && continue
		sed 's/^/  | /' err
		fail "no word of \"$w\" in the messages"
	done
}

absent() {
	for f; do
		[ ! -e "$f" ] || fail "$f is there"
	done
}

as_root() { [ "$(id -u)" -eq 0 ] || skip "needs root"; }

# ---- Go ---------------------------------------------------------------------

releases() { grep -v '^#' "$HD_SRC/fixtures/releases"; }

# The oldest release, the one in the middle, and the newest.
some_releases() {
	releases | awk '{ v[NR] = $1 }
		END { print v[1]; print v[int((NR + 1) / 2)]; print v[NR] }'
}

newest() { releases | tail -n 1; }

find_go() {
	for go in "${GO:-go}" /usr/local/go/bin/go "$HD_BUILD/go/bin/go"; do
		command -v "$go" >/dev/null 2>&1 && return
	done
	skip "no Go here"
}

# build_fixture NAME RELEASE [FLAG...]: sets $fixture to the program, built
# with FLAGs, and with $cgo (0 or 1) and $experiment where they are set. The Go
# command knows what is up to date; tests that run side by side take turns.
build_fixture() {
	find_go
	fixture=$HD_CACHE/$1-$2${cgo:+-cgo$cgo}${experiment:+-$experiment}
	name=$1 release=$2
	shift 2
	for f; do
		fixture=$fixture$(echo "$f" | tr -c 'a-zA-Z0-9\n' _)
	done
	mkdir -p "$(dirname "$fixture")"
	(
		cd "$HD_SRC/fixtures" || exit 1
		export GOFLAGS='' GOWORK=off CGO_ENABLED="${cgo:-0}"
		export GOEXPERIMENT="${experiment:-}"
		export GOTOOLCHAIN="go$release"
		"$go" version >/dev/null 2>&1 || exit 77
		flock "$fixture.lock" "$go" build -buildvcs=false "$@" \
			-o "$fixture" "./$name"
	) || {
		[ $? -ne 77 ] || skip "Go $release is not to be had"
		fail "$name does not build with Go $release"
	}
}

# ---- fixtures as processes --------------------------------------------------

# start_fixture NAME RELEASE [FLAG...]: builds and runs it.
start_fixture() {
	build_fixture "$@"
	start_program "$fixture"
}

# start_program PROGRAM: runs it until it says "ready", as $pid, with its
# output in fixture.out. Descriptor 6 is its standard input.
start_program() {
	rm -f stdin
	mkfifo stdin
	exec 6<>stdin
	: >fixture.out
	"$1" <stdin >fixture.out 2>fixture.err 6<&- &
	pid=$!
	mine "$pid"
	until_true 60 grep -q '^ready ' fixture.out
}

# stop_fixture: has it end by itself, which it must be alive and well to do.
stop_fixture() {
	echo quit >&6
	exec 6>&-
	status=0
	wait "$pid" || status=$?
	not_mine "$pid"
	[ "$status" -eq 0 ] || fail "the fixture ended with status $status"
}

# answers: the demo answers on its standard input and output.
answers() {
	before=$(wc -l <fixture.out)
	echo ping >&6
	until_true 30 has_lines "$before"
	[ "$(tail -n 1 fixture.out)" = pong ] || fail "the target is confused"
}

has_lines() { [ "$(wc -l <fixture.out)" -gt "$1" ]; }

# at_large PID: no thread is traced, and none stopped, and it has no child left
# but a zombie.
at_large() {
	cat /proc/"$1"/task/*/status 2>/dev/null |
		grep -q -E '^(State:[[:space:]]+[tT]|TracerPid:[[:space:]]+[1-9])' &&
		return 1
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		grep -q '^State:[[:space:]]*Z' /proc/"$child"/status || return 1
	done
}

# unharmed: the demo runs as if nothing had been.
unharmed() {
	until_true 10 at_large "$pid"
	answers
}

# ---- dumps ------------------------------------------------------------------

# sound FILE [OPTION...]: hdcheck finds nothing wrong with the dump.
sound() {
	"$hdcheck" "$@" >check.out 2>&1 && return
	sed 's/^/  | /' check.out
	fail "hdcheck refuses the dump: $*"
}

# nothing_in DIRECTORY: no dump is in it, and no part of one.
nothing_in() {
	for f in "$1"/* "$1"/.[!.]*; do
		[ ! -e "$f" ] || fail "$f was left behind"
	done
}
