// Package edit changes the text of YAML files: it sets, adds to and removes a node and
// leaves every byte that is not part of it, so that indentation, quotes, comments, line
// ends, anchors and the order of the rest stay as their author wrote them. Where a mapping
// is written in flow style, it gets a flow entry.
//
// Each change is read again and compared with what it was to come to: a text that this
// package cannot change as asked is an error and never another text. It reads no file.
package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
	"github.com/manilint/manilint/lint"
)

// A Kind says what an [Op] does.
type Kind int

// The kinds of changes.
const (
	Set    Kind = iota // the node has the value; of a mapping, these fields
	Add                // the list has the item
	Remove             // the node is not there
	Rename             // the node has the key that Value says
)

// A Step leads from a mapping or a list to a node in it, or from a scalar whose text is
// YAML to a document of that.
type Step struct {
	Key   string
	Index int // of a list item, or of a document; -1 for a key
	Text  bool
	// Later is how often the mapping has the key further down: 0 for the entry that counts.
	Later int
}

// A Place names a node of a file.
type Place struct {
	Doc  int // of those that [lint.ParseYAML] returns
	Path []Step
}

// An Op is one change of a file.
type Op struct {
	Kind   Kind
	Place             // of a node that is there
	Fields []string   // below it; what is missing of them is added
	Value  *yaml.Node // of Set, and the item of Add
	// Whole says of Remove that comments of the node go with it, and that what holds
	// nothing else goes, too.
	Whole bool
}

// String returns the same for ops that do the same.
func (o Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d %v %q %v ", o.Kind, o.Doc, o.Path, o.Fields, o.Whole)
	if o.Value != nil {
		b.WriteString(flow(o.Value, true))
	}
	return b.String()
}

var errOverlap = errors.New("two changes of one text")

// Apply makes changes one after the other, removals last. What is there already is no
// change; so applying the same again returns the same text.
func Apply(data []byte, ops []Op) (out []byte, err error) {
	defer contain(&err)
	ordered := slices.Clone(ops)
	slices.SortStableFunc(ordered, func(a, b Op) int {
		if c := rank(a) - rank(b); c != 0 || a.Kind != Remove {
			return c
		}
		return compareSteps(b.Path, a.Path) // items from the last, so that the others keep their index
	})
	for _, op := range ordered {
		if data, err = apply(data, op); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// contain makes an error of a panic: whatever the text, it is left as it is.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("editing it failed and was stopped there: %v; please report this with the file", p)
	}
}

func rank(o Op) int {
	if o.Kind >= Remove {
		return 1
	}
	return 0
}

func compareSteps(a, b []Step) int {
	return slices.CompareFunc(a, b, func(x, y Step) int {
		if x.Index != y.Index {
			return x.Index - y.Index
		}
		return cmp.Or(strings.Compare(x.Key, y.Key), x.Later-y.Later)
	})
}

// parse returns the documents of a text.
func parse(data []byte) (*lint.Source, []*yaml.Node, error) {
	src := lint.NewSource("", data)
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 {
		return nil, nil, errors.New(errs[0].Message)
	}
	return src, docs, nil
}

// apply makes one change.
func apply(data []byte, op Op) ([]byte, error) {
	src, docs, err := parse(data)
	if err != nil {
		return nil, err
	}
	_, wanted, _ := parse(data)
	op = op.pruned(docs)
	want, err := change(wanted, op)
	if err != nil || !want {
		return data, err
	}
	w := &writer{src: src, data: data, docs: docs, root: docs[op.Doc]}
	attempts, err := w.attempts(op)
	if err != nil {
		return nil, err
	}
	for _, changed := range attempts {
		_, got, err := parse(changed)
		if err == nil && slices.EqualFunc(got, wanted, equal) {
			return changed, nil
		}
	}
	return nil, errors.New("the text is written in a way that cannot be edited without changing more")
}

// inside splits an op that changes the YAML in the text of a scalar: where the scalar is,
// and what is changed in its text.
func (o Op) inside() (scalar Place, inner Op, ok bool) {
	i := slices.IndexFunc(o.Path, func(s Step) bool { return s.Text })
	if i < 0 {
		return Place{}, o, false
	}
	inner = o
	inner.Place = Place{o.Path[i].Index, o.Path[i+1:]}
	return Place{o.Doc, o.Path[:i]}, inner, true
}

