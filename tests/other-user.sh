#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Another user's process: refused with the reason, and not touched.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

as_root
command -v setpriv >/dev/null || skip "no setpriv"

start_fixture demo "$(newest)"
# Where that user can reach it, and write.
place=$(mktemp -d)
chmod 0777 "$place"
cp "$hdattach" "$place/hdattach"
expect 2 setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$place/hdattach" -o "$place/dump" "$pid"
said user
rm "$place/hdattach"
nothing_in "$place"
rmdir "$place"
unharmed
stop_fixture
