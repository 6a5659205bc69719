// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
)

const (
	pageSize  = 8192
	inUse     = 1   // runtime.mSpanInUse
	inSpan    = 512 // largest slots whose pointer bits are in the span
	inlineMin = 16  // smallest ones whose mark bits are
	inlineLen = 128 // of a spanInlineMarkBits
	arenaSize = 64 << 20
	arenaBase = 0xffff800000000000
)

type heap struct {
	*process
	sweepgen uint32
	marking  bool
	types    map[uint64]*typ
}

func newHeap(p *process) *heap {
	l := p.layout
	gen := p.bytes(l.variable("runtime.mheap_")+l.offset("runtime.mheap.sweepgen"), 4)
	return &heap{p, uint32(number(gen)),
		number(p.bytes(l.variable("runtime.gcphase"), 4)) != 0,
		map[uint64]*typ{}}
}

// span is an mspan in use.
type span struct {
	base, size, nelems, bytes uint64
	freeindex, scanned        uint64 // freeIndexForScan
	class                     uint64
	noscan, unswept, cached   bool
	inline                    bool // mark bits
	allocBits, markBits       []byte
	specials, largeType       uint64
}

func (h *heap) read(addr uint64) *span {
	l := h.layout
	last := l.members["runtime.mspan.specials"]
	for name, m := range l.members {
		if len(name) > 14 && name[:14] == "runtime.mspan." && m.offset > last.offset {
			last = m
		}
	}
	b := h.bytes(addr, last.offset+last.size)
	get := func(name string) uint64 { return l.get(b, "runtime.mspan."+name) }
	if get("state") != inUse {
		return nil
	}
	spanclass := get("spanclass")
	s := &span{
		base:      get("startAddr"),
		size:      get("elemsize"),
		nelems:    get("nelems"),
		bytes:     get("npages") * pageSize,
		freeindex: get("freeindex"),
		scanned:   get("freeIndexForScan"),
		class:     spanclass >> 1,
		noscan:    spanclass&1 != 0,
		specials:  get("specials"),
	}
	switch uint32(get("sweepgen")) - h.sweepgen {
	case 0:
	case 3:
		s.cached = true
	case 1, 1<<32 - 2:
		s.unswept = true
	default:
		panic(errTorn)
	}
	s.inline = l.has("runtime.spanInlineMarkBits.marks") &&
		s.size >= inlineMin && s.size <= inSpan
	n := (s.nelems + 63) / 64 * 8
	s.allocBits = h.bytes(get("allocBits"), n)
	s.markBits = h.bytes(get("gcmarkBits"), n)
	if s.inline {
		at := s.base + s.bytes - inlineLen +
			l.offset("runtime.spanInlineMarkBits.marks")
		for i, b := range h.bytes(at, 63) {
			if i < len(s.markBits) {
				s.markBits[i] |= b
			}
		}
	}
	if l.has("runtime.mspan.largeType") {
		s.largeType = get("largeType")
	}
	return s
}

func bit(bits []byte, i uint64) bool { return bits[i/8]>>(i%8)&1 != 0 }

// revived are the slots of objects that have a finalizer.
func (h *heap) revived(s *span) map[uint64]bool {
	l := h.layout
	slots := map[uint64]bool{}
	for at := s.specials; at != 0; {
		special := h.bytes(at, l.offset("runtime.special.kind")+1)
		offset := l.get(special, "runtime.special.offset")
		kind := l.get(special, "runtime.special.kind")
		if int64(kind) == l.constants["runtime._KindSpecialFinalizer"] {
			slots[offset/s.size] = true
		}
		at = l.get(special, "runtime.special.next")
	}
	return slots
}

// allocated says whether slot i is, or will be after the sweep.
func (s *span) allocated(i uint64, revived map[uint64]bool) bool {
	if s.unswept {
		return bit(s.markBits, i) || revived[i]
	}
	return i < s.freeindex || bit(s.allocBits, i)
}

// beingAllocated says whether slot i is in the midst of it: it has no pointers
// yet.
func (h *heap) beingAllocated(s *span, i uint64) bool {
	if s.unswept || i+1 != s.freeindex || bit(s.allocBits, i) {
		return false
	}
	if s.class == 0 {
		typeless := h.layout.has("runtime.mspan.largeType") && s.largeType == 0
		if typeless {
			return true
		}
	} else if !s.cached {
		return false
	}
	return s.scanned <= i && !(h.marking && bit(s.markBits, i))
}

func (h *heap) list(out *bufio.Writer) {
	l := h.layout
	all := l.variable("runtime.mheap_") + l.offset("runtime.mheap.allspans")
	for _, addr := range h.process.list(all) {
		s := h.read(addr)
		if s == nil {
			continue
		}
		var revived map[uint64]bool
		if s.unswept {
			revived = h.revived(s)
		}
		var memory []byte
		for i := uint64(0); i < s.nelems; i++ {
			if !s.allocated(i, revived) {
				continue
			}
			fmt.Fprintf(out, "%#x %d", s.base+i*s.size, s.size)
			if !s.noscan && !h.beingAllocated(s, i) {
				if memory == nil {
					memory = h.bytes(s.base, s.bytes)
				}
				h.pointers(out, s, i, memory)
			}
			out.WriteByte('\n')
		}
	}
}

// pointers writes the offsets of the pointers of slot i.
func (h *heap) pointers(out *bufio.Writer, s *span, i uint64, memory []byte) {
	put := func(offset uint64) { fmt.Fprintf(out, " %d", offset) }
	switch {
	case h.layout.has("runtime.heapArena.bitmap"):
		h.byArena(put, s.base+i*s.size, s.size)
	case s.size <= inSpan:
		at := s.bytes - s.bytes/64
		if s.inline {
			at -= inlineLen
		}
		for offset := uint64(0); offset < s.size; offset += 8 {
			if bit(memory[at:], (i*s.size+offset)/8) {
				put(offset)
			}
		}
	case s.class == 0:
		h.byType(put, s.largeType, 0, s.size)
	default:
		h.byType(put, number(memory[i*s.size:i*s.size+8]), 8, s.size)
	}
}

// byType repeats the type from offset on to the end of the slot.
func (h *heap) byType(put func(uint64), addr, offset, size uint64) {
	if addr == 0 {
		return
	}
	t := h.typ(addr)
	for start := offset; t.size != 0 && start < size; start += t.size {
		for _, at := range t.pointers {
			if start+at < size {
				put(start + at)
			}
		}
	}
}

// byArena goes by the bits of Go 1.21, a word of which covers 64 words of the
// heap. Where noMorePtrs has the bit of one, the object has no pointers behind
// what it covers.
func (h *heap) byArena(put func(uint64), addr, size uint64) {
	l := h.layout
	arenas := h.word(l.variable("runtime.mheap_") + l.offset("runtime.mheap.arenas"))
	for at := addr; at < addr+size; {
		arena := h.word(arenas + (at-arenaBase)/arenaSize*8)
		word := at % arenaSize / 8 / 64
		bits := h.word(arena + l.offset("runtime.heapArena.bitmap") + word*8)
		for ; at < addr+size && at%arenaSize/8/64 == word; at += 8 {
			if bits>>(at/8%64)&1 != 0 {
				put(at - addr)
			}
		}
		more := h.bytes(arena+l.offset("runtime.heapArena.noMorePtrs")+word/8, 1)
		if bit(more, word%8) {
			return
		}
	}
}
