#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The stacks are, goroutine by goroutine and line by line, those that the
# program itself has from runtime.Stack at the same standstill.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# without_teller FILE: what runtime.Stack tells of its caller is how it calls
# runtime.Stack; hdattach sees it at rest. It is the first in one text, and has
# its place among the others in the other. Goroutines are parted by lines that
# are empty.
without_teller() {
	awk -v RS= -v ORS='\n\n' '!/\nmain\.readInput\(\)\n/' "$1"
}

# tell FILE: has the program tell its stacks.
tell() {
	rm -f self
	printf s >&6
	until_true 30 test -e self
	without_teller self >"$1"
}

# at_rest: two tellings in a row are equal, so nothing moves any more.
at_rest() {
	tell theirs.before
	tell theirs
	cmp -s theirs.before theirs
}

# shows WORD...: the text has it.
shows() {
	for w; do
		grep -q -F -e "$w" theirs || fail "Go $release: nothing has $w"
	done
}

# deferred: -v tells of panics and of deferred calls that are to be made,
# open-coded ones and others; and nothing else.
deferred() {
	expect 0 "$hdattach" -v --no-native -f stacks "$pid"
	sed -n '/^	(/!d; p' out | sort | uniq -c |
		sed 's/deferwrap[12]/wrap/; s/func2)/wrap)/' >told
	for line in '1 	(deferred: main.inDeferred.func1)' \
		'1 	(deferred: main.beforeRecover.func1)' \
		'1 	(deferred: main.inSecondPanic.func1)' \
		'1 	(deferred: main.inFault.func1)' \
		'1 	(deferred: main.inDeferredOfLoop.wrap)' \
		'1 	(panic: first)' \
		'1 	(panic: second)' \
		'1 	(panic: to be recovered)' \
		'1 	(panic: recovered [recovered])' \
		'1 	(panic: runtime error: invalid memory address' \
		'1 	(signal SIGSEGV: segmentation violation code=0x1 addr=0x8 ' \
		'1 	(panic: runtime error: integer divide by zero [recovered])' \
		'1 	(in runtime.Goexit)'; do
		grep -q -F "$line" told || fail "Go $release: not told: $line"
	done
	! grep -e '	(deferred: main.stay)' -e 'main.in.*Goexit' told ||
		fail "Go $release: what is being called is told to be deferred"
	sed '/^	(/d' out | cmp - text || fail "Go $release: -v tells more"
}

# native: goroutines that are in C, or have C in their midst, with the names of
# its functions: that of throughC(3) three times between calls of Go.
native() {
	expect 0 "$hdattach" -f stacks "$pid"
	awk -v RS= '/\nmain\.inC\(/' out >told
	grep -q '^wait_in_c$' told || fail "Go $release: no frames of C"
	[ "$(sed -n 2p told)" = "$(grep -B2 '^wait_in_c$' told | head -n 1)" ] ||
		fail "Go $release: wait_in_c calls more than read"
	awk -v RS= '/\nmain\._Cfunc_through_c\(0x3\)/' out |
		grep -e '^calledFromC$' -e '^through_c$' -e '^main.throughC' |
		cut -d'(' -f1 | tr '\n' ' ' >told
	once="calledFromC through_c main.throughC "
	[ "$(cat told)" = "$once$once$once" ] ||
		fail "Go $release: C between calls of Go: $(cat told)"
	! grep -q wait_in_c$ text || fail "Go $release: C with --no-native"
	expect 0 "$hdattach" --threads -f stacks "$pid"
	grep -q '^thread [0-9]* \[m=[0-9]*\]:$' out || fail "no threads"
	grep -q '^runtime.futex(' out || fail "no thread is idle"
}

