package main

import (
	"context"
	"time"
)

// HEALTHY: serveReq context.(*cancelCtx).propagateCancel.func2
type myCtx struct {
	context.Context
	done chan struct{}
}
//go:noinline
func (m *myCtx) Done() <-chan struct{}       { return m.done }
//go:noinline
func (m *myCtx) Value(any) any               { return nil }
//go:noinline
func (m *myCtx) Err() error                  { return nil }
//go:noinline
func serveReq(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	time.Sleep(20 * time.Second)
	_ = ctx
}
func main() {
	root := &myCtx{context.Background(), make(chan struct{})}
	for i := 0; i < 4; i++ {
		ctx, cancel := context.WithCancel(root)
		go serveReq(ctx, cancel)
		time.Sleep(100 * time.Millisecond)
	}
	untilSignal()
	close(root.done)
}
