package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

// HEALTHY: clientLoop hub acceptor dropWatch
type cl struct {
	ev   chan int
	gone chan struct{}
	c    net.Conn
}
//go:noinline
func clientLoop(x *cl) {
	for {
		select {
		case v := <-x.ev:
			fmt.Fprintln(x.c, v)
		case <-x.gone:
			return
		}
	}
}
//go:noinline
func dropWatch(x *cl) {
	var b [1]byte
	x.c.Read(b[:])
	close(x.gone)
}
//go:noinline
func hub(join chan *cl) {
	t := time.NewTicker(1800 * time.Millisecond)
	var all []*cl
	for {
		select {
		case x := <-join:
			all = append(all, x)
		case <-t.C:
			for _, x := range all {
				select {
				case x.ev <- 1:
				default:
				}
			}
		}
	}
}
//go:noinline
func acceptor(l net.Listener, join chan *cl) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		x := &cl{make(chan int, 4), make(chan struct{}), c}
		go clientLoop(x)
		go dropWatch(x)
		join <- x
	}
}
var keep []net.Conn
func main() {
	addr := fmt.Sprintf("/tmp/adv/sock.%d", os.Getpid())
	l, _ := net.Listen("unix", addr)
	join := make(chan *cl)
	go acceptor(l, join)
	go hub(join)
	for i := 0; i < 30; i++ {
		c, err := net.Dial("unix", addr)
		if err != nil {
			panic(err)
		}
		keep = append(keep, c)
		time.Sleep(130 * time.Millisecond)
	}
	os.Remove(addr)
	untilSignal()
}
