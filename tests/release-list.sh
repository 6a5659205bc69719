#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make must know its tests beforehand: tests/files.am has to have the frozen
# world of each release in fixtures/releases, and the unswept one, and of no
# other.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

releases | sort >wanted
[ -s wanted ] || fail "no releases"
for world in frozen unswept; do
	grep -o "tests/$world-[0-9.]*[0-9]" "$HD_SRC/tests/files.am" |
		sed 's/.*-//' | sort -u >listed
	diff wanted listed ||
		fail "tests/files.am and fixtures/releases differ ($world)"
done
