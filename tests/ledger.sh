#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ledger.sh RELEASE [BUILD]: any moment will do. A program (fixtures/ledger)
# does all at once what a Go program can do, and keeps a ledger of objects of
# which every word is known. It is dumped again and again, at whatever moment it
# happens to be: nothing of the ledger may be missing, torn or without its
# pointers, no pointer may lead to nothing, no stack may be broken, and there are
# as many objects as the runtime counts. HD_STOPS is how often (50).

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

stops=${HD_STOPS:-50}

# figure NAME: the number behind NAME in what ledger_check has said last.
figure() {
	tail -n 1 ledger.out | tr ' ' '\n' | sed -n "/^$1\$/{n;p;}"
}

# miscounted: how many objects more or less there are than HeapObjects, or "-"
# where that counts what the sweep will free. A P that is between claiming a
# slot and counting it may make one.
miscounted() {
	! grep -q 'spans are not swept' err || {
		echo -
		return
	}
	tr -d , <check.out | awk '$1 == "Object" { n += $2 }
		$1 == "HeapObjects" { n -= $2 }
		END { print n < 0 ? -n : n }'
}

# look: dumps once, and adds a line to the figures:
#
#	STATUS UNFIT TRIES WAITED_MS PAUSED_MS
#	MISSING TORN FIELDS DANGLING BROKEN PROBLEMS MISCOUNTED
look() {
	status=0
	"$hdattach" -v --force -o dump "$pid" 2>err || status=$?
	[ "$status" -le 1 ] || {
		cat err
		fail "exit status $status"
	}
	"$HD_BUILD/tests/ledger_check" dump "$at" "$count" >ledger.out ||
		[ $? -eq 1 ] || fail "the dump can't be read"
	problems=0
	"$hdcheck" dump >check.out 2>&1 ||
		problems=$(sed -n 's/^.*: \([0-9,]*\) problems*$/\1/p' check.out)
	dangling=$(sed -n 's/^ *to nothing  *//p' check.out)
	{
		echo "$status"
		grep -c 'no clean moment' err || :
		sed -n 's/.* at try \([0-9]*\);.*/\1/p' err
		sed -n 's/.*; again in \([0-9]*\) ms$/\1/p' err |
			awk '{ ms += $1 } END { print ms + 0 }'
		sed -n 's/.*, paused //p' err | awk '{
			print $1 * ($2 == "s" ? 1000 : $2 == "us" ? 0.001 : 1) }'
		figure missing
		figure torn
		figure fields
		echo "${dangling:-?}"
		figure broken
		echo "$problems"
		miscounted
	} | tr -d , | tr '\n' ' ' >>figures
	echo >>figures
}

# bad: the line that was added last says that something is wrong.
bad() {
	! tail -n 1 figures | grep -q -E '^([^ ]+ ){5}(0 ){6}(-|[0-4]) $'
}

# show: what a bad stop looked like.
show() {
	say "stop $n of Go $release: $(tail -n 1 figures)"
	grep -v 'not in this release' err | tail -n 5
	head -n 12 ledger.out
	"$hdcheck" --strict -q dump | head -n 12
}

# spread COLUMN: median, 99 % and the largest of a column of the figures.
spread() {
	cut -d ' ' -f "$1" figures | sort -n | awk '{ v[NR] = $1 } END {
		printf "median %s, 99 %% %s, most %s\n", v[int((NR + 1) / 2)],
			v[int(NR * 0.99 + 0.5)], v[NR] }'
}

summary() {
	awk '{ whole += !$1; unfit += $2; missing += $6; torn += $7
		fields += $8; dangling += $9; broken += $10; problems += $11
		swept += $12 != "-"; counted += $12 == "0" }
	END {
		printf "%d stops, %d dumps whole, %d given up\n", NR, whole, unfit
		printf "missing %d, torn %d, fields %d, ", missing, torn, fields
		printf "dangling %d, broken stacks %d, ", dangling, broken
		printf "other problems %d\n", problems
		printf "counters exact in %d of %d swept ones\n", counted, swept
	}' figures
	echo "stops for a dump: $(spread 3)"
	echo "ms between them: $(spread 4)"
	echo "ms paused: $(spread 5)"
}

cgo=
case ${2:-} in
'') set -- "$1" ;;
cgo) set -- "$1" && cgo=1 ;;
pie) set -- "$1" -buildmode=pie ;;
*) fail "no such build: $2" ;;
esac
start_fixture ledger "$@"
sed -n 's/^ledger //p' fixture.out >table
read -r at count <table
: >figures
wrong=0 n=0
while [ "$n" -lt "$stops" ]; do
	n=$((n + 1))
	look
	bad || continue
	wrong=$((wrong + 1))
	[ "$wrong" -gt 5 ] || show
done
until_true 10 at_large "$pid" 2>/dev/null
stop_fixture
say "Go $release${cgo:+, with cgo}:"
summary
[ "$wrong" -eq 0 ] || fail "$wrong of $stops dumps are wrong"
