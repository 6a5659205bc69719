#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Programs of several modules, and programs whose executable is not Go: one
# with a plugin; C programs that load a library with Go code in it, and that
# are linked with such code. Their types, functions and globals are in the dump
# like any other's.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

cgo=1 experiment=
export CGO_ENABLED=1
cc=${CC:-gcc}
command -v "$cc" >/dev/null || skip "no C compiler"

# address NAME: what the fixture printed.
address() { sed -n "s/^$1 //p" fixture.out; }

# lies WORD ADDRESS: it is in a record of that kind.
lies() {
	"$hdcheck" --find="$2" dump | grep -q ": in $1 " ||
		fail "$2 is not in $1"
}

# whole RELEASE PACKAGE FUNCTION SEGMENTS: the dump of the fixture that runs has
# its globals, a type and a frame of its package, and as many Data and BSS
# records.
whole() {
	expect 0 "$hdattach" -v -o dump "$pid"
	sound dump --strict --counters
	grep -q -E "^ *Data +$4 " check.out || fail "Go $1: not $4 Data records"
	grep -q -E "^ *BSS +$4 " check.out || fail "Go $1: not $4 BSS records"
	lies Data "$(address data)"
	lies BSS "$(address bss)"
	"$hdcheck" --find="$(address object)" dump | grep -q ' reached$' ||
		fail "Go $1: nothing leads to the object"
	grep -a -q "$2.view" dump || fail "Go $1: no type $2.view"
	"$hdcheck" --stacks dump | grep -q "^  $2.$3+" ||
		fail "Go $1: no frame of $2.$3"
	until_true 10 at_large "$pid"
	stop_fixture
}

with_plugin() {
	build_fixture plugin/part "$1" -buildmode=plugin
	export PLUGIN="$fixture"
	start_fixture plugin "$1"
	# Named by its own path, as a program's package main is not.
	whole "$1" hdattach.test/fixtures/plugin/part descend 2
	rm dump
}

loaded() {
	build_fixture cshared/lib "$1" -buildmode=c-shared
	export LIBRARY="$fixture"
	"$cc" -o loader "$HD_SRC/fixtures/cshared/main.c" -ldl
	start_program ./loader
	whole "$1" main waitInLibrary 1
	said "runtime is in $fixture"
	rm dump
}

linked() {
	build_fixture cshared/lib "$1" -buildmode=c-archive
	"$cc" -DLINKED -o linked "$HD_SRC/fixtures/cshared/main.c" -x none \
		"$fixture" -lpthread
	start_program ./linked
	whole "$1" main waitInLibrary 1
	rm dump
}

for release in $(some_releases); do
	for kind in with_plugin loaded linked; do
		say "$kind, Go $release"
		$kind "$release"
	done
done

# A C program that has loaded no Go is not taken for one.
"$cc" -o loader "$HD_SRC/fixtures/cshared/main.c" -ldl
sleep 1000 &
mine $!
expect 2 "$hdattach" -o none $!
said "not a Go program"
absent none
