// locks - small programs around locks, one of which its argument names.
//
//	abba      two goroutines wait for each other's lock: both leak
//	behind    the same, and three queue at one of the two locks: five leak
//	self      one locks what it has locked: it leaks
//	ended     one ends with a lock that two wait for: they leak
//	lives     one goes on sleeping and never unlocks what another waits for: that one leaks
//	stuck     one waits with a lock for what nobody sends, another for the lock: both leak
//	sleeper   one sleeps with a lock that another waits for: nothing leaks
//	healthy   many locks, readers, writers, tries and a condition: nothing leaks
//	rwreader  one reads twice, and a writer waits in between: both leak
//	rwended   two end as readers; a writer waits for them, and a reader for the writer: both leak
//	group     one waits in a WaitGroup, with a lock, for a sleeper: nothing leaks
//	handover  one unlocks what another has locked; then as sleeper: nothing leaks
//
// Builds with Go 1.19; with -gcflags=all=-l for recordings of its locks.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

//go:noinline
func hold(mu *sync.Mutex) { mu.Lock() }

// Two goroutines take two locks, each the other's first.
func abba() {
	a, b := new(sync.Mutex), new(sync.Mutex)
	step := make(chan bool, 2)
	both := make(chan bool)
	go func() { a.Lock(); step <- true; <-both; b.Lock(); fmt.Println("never") }()
	go func() { b.Lock(); step <- true; <-both; a.Lock(); fmt.Println("never") }()
	<-step
	<-step
	close(both)
}

// One that queues behind a deadlock.
func abbaBehind() {
	a, b := new(sync.Mutex), new(sync.Mutex)
	step := make(chan bool, 2)
	both := make(chan bool)
	go func() { a.Lock(); step <- true; <-both; b.Lock(); fmt.Println("never") }()
	go func() { b.Lock(); step <- true; <-both; a.Lock(); fmt.Println("never") }()
	<-step
	<-step
	for i := 0; i < 3; i++ {
		go func() { a.Lock(); fmt.Println("never") }()
	}
	close(both)
}

// A goroutine locks what it has locked.
func self() {
	go func() {
		var mu sync.Mutex
		mu.Lock()
		mu.Lock()
	}()
}

// It ends without unlocking.
func ended() {
	mu := new(sync.Mutex)
	done := make(chan bool)
	go func() { hold(mu); close(done) }()
	<-done
	for i := 0; i < 2; i++ {
		go func() { mu.Lock(); mu.Unlock() }()
	}
}

// It goes on without unlocking.
func lives() {
	mu := new(sync.Mutex)
	done := make(chan bool)
	go func() {
		hold(mu)
		close(done)
		for {
			time.Sleep(time.Millisecond)
		}
	}()
	<-done
	go func() { mu.Lock(); mu.Unlock() }()
}

// It waits for what never comes, with the lock.
func stuck() {
	mu := new(sync.Mutex)
	done := make(chan bool)
	c := make(chan int)
	go func() { mu.Lock(); close(done); <-c; mu.Unlock() }()
	<-done
	go func() { mu.Lock(); mu.Unlock() }()
}

// It sleeps with the lock, and gives it back.
func sleeper() {
	mu := new(sync.Mutex)
	done := make(chan bool)
	go func() { mu.Lock(); close(done); time.Sleep(time.Hour); mu.Unlock() }()
	<-done
	go func() { mu.Lock(); mu.Unlock() }()
}

// Many, and none is forgotten.
func healthy() {
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	n := 0
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < 50; k++ {
				mu.Lock()
				n++
				if k%10 == 0 {
					runtime.Gosched()
				}
				mu.Unlock()
				if mu.TryLock() {
					mu.Unlock()
				}
				rw.RLock()
				_ = n
				rw.RUnlock()
				if k%8 == 0 {
					rw.Lock()
					n++
					rw.Unlock()
				}
			}
		}()
	}
	c := sync.NewCond(&mu)
	ready := false
	wg.Add(1)
	go func() {
		defer wg.Done()
		mu.Lock()
		for !ready {
			c.Wait()
		}
		mu.Unlock()
	}()
	time.Sleep(5 * time.Millisecond)
	mu.Lock()
	ready = true
	c.Broadcast()
	mu.Unlock()
	wg.Wait()
}

// A reader that reads again while a writer waits for it.
func rwreader() {
	rw := new(sync.RWMutex)
	read, wants := make(chan bool), make(chan bool)
	go func() {
		rw.RLock()
		close(read)
		<-wants
		time.Sleep(10 * time.Millisecond)
		rw.RLock()
		fmt.Println("never")
	}()
	<-read
	go func() { close(wants); rw.Lock(); rw.Unlock() }()
}

// A writer waits for readers, of which one has ended.
func rwended() {
	rw := new(sync.RWMutex)
	done := make(chan bool)
	for i := 0; i < 2; i++ {
		go func() { rw.RLock(); done <- true }()
	}
	<-done
	<-done
	go func() { rw.Lock(); rw.Unlock() }()
	time.Sleep(5 * time.Millisecond)
	go func() { rw.RLock(); rw.RUnlock() }()
}

// One that waits in a WaitGroup holds what another wants, and both go on when it is done.
func group() {
	mu := new(sync.Mutex)
	var wg sync.WaitGroup
	wg.Add(1)
	done := make(chan bool)
	go func() { mu.Lock(); close(done); wg.Wait(); mu.Unlock() }()
	<-done
	go func() { mu.Lock(); mu.Unlock() }()
	go func() { time.Sleep(time.Hour); wg.Done() }()
}

// A lock that another one gives back, as Go allows.
func handover() {
	mu := new(sync.Mutex)
	mu.Lock()
	go func() { time.Sleep(5 * time.Millisecond); mu.Unlock() }()
	mu.Lock()
	mu.Unlock()
	go func() { mu.Lock(); time.Sleep(time.Hour) }()
	time.Sleep(5 * time.Millisecond)
	go func() { mu.Lock(); mu.Unlock() }()
}

func main() {
	cases := map[string]func(){"abba": abba, "behind": abbaBehind, "self": self, "ended": ended, "lives": lives,
		"stuck": stuck, "sleeper": sleeper, "healthy": healthy, "rwreader": rwreader, "rwended": rwended,
		"group": group, "handover": handover}
	cases[os.Args[1]]()
	time.Sleep(150 * time.Millisecond)
}
