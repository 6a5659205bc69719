#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The demo service, with goroutines in every state of a service at rest: its
# dump is whole and sound, and it answers as before.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

for release in $(some_releases); do
	start_fixture demo "$release"
	expect 0 "$hdattach" -o dump "$pid"
	sound dump
	for reason in "IO wait" "chan receive" "select" "sleep" \
		"sync.Cond.Wait"; do
		grep -a -q "$reason" dump || fail "Go $release: no $reason"
	done
	rm dump
	unharmed
	stop_fixture
done
