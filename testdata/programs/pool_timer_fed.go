package main

import (
	"time"
)

// HEALTHY: worker
//go:noinline
func worker(jobs chan int) {
	for range jobs {
	}
}
func main() {
	jobs := make(chan int, 4)
	for i := 0; i < 5; i++ {
		go worker(jobs)
	}
	var again func()
	again = func() {
		jobs <- 1
		time.AfterFunc(350*time.Millisecond, again)
	}
	time.AfterFunc(350*time.Millisecond, again)
	untilSignal()
}
