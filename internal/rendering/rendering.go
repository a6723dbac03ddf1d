// Package rendering writes rendered objects as YAML for people: each value with the file and
// line that it comes from, and nothing of what is secret.
package rendering

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// YAML returns the objects of bundles as documents. masks are those of a report on them.
func YAML(bundles []*lint.Bundle, masks lint.Masks) string {
	var out strings.Builder
	for _, b := range bundles {
		for _, r := range b.Resources {
			if b.Unselected[r] {
				continue
			}
			out.WriteString(Object(b, r, masks))
		}
	}
	return out.String()
}

// Object returns one object as a document.
func Object(b *lint.Bundle, r *lint.Resource, masks lint.Masks) string {
	var body bytes.Buffer
	enc := yaml.NewEncoder(&body)
	w := writer{masks}
	if err := enc.Encode(w.node(r.Root)); err != nil {
		return fmt.Sprintf("---\n# %s cannot be written: %s\n", report.Escape(r.String()), report.Escape(err.Error()))
	}
	_ = enc.Close() // a buffer
	return fmt.Sprintf("---\n# %s\n%s", report.Escape(report.Rendering(b.Rendering)), body.String())
}

// Secret reports whether a node is of the data of a Secret, which is not shown whatever it is.
func Secret(n *lint.Node) bool {
	r, path := n.Resource(), n.Path()
	return r != nil && r.Kind == "Secret" && (strings.HasPrefix(path, "data") || strings.HasPrefix(path, "stringData"))
}

type writer struct{ masks lint.Masks }

// node makes a YAML node of a node and what is in it.
func (w writer) node(n *lint.Node) *yaml.Node {
	switch {
	case n.IsMapping():
		m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, field := range n.Fields() {
			key := *field.Key()
			m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: key.Tag, Value: w.masks.Redact(key.Value), Style: key.Style}, w.node(field))
		}
		if len(m.Content) == 0 {
			m.Style, m.LineComment = yaml.FlowStyle, comment(n)
		}
		return m
	case n.IsSequence():
		s := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range n.Items() {
			s.Content = append(s.Content, w.node(item))
		}
		if len(s.Content) == 0 {
			s.Style, s.LineComment = yaml.FlowStyle, comment(n)
		}
		return s
	}
	y := n.YAML()
	if y == nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: y.Tag, Value: w.masks.Redact(y.Value), Style: y.Style &^ yaml.FoldedStyle, LineComment: comment(n)}
	if Secret(n) {
		value.Value = lint.Mask
	}
	if value.Value != y.Value {
		value.Tag, value.Style = "!!str", 0
	}
	return value
}

// comment names the place of a node.
func comment(n *lint.Node) string {
	place := n.Locate()
	if !place.Span.IsValid() {
		return ""
	}
	return fmt.Sprintf("# %s:%d", report.Escape(place.Span.Path()), place.Span.Start.Line)
}
