#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make must know its tests beforehand: tests/files.am has to have the frozen
# world of each release in fixtures/releases, and of no other.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

releases | sort >wanted
grep -o 'tests/frozen-[0-9.]*[0-9]' "$HD_SRC/tests/files.am" |
	sed 's/.*frozen-//' | sort -u >listed
[ -s wanted ] || fail "no releases"
diff wanted listed || fail "tests/files.am and fixtures/releases differ"
