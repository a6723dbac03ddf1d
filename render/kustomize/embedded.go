package kustomize

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// An embedded text is YAML in a scalar of another YAML file: an inline patch.
type embedded struct {
	span    lint.Span // of the scalar, in the file
	offsets []int     // of each byte of the text, in the file; nil where they are not known
}

func embed(e entry) *embedded {
	in := &embedded{span: e.span()}
	if !in.span.IsValid() {
		return in
	}
	in.offsets = lint.TextOffsets(in.span, e.node)
	return in
}

// outer returns where a span of the text is in the file; that of the whole
// scalar, and false, where this is not known.
func (in *embedded) outer(s lint.Span) (lint.Span, bool) {
	if in.offsets == nil || s.End.Offset >= len(in.offsets) {
		return in.span, false
	}
	return in.span.Start.Source.Span(in.offsets[s.Start.Offset], in.offsets[s.End.Offset]), true
}

// authored returns the file in which a node of a segment stands, and a copy of the
// node with the lines of that file.
func (g *segment) authored(n *yaml.Node) (*lint.Source, *yaml.Node) {
	c := clone(n)
	src := g.src
	if g.inside != nil {
		src = g.inside.span.Start.Source
	}
	var move func(n *yaml.Node)
	move = func(n *yaml.Node) {
		n.Line += g.first - g.base - 1
		if g.inside != nil {
			start := g.src.At(n.Line, n.Column)
			span, _ := g.inside.outer(lint.Span{Start: start, End: start})
			n.Line, n.Column = span.Start.Line, span.Start.Column
		}
		for _, x := range n.Content {
			move(x)
		}
	}
	move(c)
	return src, c
}
