package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"
)

var sink [][]byte

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func spin(until time.Time) {
	for time.Now().Before(until) {
		fib(20)
	}
}

func keep() {
	for i := 0; i < 400; i++ {
		sink = append(sink, make([]byte, 64<<10))
	}
}

func main() {
	dir := os.Args[1]
	f, _ := os.Create(dir + "/go-cpu.pb.gz")
	pprof.StartCPUProfile(f)
	var group sync.WaitGroup
	for i := 0; i < 2; i++ {
		group.Add(1)
		go pprof.Do(context.Background(), pprof.Labels("worker", strconv.Itoa(i), "shard", "a;b"), func(context.Context) {
			defer group.Done()
			spin(time.Now().Add(700 * time.Millisecond))
		})
	}
	group.Wait()
	pprof.StopCPUProfile()
	f.Close()
	keep()
	runtime.GC()
	for _, name := range []string{"heap", "goroutine"} {
		f, _ := os.Create(dir + "/go-" + name + ".pb.gz")
		pprof.Lookup(name).WriteTo(f, 0)
		f.Close()
	}
}
