#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --extra-roots: what only finalizers, cleanups, weak pointers, the allocator of
# tiny objects and locals with an address keep alive is reached by OtherRoot
# records, and without the option there is none.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# reached DUMP ADDRESS: roots lead to the object.
reached() {
	"$hdcheck" --find="$2" "$1" >where
	grep -q 'in Object' where || fail "$2 is no object: $(cat where)"
	grep -q ', reached$' where
}

described() { grep -a -q -E "$1" with || fail "Go $release: no \"$1\""; }

roots() {
	start_fixture roots "$1"
	expect 0 "$hdattach" -o without "$pid"
	expect 0 "$hdattach" --extra-roots -o with "$pid"
	sound without --strict --counters
	! grep -q OtherRoot check.out || fail "Go $1: OtherRoot records unasked"
	sound with --strict --counters
	grep -q OtherRoot check.out || fail "Go $1: no OtherRoot records"
	count=0
	while read -r word addr; do
		[ "$word" != ready ] || break
		addr=$((addr - (1 << 56))) # see the fixture
		case $word in
		queued) # by a QueuedFinalizer record in Go 1.24
			[ "$1" = "${1#1.24.}" ] || continue ;;
		esac
		case $word in
		tiny | weak) ;; # share a block with what may be reached
		*) ! reached without "$addr" ||
			fail "Go $1: $word is reached without" ;;
		esac
		reached with "$addr" || fail "Go $1: $word is not reached"
		count=$((count + 1))
	done <fixture.out
	say "$count sorts of roots"
	[ "$count" -ge 5 ] || fail "Go $1: not all was tried"
	# Nothing is missing: what a collection has left is reached.
	"$hdcheck" --find=0 with | tail -n 1 >all
	read -r reached _ objects _ <all
	[ "$reached" -eq "$objects" ] || fail "Go $1: $(cat all)"
	described 'finalizer of 0x[0-9a-f]+'
	described 'object 0x[0-9a-f]+, which has a finalizer, at [0-9]+'
	described 'tiny objects of'
	described 'stack object at 0x[0-9a-f]+ of goroutine [0-9]+'
	! grep -q '^weak ' fixture.out || {
		described 'weak handle of 0x[0-9a-f]+'
		described 'cleanup of 0x[0-9a-f]+'
	}
	stop_fixture
	rm with without
}

for release in $(releases | awk '{ v[NR] = $1 }
	END { print v[1]; for (i = 4; i <= NR; i++) print v[i] }'); do
	say "Go $release"
	roots "$release"
done
