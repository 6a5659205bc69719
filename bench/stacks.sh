#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench/stacks.sh BUILD [GOROUTINES [ROUNDS]]: what the stacks of all goroutines
# cost.
#
# Of one process with GOROUTINES goroutines (10000) at rest, in turns: hdattach;
# the program itself, by pprof.Lookup("goroutine").WriteTo(file, 2), for which
# the runtime stops the world; and, if there is a dlv in PATH, dlv attach with
# "goroutines -t", which has the process stopped all the time. Machines are
# noisy: look at ratios within a run. BUILD is the build tree; needs a Go in PATH.

set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hdbench.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT

(cd "$here" && GOFLAGS='' CGO_ENABLED=0 go build -buildvcs=false \
	-o "$work/stacks" ./stacks)
mkfifo "$work/in"
"$work/stacks" "${2:-10000}" <"$work/in" >"$work/out" &
pid=$!
exec 9>"$work/in"
until grep -q ^ready "$work/out"; do
	kill -0 $pid
	sleep 0.2
done

# timed NAME COMMAND...: wall and CPU seconds, peak memory, bytes of text.
timed() {
	name=$1
	shift
	/usr/bin/env time -f '%e %U %S %M' -o "$work/time" "$@" \
		>"$work/text" 2>"$work/err" || { cat "$work/err"; exit 1; }
	read -r wall user sys rss <"$work/time"
	report "$name" "$wall" "$(echo "$user $sys" | awk '{print $1 + $2}')" \
		"$rss" "$(stat -c %s "$work/text")"
}

report() {
	printf '%-10s %7.3f s wall %7s s CPU %8s kB peak %10s bytes\n' "$@"
}

inside() {
	lines=$(wc -l <"$work/out")
	echo "$work/text" >&9
	while [ "$(wc -l <"$work/out")" -eq "$lines" ]; do sleep 0.1; done
	tail -n 1 "$work/out" | {
		read -r _ wall cpu
		report inside "$(echo "$wall" | awk '{print $1 / 1000}')" \
			"$(echo "$cpu" | awk '{print $1 / 1000}')" - \
			"$(stat -c %s "$work/text")"
	}
}

# At the end dlv asks whether to kill the process.
printf 'goroutines -t\nquit\n' >"$work/init"
echo n >"$work/no"

for round in $(seq "${3:-3}"); do
	echo "round $round"
	timed hdattach "$build/hdattach" -f stacks $pid
	grep -o 'paused.*' "$work/err"
	inside
	! command -v dlv >/dev/null ||
		timed dlv dlv attach $pid --allow-non-terminal-interactive=true \
			--init "$work/init" <"$work/no"
done
