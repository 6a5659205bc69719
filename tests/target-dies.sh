#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The target is killed while its dump is being written: hdattach ends with a
# status and a message, or has the dump already.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

start_fixture demo "$(newest)"
mkfifo slow
"$launch" how "$hdattach" -o - "$pid" >slow 2>err &
waiter=$!
mine "$waiter"
# The reader takes a little, and so holds hdattach in the midst of the dump.
exec 5<slow
head -c 4096 <&5 >begun
mine "$(head -n 1 how)"
# (Not waited for yet: a dead tracee is its tracer's first.)
kill -KILL "$pid"
cat begun - <&5 >dump
wait "$waiter"
not_mine "$waiter"
wait "$pid" || :
not_mine "$pid"
case $(tail -n 1 how) in
"exited 0") sound dump ;;
"exited 1" | "exited 2") [ -s err ] || fail "no word of why" ;;
*) fail "$(tail -n 1 how)" ;;
esac

# And before it: from the moment at which it is not there any more.
mkdir none
expect 2 "$hdattach" -o none/dump "$pid"
nothing_in none
