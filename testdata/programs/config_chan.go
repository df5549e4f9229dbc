package main

import (
	"os"
	"time"
)

// HEALTHY: configWatcher poller
//go:noinline
func configWatcher(updates chan string) {
	for u := range updates {
		_ = u
	}
}
//go:noinline
func poller(updates chan string) {
	last := ""
	for {
		time.Sleep(100 * time.Millisecond)
		if now := os.Getenv("NOT_SET"); now != last {
			last = now
			updates <- now
		}
	}
}
func main() {
	updates := make(chan string)
	go configWatcher(updates)
	go poller(updates)
	untilSignal()
}
