package main

import (
	"time"
)

// LEAK: tickWorker
// HEALTHY: supervisor
// Supervisor restarts a component by making a new one; the old one's ticker is stopped, its quit forgotten.
type comp struct {
	t    *time.Ticker
	quit chan struct{}
}
//go:noinline
func tickWorker(c *comp) {
	for {
		select {
		case <-c.t.C:
		case <-c.quit:
			return
		}
	}
}
//go:noinline
func supervisor() {
	for {
		c := &comp{time.NewTicker(30 * time.Millisecond), make(chan struct{})}
		go tickWorker(c)
		time.Sleep(350 * time.Millisecond)
		c.t.Stop()
	}
}
func main() { go supervisor(); untilSignal() }
