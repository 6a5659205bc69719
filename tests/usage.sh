#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The command line: what is refused with status 64, and what help says.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

expect 64 "$hdattach"
said usage
expect 64 "$hdattach" --no-such-option 1
said no-such-option
expect 64 "$hdattach" -f nonsense 1
said nonsense
expect 64 "$hdattach" -f heapdump,nonsense 1
said nonsense
expect 64 "$hdattach" -f heapdump, 1
expect 64 "$hdattach" -f heapdump,stacks -o x 1
said several
expect 64 "$hdattach" -f stacks --group --json 1
expect 64 "$hdattach" --group 1
said "-f stacks"
expect 64 "$hdattach" --summary -f stacks 1
expect 64 "$hdattach" -f stacks --goroutine=one 1
expect 64 "$hdattach" one
said "one" "process id"
expect 64 "$hdattach" 0
expect 64 "$hdattach" 1 2
expect 64 "$hdattach" --max-wait=long 1
said long
expect 64 "$hdattach" --snapshot=soon 1
said soon
expect 64 "$hdattach" --nice=20 1
expect 64 "$hdattach" --max-pause=-1 1

expect 0 "$hdattach" --help
grep -q -e --output out || fail "--help does not know -o"
expect 0 "$hdattach" --version
grep -q hdattach out || fail "--version does not say of what"
expect 64 "$hdcheck"
