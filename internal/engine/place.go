package engine

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// locate fills in where the finding stands and what it is about.
func (f *placed) locate() {
	f.Path = f.node.Path()
	if f.resource != nil {
		f.Object = f.resource.Object()
	}
	f.Field, f.Missing, f.Container = fieldOf(f.node, f.Path), strings.Join(f.node.Missing(), "."), lint.ContainerNameOf(f.node)
	place := f.node.Locate()
	if f.Literal != "" {
		place = placeOfLiteral(place, f.Literal, f.node.Value())
	}
	f.Span, f.Precision = place.Span, place.Precision
	if f.Line > 0 && place.Precision == lint.Exact {
		f.Span = lineOfBlock(place.Span, f.node, f.Line)
	}
	if f.Line > 0 && f.Literal != "" && f.Span.Start.Line < f.Span.End.Line {
		f.Span = lineOfText(f.Span, f.Literal)
	}
	if f.Whole {
		place.Related = slices.DeleteFunc(slices.Clone(place.Related), func(r lint.Related) bool { return r.Role != "guard" })
	}
	f.Related = slices.Concat(place.Related, f.Related)
}

// fieldOf returns the path of a node, which is that in its object, below its container
// or pod, whichever that is.
func fieldOf(n *lint.Node, path string) string {
	holder := lint.HolderOf(n)
	if holder == nil {
		return path
	}
	kind := "pod"
	if holder.Index() >= 0 {
		kind = "container"
	}
	if holder.Parent() == nil {
		return kind + path
	}
	return kind + n.PathBelow(holder)
}

// placeOfLiteral moves a place to where a text, or the whole value that holds it, is
// written, if the place itself only passes it on.
func placeOfLiteral(place lint.Place, literal, whole string) lint.Place {
	for _, text := range []string{literal, whole} {
		text = strings.TrimSpace(text)
		first, _, _ := strings.Cut(text, "\n")
		if first == "" {
			continue
		}
		if strings.Contains(place.Span.Text(), first) {
			return place
		}
		best := -1
		for i, r := range place.Related {
			if (r.Role == "value" || r.Role == "generator" || r.Role == "file") && strings.Contains(r.Span.Text(), first) &&
				(best < 0 || len(r.Span.Text()) < len(place.Related[best].Span.Text())) {
				best = i
			}
		}
		if best >= 0 {
			template := lint.Related{Role: "template", Message: "passed on here", Span: place.Span}
			related := append([]lint.Related{template}, place.Related[:best]...)
			return lint.Place{Span: place.Related[best].Span, Precision: lint.Exact, Origin: place.Origin, Related: append(related, place.Related[best+1:]...)}
		}
	}
	return place
}

// lineOfText returns the line of a span on which a text begins, the span where it
// does not hold the text.
func lineOfText(span lint.Span, text string) lint.Span {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	at := strings.Index(span.Text(), first)
	if first == "" || at < 0 {
		return span
	}
	src := span.Start.Source
	if n := src.Position(span.Start.Offset + at).Line; n > span.Start.Line {
		return src.LineSpan(n)
	}
	return span
}

// lineOfBlock returns line n of the text of a block scalar, whose span begins at
// its indicator; the span itself where the text was written in another way.
func lineOfBlock(span lint.Span, node *lint.Node, n int) lint.Span {
	text := span.Text()
	if n < 1 || !strings.HasPrefix(text, "|") {
		return span
	}
	src := span.Start.Source
	at := span.Start.Line + n
	if at > span.End.Line {
		return span
	}
	lines := strings.Split(node.Value(), "\n")
	if n > len(lines) || strings.TrimSpace(src.Line(at)) != strings.TrimSpace(lines[n-1]) {
		return span
	}
	return src.LineSpan(at)
}
