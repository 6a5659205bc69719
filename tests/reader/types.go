// SPDX-License-Identifier: Apache-2.0

package main

// Kinds, of internal/abi/type.go.
const (
	kindArray     = 17
	kindChan      = 18
	kindFunc      = 19
	kindInterface = 20
	kindMap       = 21
	kindPointer   = 22
	kindSlice     = 23
	kindString    = 24
	kindStruct    = 25
	kindUnsafe    = 26
)

// typ is a type by its size and the offsets of its pointers.
type typ struct {
	size     uint64
	pointers []uint64
}

func (h *heap) typ(addr uint64) *typ {
	if t := h.types[addr]; t != nil {
		return t
	}
	l := h.layout
	b := h.bytes(addr, 48)
	get := func(name string) uint64 { return l.get(b, "internal/abi.Type."+name) }
	t := &typ{size: get("Size_")}
	h.types[addr] = t
	if get("PtrBytes") == 0 {
		return t // also of pointers to what is not in the heap
	}
	// Go 1.22 and 1.23 unroll the programs of large types into a mask, and
	// make up a type for it.
	const unrolled = 1 << 4
	if !l.has("runtime.heapArena.bitmap") && get("TFlag")&unrolled != 0 &&
		get("Kind_") == 0 {
		t.pointers = h.byMask(get("GCData"), get("PtrBytes"))
		return t
	}
	switch get("Kind_") & 31 {
	case kindChan, kindFunc, kindMap, kindPointer, kindUnsafe, kindSlice,
		kindString:
		t.pointers = []uint64{0}
	case kindInterface:
		t.pointers = []uint64{8} // types are no objects
	case kindArray:
		elem, n := h.typ(h.word(addr+48)), h.word(addr+64)
		for i := uint64(0); i < n; i++ {
			t.add(i*elem.size, elem)
		}
	case kindStruct:
		fields, n := h.word(addr+56), h.word(addr+64)
		for i := uint64(0); i < n; i++ {
			field := fields + 24*i
			t.add(h.word(field+16), h.typ(h.word(field+8)))
		}
	}
	return t
}

func (t *typ) add(offset uint64, part *typ) {
	for _, at := range part.pointers {
		t.pointers = append(t.pointers, offset+at)
	}
}

func (h *heap) byMask(addr, size uint64) (pointers []uint64) {
	mask := h.bytes(addr, (size/8+7)/8)
	for i := uint64(0); i < size/8; i++ {
		if bit(mask, i) {
			pointers = append(pointers, i*8)
		}
	}
	return
}
