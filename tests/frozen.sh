#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# frozen.sh RELEASE [BUILD|SNAPSHOT]: the frozen world. A program of that Go release,
# built in the usual or in another way, stands still in the midst of its own
# debug.WriteHeapDump (fixtures/frozen). It is dumped from outside; then its own
# dump is drained. Both describe the same instant and must be equal record by
# record, but for the rules named below, each a thing that the writer inside
# changes by being there, or gets wrong.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

rules=writer-scratch,tmpbuf-accounting,lastpoll,duplicate-types,tail-slots

case $(uname -m) in
x86_64) sys_write=1 sys_nanosleep=35 ;;
aarch64) sys_write=64 sys_nanosleep=101 ;;
*) skip "no system call numbers for this machine" ;;
esac

# start: the fixture with descriptor 3 on a pipe of which this test alone has
# the reading end, 8. So the end of the dump is the end of the file.
start() {
	mkfifo stdin pipe
	exec 6<>stdin 7<>pipe
	: >fixture.out
	"$fixture" <stdin >fixture.out 2>fixture.err 3>pipe 6<&- 7<&- &
	pid=$!
	mine "$pid"
	exec 8<pipe 7>&-
	until_true 60 grep -q '^ready ' fixture.out
	filler=$(sed -n 's/^filler //p' fixture.out)
}

system_calls() { cat /proc/"$pid"/task/*/syscall; }

# The first write of the dump: of one buffer at most, and so before any object.
in_first_write() {
	system_calls | grep -q -E "^$sys_write 0x3 0x[0-9a-f]+ 0x([0-9a-f]{1,3}|1000) "
}

# no_motion: for 100 ms every thread has been in one system call, and sysmon in
# its long sleep.
no_motion() {
	was=$(system_calls)
	for _ in 1 2 3 4 5; do
		case $was in
		*running*) return 1 ;;
		esac
		echo "$was" | grep -q "^$sys_nanosleep " && return 1
		sleep 0.02
		[ "$was" = "$(system_calls)" ] || return 1
	done
}

freeze() {
	until_true 60 in_first_write
	until_true 60 no_motion
	# What a stop does to a program, whoever makes it, is over before
	# hdattach comes.
	"$tracer" once "$pid" >/dev/null
	until_true 60 no_motion
}

drain() {
	tail -c "+$((filler + 1))" <&8 >theirs
	exec 8<&-
	status=0
	wait "$pid" || status=$?
	not_mine "$pid"
	[ "$status" -eq 0 ] || fail "the fixture ended with status $status"
}

cgo= experiment= snapshot=auto
case ${2:-} in
'') set -- "$1" ;;
pie) set -- "$1" -buildmode=pie ;;
noopt) set -- "$1" '-gcflags=all=-N -l' ;;
trimpath) set -- "$1" -trimpath ;;
cgo) cgo=1 && set -- "$1" -ldflags=-linkmode=external ;;
fork | copy | hold) snapshot=$2 && set -- "$1" ;;
race) cgo=1 && set -- "$1" -race ;;
arenas | greenteagc | nogreenteagc | noallocheaders | noswissmap)
	experiment=$2 && set -- "$1" ;;
*) fail "no such build: $2" ;;
esac
build_fixture frozen "$@"
start
freeze
expect 0 "$hdattach" -v --snapshot="$snapshot" -o ours "$pid"
cat err
said "snapshot by"
said "unwinding by libunwind"
# The two ways to unwind agree to the byte.
expect 0 "$hdattach" -v --snapshot="$snapshot" -o by-rules \
	--unwind=rules "$pid"
said "unwinding by the runtime's rules"
cmp ours by-rules || fail "libunwind and the runtime's rules disagree"
rm by-rules
at_large "$pid" || fail "a thread was left stopped or traced"
in_first_write || fail "the target was moved"
drain

sound theirs
sound ours
sound ours --strict --counters
"$hdcheck" --compare ours theirs --exe "$fixture" --ignore "$rules" ||
	fail "the dumps differ"
