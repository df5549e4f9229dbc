package main

import (
	"sync"
	"time"
)

// LEAK: transferAB transferBA statement
// HEALTHY: auditor
type acct struct {
	mu sync.Mutex
	n  int
}
//go:noinline
func transferAB(a, b *acct) {
	for i := 0; ; i++ {
		time.Sleep(20 * time.Millisecond)
		a.mu.Lock()
		if i == 30 {
			time.Sleep(60 * time.Millisecond)
		}
		b.mu.Lock()
		b.n++
		b.mu.Unlock()
		a.mu.Unlock()
	}
}
//go:noinline
func transferBA(a, b *acct) {
	for i := 0; ; i++ {
		time.Sleep(20 * time.Millisecond)
		b.mu.Lock()
		if i == 30 {
			time.Sleep(60 * time.Millisecond)
		}
		a.mu.Lock()
		a.n++
		a.mu.Unlock()
		b.mu.Unlock()
	}
}
//go:noinline
func statement(a *acct) {
	a.mu.Lock()
	a.n++
	a.mu.Unlock()
}
//go:noinline
func auditor(a *acct) {
	for {
		time.Sleep(250 * time.Millisecond)
		go statement(a)
	}
}
func main() {
	a, b := &acct{}, &acct{}
	go transferAB(a, b)
	go transferBA(a, b)
	go auditor(a)
	untilSignal()
}
