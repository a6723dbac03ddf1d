package helm

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// Settings returns the values that decide, or may decide, what a node is: of one that is
// there those that its text was made from; of one that is missing those of the block that
// should hold it, or of what the template left out.
func (l *locator) Settings(n *lint.Node) []lint.Setting {
	var paths [][]string
	add := func(fields []string) {
		if !slices.ContainsFunc(paths, func(p []string) bool { return slices.Equal(p, fields) }) {
			paths = append(paths, fields)
		}
	}
	if n.Exists() {
		from, to := l.bounds(n)
		if !n.IsScalar() && !n.IsNull() {
			to = min(to, from+1)
		}
		for _, g := range l.segments(from, to) {
			for _, path := range slices.Concat(g.O.Paths, g.O.Also) {
				add(trace.Split(path))
			}
			for w := g.Guard; w != nil; w = w.Next {
				for _, path := range w.Paths {
					add(trace.Split(path))
				}
			}
		}
	} else {
		holder, fields := n.Nearest(), n.Missing()
		if path, ok := l.blockPath(holder); ok {
			add(append(trace.Split(path), fields...))
		}
		for _, g := range l.gaps(holder, fields) {
			for _, path := range g.O.Paths {
				for i := 1; i <= len(fields); i++ {
					add(append(trace.Split(path), fields[i:]...))
				}
			}
		}
	}
	var all []lint.Setting
	const most = 12
	for _, path := range paths {
		for _, s := range l.out.values.settings(path, n.Exists()) {
			if len(all) < most {
				all = append(all, s)
			}
		}
	}
	return all
}

// blockPath returns the values path of a mapping that is a block of values as a whole.
func (l *locator) blockPath(holder *lint.Node) (string, bool) {
	if !holder.Exists() {
		return "", false
	}
	at, _ := l.bounds(holder)
	segs := l.segments(at, at+1)
	if len(segs) != 1 || len(segs[0].O.Paths) != 1 || segs[0].O.Kind != trace.FromValue && !holder.IsNull() {
		return "", false
	}
	fields := trace.Split(segs[0].O.Paths[0])
	if entries := holder.Entries(); len(entries) > 0 {
		first := entries[0].Name() // the value of the first key: the block is what holds it
		switch i := slices.Index(fields, first); {
		case fields[len(fields)-1] == first:
			fields = fields[:len(fields)-1]
		case i > 0:
			fields = fields[:i]
		}
	}
	return strings.Join(fields, "\x00"), len(fields) > 0
}

// gaps returns what the template did not write in a mapping that might have written the
// fields.
func (l *locator) gaps(holder *lint.Node, fields []string) []trace.Segment {
	m, ok := l.mapping(holder)
	if !ok || len(fields) == 0 {
		return nil
	}
	var all []trace.Segment
	for g := range l.gapsIn(m) {
		if adds, _ := m.with(l.x.Text, g, fields); adds {
			all = append(all, g)
		}
	}
	return all
}

// settings returns where the values have a path, or its nearest ancestor: of a value that
// is set where it is decided first; of one that is not, in the chart's own values before those
// of one variant. The last are those in which nothing is said of it yet.
func (s *valueStack) settings(path []string, set bool) []lint.Setting {
	type found struct {
		place   valuePlace
		missing []string
	}
	var all []found
	add := func(p valuePlace, missing []string) {
		known := slices.ContainsFunc(all, func(f found) bool { return f.place.layer == p.layer })
		if !known && !p.layer.vendored && p.layer.root != nil {
			all = append(all, found{p, missing})
		}
	}
	deciding := 0
	for n := len(path); n > 0; n-- {
		for _, p := range s.find(path[:n]) {
			add(p, path[n:])
		}
		if set && n == len(path) {
			deciding = len(all)
		}
	}
	rank := func(f found) int { return slices.Index(s.layers, f.place.layer) } // -1: the chart's own
	slices.SortStableFunc(all[deciding:], func(a, b found) int {
		if (rank(a) < 0) != (rank(b) < 0) {
			if rank(a) < 0 {
				return -1
			}
			return 1
		}
		return rank(b) - rank(a)
	})
	// Else at the root: what none of them has may be added to each.
	if own := s.chart.own; own != nil && own.root.IsMapping() {
		add(valuePlace{layer: own, node: own.root}, path)
	}
	for _, l := range s.layers {
		if l.root != nil && l.root.IsMapping() {
			add(valuePlace{layer: l, node: l.root}, path)
		}
	}
	var settings []lint.Setting
	for _, f := range all {
		setting := lint.Setting{Missing: f.missing}
		switch {
		case f.place.layer.located:
			setting.Span = f.place.node.Locate().Span
		case !f.place.node.IsNull() || !f.place.node.HasKey():
			setting.Span = f.place.node.Span(f.place.layer.src)
		default:
			setting.Span, setting.Key = f.place.node.KeyNode().Span(f.place.layer.src), true
		}
		if setting.Span.IsValid() {
			settings = append(settings, setting)
		}
	}
	for _, r := range s.rooms {
		if span := r.span(); span.IsValid() {
			settings = append(settings, lint.Setting{Span: span, Missing: slices.Concat(r.fields, path)})
		}
	}
	return settings
}
