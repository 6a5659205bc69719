#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A stripped program whose debug information is in a file beside it, as
# distributions do it; or, in a container, in a file that only it sees.

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

# In another root, which has the debug file by its build id.
[ "$(id -u)" -eq 0 ] || exit 0
build_fixture demo "$(newest)"
mkdir -p jail
objcopy --strip-all "$fixture" jail/demo
id=$(readelf -n "$fixture" | sed -n 's/.*Build ID: *//p')
[ -n "$id" ] || skip "no build id"
debug=jail/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)
mkdir -p "$debug"
objcopy --only-keep-debug "$fixture" "$debug/$(echo "$id" | cut -c3-).debug"
printf '#!/bin/sh\nexec chroot "%s/jail" /demo\n' "$work" >jailed
chmod +x jailed
start_program ./jailed
expect 0 "$hdattach" -v -o jailed.dump "$pid"
said "/root/usr/lib/debug"
sound jailed.dump
unharmed
stop_fixture
