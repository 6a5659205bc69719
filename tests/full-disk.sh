#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A file system that fills up under the dump, and one that may not be written.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

as_root
mkdir small
mount -t tmpfs -o size=1m tmpfs small 2>/dev/null || skip "cannot mount"
unmount() { umount "$work/small"; }
undo=unmount

start_fixture demo "$(newest)"
expect 2 "$hdattach" -o small/dump "$pid"
said "space"
nothing_in small
unharmed

mount -o remount,ro "$work/small"
expect 2 "$hdattach" -o small/dump "$pid"
said "read-only"
nothing_in small
unharmed
stop_fixture
