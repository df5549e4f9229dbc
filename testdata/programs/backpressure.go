package main

import (
	"time"
)

// HEALTHY: producer slowConsumer
//go:noinline
func producer(c chan int) {
	for i := 0; ; i++ {
		c <- i
	}
}
//go:noinline
func slowConsumer(c chan int) {
	for v := range c {
		time.Sleep(40 * time.Millisecond)
		if v == 40 {
			time.Sleep(8 * time.Second) // one big item
		}
	}
}
func main() {
	c := make(chan int, 2)
	go producer(c)
	go slowConsumer(c)
	untilSignal()
}
