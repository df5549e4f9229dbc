// timers - who waits for a timer, and who does not. Of four functions it starts three goroutines each, by
// starters that end: no sibling's deeds speak for another.
//
//	onTimer    receives from time.After: in an hour
//	onTicker   selects, with a ticker of an hour as one of four cases
//	stopped    selects, with a timer that was stopped: leaks
//	forgotten  receives from a channel that nobody knows: leaks
package main

import "time"

func onTimer() { <-time.After(time.Hour) }

func onTicker() {
	var cases [3]chan int
	for i := range cases {
		cases[i] = make(chan int)
	}
	ticker := time.NewTicker(time.Hour)
	select {
	case <-cases[0]:
	case <-cases[1]:
	case cases[2] <- 1:
	case <-ticker.C:
	}
}

func stopped() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	select {
	case <-make(chan int):
	case <-timer.C:
	}
}

func forgotten() { <-make(chan int) }

func main() {
	for i := 0; i < 3; i++ {
		for _, function := range []func(){onTimer, onTicker, stopped, forgotten} {
			started := make(chan bool)
			go func(function func()) {
				go function()
				started <- true
			}(function)
			<-started
			time.Sleep(20 * time.Millisecond)
		}
	}
	time.Sleep(300 * time.Millisecond)
}
