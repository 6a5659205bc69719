// SPDX-License-Identifier: Apache-2.0

// Stacks has many goroutines at rest as a service has them: most of them wait
// in the midst of a request, some calls deep. Asked on standard input, it has
// its stacks told from inside, and says what that took.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type request struct {
	id   int
	path string
}

type service struct {
	mu     sync.Mutex
	events chan int
	done   chan struct{}
	sink   int
}

//go:noinline
func (s *service) handle(r request, depth int) int {
	var local [64]byte
	local[depth] = byte(r.id)
	if depth == 0 {
		return s.query(r) + int(local[r.id%64])
	}
	return s.handle(r, depth-1) + int(local[depth])
}

//go:noinline
func (s *service) query(r request) int {
	switch r.id % 4 {
	case 0:
		return <-s.events
	case 1:
		select {
		case n := <-s.events:
			return n
		case <-s.done:
			return 0
		case <-time.After(1000 * time.Hour):
			return 1
		}
	case 2:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sink++
	default:
		time.Sleep(1000 * time.Hour)
	}
	return s.sink
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	s := &service{events: make(chan int), done: make(chan struct{})}
	s.mu.Lock()
	for i := 0; i < n; i++ {
		go s.handle(request{i, "/path"}, 2+i%7)
	}
	time.Sleep(2 * time.Second)
	fmt.Println("ready", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f, err := os.Create(in.Text())
		if err != nil {
			panic(err)
		}
		wall, used := time.Now(), cpu()
		pprof.Lookup("goroutine").WriteTo(f, 2)
		fmt.Printf("told %.1f %.1f\n",
			float64(time.Since(wall))/1e6, float64(cpu()-used)/1e6)
		f.Close()
	}
}