// retold returns the scalar whose text an op changes, and its text then, which ends in as
// many line breaks as it did: how many a block scalar can hold is said at its head.
func retold(docs []*yaml.Node, scalar Place, inner Op) (*yaml.Node, string, error) {
	n, err := find(docs, scalar)
	if err != nil {
		return nil, "", err
	}
	if n = resolve(n); n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return nil, "", errors.New("what is there is no text")
	}
	changed, err := apply([]byte(n.Value), inner)
	if err != nil {
		return nil, "", err
	}
	text := string(changed)
	if trimmed := strings.TrimRight(text, "\n"); len(text)-len(trimmed) != len(n.Value)-len(strings.TrimRight(n.Value, "\n")) {
		text = trimmed + n.Value[len(strings.TrimRight(n.Value, "\n")):]
		_, want, _ := parse(changed)
		if _, got, err := parse([]byte(text)); err != nil || !slices.EqualFunc(got, want, equal) {
			return nil, "", errors.New("the text ends in a way that cannot be edited without changing more")
		}
	}
	return n, text, nil
}

// pruned returns the op that also removes what would be empty, but for a document.
func (o Op) pruned(docs []*yaml.Node) Op {
	if !o.Whole || o.Kind != Remove || len(o.Fields) > 0 {
		return o
	}
	single := func(p Place) bool { // what holds it holds nothing else
		up, ok := p.Up()
		holder, err := find(docs, up)
		return ok && err == nil && (holder.Kind == yaml.MappingNode && len(holder.Content) == 2 || holder.Kind == yaml.SequenceNode && len(holder.Content) == 1)
	}
	for at := o.Place; len(at.Path) > 1 && single(at); {
		at, _ = at.Up()
		if at.Path[len(at.Path)-1].Text || len(at.Path) == 1 && single(at) {
			break
		}
		o.Place = at
	}
	return o
}

// find follows a path. It returns the node, and whether it goes through an alias.
func find(docs []*yaml.Node, p Place) (*yaml.Node, error) {
	if p.Doc < 0 || p.Doc >= len(docs) {
		return nil, errors.New("there is no such document")
	}
	n := docs[p.Doc]
	for _, s := range p.Path {
		next := child(n, s)
		if next == nil {
			return nil, fmt.Errorf("there is no %v", s)
		}
		n = next
	}
	return n, nil
}

// child returns the node that a step leads to, nil where there is none.
func child(n *yaml.Node, s Step) *yaml.Node {
	n = resolve(n)
	switch {
	case s.Text:
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			if _, docs, err := parse([]byte(n.Value)); err == nil && s.Index < len(docs) {
				return docs[s.Index]
			}
		}
	case s.Index >= 0 && n.Kind == yaml.SequenceNode && s.Index < len(n.Content):
		return n.Content[s.Index]
	case s.Index < 0 && n.Kind == yaml.MappingNode:
		if i := entryOf(n, s); i >= 0 {
			return n.Content[i+1]
		}
	}
	return nil
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// entry returns the index of the last entry of a key, -1 where there is none.
func entry(m *yaml.Node, key string) int {
	for i := len(m.Content) - 2; i >= 0; i -= 2 {
		if k := m.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key && !isMerge(k) {
			return i
		}
	}
	return -1
}

// entryOf returns the index of the entry that a step leads to, -1 where there is none.
func entryOf(m *yaml.Node, s Step) int {
	at := entry(m, s.Key)
	for later := s.Later; at >= 0 && later > 0; later-- {
		at = entry(&yaml.Node{Content: m.Content[:at]}, s.Key)
	}
	return at
}

func isMerge(k *yaml.Node) bool {
	return k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// descend follows the fields of an op as far as they are there. rest are the others.
func descend(n *yaml.Node, fields []string) (at *yaml.Node, rest []string) {
	n = resolve(n)
	for i, field := range fields {
		next := child(n, Step{Key: field, Index: -1})
		if next == nil {
			return n, fields[i:]
		}
		n = resolve(next)
	}
	return n, nil
}

// change does in the tree what the op is to do in the text. changed is false where that
// is done already.
func change(docs []*yaml.Node, op Op) (changed bool, err error) {
	if scalar, inner, ok := op.inside(); ok {
		n, text, err := retold(docs, scalar, inner)
		if err != nil || n.Value == text {
			return false, err
		}
		n.Value = text
		return true, nil
	}
	n, err := find(docs, op.Place)
	if err != nil {
		return false, err
	}
	if op.Kind == Remove {
		if len(op.Fields) > 0 {
			at, rest := descend(n, op.Fields[:len(op.Fields)-1])
			if len(rest) > 0 || at.Kind != yaml.MappingNode {
				return false, nil
			}
			i := entry(at, op.Fields[len(op.Fields)-1])
			if i >= 0 {
				at.Content = slices.Delete(at.Content, i, i+2)
			}
			return i >= 0, nil
		}
		if len(op.Path) == 0 {
			return false, errors.New("a whole document is not removed")
		}
		last := op.Path[len(op.Path)-1]
		parent, err := find(docs, Place{op.Doc, op.Path[:len(op.Path)-1]})
		if err != nil {
			return false, err
		}
		parent = resolve(parent)
		if last.Index >= 0 {
			parent.Content = slices.Delete(parent.Content, last.Index, last.Index+1)
		} else {
			i := entryOf(parent, last)
			parent.Content = slices.Delete(parent.Content, i, i+2)
		}
		return true, nil
	}
	if op.Kind == Rename {
		holder, i, err := renamed(docs, op)
		if err != nil {
			return false, err
		}
		holder.Content[i] = clone(op.Value)
		return true, nil
	}
	at, rest := descend(n, op.Fields)
	value := op.Value
	if op.Kind == Add {
		if len(rest) == 0 && at.Kind == yaml.SequenceNode {
			if slices.ContainsFunc(at.Content, func(item *yaml.Node) bool { return equal(resolve(item), value) }) {
				return false, nil
			}
			at.Content = append(at.Content, clone(value))
			return true, nil
		}
		if len(rest) == 0 && !isNull(at) {
			return false, errors.New("what is there is no list")
		}
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{value}}
	}
	return set(at, rest, value)
}

