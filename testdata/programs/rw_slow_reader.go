package main

import (
	"sync"
	"time"
)

// HEALTHY: longReader writer reader front
var mu sync.RWMutex
//go:noinline
func longReader() {
	for {
		time.Sleep(700 * time.Millisecond)
		mu.RLock()
		time.Sleep(6 * time.Second) // backup
		mu.RUnlock()
	}
}
//go:noinline
func writer() {
	for {
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		mu.Unlock()
	}
}
//go:noinline
func reader() { mu.RLock(); mu.RUnlock() }
//go:noinline
func front() {
	for {
		time.Sleep(60 * time.Millisecond)
		go reader()
	}
}
func main() { go longReader(); go writer(); go front(); untilSignal() }
