#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Processes that cannot be dumped: hdattach says which of the many reasons it
# is, ends with status 2, and writes nothing.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

mkdir none

# refused PID WORD...: with these words in the message.
refused() {
	target=$1
	shift
	expect 2 "$hdattach" -o none/dump "$target"
	said "$@"
	nothing_in none
}

no_process() {
	sleep 0 &
	gone=$!
	wait "$gone"
	refused "$gone" "no process $gone"
}

kernel_thread() {
	for status in /proc/[0-9]*/status; do
		grep -q '^Kthread:[[:space:]]*1' "$status" 2>/dev/null || continue
		thread=${status#/proc/}
		refused "${thread%/status}" kernel
		return
	done
	say "no kernel thread to be seen here"
}

not_go() {
	sleep 1000 &
	mine $!
	refused $! Go
	until_true 10 at_large $!
}

# A shell that has started the program: what may be meant is said.
wrapped() {
	start_program "$work/wrapper"
	wrapper=$pid
	child=$(sed -n 's/^ready \([0-9]*\).*/\1/p' fixture.out)
	refused "$wrapper" "not a Go program" "$child (demo"
	pid=$child
	unharmed
	stop_wrapped
}

stop_wrapped() {
	echo quit >&6
	exec 6>&-
	wait "$wrapper" || fail "the fixture ended with status $?"
	not_mine "$wrapper"
}

itself() {
	refused $$ Go
}

traced() {
	mkfifo hold
	exec 5<>hold
	"$tracer" hold "$pid" <hold >tracer.out 5<&- &
	by=$!
	mine "$by"
	until_true 10 grep -q attached tracer.out
	refused "$pid" traced "$by"
	exec 5>&-
	wait "$by"
	not_mine "$by"
	unharmed
}

# A Go program, but nothing says where what is in it.
without_dwarf() {
	start_fixture heapdump_nonempty "$(newest)" -ldflags=-w
	refused "$pid" DWARF
	stop_fixture
}

no_process
kernel_thread
not_go
itself
start_fixture demo "$(newest)"
traced
stop_fixture
without_dwarf
build_fixture demo "$(newest)"
printf '#!/bin/sh\n"%s"\nexit $?\n' "$fixture" >wrapper
chmod +x wrapper
wrapped
