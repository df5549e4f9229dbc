package main

import (
	"time"
)

// HEALTHY: encode front
//go:noinline
func encode(sem chan struct{}, d time.Duration) {
	sem <- struct{}{}
	time.Sleep(d)
	<-sem
}
//go:noinline
func front(sem chan struct{}) {
	for i := 0; ; i++ {
		d := 20 * time.Millisecond
		if i > 25 {
			d = 10 * time.Second // big videos
		}
		go encode(sem, d)
		time.Sleep(50 * time.Millisecond)
	}
}
func main() { go front(make(chan struct{}, 4)); untilSignal() }
