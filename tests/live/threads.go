// threads - a program that starts a thread every few milliseconds, for a second, and goes on
// until it is killed.
//
//	threads
//
// Each runs one goroutine, which sleeps and wakes. Builds with Go 1.19.
package main

import (
	"runtime"
	"time"
)

func main() {
	for i := 0; i < 200; i++ {
		go func() {
			runtime.LockOSThread()
			for {
				time.Sleep(20 * time.Millisecond)
			}
		}()
		time.Sleep(4 * time.Millisecond)
	}
	select {}
}
