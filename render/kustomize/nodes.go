package kustomize

import (
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func field(n *yaml.Node, key string) (k, v *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], unalias(n.Content[i+1])
		}
	}
	return nil, nil
}

// fold is field for the fields of a kustomization, which encoding/json reads
// whatever their case.
func fold(n *yaml.Node, key string) *yaml.Node {
	if _, v := field(n, key); v != nil || n == nil || n.Kind != yaml.MappingNode {
		return v
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(n.Content[i].Value, key) {
			return unalias(n.Content[i+1])
		}
	}
	return nil
}

func unalias(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func get(n *yaml.Node, path ...string) *yaml.Node {
	for _, p := range path {
		_, n = field(n, p)
	}
	return n
}

// text returns the value of a scalar, or "".
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// lookup follows a path of keys and indexes.
func lookup(n *yaml.Node, path []string) *yaml.Node {
	for _, p := range path {
		switch {
		case n == nil:
			return nil
		case n.Kind == yaml.MappingNode:
			_, n = field(n, p)
		case n.Kind == yaml.SequenceNode:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(n.Content) {
				return nil
			}
			n = n.Content[i]
		default:
			return nil
		}
	}
	return n
}

// clone copies a tree, with what its aliases stand for. The nodes of a copy lie next to
// one another: they are made in two pieces, which live as long as one of them.
func clone(n *yaml.Node) *yaml.Node {
	if n = unalias(n); n == nil {
		return nil
	}
	count, links := 0, 0
	var measure func(n *yaml.Node)
	measure = func(n *yaml.Node) {
		count++
		links += len(n.Content)
		for _, x := range n.Content {
			measure(unalias(x))
		}
	}
	measure(n)
	nodes, content := make([]yaml.Node, count), make([]*yaml.Node, links)
	var put func(n *yaml.Node) *yaml.Node
	put = func(n *yaml.Node) *yaml.Node {
		c := &nodes[0]
		nodes = nodes[1:]
		*c = *n
		k := len(n.Content)
		if c.Content = nil; k > 0 {
			c.Content, content = content[:k:k], content[k:]
		}
		for i, x := range n.Content {
			c.Content[i] = put(unalias(x))
		}
		return c
	}
	return put(n)
}

// snapshot is clone for trees that are never changed: it shares with the one before what
// is the same there, and returns that one where all is.
func snapshot(before, n *yaml.Node) *yaml.Node {
	n = unalias(n)
	if before == nil {
		return clone(n)
	}
	var content []*yaml.Node // once something differs
	shared := len(before.Content) == len(n.Content)
	next := 0 // of before, where the content is expected that is the same
	for i, x := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && (next >= len(before.Content) || before.Content[next].Value != x.Value) {
			for j := 0; j < len(before.Content) && before.Kind == n.Kind; j += 2 {
				if before.Content[j].Value == x.Value {
					next = j
					break
				}
			}
		}
		var was, is *yaml.Node
		if next < len(before.Content) {
			was = before.Content[next]
		}
		next++
		is = snapshot(was, x)
		if shared = shared && i < len(before.Content) && is == before.Content[i]; !shared && content == nil {
			content = make([]*yaml.Node, i, len(n.Content))
			copy(content, before.Content)
		}
		if !shared {
			content = append(content, is)
		}
	}
	if shared && before.Kind == n.Kind && before.Style == n.Style && before.Tag == n.Tag && before.Value == n.Value && before.Anchor == n.Anchor && at(before) == at(n) &&
		before.HeadComment == n.HeadComment && before.LineComment == n.LineComment && before.FootComment == n.FootComment {
		return before
	}
	if content == nil && shared {
		content = before.Content
	}
	c := *n
	c.Content = content
	return &c
}

// same reports whether two trees are equal, places included.
func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Line != b.Line || a.Column != b.Column || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// equal reports whether two trees say the same, in whatever order and place.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(a.Content); i += 2 {
			_, v := field(b, a.Content[i].Value)
			if v == nil || !equal(a.Content[i+1], v) {
				return false
			}
		}
		return true
	}
	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// lost reports whether a value below n has no place.
func lost(n *yaml.Node) bool {
	if len(n.Content) == 0 {
		return !at(n).known()
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if lost(c) {
			return true
		}
	}
	return false
}

func kindOf(n *yaml.Node) string { return text(get(n, "kind")) }
func nameOf(n *yaml.Node) string { return text(get(n, "metadata", "name")) }
