#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench/heapdump.sh BUILD [MIB [GOROUTINES [ROUNDS]]]: what a heap dump costs.
#
# Of one process with a heap of MIB MiB (1024; 7 million objects a GiB) and
# GOROUTINES goroutines (10,000), on one file system ($TMPDIR), in turns:
# hdattach, from a fork and holding the process; a plain copy loop that reads
# and writes as many bytes; the process's own debug.WriteHeapDump. Then a table of the medians of all ROUNDS (5), and
# their ratios to the copy's. CPU is user and system time, of the program alone.
# Machines are noisy: only ratios of one run mean something.
# BUILD is the build tree; needs a Go in PATH.

set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
mib=${2:-1024}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hdbench.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT

cc -O2 -D_GNU_SOURCE -o "$work/copy" "$here/copy.c"
(cd "$here" && GOFLAGS='' CGO_ENABLED=0 go build -buildvcs=false \
	-o "$work/heap" ./heap)
mkfifo "$work/in"
"$work/heap" -mib "$mib" -goroutines "${3:-10000}" \
	<"$work/in" >"$work/heap.out" &
pid=$!
exec 9>"$work/in"
until grep -q ^ready "$work/heap.out"; do
	kill -0 $pid
	sleep 0.2
done
awk '{ printf "%d objects of %d bytes\n", $3, $4 }' "$work/heap.out"

# record NAME WALL USER SYSTEM PEAK: a line of figures; the file goes.
record() {
	echo "$* $(stat -c %s "$work/dump")" | tee -a "$work/figures" |
		awk '{ printf "  %-14s %6.2f s wall %6.2f s CPU\n",
			$1, $2, $3 + $4 }'
	rm "$work/dump"
}

# outside NAME COMMAND...
outside() {
	name=$1
	shift
	/usr/bin/env time -f '%e %U %S %M' -o "$work/time" "$@" 2>"$work/err" ||
		{ cat "$work/err"; exit 1; }
	read -r wall user sys peak <"$work/time"
	record "$name" "$wall" "$user" "$sys" "$peak"
}

# User and system time of the process, in seconds.
cpu_of() {
	awk -v hz="$(getconf CLK_TCK)" '{ print $14 / hz, $15 / hz }' \
		/proc/$pid/stat
}

inside() {
	before=$(cpu_of)
	lines=$(wc -l <"$work/heap.out")
	echo "dump $work/dump" >&9
	while [ "$(wc -l <"$work/heap.out")" -eq "$lines" ]; do sleep 0.1; done
	cpu=$(echo "$before $(cpu_of)" | awk '{ print $3 - $1, $4 - $2 }')
	record WriteHeapDump "$(tail -n 1 "$work/heap.out" | cut -d' ' -f2)" \
		"${cpu% *}" "${cpu#* }" 0
}

# Memory that a virtual machine has not touched yet is dear: that of the page
# cache is touched by a first copy, which does not count.
"$work/copy" $pid $((mib * 1300000)) "$work/dump" 2>/dev/null
rm "$work/dump"

for round in $(seq "${4:-5}"); do
	echo "round $round"
	for how in fork hold; do
		outside $how "$build/hdattach" --snapshot=$how --force \
			-o "$work/dump" $pid
		grep -o 'paused.*' "$work/err" | sed 's/^/  /'
	done
	size=$(tail -n 1 "$work/figures" | cut -d' ' -f6)
	outside copy "$work/copy" $pid "$size" "$work/dump"
	inside
done

# median NAME FIELD
median() {
	awk -v name="$1" -v field="$2" '$1 == name {
		print field == "cpu" ? $3 + $4 : $field }' "$work/figures" |
		sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo
printf '%-14s %7s %7s %7s %7s %8s %8s %8s %10s\n' median wall,s user,s sys,s \
	CPU,s wall/copy CPU/copy peak,MiB bytes
for name in fork hold copy WriteHeapDump; do
	for figure in 2 3 4 cpu 5 6; do
		median $name $figure
	done | tr '\n' ' '
	echo "$(median copy 2) $(median copy cpu) $name"
done | awk '{ printf "%-14s %7.2f %7.2f %7.2f %7.2f %8.2f %8.2f %8.1f %10s\n",
	$9, $1, $2, $3, $4, $1 / $7, $4 / $8, $5 / 1024, $6 }' |
	sed 's/^\(Write.*\)     0\.0 /\1       - /'
