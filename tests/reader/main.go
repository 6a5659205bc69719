// SPDX-License-Identifier: Apache-2.0

// Command reader lists the objects in the heap of a stopped Go program, in the
// form of hdcheck --objects: address, bytes, offsets of pointers. It shares no
// code with hdattach, and is slow and simple: one read after another, by the
// rules of runtime/mbitmap.go and runtime/mgcsweep.go, and the pointers of
// types by what the types are made of, not by their masks.
//
//	reader PID
//
// Exit status: 3 if a span is in mid-sweep, of which nothing can be told.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

var errTorn = errors.New("a span is in mid-sweep")

// process is the memory of the program.
type process struct {
	mem    *os.File
	layout *layout
}

func (p *process) bytes(addr, n uint64) []byte {
	b := make([]byte, n)
	if _, err := p.mem.ReadAt(b, int64(addr)); err != nil {
		panic(fmt.Errorf("%d bytes at %#x: %w", n, addr, err))
	}
	return b
}

func (p *process) word(addr uint64) uint64 {
	return binary.LittleEndian.Uint64(p.bytes(addr, 8))
}

// list reads what a slice header of words describes.
func (p *process) list(header uint64) []uint64 {
	b := p.bytes(p.word(header), p.word(header+8)*8)
	words := make([]uint64, len(b)/8)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(b[i*8:])
	}
	return words
}

func run(pid string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if err, ok = r.(error); !ok {
				panic(r)
			}
		}
	}()
	mem, err := os.Open("/proc/" + pid + "/mem")
	if err != nil {
		return err
	}
	layout, err := readLayout("/proc/" + pid + "/exe")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	newHeap(&process{mem, layout}).list(out)
	return out.Flush()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reader PID")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		if errors.Is(err, errTorn) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}
