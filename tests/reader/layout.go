// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// layout has what the debugging information says of the runtime.
type layout struct {
	members   map[string]member // "runtime.mspan.nelems"
	variables map[string]uint64 // addresses
	constants map[string]int64
}

type member struct{ offset, size uint64 }

func readLayout(exe string) (*layout, error) {
	f, err := elf.Open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC {
		return nil, fmt.Errorf("%s: only programs at fixed addresses", exe)
	}
	d, err := f.DWARF()
	if err != nil {
		return nil, err
	}
	l := &layout{map[string]member{}, map[string]uint64{}, map[string]int64{}}
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			return l, err
		}
		l.add(d, e)
		if e.Tag != dwarf.TagCompileUnit {
			r.SkipChildren()
		}
	}
}

// structs are those of which members are wanted.
var structs = map[string]bool{
	"runtime.mheap": true, "runtime.mspan": true, "runtime.heapArena": true,
	"runtime.special": true, "runtime.spanInlineMarkBits": true,
	"internal/abi.Type": true,
}

func (l *layout) add(d *dwarf.Data, e *dwarf.Entry) {
	name, _ := e.Val(dwarf.AttrName).(string)
	switch e.Tag {
	case dwarf.TagStructType:
		if !structs[name] {
			return
		}
		t, err := d.Type(e.Offset)
		if err != nil {
			return
		}
		for _, f := range t.(*dwarf.StructType).Field {
			l.members[name+"."+f.Name] = member{uint64(f.ByteOffset),
				uint64(f.Type.Size())}
		}
	case dwarf.TagVariable:
		const addr = 3 // DW_OP_addr
		at, _ := e.Val(dwarf.AttrLocation).([]byte)
		if len(at) == 9 && at[0] == addr {
			l.variables[name] = binary.LittleEndian.Uint64(at[1:])
		}
	case dwarf.TagConstant:
		if v, ok := e.Val(dwarf.AttrConstValue).(int64); ok {
			l.constants[name] = v
		}
	}
}

func (l *layout) has(name string) bool {
	_, ok := l.members[name]
	return ok
}

func (l *layout) offset(name string) uint64 {
	m, ok := l.members[name]
	if !ok {
		panic(fmt.Errorf("no member %s", name))
	}
	return m.offset
}

func (l *layout) variable(name string) uint64 {
	addr, ok := l.variables[name]
	if !ok {
		panic(fmt.Errorf("no variable %s", name))
	}
	return addr
}

// get is a number of up to 8 bytes, of a struct that was read.
func (l *layout) get(b []byte, name string) uint64 {
	at := l.offset(name)
	return number(b[at : at+l.members[name].size])
}

func number(b []byte) uint64 {
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}