// set gives a node, or what lies at missing fields below it, a value.
func set(n *yaml.Node, rest []string, value *yaml.Node) (bool, error) {
	if len(rest) == 0 {
		switch {
		case equal(n, value):
			return false, nil
		case n.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			changed := false
			for i := 0; i+1 < len(value.Content); i += 2 {
				at, rest := descend(n, []string{value.Content[i].Value})
				one, err := set(at, rest, value.Content[i+1])
				if err != nil {
					return false, err
				}
				changed = changed || one
			}
			return changed, nil
		case n.Style&yaml.TaggedStyle != 0:
			return false, errors.New("the value has a tag")
		}
		anchor := n.Anchor
		*n = *clone(value)
		n.Anchor = anchor
		return true, nil
	}
	switch {
	case n.Kind == yaml.MappingNode:
	case isNull(n):
		anchor := n.Anchor
		*n = yaml.Node{Kind: yaml.MappingNode, Anchor: anchor}
	default:
		return false, fmt.Errorf("there can be no field %s in what is there", rest[0])
	}
	n.Content = append(n.Content, keyNode(rest[0]), nested(rest[1:], value))
	return true, nil
}

// renamed returns the mapping and the index of the key that an op renames.
func renamed(docs []*yaml.Node, op Op) (*yaml.Node, int, error) {
	if len(op.Path) == 0 || len(op.Fields) > 0 || op.Path[len(op.Path)-1].Index >= 0 {
		return nil, 0, errors.New("what has no key is not renamed")
	}
	holder, err := find(docs, Place{op.Doc, op.Path[:len(op.Path)-1]})
	if err != nil {
		return nil, 0, err
	}
	holder = resolve(holder)
	if entry(holder, op.Value.Value) >= 0 {
		return nil, 0, fmt.Errorf("there is a field %s already", op.Value.Value)
	}
	return holder, entry(holder, op.Path[len(op.Path)-1].Key), nil
}

func keyNode(key string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
}

// nested puts a value below fields.
func nested(fields []string, value *yaml.Node) *yaml.Node {
	value = clone(value)
	for _, field := range slices.Backward(fields) {
		value = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{keyNode(field), value}}
	}
	return value
}

func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i := range n.Content {
		c.Content[i] = clone(n.Content[i])
	}
	return &c
}

// equal reports whether two trees say the same, in whatever style; the order of the keys of
// a mapping is not compared.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.AliasNode:
		return a.Value == b.Value
	case yaml.ScalarNode:
		return a.ShortTag() == b.ShortTag() && (a.Value == b.Value || isNull(a))
	case yaml.MappingNode:
		x, y := pairs(a), pairs(b)
		return slices.EqualFunc(x, y, func(p, q [2]*yaml.Node) bool { return equal(p[0], q[0]) && equal(p[1], q[1]) })
	}
	return slices.EqualFunc(a.Content, b.Content, equal)
}

// pairs returns the entries of a mapping, sorted by key.
func pairs(m *yaml.Node) [][2]*yaml.Node {
	var all [][2]*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		all = append(all, [2]*yaml.Node{m.Content[i], m.Content[i+1]})
	}
	slices.SortStableFunc(all, func(p, q [2]*yaml.Node) int { return strings.Compare(p[0].Value, q[0].Value) })
	return all
}

// lineBreak returns the line break that ends the line at an offset, else the first of the
// text, else a line feed.
func lineBreak(data []byte, at int) string {
	for _, from := range []int{at, 0} {
		end := yamltext.EndOfLine(data, from)
		if n := yamltext.LineBreak(data[end:]); n > 0 {
			return string(data[end : end+n])
		}
	}
	return "\n"
}
