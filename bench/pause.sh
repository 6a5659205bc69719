#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench/pause.sh BUILD [MIB [idle|loaded [ROUNDS]]]: how long a target is
# stopped.
#
# Of one process with a heap of MIB MiB (1024), in turns: a bare fork() of its
# own, which no snapshot can beat; hdattach in each way; and, once, the process's
# own debug.WriteHeapDump. "paused" is what hdattach reports, "gap" the longest
# time that a thread of the process missed, from before the pause to the end of
# the dump: with what is copied on write, and with what else the machine did.
# Machines are noisy: look at the medians and ratios within a run.

set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
mib=${2:-1024}
load=${3:-idle}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hdbench.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT

(cd "$here" && GOFLAGS='' CGO_ENABLED=0 go build -buildvcs=false \
	-o "$work/heap" ./heap)
mkfifo "$work/in"
"$work/heap" -mib "$mib" <"$work/in" >"$work/heap.out" &
pid=$!
exec 9>"$work/in"
until grep -q ^ready "$work/heap.out"; do
	kill -0 $pid
	sleep 0.2
done

# tell COMMAND: has the process do it, and waits for its line, $line.
tell() {
	lines=$(wc -l <"$work/heap.out")
	echo "$1" >&9
	until [ "$(wc -l <"$work/heap.out")" -gt "$lines" ]; do sleep 0.01; done
	line=$(tail -n 1 "$work/heap.out")
}

# note NAME SECONDS: a figure of this run.
note() { echo "$1 $2" >>"$work/figures"; }

# From the words of the closing line to seconds.
seconds() {
	sed -n 's/.*, paused //p' | awk '{
		unit["us"] = 1e-6; unit["ms"] = 1e-3; unit["s"] = 1
		print $1 * unit[$2] }'
}

capture() {
	tell gap
	/usr/bin/env time -f '%M kB' "$build/hdattach" --snapshot="$1" \
		--max-wait=10000 --force -o "$work/dump" $pid 2>"$work/err" ||
		[ $? -eq 1 ] || { cat "$work/err"; exit 1; }
	note "$1-paused" "$(seconds <"$work/err")"
	note "$1-peak-MB" "$(awk '/ kB$/ { print $1 / 1000 }' "$work/err")"
	tell gap
	note "$1-gap" "$(echo "$line" | cut -d' ' -f2)"
	rm -f "$work/dump"
}

[ "$load" = idle ] || echo work >&9
tell fork # the first is slower
for _ in $(seq "${4:-5}"); do
	tell fork
	note fork-bare "$(echo "$line" | cut -d' ' -f2)"
	for kind in fork copy hold; do
		capture $kind
	done
done
tell "dump $work/dump"
note WriteHeapDump "$(echo "$line" | cut -d' ' -f2)"

# Medians, and how they compare.
sort -k1,1 -k2,2g "$work/figures" | awk -v mib="$mib" -v load="$load" '
	{ v[$1, ++n[$1]] = $2 }
	function median(name) { return v[name, int((n[name] + 1) / 2)] }
	END {
		print "heap of " mib " MiB, " load
		for (name in n) {
			figure = median(name)
			if (name ~ /MB$/)
				text = sprintf("%9.0f MB", figure)
			else
				text = sprintf("%9.2f ms %8.2f x bare fork " \
					"%7.4f x WriteHeapDump", figure * 1e3, \
					figure / median("fork-bare"), \
					figure / median("WriteHeapDump"))
			printf "%-16s %s\n", name, text | "sort"
		}
	}'
