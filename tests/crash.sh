#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Why a program died is told in its own words: fixtures/crash goes down in every
# way it knows, and hangs as its standard error is full. What hdattach says then
# is what the program says when it is read at last.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# start HOW: the fixture, with its standard error on a pipe that descriptor 8
# reads.
start() {
	rm -f pipe
	mkfifo pipe
	exec 7<>pipe
	: >fixture.out
	"$fixture" "$1" >fixture.out 2>pipe 7<&- &
	pid=$!
	mine "$pid"
	exec 8<pipe 7>&-
	until_true 60 grep -q '^ready ' fixture.out
	until_true 60 in_write
}

# Some thread waits to write to standard error.
in_write() {
	cat /proc/"$pid"/task/*/syscall 2>/dev/null | grep -q "^$sys_write 0x2 "
}

case $(uname -m) in
x86_64) sys_write=1 ;;
aarch64) sys_write=64 ;;
*) skip "no system call numbers for this machine" ;;
esac

# up_to_first: all up to the first goroutine, and its number: it is the one that
# the program dies of. Go 1.21 does not tell the address of a fault in C.
up_to_first() {
	awk '/^goroutine /{ print $1, $2; exit } { print }' |
		sed '/^PC=/s/ addr=0x[0-9a-f]*$//'
}

# theirs: without what had filled the pipe.
theirs() { tr -d '\0' <&8 | up_to_first; }

# What stands before "goroutine N" is the same in groups, and in JSON, which
# has one line for each end of the program.
forms() {
	expect 0 "$hdattach" --group -f stacks "$pid"
	sed '/^PC=/s/ addr=0x[0-9a-f]*$//; /^[0-9]* goroutines* \[/,$d' out |
		cmp - before || fail "Go $release, $how: not in groups"
	expect 0 "$hdattach" --json -f stacks "$pid"
	sed -n '/^"crash":\[/,/^\]/p' out | grep -c '^{"kind":' >told || :
	[ "$(cat told)" -eq 1 ] || fail "Go $release, $how: not in JSON"
}

# Where the message is the program's own method's, hdattach does not know it
# before that was called: up to then there is the type.
dies() {
	how=$1
	start "$how"
	expect 0 "$hdattach" -f stacks "$pid"
	up_to_first <out >ours
	grep -v '^goroutine ' ours >before
	forms
	theirs >theirs
	exec 8<&-
	wait "$pid" || :
	not_mine "$pid"
	grep -q -E '^(panic|fatal error|SIG[A-Z]*): ' theirs ||
		fail "Go $release, $how: the program says nothing"
	# Where C has called nothing, the runtime has goroutine 0 first.
	! grep -q '^goroutine 0$' theirs ||
		sed -i '/^goroutine /d' theirs ours
	cmp -s theirs ours && return
	diff theirs ours | sed 's/^/  | /'
	fail "Go $release, $how: ours (>) is not what it says"
}

for release in $(some_releases); do
	build_fixture crash "$release"
	"$fixture" >ways
	[ "$(wc -l <ways)" -ge 20 ] || fail "the fixture knows no ways"
	for how in $(cat ways); do dies "$how"; done
	say "Go $release: $(wc -l <ways) ways"
	command -v "${CC:-cc}" >/dev/null || continue
	cgo=1 build_fixture crash "$release"
	"$fixture" | grep ^c- >ways
	[ -s ways ] || fail "the fixture knows no ways of C"
	for how in $(cat ways); do dies "$how"; done
	# All threads tell of themselves then, one after the other.
	export GOTRACEBACK=crash
	dies c-fault
	unset GOTRACEBACK
	say "Go $release: $(wc -l <ways) ways of C"
done
