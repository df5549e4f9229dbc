package main

// Harness: starts a Go execution trace in init (before main.main), and from a
// timer's own goroutine stops it, writes a leak dump, and exits. Nothing of it
// is started by the program's own code, nor lives while the program runs.

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"syscall"
	"time"
)

var out = os.Getenv("RUN_OUT")

func init() {
	secs, _ := strconv.ParseFloat(os.Getenv("RUN_SECS"), 64)
	if secs == 0 {
		secs = 5
	}
	var f *os.File
	begin := func() {
		if err := trace.Start(f); err != nil {
			panic(err)
		}
	}
	if out != "" {
		f, _ = os.Create(out + "/trace.out")
		if at, _ := strconv.ParseFloat(os.Getenv("RUN_TRACE_AT"), 64); at > 0 {
			time.AfterFunc(time.Duration(at*float64(time.Second)), begin) // a trace that starts late
		} else {
			begin()
		}
	}
	time.AfterFunc(time.Duration(secs*float64(time.Second)), func() { harnessStop(f) })
}

func harnessStop(f *os.File) {
	if out == "" {
		os.Exit(0)
	}
	trace.Stop()
	f.Close()
	d, _ := os.Create(out + "/dump.txt")
	if p := pprof.Lookup("goroutineleak"); p != nil {
		p.WriteTo(d, 2)
	} else {
		pprof.Lookup("goroutine").WriteTo(d, 2)
	}
	d.Close()
	os.Exit(0)
}

// untilSignal is how main of a real service waits.
//
//go:noinline
func untilSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
}
