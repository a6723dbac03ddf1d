package fix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/lint"
)

// mergePatch returns the tree of a strategic merge patch that makes an edit of a node; nil
// where there can be none. What is null in it is taken out, and lists of scalars are replaced.
func mergePatch(n *lint.Node, kind edit.Kind, value *yaml.Node) *yaml.Node {
	null := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	items := func(list *lint.Node, without int) []*yaml.Node {
		var all []*yaml.Node
		for i, item := range list.Items() {
			if i != without {
				all = append(all, item.YAML())
			}
		}
		return all
	}
	switch {
	case kind == edit.Add:
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: append(items(n, -1), value)}
	case kind == edit.Remove && n.Index() < 0:
		value = null
	case kind == edit.Remove && n.IsScalar():
		list := n.Parent()
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: items(list, n.Index())}
		if n = list; len(value.Content) == 0 {
			value = null
		}
	case kind == edit.Remove:
		return nil
	}
	return patchTree(n, value)
}

// operations returns those of a JSON patch that make an edit of a node. An item that is on the
// way has to be the one that it is now, else the patch fails.
// https://datatracker.ietf.org/doc/html/rfc6902
func operations(n *lint.Node, kind edit.Kind, value *yaml.Node) []*yaml.Node {
	var tests, ops []*yaml.Node
	operation := func(op, path string, value *yaml.Node) *yaml.Node {
		m := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{valueNode("op"), valueNode(op), valueNode("path"), valueNode(path)}}
		if value != nil {
			m.Content = append(m.Content, valueNode("value"), value)
		}
		return m
	}
	for at := n.Nearest(); at.Parent() != nil; at = at.Parent() {
		switch name := at.Get("name"); {
		case at.Index() < 0:
		case name.IsScalar():
			tests = append(tests, operation("test", pointer(name), name.YAML()))
		case at.IsScalar():
			tests = append(tests, operation("test", pointer(at), at.YAML()))
		default: // nothing tells it from others
			return nil
		}
	}
	var set func(n *lint.Node, value *yaml.Node)
	set = func(n *lint.Node, value *yaml.Node) {
		if !n.Exists() {
			fields := n.Missing()
			for _, field := range slices.Backward(fields[1:]) {
				value = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{valueNode(field), value}}
			}
			ops = append(ops, operation("add", pointer(n.Nearest())+"/"+escaped(fields[0]), value))
			return
		}
		if !n.IsMapping() || value.Kind != yaml.MappingNode {
			ops = append(ops, operation("replace", pointer(n), value))
			return
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			set(n.Get(value.Content[i].Value), value.Content[i+1])
		}
	}
	switch {
	case kind == edit.Add && n.IsSequence():
		ops = append(ops, operation("add", pointer(n)+"/-", value))
	case kind == edit.Add:
		set(n, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{value}})
	case kind == edit.Remove && n.Exists():
		ops = append(ops, operation("remove", pointer(n), nil))
	case kind == edit.Set:
		set(n, value)
	}
	if len(ops) == 0 {
		return nil
	}
	return slices.Concat(tests, ops)
}

// pointer returns the JSON pointer of a node of an object.
func pointer(n *lint.Node) string {
	var parts []string
	for ; n.Parent() != nil; n = n.Parent() {
		if n.Index() >= 0 {
			parts = append(parts, fmt.Sprint(n.Index()))
		} else {
			parts = append(parts, escaped(n.Name()))
		}
	}
	slices.Reverse(parts)
	return strings.TrimSuffix("/"+strings.Join(parts, "/"), "/")
}

func escaped(field string) string {
	return strings.ReplaceAll(strings.ReplaceAll(field, "~", "~0"), "/", "~1")
}

// ordered puts the operations of several patches of an object into one: what is tested, what
// is set, and what is removed, items from the last. What is added at one place is joined.
func ordered(ops []*yaml.Node) []*yaml.Node {
	field := func(op *yaml.Node, name string) *yaml.Node { return lint.NewNode(op).Get(name).YAML() }
	rank := func(op *yaml.Node) int { return slices.Index([]string{"test", "remove"}, field(op, "op").Value) }
	var all []*yaml.Node
	for _, op := range ops {
		at := slices.IndexFunc(all, func(other *yaml.Node) bool {
			return field(op, "path").Value == field(other, "path").Value && field(op, "op").Value == field(other, "op").Value && !strings.HasSuffix(field(op, "path").Value, "/-")
		})
		switch {
		case slices.ContainsFunc(all, func(other *yaml.Node) bool { return flat(op) == flat(other) }):
		case at >= 0 && field(op, "op").Value == "add":
			all[at] = merged(all[at], op)
		default:
			all = append(all, op)
		}
	}
	slices.SortStableFunc(all, func(a, b *yaml.Node) int {
		order := map[int]int{0: 0, -1: 1, 1: 2}
		if c := cmp.Compare(order[rank(a)], order[rank(b)]); c != 0 || rank(a) != 1 {
			return c
		}
		x, y := field(a, "path").Value, field(b, "path").Value
		return cmp.Or(cmp.Compare(len(y), len(x)), cmp.Compare(y, x))
	})
	return all
}

// firstItem is the line of the first item of a list in a patch. No node that was read has one
// below 0.
const firstItem = -1 << 30

// patchTree returns the tree of a strategic merge patch that gives a node a value; nil where
// the node is in a list whose items have no names. The line of an item is its index in the
// object, from firstItem: kustomize puts items in the order of the patch.
func patchTree(n *lint.Node, value *yaml.Node) *yaml.Node {
	for ; n.Parent() != nil; n = n.Parent() {
		if n.Index() < 0 {
			value = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{valueNode(n.Name()), value}}
			continue
		}
		name := n.Get("name")
		if !name.IsScalar() || value.Kind != yaml.MappingNode {
			return nil
		}
		item := &yaml.Node{Kind: yaml.MappingNode, Line: firstItem + n.Index(), Content: append([]*yaml.Node{valueNode("name"), valueNode(name.Value())}, value.Content...)}
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{item}}
	}
	return value
}
