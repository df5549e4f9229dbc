package main

import (
	"sync"
	"time"
)

// LEAK: subscriber
// HEALTHY: publisher churn
type broker struct {
	mu   sync.Mutex
	subs map[int]chan int
}
//go:noinline
func subscriber(c chan int) {
	for range c {
	}
}
//go:noinline
func publisher(b *broker) {
	for i := 0; ; i++ {
		time.Sleep(70 * time.Millisecond)
		b.mu.Lock()
		for _, c := range b.subs {
			c <- i
		}
		b.mu.Unlock()
	}
}
//go:noinline
func churn(b *broker) {
	for i := 0; ; i++ {
		c := make(chan int, 1)
		b.mu.Lock()
		b.subs[i] = c
		delete(b.subs, i-4) // browser tab closed; channel not closed
		b.mu.Unlock()
		go subscriber(c)
		time.Sleep(350 * time.Millisecond)
	}
}
func main() {
	b := &broker{subs: map[int]chan int{}}
	go publisher(b)
	go churn(b)
	untilSignal()
}
