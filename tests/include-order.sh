#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A room includes only what is left of it:
#
#	base -> arch, elf -> target -> runtime -> output -> main
#
# and hdcheck, which reads what the others write, nothing but base and elf.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# room DIRECTORY ALLOWED...: its files include "ALLOWED/..." alone, headers of
# the system, and what configure makes.
room() {
	dir=$1
	shift
	allowed=$(echo "$*" | tr ' ' '|')
	set -- "$HD_SRC/$dir"/*.[ch] "$HD_SRC/$dir"/*.def
	for f; do
		[ -f "$f" ] || continue
		seen=$((seen + 1))
		grep -n '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$f" |
			grep -v -E "\"(($allowed)/[^/\"]+|config\\.h)\"" |
			sed "s|^|$dir/$(basename "$f"):|" >>strangers || :
	done
}

: >strangers
seen=0
room src/base base
room arch base arch
room elf base elf
room src/target base arch elf target
room src/runtime base arch elf target runtime
room src/output base arch elf target runtime output
room src/hdcheck base elf hdcheck
[ "$seen" -gt 10 ] || fail "only $seen files: looked in the wrong place"
if [ -s strangers ]; then
	cat strangers
	fail "these are from rooms further on"
fi
