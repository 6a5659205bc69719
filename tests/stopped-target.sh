#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A process that is stopped (SIGSTOP, ^Z) can be dumped, and stays stopped.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

start_fixture demo "$(newest)"
kill -STOP "$pid"
stopped() { grep -q '^State:[[:space:]]*T' "/proc/$pid/status"; }
until_true 10 stopped
expect 0 "$hdattach" -o dump "$pid"
sound dump
stopped || fail "it is not stopped any more"
kill -CONT "$pid"
unharmed
stop_fixture
