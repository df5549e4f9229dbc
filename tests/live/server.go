// server - an HTTP server and its client, which goes on until it is killed.
//
//	server
//
// Every request is a connection of its own and starts three goroutines, all of which
// end. Builds with Go 1.19.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

func handle(w http.ResponseWriter, r *http.Request) {
	var wait sync.WaitGroup
	for i := 0; i < 3; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(time.Millisecond)
		}()
	}
	wait.Wait()
	fmt.Fprintln(w, "done")
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(listener, http.HandlerFunc(handle))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if answer, err := client.Get("http://" + listener.Addr().String()); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
}
