#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hdattach --deadlocks finds the goroutines that fixtures/deadlocks has lost,
# and no others, on the oldest release, one in the middle and the newest; and
# in programs that have lost none, or are known to have lost some, it says so.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# verdicts: what was printed, as "dead FUNCTION N" and "possible FUNCTION N",
# by the outermost function of goroutines.
verdicts() {
	awk '
	/^[0-9]+\. [0-9]+ goroutine/ {
		times = 1
		if (match($0, /, [0-9]+ times alike/))
			times = substr($0, RSTART + 2) + 0
		what = "dead"
		if (match($0, /\((possible|asleep): /))
			what = substr($0, RSTART + 1, RLENGTH - 3)
	}
	/^    goroutine [0-9]+, / {
		sub(/:$/, "", $3)
		n[what " " $3] += times
	}
	END { for (k in n) print k, n[k] }' | sort
}

# finds: what was said to be lost is what is found.
finds() {
	expect 0 "$hdattach" --deadlocks "$pid"
	verdicts <out >found
	cmp -s expected found
}

must_find() {
	finds && return
	diff expected found | sed 's/^/  | /'
	fail "$*: what is found (>) is not what is lost"
}

# its_own_words: the fixture says what must be found.
its_own_words() {
	grep -E '^(dead|possible|asleep) ' fixture.out | sort >expected || :
}

# Four goroutines are blocked, of which none can be asleep.
in_wait() {
	"$hdattach" -q --deadlocks "$pid" >out &&
		grep -q 'of which 4 are blocked' out
}

# known WORD...: three words for each line of what must be found.
known() {
	printf '%s %s %s\n' "$@" | sort >expected
}

# start_mode RELEASE MODE: another program of the fixture, which does not end.
start_mode() {
	build_fixture deadlocks "$1"
	: >fixture.out
	"$fixture" "$2" </dev/null >fixture.out 2>fixture.err &
	pid=$!
	mine "$pid"
	until_true 60 grep -q '^ready ' fixture.out
	its_own_words
}

end_mode() {
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || :
	not_mine "$pid"
}

for release in $(some_releases); do
	start_fixture deadlocks "$release"
	[ "$(grep -c '^dead ' fixture.out)" -ge 10 ] || fail "an empty fixture"
	its_own_words
	must_find "Go $release"
	grep -q ' at hand of goroutine ' out || fail "nobody has anything"
	groups=$(sed -n 's/.* nobody can wake, in \([0-9]*\) groups*$/\1/p' out)
	expect 0 "$hdattach" --deadlocks --json "$pid"
	[ "$(grep -c '^{"verdict":' out)" -eq "$groups" ] ||
		fail "not $groups groups in JSON"
	grep -q '"function":"main.abba1",.*"waits":{"for":"mutex",' out ||
		fail "no AB-BA in JSON"
	unharmed
	stop_fixture

	start_mode "$release" asleep
	[ -s expected ] || fail "nobody is asleep"
	until_true 30 finds
	end_mode
	start_mode "$release" listening
	[ ! -s expected ] || fail "somebody is asleep"
	# They may be on their way: what counts is that none is found then.
	until_true 30 in_wait
	must_find "Go $release, listening"
	end_mode
	say "Go $release"
done

# What other fixtures have lost, by reading them. Their goroutines that wait for
# variables, timers and the network are not lost.
release=$(newest)
start_fixture demo "$release"
known dead main.receive 4 \
	dead main.waitForLock.func1 3 \
	dead main.waitForLock.func2 1 \
	dead 'sync.(*WaitGroup).Wait' 1 \
	dead main.waitForCond.func1 1 \
	dead main.onThread 1
must_find "demo"
unharmed
stop_fixture
start_fixture stacks "$release"
known dead main.waitOnChannels.func1 1 \
	dead main.waitOnChannels.func2 1 \
	dead main.waitOnChannels.func6 1 \
	dead 'sync.(*RWMutex).RLock' 1 \
	dead 'sync.(*RWMutex).Lock' 1 \
	dead 'sync.(*WaitGroup).Wait' 1 \
	dead main.waitOnLocks.func2 1
# A Mutex takes 8 bytes, and may have something that is in use beside it.
finds || :
sed -i '/ sync\.(\*Mutex)\.Lock /d' found
cmp -s expected found || {
	diff expected found | sed 's/^/  | /'
	fail "stacks: what is found (>) is not what is lost"
}
# A program that allocates all the time, and waits for nothing of the kind.
start_fixture busy "$release"
got=0
"$hdattach" -q --deadlocks "$pid" >out || got=$?
[ "$got" -le 1 ] || fail "exit status $got on a busy program"
verdicts <out >found
[ ! -s found ] || fail "found in a busy program: $(cat found)"
