#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The stacks of a dump are those of the program's own traceback: the same
# goroutines, in the same states, with the same functions at the same offsets.
# And -f stacks --system prints the very text, with the addresses of goroutines,
# threads and frames. The goroutines of fixtures/stacks stand still; they are
# dumped, then SIGQUIT has the runtime write what it knows.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# All that a traceback says otherwise, each with its reason, is in the next
# three functions. Their output is a line a goroutine:
#
#	NUMBER [STATE] FUNCTION+OFFSET FUNCTION+OFFSET...

# theirs FILE: from a traceback. Left out are
#  - goroutine 0: the stack of the thread that got the signal, and no goroutine;
#  - what follows the state: minutes waited, the thread it is locked to;
#  - inlined calls, "function(...)" with no offset: they have no frame;
#  - "created by", which is no frame either: its place is the Goroutine record;
#  - the registers at the end.
# Named otherwise: a frame at its function's entry has no offset; and
# "panic" is runtime.gopanic (runtime/traceback.go:printFuncName).
theirs() {
	awk '
	function finish() {
		if (number != "" && number != 0)
			print number " [" state "]" frames
		number = ""
	}
	/^goroutine [0-9]+ .*\]:$/ {
		finish()
		number = $2
		frames = ""
		state = substr($0, index($0, "[") + 1)
		sub(/(, .*)?\]:$/, "", state)
		gsub(/ /, "_", state)
		next
	}
	/^$/ { finish() }
	number == "" || /^created by / { name = ""; next }
	/^\.\.\.[0-9]+ frames elided\.\.\.$/ {
		sub(/^\.\.\./, "")
		frames = frames " elided:" $1
		next
	}
	/^[^\t].*\)$/ {
		name = $0
		inlined = /\(\.\.\.\)$/
		sub(/\([^()]*\)$/, "", name)
		if (name == "panic")
			name = "runtime.gopanic"
		next
	}
	/^\t/ && name == "" { next }
	/^\t/ {
		offset = "+0x0"
		for (i = 2; i <= NF; i++)
			if ($i ~ /^\+0x/)
				offset = $i
		if (!inlined)
			frames = frames " " name offset
		name = ""
		next
	}
	{ print "not understood: " $0 }
	END { finish() }' "$1" | sort
}

# ours FILE: from hdcheck --stacks. A traceback has no type arguments.
ours() {
	awk '
	/^goroutine / {
		line = $2 " " substr($0, index($0, "["))
		sub(/:$/, "", line)
		head = index(line, "[")
		state = substr(line, head)
		gsub(/ /, "_", state)
		printf "%s%s%s", sep, substr(line, 1, head - 1), state
		sep = "\n"
	}
	/^  / {
		sub(/^  /, "")
		sub(/\[.*\]/, "[...]")
		printf " %s", $0
	}
	END { print "" }' "$1" | sort
}

# elide OURS THEIRS: the 50 innermost and the 50 outermost frames are shown if
# there are more (runtime/traceback.go:traceback1): takes as many out of OURS
# where THEIRS has fewer.
elide() {
	awk '
	NR == FNR {
		for (i = 3; i <= NF; i++)
			if ($i ~ /^elided:/) {
				inner[$1] = i - 1
				outer[$1] = NF - i
			}
		next
	}
	!($1 in inner) { print; next }
	{
		line = $1
		for (i = 2; i <= inner[$1]; i++)
			line = line " " $i
		line = line " elided:" NF - inner[$1] - outer[$1]
		for (i = NF - outer[$1] + 1; i <= NF; i++)
			line = line " " $i
		print line
	}' "$2" "$1"
}

# at_rest: nothing runs, and nothing has moved since the dump before.
at_rest() {
	"$hdattach" --force -o dump "$pid" 2>err || return 1
	"$hdcheck" --stacks dump >stacks.new || fail "the dump is not sound"
	grep -q '^goroutine .*\[run' stacks.new && return 1
	cmp -s stacks.new stacks && return
	mv stacks.new stacks
	return 1
}

# goroutines FILE: what a text has of goroutines; that is not the stack of the
# thread that got the signal, "goroutine 0", and not its registers.
goroutines() {
	awk -v RS= -v ORS='\n\n' '/^goroutine [1-9]/' "$1"
}

# shows WORD...: a frame's name has that in it.
shows() {
	for w; do
		grep -q -F -e "$w" theirs || fail "no traceback has $w"
	done
}

export GOTRACEBACK=system
for release in $(some_releases); do
	start_fixture stacks "$release"
	rm -f stacks
	until_true 60 at_rest
	expect 0 "$hdattach" --system -f stacks "$pid"
	goroutines out >text
	kill -QUIT "$pid"
	status=0
	wait "$pid" || status=$?
	not_mine "$pid"
	[ "$status" -eq 2 ] || fail "Go $release: status $status of SIGQUIT"
	exec 6>&-
	theirs fixture.err >theirs
	ours stacks >ours.all
	elide ours.all theirs >ours
	diff ours theirs >differences || {
		head -n 20 differences
		fail "Go $release: the stacks are not those of the traceback"
	}
	goroutines fixture.err | diff - text >differences || {
		head -n 20 differences
		fail "Go $release: the text is not that of the traceback"
	}
	# What the test is about is there.
	shows runtime.gopanic+ runtime.sigpanic+ runtime.Goexit+ '[...]' \
		reflect.Value.Call+ reflect.makeFuncStub+ elided: \
		'[select]' '[sleep]' '[IO_wait]' '[syscall]' '[chan_send]' \
		'[sync.Cond.Wait]' '[chan_receive_(nil_chan)]' '.func1+'
	[ "$(wc -l <theirs)" -gt 60 ] || fail "Go $release: few goroutines"
	say "Go $release: $(wc -l <theirs) goroutines," \
		"$(wc -w <theirs) frames"
done
