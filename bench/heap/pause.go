// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// The longest time, in nanoseconds, that a thread which does nothing but look
// at the clock has missed; and how much work was done.
var longest, turns atomic.Int64

// probe runs until the program ends.
func probe() {
	runtime.LockOSThread()
	pause := syscall.Timespec{Nsec: 100_000}
	for last := time.Now(); ; {
		syscall.Nanosleep(&pause, nil)
		now := time.Now()
		if gap := int64(now.Sub(last)) - pause.Nsec; gap > longest.Load() {
			longest.Store(gap)
		}
		last = now
	}
}

// tellGap says how long the longest gap was since the last time, in seconds,
// and how many turns of work there were.
func tellGap() {
	fmt.Println("gap", time.Duration(longest.Swap(0)).Seconds(), turns.Swap(0))
}

// work changes objects all over the heap, and makes new ones, until the program
// ends.
func work() {
	for i := 0; ; i++ {
		n := nodes[uint64(i)*2654435761%uint64(len(nodes))]
		n.number[i%4]++
		n.payload = append([]byte(nil), n.payload...)
		turns.Add(1)
		if i%64 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// bareFork makes a child that exits at once, and says how long the call took:
// no snapshot by fork can be shorter.
func bareFork() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	took := time.Since(start)
	if errno != 0 {
		fmt.Println(errno)
		return
	}
	syscall.Wait4(int(pid), nil, 0, nil)
	fmt.Println("forked", took.Seconds())
}
