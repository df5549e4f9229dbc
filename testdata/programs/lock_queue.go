package main

import (
	"time"
)

// HEALTHY: shopper till
// Ticket lock by channels: each waits for the one before it.
//go:noinline
func shopper(prev, mine chan struct{}, i int) {
	<-prev
	time.Sleep(250 * time.Millisecond)
	close(mine)
}
//go:noinline
func till() {
	prev := make(chan struct{})
	close(prev)
	for i := 0; i < 40; i++ {
		mine := make(chan struct{})
		go shopper(prev, mine, i)
		prev = mine
		time.Sleep(60 * time.Millisecond)
	}
	<-prev
}
func main() { go till(); untilSignal() }
