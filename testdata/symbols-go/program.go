// Program whose symbol tables the tests compare: inlined calls three deep, closures, methods, sorting, and enough of the
// standard library to have thousands of functions. Builds with every Go from 1.16 on.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

type shape struct{ width, height int }

func square(x int) int { return x * x }

func norm(a, b int) int {
	return square(a) +
		square(b)
}

func (s shape) area() int { return s.width*s.height + norm(s.width, s.height) }

//go:noinline
func total(shapes []shape) int {
	sum := 0
	for _, s := range shapes {
		sum += s.area()
	}
	return sum
}

type byArea []shape

func (b byArea) Len() int           { return len(b) }
func (b byArea) Less(i, j int) bool { return b[i].area() < b[j].area() }
func (b byArea) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

func main() {
	var shapes []shape
	for i := 0; i < 10; i++ {
		shapes = append(shapes, shape{i, 10 - i})
	}
	sort.Sort(byArea(shapes))
	each := func(s shape) string { return strings.Repeat("x", s.area()%7) }
	text, err := json.Marshal(map[string]interface{}{"total": total(shapes), "first": each(shapes[0])})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Println(string(text))
}
