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

# theirs: all up to the first goroutine, without what had filled the pipe.
theirs() {
	tr -d '\0' <&8 | awk '/^goroutine /{ exit } { print }'
}

ours() { awk '/^goroutine /{ exit } { print }' out; }

# Where the message is the program's own method's, hdattach does not know it
# before that was called: up to then there is the type.
for release in $(some_releases); do
	build_fixture crash "$release"
	"$fixture" >ways
	[ "$(wc -l <ways)" -ge 20 ] || fail "the fixture knows no ways"
	for how in $(cat ways); do
		start "$how"
		expect 0 "$hdattach" -f stacks "$pid"
		theirs >theirs
		exec 8<&-
		wait "$pid" || :
		not_mine "$pid"
		ours >ours
		grep -q -E '^(panic|fatal error): ' theirs ||
			fail "Go $release, $how: the program says nothing"
		cmp -s theirs ours && continue
		diff theirs ours | sed 's/^/  | /'
		fail "Go $release, $how: ours (>) is not what it says"
	done
	say "Go $release: $(wc -l <ways) ways"
done
