#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench/heapdump.sh BUILD [MIB [GOROUTINES [ROUNDS]]]: what a heap dump costs.
#
# Of one process with a heap of MIB MiB (1024), on one file system, in turns:
# hdattach; a plain copy loop that reads and writes as many bytes; the process's
# own debug.WriteHeapDump. Machines are noisy: look at ratios within a run.
# BUILD is the build tree; needs a Go in PATH.

set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hdbench.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT

cc -O2 -D_GNU_SOURCE -o "$work/copy" "$here/copy.c"
(cd "$here" && GOFLAGS='' CGO_ENABLED=0 go build -buildvcs=false \
	-o "$work/heap" ./heap)
mkfifo "$work/in"
"$work/heap" -mib "${2:-1024}" -goroutines "${3:-10000}" \
	<"$work/in" >"$work/heap.out" &
pid=$!
exec 9>"$work/in"
until grep -q ^ready "$work/heap.out"; do
	kill -0 $pid
	sleep 0.2
done
cat "$work/heap.out"

# timed NAME COMMAND...: wall and CPU seconds, peak memory, bytes of the file.
timed() {
	name=$1
	shift
	/usr/bin/env time -f '%e %U %S %M' -o "$work/time" "$@" 2>"$work/err" ||
		{ cat "$work/err"; exit 1; }
	read -r wall user sys rss <"$work/time"
	report "$name" "$wall" "$(echo "$user $sys" | awk '{print $1 + $2}')" \
		"$rss" "$(stat -c %s "$work/dump")"
}

report() {
	printf '%-16s %8.2f s wall %8s s CPU %8s kB peak %12s bytes\n' "$@"
}

cpu_of() { awk '{ print ($14 + $15) / 100 }' /proc/$pid/stat; }

inside() {
	before=$(cpu_of)
	lines=$(wc -l <"$work/heap.out")
	echo "dump $work/dump" >&9
	while [ "$(wc -l <"$work/heap.out")" -eq "$lines" ]; do sleep 0.1; done
	report WriteHeapDump "$(tail -n 1 "$work/heap.out" | cut -d' ' -f2)" \
		"$(echo "$before $(cpu_of)" | awk '{print $2 - $1}')" - \
		"$(stat -c %s "$work/dump")"
}

# Memory that a virtual machine has not touched yet is dear: that of the page
# cache is touched by a first copy, which does not count.
"$work/copy" $pid $(( ${2:-1024} * 1300000 )) "$work/dump" && rm "$work/dump"

for round in $(seq "${4:-3}"); do
	echo "round $round"
	timed hdattach "$build/hdattach" --force -o "$work/dump" $pid
	grep -o 'paused.*' "$work/err"
	size=$(stat -c %s "$work/dump")
	rm "$work/dump"
	timed copy "$work/copy" $pid "$size" "$work/dump"
	rm "$work/dump"
	inside
	rm "$work/dump"
done
