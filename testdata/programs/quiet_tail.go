package main

import (
	"time"
)

// HEALTHY: worker logDrain statsLoop watchdog
//go:noinline
func worker(jobs chan int, logc chan string) {
	for range jobs {
		time.Sleep(time.Millisecond)
		logc <- "x"
	}
}
//go:noinline
func logDrain(logc chan string) {
	for range logc {
	}
}
//go:noinline
func statsLoop(ask chan chan int) {
	for r := range ask {
		r <- 1
	}
}
//go:noinline
func watchdog(alarm chan int) {
	for range alarm {
	}
}
var jobs = make(chan int)
var ask = make(chan chan int)
func main() {
	logc := make(chan string, 4)
	alarm := make(chan int)
	for i := 0; i < 4; i++ {
		go worker(jobs, logc)
	}
	go logDrain(logc)
	go statsLoop(ask)
	go watchdog(alarm)
	for i := 0; i < 80; i++ {
		time.Sleep(12 * time.Millisecond)
		jobs <- i
	}
	r := make(chan int)
	ask <- r
	<-r
	untilSignal()
	jobs <- 1
	ask <- r
	alarm <- 1
}
