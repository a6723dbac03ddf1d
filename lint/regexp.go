package lint

import (
	"regexp"
	"sync"
)

// Regexp returns a function that compiles an expression at its first call and returns it
// from then on. An expression that is no valid one panics there: a test must call it. A
// program that prints its version needs none of the rules' expressions.
func Regexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
