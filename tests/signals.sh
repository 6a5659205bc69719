#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hdattach is stopped by signals, at any moment: it dies by them, leaves no
# file, and the target as it was. Even SIGKILL harms the target nothing.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

start_fixture demo "$(newest)"
mkdir files

# shoot SIGNAL DELAY: into an hdattach that writes to files/dump.
shoot() {
	"$launch" how "$hdattach" -q -o files/dump "$pid" 2>err &
	waiter=$!
	until_true 10 test -s how
	sleep "$2"
	kill -"$1" "$(head -n 1 how)" 2>/dev/null || :
	wait "$waiter"
	end=$(tail -n 1 how)
	rm how
}

# It has died by the signal, unless the signal came too late. Whatever has the
# dump's name is a whole dump.
whole_or_none() {
	case $end in
	"killed $1") ;;
	"exited 0") [ -e files/dump ] || fail "no dump" ;;
	*) fail "$end: $(cat err)" ;;
	esac
	if [ -e files/dump ]; then
		sound files/dump
		rm files/dump
	fi
	nothing_in files
}

for delay in 0 0.01 0.03 0.06 0.1 0.2; do
	for signal in INT:2 TERM:15 HUP:1; do
		shoot "${signal%:*}" "$delay"
		whole_or_none "${signal#*:}"
	done
	unharmed
done

# In the midst of the dump for certain: its reader does not read on.
stuck() {
	mkfifo pipe
	"$launch" how "$hdattach" -q -o - "$pid" >pipe 2>err &
	waiter=$!
	exec 5<pipe
	head -c 4096 <&5 >/dev/null
	writer=$(head -n 1 how)
	mine "$writer"
	kill -"$1" "$writer" || fail "it has not waited for its reader"
	until_true 30 has_ended
	exec 5<&-
	wait "$waiter"
	not_mine "$writer"
	[ "$(tail -n 1 how)" = "killed $2" ] || fail "$(tail -n 1 how)"
	rm pipe how
	unharmed
}

has_ended() { [ "$(wc -l <how)" -eq 2 ]; }

stuck TERM 15
stuck INT 2
stuck KILL 9

for delay in 0 0.02 0.05 0.1; do
	shoot KILL "$delay"
	rm -rf files
	mkdir files
	unharmed
done
expect 0 "$hdattach" -o after "$pid"
sound after
stop_fixture
