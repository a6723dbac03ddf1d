package lsp

import "github.com/manilint/manilint/lint"

// A Lens is what is said of a workload in one line.
type Lens struct {
	Span lint.Span
	Text string
}
