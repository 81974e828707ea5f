// Burns CPU time in C functions that Go calls, below the C library's sort, and in Go.
package main

/*
#include <stdlib.h>

static volatile double sink;

__attribute__((noinline)) static int compare(const void *left, const void *right) {
	for (int i = 0; i < 200; i++)
		sink += i;
	return *(const int *)left - *(const int *)right;
}

__attribute__((noinline)) static void sorting(void) {
	int numbers[256];
	for (int i = 0; i < 256; i++)
		numbers[i] = (i * 7919) % 1009;
	qsort(numbers, 256, sizeof(int), compare);
}
*/
import "C"

var sink float64

//go:noinline
func inGo() {
	for i := 0; i < 1_000_000; i++ {
		sink += float64(i)
	}
}

//go:noinline
func inC() {
	C.sorting()
}

func main() {
	for {
		inC()
		inGo()
	}
}
