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

# With a capability that holds in a user namespace of its own alone.
if unshare -Ur true 2>/dev/null; then
	expect 2 setpriv --reuid=65534 --regid=65534 --clear-groups \
		unshare -Ur "$place/hdattach" -o "$place/dump" "$pid"
	said "user namespace"
fi
rm "$place/hdattach"
nothing_in "$place"
rmdir "$place"
unharmed
stop_fixture

# The other way round, by root without the capability, as in a container.
printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "%s"\n' \
	"$fixture" >nobody
chmod +x nobody
start_program ./nobody
expect 2 setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
	"$hdattach" -o dump "$pid"
said "without CAP_SYS_PTRACE" "give the container"
absent dump
unharmed
stop_fixture
