#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Where a dump goes: its name, its mode, what is not overwritten, and what
# becomes of it where nothing can be written. Status 2, and nothing is left.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

start_fixture demo "$(newest)"

default_name() {
	mkdir default
	(cd default && expect 0 "$hdattach" "$pid" && rm out err)
	set -- default/*
	[ $# -eq 1 ] || fail "not one file but $#"
	case ${1#default/} in
	demo-*."$pid".20[0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9].heapdump) ;;
	*) fail "named $1" ;;
	esac
	[ "$(stat -c %a "$1")" = 600 ] || fail "its mode is $(stat -c %a "$1")"
	sound "$1"
}

closing_line() {
	mkdir line
	expect 0 "$hdattach" -o line/dump "$pid"
	tail -n 1 err | grep -q "line/dump" || fail "the last line has no path"
	expect 0 "$hdattach" -q -o line/quiet "$pid"
	[ ! -s err ] || fail "-q is not quiet"
	[ ! -s out ] || fail "something on standard output"
}

no_overwriting() {
	mkdir there
	echo precious >there/dump
	expect 2 "$hdattach" -o there/dump "$pid"
	said --force
	[ "$(cat there/dump)" = precious ] || fail "it was overwritten"
	expect 0 "$hdattach" --force -o there/dump "$pid"
	sound there/dump
	rm there/dump
	nothing_in there
}

# A link is replaced, not followed.
no_following() {
	mkdir link
	echo precious >elsewhere
	ln -s ../elsewhere link/dump
	expect 2 "$hdattach" -o link/dump "$pid"
	expect 0 "$hdattach" --force -o link/dump "$pid"
	[ "$(cat elsewhere)" = precious ] || fail "it was written through a link"
	[ ! -L link/dump ] || fail "the link is still there"
}

# The same graph, and nothing that could be read.
no_contents() {
	mkdir contents
	expect 0 "$hdattach" -o contents/full "$pid"
	expect 0 "$hdattach" --no-contents -o contents/masked "$pid"
	grep -a -q "of key:" contents/full || fail "no values in the full dump"
	if grep -a -q -e "of key:" -e "key:[0-9]" contents/masked; then
		fail "values in the dump without contents"
	fi
	sound contents/full --strict
	grep "to objects" check.out >full.pointers
	sound contents/masked --strict
	grep "to objects" check.out | diff full.pointers - ||
		fail "pointers were lost"
}

# What is certain to be too large is not begun.
too_large() {
	mkdir large
	expect 2 "$hdattach" --max-size=1M -o large/dump "$pid"
	said max-size
	expect 64 "$hdattach" --max-size=lots -o large/dump "$pid"
	nothing_in large
	expect 0 "$hdattach" --max-size=1G -o large/dump "$pid"
	sound large/dump
}

compressed() {
	mkdir packed
	expect 0 "$hdattach" -z gzip -o packed/dump.gz "$pid"
	gzip -dc packed/dump.gz >unpacked
	sound unpacked
	rm unpacked
	(cd packed && expect 0 "$hdattach" -z zstd:1 "$pid" && rm out err)
	set -- packed/*.heapdump.zst
	[ -s "$1" ] || fail "no .heapdump.zst by default"
	if command -v zstd >/dev/null 2>&1; then
		zstd -q -dc "$1" >unpacked
		sound unpacked
		rm unpacked
	fi
	expect 64 "$hdattach" -z lzma -o packed/x "$pid"
}

to_a_pipe() {
	"$hdattach" -o - "$pid" 2>err | cat >piped
	sound piped
}

as_json() {
	expect 0 "$hdattach" --json -q -o json.dump "$pid"
	grep -q '^{.*"file": "json.dump".*"snapshot": "[a-z]*".*"pause_ms": [0-9.]*.*}$' out ||
		fail "no report: $(cat out)"
	grep -q "\"bytes\": $(stat -c %s json.dump)," out ||
		fail "not its size: $(cat out)"
	"$hdattach" --json -q -o - "$pid" 2>err >json.dump
	sound json.dump
	said '"whole": true'
}

no_directory() {
	expect 2 "$hdattach" -o missing/dump "$pid"
	said missing
}

device_full() {
	[ -c /dev/full ] || return 0
	expect 2 sh -c '"$0" -o - "$1" >/dev/full' "$hdattach" "$pid"
	said "no space"
}

closed_pipe() {
	mkfifo closed
	"$launch" how "$hdattach" -o - "$pid" >closed 2>err &
	head -c 100 <closed >/dev/null
	wait $!
	# By SIGPIPE, as every filter; or saying that the pipe is broken.
	case $(tail -n 1 how) in
	"killed 13") ;;
	"exited 2") said pipe ;;
	*) fail "$(tail -n 1 how)" ;;
	esac
}

for check in default_name closing_line no_overwriting no_following no_contents too_large compressed to_a_pipe \
	as_json no_directory device_full closed_pipe; do
	say "$check"
	$check
	unharmed
done
stop_fixture
