#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A file system that is too small for the dump, one that fills up under it, and
# one that may not be written.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

as_root
mkdir small
mount -t tmpfs -o size=1m tmpfs small 2>/dev/null || skip "cannot mount"
unmount() { umount "$work/small"; }
undo=unmount

start_fixture demo "$(newest)"
expect 2 "$hdattach" -o small/dump "$pid"
said "room for"
nothing_in small
unharmed

# How small it becomes is not known before.
expect 2 "$hdattach" -z gzip:1 -o small/dump "$pid"
said "space"
nothing_in small
unharmed

mount -o remount,ro "$work/small"
expect 2 "$hdattach" -o small/dump "$pid"
said "read-only"
nothing_in small
unharmed
stop_fixture
