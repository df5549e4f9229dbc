package main

import (
	"time"
)

// HEALTHY: cronLoop jobRunner
type entry struct {
	next time.Time
	run  chan time.Time
}
type cron struct {
	add, remove chan *entry
	stop        chan struct{}
	entries     []*entry
}
//go:noinline
func cronLoop(c *cron) {
	for {
		next := time.Now().Add(time.Hour)
		for _, e := range c.entries {
			if e.next.Before(next) {
				next = e.next
			}
		}
		t := time.NewTimer(time.Until(next))
		select {
		case now := <-t.C:
			for _, e := range c.entries {
				if !e.next.After(now) {
					e.run <- now
					e.next = now.Add(time.Hour)
				}
			}
		case e := <-c.add:
			c.entries = append(c.entries, e)
		case <-c.remove:
		case <-c.stop:
			return
		}
	}
}
//go:noinline
func jobRunner(e *entry) {
	for range e.run {
		time.Sleep(2 * time.Millisecond)
	}
}
func main() {
	c := &cron{make(chan *entry), make(chan *entry), make(chan struct{}), nil}
	go cronLoop(c)
	for i := 0; i < 5; i++ {
		e := &entry{time.Now().Add(time.Duration(i*i*400) * time.Millisecond), make(chan time.Time)}
		go jobRunner(e)
		c.add <- e
	}
	untilSignal()
	close(c.stop)
}
