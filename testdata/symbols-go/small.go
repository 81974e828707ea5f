package main

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

func main() { println(total([]shape{{1, 2}, {3, 4}})) }
