package main

import (
	"context"
	"os/exec"
)

// HEALTHY: waitCmd os/exec.(*Cmd).watchCtx reapLoop
//go:noinline
func waitCmd(c *exec.Cmd, exited chan error) { exited <- c.Wait() }
//go:noinline
func reapLoop(exited chan error) {
	for range exited {
	}
}
func main() {
	ctx, cancel := context.WithCancel(context.Background())
	exited := make(chan error)
	for i := 0; i < 2; i++ {
		c := exec.CommandContext(ctx, "sleep", "8")
		if err := c.Start(); err != nil {
			panic(err)
		}
		go waitCmd(c, exited)
	}
	go reapLoop(exited)
	untilSignal()
	cancel()
}
