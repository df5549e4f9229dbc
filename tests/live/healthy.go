// healthy - the same as leaky with a receiver, and workers that end.
//
//	healthy DUMP    writes all goroutines' stacks to the file DUMP before it ends
//
// Builds with Go 1.19.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// Gather runs the given functions concurrently and collects the results.
func Gather(funcs ...func() int) <-chan int {
	out := make(chan int)
	for _, f := range funcs {
		f := f
		go func() {
			out <- f()
		}()
	}
	return out
}

// Work lets a few workers share jobs, and waits until all of them have ended.
func Work(workers, jobs int) {
	var wait sync.WaitGroup
	var lock sync.Mutex
	queue := make(chan int)
	done := 0
	for i := 0; i < workers; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range queue {
				lock.Lock()
				done++
				lock.Unlock()
			}
		}()
	}
	for i := 0; i < jobs; i++ {
		queue <- i
	}
	close(queue)
	wait.Wait()
	if done != jobs {
		panic("jobs were lost")
	}
}

func main() {
	out := Gather(
		func() int { return 11 },
		func() int { return 22 },
		func() int { return 33 },
	)
	total := 0
	for i := 0; i < 3; i++ {
		total += <-out
	}
	Work(4, 100)
	time.Sleep(50 * time.Millisecond)
	dump()
	// A recorder may look up names while the process is there, and not after.
	time.Sleep(200 * time.Millisecond)
}

// The truth of this run: goids differ from run to run.
func dump() {
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, true)]
	if err := os.WriteFile(os.Args[1], text, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
