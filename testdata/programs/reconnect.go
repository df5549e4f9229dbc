package main

import (
	"time"
)

// LEAK: readPump writePump
// HEALTHY: keeper
// Each reconnect starts new pumps; the old ones stay.
type session struct{ in, out chan int }
//go:noinline
func readPump(s *session, deliver chan int) {
	for v := range s.in {
		select {
		case deliver <- v:
		default:
		}
	}
}
//go:noinline
func writePump(s *session) {
	for {
		select {
		case v, ok := <-s.out:
			if !ok {
				return
			}
			_ = v
		case <-time.After(80 * time.Millisecond):
			if s.in == nil {
				return
			}
			<-s.out // waits for the pong
		}
	}
}
//go:noinline
func keeper() {
	deliver := make(chan int, 100)
	for {
		s := &session{make(chan int), make(chan int)}
		go readPump(s, deliver)
		go writePump(s)
		for i := 0; i < 6; i++ {
			time.Sleep(20 * time.Millisecond)
			s.in <- i
			s.out <- i
		}
		time.Sleep(300 * time.Millisecond) // link lost: reconnect
	}
}
func main() { go keeper(); untilSignal() }