# forms N: the other ones have N goroutines, too.
forms() {
	expect 0 "$hdattach" --group -f stacks "$pid"
	sum=$(awk '/^[0-9]+ goroutines? \[/ { n += $1 } END { print n }' out)
	[ "$sum" -eq "$1" ] || fail "$sum goroutines in groups, not $1"
	grep -q '^2 goroutines \[chan receive\]: [0-9]* [0-9]*$' out ||
		fail "no group of two"
	expect 0 "$hdattach" --json -f stacks "$pid"
	[ "$(grep -c '^{"id":' out)" -eq "$1" ] || fail "not $1 in JSON"
	grep -q '"function":"main.deep",' out || fail "no main.deep in JSON"
	grep -q '"labels":{"plain":"value"}' out || fail "no labels in JSON"
	grep -q '^{"kind":"pending panic",.*{"value":"first"},{"value":"sec' \
		out || fail "no panics in JSON"
	! grep -q '"waits":' out || fail "JSON tells what nobody asked for"
	expect 0 "$hdattach" --json --waits -f stacks "$pid"
	channel=$(sed -n 's/.*"cases":\[{"object":"\([^"]*\)","to":"send"}\].*/\1/p' out)
	grep -q '^{"object":"'"$channel"'","kind":"channel","type":"int",' out ||
		fail "no channel $channel in JSON"
	grep -q '"name":"[^"]*","for":"fd"\|"for":"fd",.*"name":' out ||
		fail "no descriptor in JSON"
	# Panics under way once, with everything else.
	expect 0 "$hdattach" -v --waits -f stacks "$pid"
	[ "$(grep -c 'panic: to be recovered' out)" -eq 1 ] ||
		fail "a panic is not told once"
	expect 0 "$hdattach" --goroutine=1 -f stacks "$pid"
	[ "$(grep -c '^goroutine' out)" -eq 1 ] || fail "not goroutine 1 alone"
	expect 2 "$hdattach" --goroutine=4711000 -f stacks "$pid"
	said 4711000
	expect 0 "$hdattach" --all-frames -f stacks "$pid"
	[ "$(grep -c '^main.deep(' out)" -gt 3000 ] || fail "not all frames"
	expect 0 "$hdattach" --no-native -f heapdump,stacks "$pid"
	for f in stacks-*.stacks; do cmp text "$f" || fail "$f differs"; done
	for f in stacks-*.heapdump; do sound "$f"; done
	rm stacks-*.stacks stacks-*.heapdump
}

# in_write: hdattach waits for the reader of its text.
in_write() { grep -q "^$sys_write " /proc/"$teller"/syscall; }

case $(uname -m) in
x86_64) sys_write=1 ;;
aarch64) sys_write=64 ;;
*) skip "no system call numbers for this machine" ;;
esac

# ends_midway FORM: the program ends as its stacks are told, which takes nothing
# from them.
ends_midway() {
	expect 0 "$hdattach" "$1" --all-frames --no-native -f stacks "$pid"
	grep -v '^{"process"' out >text
	mkfifo pipe
	"$hdattach" "$1" --all-frames --no-native -f stacks "$pid" \
		2>err >pipe &
	teller=$!
	mine "$teller"
	exec 8<pipe
	until_true 60 in_write
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || :
	grep -v '^{"process"' <&8 >told
	exec 8<&-
	wait "$teller" || fail "not told to the end: $(cat err)"
	not_mine "$teller"
	rm pipe
	sed -i 's/"blocked_ns":[0-9]*,//' text told
	cmp text told || fail "$1: told otherwise as the program ends"
}

# compare RELEASE [FLAG...]: of a build with these flags.
compare() {
	release=$1
	start_fixture stacks "$@"
	until_true 60 at_rest
	expect 0 "$hdattach" --no-native -f stacks "$pid"
	mv out text
	mv err messages
	without_teller text >ours
	diff theirs ours >differences || {
		head -n 20 differences
		fail "Go $*${cgo:+ cgo=$cgo}: the stacks differ"
	}
	n=$(grep -c '^goroutine [0-9]* \[' theirs)
	grep -q "; $((n + 1)) goroutines: " messages ||
		fail "Go $release: the number of goroutines is not told"
	# What the test is about is there.
	shows 'panic(' 'main.generic[...](' '...2901 frames elided...' \
		', locked to thread]:' 'chan receive (nil chan)' '(...)' '{0x' \
		'0x1?' ' in goroutine 1' 'created by '
	for how in rules libunwind; do
		expect 0 "$hdattach" --unwind=$how --no-native -f stacks -o "by-$how" "$pid"
	done
	cmp text by-rules && cmp text by-libunwind ||
		fail "Go $release: the stacks depend on how they are unwound"
	rm by-rules by-libunwind
	deferred
	[ "${cgo:-0}" -eq 0 ] || native
	[ "$*" != "$(newest)" ] || forms $((n + 1))
	expect 0 "$hdattach" --json -f stacks -o json --force "$pid"
	ends_midway "$form"
	wait "$pid" 2>/dev/null || :
	not_mine "$pid"
	exec 6>&-
	say "Go $*${cgo:+ cgo=$cgo}: $n goroutines," \
		"$(grep -c '^	' theirs) calls"
}

export GODEBUG=tracebacklabels=1
form=--unwind=libunwind
for release in $(releases); do
	compare "$release"
done
for release in $(some_releases); do
	compare "$release" -buildmode=pie
	form=--json
	! command -v "${CC:-cc}" >/dev/null || cgo=1 compare "$release"
done
shows '{plain: value}' '{"a key": , "tab\t": "\"quoted\\\"\n"}'
# And with all that goroutines descend from.
GODEBUG=tracebacklabels=1,tracebackancestors=5
compare "$(newest)"
shows '[originating from goroutine 1]:'
grep -q '"ancestors":\[{"id":1,"calls":\[{"function":"main\.' json ||
	fail "no ancestors in JSON"
