package cli

import (
	"fmt"
	"io"
	"sync"
)

// progress shows how far a long run is, on a terminal's standard error alone.
type progress struct {
	mu    sync.Mutex
	w     io.Writer // nil: shows nothing
	shown bool
}

func newProgress(w io.Writer, wanted bool) *progress {
	if !wanted || !isTerminal(w) {
		return &progress{}
	}
	return &progress{w: w}
}

// step says that done of total units are rendered.
func (p *progress) step(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[Krendering %d/%d", done, total)
}

// done wipes the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
