package lsp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/internal/rendering"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// A Lens is what is said of a workload in one line.
type Lens struct {
	Span lint.Span
	Text string
}

// A written is a field of a rendered object and the places that it comes from: first the one
// where it is written, then those that decide it.
type written struct {
	bundle *lint.Bundle
	node   *lint.Node
	places []lint.Related
}

// An index finds what is rendered from places of one file.
type index struct {
	path    string
	bundles []*lint.Bundle
	masks   lint.Masks
	spans   []indexed // by start
}

type indexed struct {
	span  lint.Span
	field *written
	first bool // the field is written there; else the place decides it
}

// indexes keep that of the file that was asked about last: an editor asks several things of
// one state of one file.
type indexes struct {
	mu    sync.Mutex
	state string
	last  *index
}

// index returns the index of a file, of the documents as they are.
func (f *directory) index(ctx context.Context, path string) (*index, error) {
	open := f.server.documents.snapshot()
	f.mu.Lock()
	state := fmt.Sprint(path, f.last)
	f.mu.Unlock()
	for _, at := range slices.Sorted(maps.Keys(open)) {
		state += fmt.Sprint("\x00", at, "\x00", open[at].version)
	}
	f.indexes.mu.Lock()
	defer f.indexes.mu.Unlock()
	if f.indexes.state == state {
		return f.indexes.last, nil
	}
	t := f.tree(open)
	bundles, err := f.session.Render(ctx, t, []string{path})
	if err != nil {
		return nil, err
	}
	r, err := f.session.Lint(ctx, t, []string{path}, f.changes()) // what is secret in these very documents
	if err != nil {
		return nil, err
	}
	x := &index{path: path, bundles: bundles, masks: r.Report.Masks}
	for _, b := range bundles {
		for _, r := range b.Resources {
			r.Root.Walk(func(n *lint.Node) bool {
				if ctx.Err() != nil {
					return false
				}
				x.add(b, n)
				return true
			})
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(x.spans, func(a, b indexed) int { return a.span.Start.Offset - b.span.Start.Offset })
	f.indexes.state, f.indexes.last = state, x
	return x, nil
}

// add adds a node that is a value by itself: what a mapping or a list is made of says more
// than it does.
func (x *index) add(b *lint.Bundle, n *lint.Node) {
	if !n.IsScalar() && (len(n.Fields()) > 0 || len(n.Items()) > 0) {
		return
	}
	place := n.Locate()
	if !place.Span.IsValid() {
		return
	}
	w := &written{bundle: b, node: n, places: []lint.Related{{Span: place.Span}}}
	for _, r := range place.Related {
		if r.Span.IsValid() && slices.Contains(decides, r.Role) {
			w.places = append(w.places, r)
		}
	}
	for i, p := range w.places {
		if p.Span.Start.Source.File == x.path {
			x.spans = append(x.spans, indexed{p.Span, w, i == 0})
		}
	}
}

// at returns the fields that a position of the file has to do with: those with the
// narrowest place around it, else those of its line.
func (x *index) at(src *lint.Source, offset int) []indexed {
	var around, line []indexed
	width := len(src.Data) + 1
	number := src.Position(offset).Line
	for _, s := range x.spans {
		if s.span.Start.Line == number && s.span.End.Line == number {
			line = append(line, s)
		}
		if offset < s.span.Start.Offset || offset > s.span.End.Offset {
			continue
		}
		switch w := s.span.End.Offset - s.span.Start.Offset; {
		case w < width:
			width, around = w, []indexed{s}
		case w == width:
			around = append(around, s)
		}
	}
	if len(around) > 0 {
		return around
	}
	return line
}

// value is what the field renders to, as it may be shown.
func (w *written) value(masks lint.Masks) string {
	if rendering.Secret(w.node) {
		return lint.Mask
	}
	text := w.node.Value()
	switch {
	case w.node.IsMapping():
		return "{}"
	case w.node.IsSequence():
		return "[]"
	}
	const long = 200
	text = masks.Redact(text)
	if cut := []rune(text); len(cut) > long {
		text = string(cut[:long]) + "…"
	}
	return report.Escape(strings.ReplaceAll(text, "\n", "↵"))
}
