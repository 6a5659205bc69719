#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A stripped program whose debug information is in a file beside it, as
# distributions do it.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

command -v objcopy >/dev/null || skip "no objcopy"

build_fixture demo "$(newest)"
cp "$fixture" whole
objcopy --only-keep-debug whole demo.debug
objcopy --strip-all --add-gnu-debuglink=demo.debug whole demo
start_program ./demo
expect 0 "$hdattach" -o dump "$pid"
sound dump
unharmed
stop_fixture

# Of another build it is not taken.
start_program ./demo
build_fixture demo "$(releases | head -n 1)"
objcopy --only-keep-debug "$fixture" demo.debug
expect 2 "$hdattach" -o other "$pid"
absent other
unharmed
stop_fixture
