package kustomize

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A site is what a place of a build is in the author's files.
type site struct {
	span  lint.Span
	role  string
	by    entry
	prev  place          // what the value replaced
	via   []lint.Related // the entries that copied or lengthened it
	block bool           // the span holds the value among others
	chart *lint.Node
}

// locate resolves a place.
func (b *build) locate(p place) site {
	g := b.find(p.line)
	switch {
	case g == nil:
		return site{}
	case g.via.known():
		s := b.locate(g.over)
		if g.note == copied {
			s.prev = place{} // of the value where it stands, not of its copy
		}
		if span := b.locate(g.via).span; span.IsValid() {
			s.via = append(s.via, lint.Related{Role: "overlay", Message: g.note, Span: span})
		}
		return s
	case g.over.known():
		s := b.locate(g.over)
		s.prev = g.prev
		return s
	case g.span.IsValid():
		return site{span: g.span, role: g.role, by: g.by, block: g.role == rolePatch}
	case g.chart != nil:
		return site{role: g.role, by: g.by, chart: g.chart.at(p.line-g.base-1+g.first, p.col)}
	}
	s := site{role: g.role, by: g.by}
	line := g.first + p.line - g.base - 1
	if n := b.index(g.src)[place{line, p.col}]; n != nil {
		s.span = lint.NodeSpan(g.src, n)
	} else {
		s.span, s.block = g.src.LineSpan(line), true
	}
	if g.inside != nil {
		var exact bool
		s.span, exact = g.inside.outer(s.span)
		s.block = s.block || !exact
	}
	return s
}

// index returns the nodes of a text by line and column.
func (b *build) index(src *lint.Source) map[place]*yaml.Node {
	b.tree.mu.Lock()
	defer b.tree.mu.Unlock()
	if nodes, ok := b.nodes[src]; ok {
		return nodes
	}
	nodes := map[place]*yaml.Node{}
	var add func(n *yaml.Node)
	add = func(n *yaml.Node) {
		if at := at(n); nodes[at] == nil || nodes[at].Kind != yaml.ScalarNode {
			nodes[at] = n
		}
		for _, c := range n.Content {
			add(c)
		}
	}
	docs, _ := lint.ParseYAML(src)
	for _, d := range docs {
		add(d)
	}
	b.nodes[src] = nodes
	return nodes
}

// A locator answers for the objects of one build.
type locator struct{ b *build }

// Locate returns the line that wrote n last. A missing field is in the object
// that a base defines, at what should hold it, where one line fixes all overlays.
func (l locator) Locate(n *lint.Node) lint.Place {
	if !n.Exists() {
		return l.missing(n)
	}
	y := n.YAML()
	p, exact := at(y), true
	for m := n; !p.known() && m != nil; m = m.Parent() {
		exact = false
		if k := m.Key(); k != nil && at(k).known() {
			p = at(k)
		} else if m.Exists() {
			p = at(m.YAML())
		}
	}
	s := l.b.locate(p)
	if s.chart != nil {
		return l.inChart(s)
	}
	out := lint.Place{Span: s.span, Precision: lint.Exact}
	if !exact || s.block || l.b.coarse {
		out.Precision = lint.Block
	}
	if !s.span.IsValid() {
		return lint.Place{Span: l.b.root.src.LineSpan(1), Precision: lint.FileLevel}
	}
	if s.role == roleGenerator && s.by.node != nil {
		out.Origin = lint.FromFile
	}
	out.Related = l.related(s)
	return out
}

// Settings returns the values of a chart that a node was rendered with, or may be.
func (l locator) Settings(n *lint.Node) []lint.Setting {
	holder, fields := n, []string(nil)
	if !n.Exists() {
		holder, fields = n.Nearest(), n.Missing()
	}
	p := at(holder.YAML())
	if k := holder.Key(); !p.known() && k != nil {
		p = at(k)
	}
	chart := l.b.locate(p).chart
	if chart == nil {
		return nil
	}
	return chart.Get(fields...).Settings()
}

// missing places a field that is not there: in the patch that took it out, else
// in the base.
func (l locator) missing(n *lint.Node) lint.Place {
	if by, was := l.b.removal(n); by.known() {
		if s := l.b.locate(by); s.span.IsValid() {
			out := lint.Place{Span: s.span, Precision: lint.Block, Related: l.related(site{role: s.role, by: s.by, span: s.span})}
			if before := l.b.locate(at(was)); before.span.IsValid() {
				out.Related = append(out.Related, lint.Related{Role: "base", Message: "removes this from the base", Span: before.span})
			}
			return out
		}
	}
	anchor := lint.Anchor(n).YAML()
	p := at(anchor)
	for m := n.Nearest(); !p.known() && m != nil; m = m.Parent() {
		if k := m.Key(); k != nil && at(k).known() {
			p = at(k)
		} else {
			p = at(m.YAML())
		}
	}
	s := l.b.locate(p)
	// what should hold it may have been written as a whole, by a patch that repeats its name
	holder := l.b.locate(at(n.Nearest().YAML())).span
	for s.prev.known() && (!holder.IsValid() || holder.Start.Source != s.span.Start.Source) {
		s = l.b.locate(s.prev)
	}
	if s.chart != nil {
		place := l.inChart(s)
		place.Precision = lint.Block
		return place
	}
	if !s.span.IsValid() {
		return lint.Place{Span: l.b.root.src.LineSpan(1), Precision: lint.FileLevel}
	}
	return lint.Place{Span: s.span, Precision: lint.Block, Related: l.related(site{role: s.role, by: s.by, span: s.span})}
}

// inChart places a value that a chart rendered: where the chart's own locator says.
func (l locator) inChart(s site) lint.Place {
	out := s.chart.Locate()
	out.Related = append(append([]lint.Related(nil), out.Related...), l.related(s)...)
	return out
}

// related lists the entry that brought a file in and the values that were replaced.
func (l locator) related(s site) []lint.Related {
	var out []lint.Related
	if span := s.by.span(); span.IsValid() && s.role != roleEntry && s.role != roleResource && !covers(span, s.span) {
		message := "applied by this entry"
		if s.role == roleGenerator || s.role == roleHelm {
			message = "generated by this entry"
		}
		out = append(out, lint.Related{Role: "overlay", Message: message, Span: span})
	}
	out = append(append(out, s.by.k.related(s.by.node)...), s.via...)
	for prev := s.prev; prev.known(); {
		before := l.b.locate(prev)
		if before.chart != nil {
			before.span = before.chart.Locate().Span
		}
		if !before.span.IsValid() {
			break
		}
		role, message := "base", "replaces this value of the base"
		switch before.role {
		case rolePatch:
			role, message = "patch", "replaces this value of another patch"
		case roleEntry, rolePlugin:
			role, message = "overlay", "replaces what this entry set"
		case roleGenerator:
			message = "replaces this generated value"
			role = "generator"
		}
		out = append(out, lint.Related{Role: role, Message: message, Span: before.span})
		prev = before.prev
	}
	return out
}

func covers(outer, inner lint.Span) bool {
	return inner.IsValid() && outer.Start.Source == inner.Start.Source && outer.Start.Offset <= inner.Start.Offset && inner.End.Offset <= outer.End.Offset
}
