package cli

import (
	"fmt"
	"io"
	"sync"

	"github.com/mattn/go-runewidth"

	"github.com/manilint/manilint/lint/report"
)

// progress shows how far a long run is and what is at work, on a terminal's standard
// error alone.
type progress struct {
	mu          sync.Mutex
	w           io.Writer // nil: shows nothing
	width       int       // columns
	done, total int
	unit        string // that was begun last
	shown       bool
}

func newProgress(w io.Writer, wanted bool) *progress {
	if !wanted || !isTerminal(w) {
		return &progress{}
	}
	return &progress{w: w, width: width(w)}
}

// begin says that a unit is being rendered.
func (p *progress) begin(unit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unit = unit
	p.show()
}

// step says that done of total units are done.
func (p *progress) step(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
	p.show()
}

// show writes the line anew, cut to the terminal's width: one that wraps is not wiped.
func (p *progress) show() {
	if p.w == nil {
		return
	}
	line := "rendering"
	if p.total > 0 {
		line = fmt.Sprintf("rendered %d of %d", p.done, p.total)
	}
	if p.unit != "" {
		line += ", " + report.Escape(p.unit)
	}
	p.shown = true
	fmt.Fprint(p.w, "\r\x1b[K", runewidth.Truncate(line, max(p.width-1, 10), "…"))
}

// wipe takes the line away.
func (p *progress) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
