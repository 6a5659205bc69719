#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The program that runs is not the file of its name: deleted, upgraded to
# another build, or to be seen in another mount namespace alone. It is read all
# the same, and not the one that has its name now.

. "${HD_SRC:-$(dirname "$0")/..}/tests/lib.sh"

# dumped FUNCTION: soundly, by its own symbols.
dumped() {
	expect 0 "$hdattach" -o dump "$pid"
	sound dump --strict
	"$hdcheck" --stacks dump | grep -q "^  $1+" || fail "no frame of $1"
	rm dump
	until_true 10 at_large "$pid"
	stop_fixture
}

old=$(releases | head -n 1)
build_fixture counters "$old"
cp "$fixture" other

build_fixture demo "$(newest)"
cp "$fixture" program
start_program ./program
rm program
expect 0 "$hdattach" "$pid"
said "program.$pid"
rm program.*
dumped main.main

cp "$fixture" program
start_program ./program
mv other program
dumped main.main

# A library that has been upgraded; its file is reached by the mapping alone.
cc=${CC:-gcc}
if [ "$(id -u)" -eq 0 ] && command -v "$cc" >/dev/null; then
	cgo=1
	build_fixture cshared/lib "$(newest)" -buildmode=c-shared
	cp "$fixture" library.so
	export LIBRARY="$work/library.so"
	"$cc" -o loader "$HD_SRC/fixtures/cshared/main.c" -ldl
	start_program ./loader
	echo "not a library" >new
	mv new library.so
	dumped main.waitInLibrary
	cgo=
fi

[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || exit 0
build_fixture demo "$(newest)"
mkdir -p place
cat >elsewhere <<EOF
#!/bin/sh
# The folder is another one here, and "demo" in it is this program.
exec unshare -m sh -c 'mount -t tmpfs none place &&
	cp "$fixture" place/demo && exec place/demo'
EOF
chmod +x elsewhere
start_program ./elsewhere
absent place/demo
dumped main.main
