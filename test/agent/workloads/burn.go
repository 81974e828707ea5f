// burn SECONDS NAME=SHARE...: as burn.c, in Go. `alpha` is main.alpha, `beta` main.spend called by main.beta; main.compute
// is inlined into both. `sorting` is the standard library's slices.Sort called by main.sorting.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const clockThreadCPUTime = 3

// Nanoseconds of CPU time of this thread; main is locked to it.
func cpuNs() uint64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	return uint64(now.Nano())
}

var sink uint64

// Some 0.1 ms. Inlined: a function that calls nothing has no frame of its own in Go, and its caller would be missed.
func compute() {
	value := uint64(88172645463325252)
	for i := 0; i < 60000; i++ {
		value ^= value << 13
		value ^= value >> 7
	}
	sink = value
}

func spend(untilNs uint64) {
	for cpuNs() < untilNs {
		compute()
	}
}

//go:noinline
func alpha(untilNs uint64) {
	for cpuNs() < untilNs {
		compute()
	}
}

//go:noinline
func beta(untilNs uint64) { spend(untilNs) }

var numbers = make([]int, 2000)

//go:noinline
func sorting(untilNs uint64) {
	for cpuNs() < untilNs {
		for i := range numbers {
			numbers[i] = (i * 7919) % 2003
		}
		slices.Sort(numbers)
	}
}

func main() {
	runtime.LockOSThread()
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		panic(err)
	}
	functions := map[string]func(uint64){"alpha": alpha, "beta": beta, "sorting": sorting}
	shares, spent := map[string]float64{}, map[string]uint64{}
	for _, argument := range os.Args[2:] {
		name, share, _ := strings.Cut(argument, "=")
		if shares[name], err = strconv.ParseFloat(share, 64); err != nil || functions[name] == nil {
			panic(argument)
		}
	}
	var ended atomic.Bool
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		<-asked
		ended.Store(true)
	}()

	fmt.Println("ready")
	end := time.Now().Add(time.Duration(seconds * 1e9))
	startNs, total := cpuNs(), uint64(0)
	for time.Now().Before(end) && !ended.Load() {
		next, furthest := "", 0.0
		for name, share := range shares {
			if behind := float64(total+1)*share - float64(spent[name])*100; next == "" || behind > furthest {
				next, furthest = name, behind
			}
		}
		beforeNs := cpuNs()
		functions[next](beforeNs + 200_000 + uint64(rand.Intn(1_400_000)))
		took := cpuNs() - beforeNs
		spent[next] += took
		total += took
	}
	account, _ := json.Marshal(map[string]any{"totalNs": cpuNs() - startNs, "spentNs": spent})
	fmt.Println(string(account))
}
