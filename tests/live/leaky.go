// leaky - three goroutines send to a channel that nobody receives from.
//
//	leaky DUMP    writes all goroutines' stacks to the file DUMP before it ends
//
// The program of the article, and what it leaves behind. Builds with Go 1.19.
package main

import (
	"fmt"
	"os"
	"runtime"
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

func main() {
	Gather(
		func() int { return 11 },
		func() int { return 22 },
		func() int { return 33 },
	)
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
