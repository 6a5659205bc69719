// SPDX-License-Identifier: Apache-2.0

// Command heap holds a heap of a given size, in objects of mixed sizes with
// pointers among them, and goroutines that wait. It stands still until a line
// comes on standard input: "dump FILE" makes it write its own heap dump, and
// tell how long that took; the end of the input ends it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

type node struct {
	next, other *node
	name        string
	payload     []byte
	number      [4]uint64
}

type table struct {
	nodes [40]*node
	sums  [60]uint64
}

var (
	nodes  []*node
	tables []*table
)

// grow adds objects of about n bytes in all: 150 bytes each, as in a service.
// All are written to: a page that is not costs its reader nothing.
func grow(n int) {
	for used := 0; used < n; {
		a := &node{payload: make([]byte, 16+used%672)}
		for i := range a.payload {
			a.payload[i] = byte(used + i)
		}
		if len(nodes) > 0 {
			a.next = nodes[len(nodes)-1]
			a.other = nodes[used%len(nodes)]
		}
		a.name = fmt.Sprint("node ", len(nodes))
		nodes = append(nodes, a)
		used += 80 + len(a.payload) + 16
		if len(nodes)%64 == 0 {
			t := new(table)
			for i := range t.nodes {
				t.nodes[i] = nodes[len(nodes)-1-i]
			}
			tables = append(tables, t)
			used += 832
		}
	}
}

func wait(c chan int, depth int) int {
	if depth > 0 {
		return wait(c, depth-1) + 1
	}
	return <-c
}

func dump(name string) {
	f, err := os.Create(name)
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Now()
	debug.WriteHeapDump(f.Fd())
	fmt.Println("dumped", time.Since(start).Seconds())
	f.Close()
}

func main() {
	size := flag.Int("mib", 1024, "size of the heap in MiB")
	goroutines := flag.Int("goroutines", 10000, "goroutines that wait")
	flag.Parse()
	c := make(chan int)
	for i := 0; i < *goroutines; i++ {
		go wait(c, i%20)
	}
	grow(*size << 20)
	runtime.GC()
	runtime.GC()
	debug.SetGCPercent(-1)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	go probe()
	fmt.Println("ready", os.Getpid(), m.HeapObjects, m.HeapAlloc)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var name string
		switch n, _ := fmt.Sscanf(in.Text(), "dump %s", &name); {
		case n == 1:
			dump(name)
		case in.Text() == "fork":
			bareFork()
		case in.Text() == "gap":
			tellGap()
		case in.Text() == "work":
			go work()
		}
	}
}
