#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Where a snapshot by fork is not possible, or not safe: hdattach finds out
# without harm, says why, and takes the next best. And unusual targets of which
# it is possible all the same.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

as_root
confine=$HD_BUILD/tests/confine
build_fixture crowd "$(newest)"
crowd=$fixture

# start WRAPPER...: the fixture through some wrapper; $pid is the process.
start() {
	printf '#!/bin/sh\nexec %s\n' "$*" >wrapped
	chmod +x wrapped
	start_program "$work/wrapped"
}

# taken KIND [OPTION...]: a sound dump, by a snapshot of that kind.
taken() {
	kind=$1
	shift
	status=0
	"$hdattach" -v "$@" -o dump "$pid" 2>err || status=$?
	[ "$status" -eq 0 ] || fail "$*: status $status: $(cat err)"
	said "hdattach: $kind: stop"
	sound dump
	rm dump
	until_true 10 at_large "$pid"
	[ -z "$(cat "/proc/$pid/task"/*/children)" ] || fail "a child was left"
}

refused() {
	expect 2 "$hdattach" --snapshot=fork -o none "$pid"
	said "$@"
	until_true 10 at_large "$pid"
}

end() {
	kill -0 "$pid" || fail "the target is dead"
	stop_fixture
}

say "seccomp"
start "$confine" pass "$crowd"
taken fork
end
for action in errno kill; do
	start "$confine" $action "$crowd"
	refused seccomp
	taken copy
	said "no snapshot by fork" seccomp
	end
done

say "RLIMIT_NPROC"
chmod 755 "$crowd"
if setpriv --reuid=65533 --clear-groups test -x "$crowd"; then
	start setpriv --reuid=65533 --clear-groups "$crowd"
	setpriv --reuid=65533 --clear-groups prlimit --pid "$pid" --nproc=1:1
	refused "Resource temporarily unavailable"
	taken copy
	said RLIMIT_NPROC
	end
else
	say "(another user can't run it here)"
fi

# group CONTROLLER: a new one, $group, with the target in it.
group() {
	group=/sys/fs/cgroup/$1/hdattach-test-$$
	mkdir "$group" 2>/dev/null || return 1
	undo="rmdir $group"
	echo "$pid" 2>/dev/null >"$group/cgroup.procs"
}

leave_group() {
	echo "$pid" >"${group%/*}/cgroup.procs"
	rmdir "$group"
	undo=
}

say "control groups"
start "$crowd"
if group pids; then
	cat "$group/pids.current" >"$group/pids.max"
	refused "Resource temporarily unavailable"
	taken copy
	said "pids control group"
	leave_group
else
	say "(no pids controller to write to)"
fi
if group memory; then
	echo $((4 << 20)) >"$group/memory.limit_in_bytes"
	usage=$(cat "$group/memory.usage_in_bytes")
	echo $((usage + (64 << 10))) >"$group/memory.limit_in_bytes"
	taken copy
	said "memory control group"
	leave_group
else
	say "(no memory controller to write to)"
fi
end

say "a pause that is too long"
start "$crowd"
expect 2 "$hdattach" --snapshot=hold --max-pause=1 -o none "$pid"
said max-pause
absent none
taken fork --max-pause=100
end

say "500 threads"
CROWD=500
export CROWD
start "$crowd"
taken fork
unset CROWD
end

say "namespaces of its own"
if unshare -pmf --mount-proc true 2>/dev/null; then
	printf '#!/bin/sh\nexec unshare -pmf --mount-proc %s\n' "$crowd" >wrapped
	start_program "$work/wrapped"
	outer=$pid
	pid=$(cat "/proc/$outer/task/$outer/children")
	pid=${pid% }
	taken fork
	pid=$outer
	stop_fixture
else
	say "(not allowed here)"
fi

say "CAP_SYS_PTRACE alone"
place=$(mktemp -d)
undo="rm -rf $place"
chmod 777 "$place"
cp "$hdattach" "$place/hdattach"
if setpriv --reuid=65533 --clear-groups --inh-caps=+sys_ptrace \
	--ambient-caps=+sys_ptrace true 2>/dev/null; then
	start "$crowd"
	status=0
	setpriv --reuid=65533 --clear-groups --inh-caps=+sys_ptrace \
		--ambient-caps=+sys_ptrace "$place/hdattach" -v \
		-o "$place/dump" "$pid" 2>err || status=$?
	[ "$status" -eq 0 ] || fail "status $status: $(cat err)"
	said "hdattach: fork: stop"
	sound "$place/dump"
	end
fi
rm -rf "$place"
undo=

cgo=1
build_fixture crowd "$(newest)"
say "the first thread is gone"
LEAVE=1
export LEAVE
start_program "$fixture"
unset LEAVE
until_true 10 grep -q '^State:[[:space:]]*Z' "/proc/$pid/task/$pid/status"
taken fork
end
