package kustomize

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
)

// A Change is what an object of a controller sets in a kustomization before it is built, as
// `kustomize edit` does: what Argo CD's Application has in spec.source.kustomize, what Flux'
// Kustomization has in its spec. What it sets is where the object says it. The zero Change
// sets nothing.
type Change struct {
	By        string // the object, as reports name it: Application argocd/shop
	Namespace string // of objects that have none in the end; "" where only the deploy decides

	generated Value // what is built where there is no kustomization; nil: nothing
	then      []func(*Made)
	inflated  *helm.Inflated // in place of a chart that the generated kustomization names

	edits  []writing
	placed []lint.Place // of the nodes it writes, which are in other files than the kustomization
}

// A writing is one thing that a Change does, with the field for messages and keys.
type writing struct {
	field string
	value *yaml.Node
	apply func(root *yaml.Node, field string, value *yaml.Node)
}

// A Value is a part of a kustomization that a Change writes.
type Value struct{ node *yaml.Node }

// foreignLine is the line of the first placed node of a kustomization: no file has as many.
const foreignLine = 1 << 28

// node gives a node the place of one of the object.
func (c *Change) node(n *yaml.Node, place lint.Place) *yaml.Node {
	n.Line, n.Column = foreignLine+len(c.placed), 1
	c.placed = append(c.placed, place)
	return n
}

// Copy returns a value as a node of the object has it.
func (c *Change) Copy(n *lint.Node) Value {
	var copyOf func(n *lint.Node) *yaml.Node
	copyOf = func(n *lint.Node) *yaml.Node {
		y := n.YAML()
		if y == nil {
			return c.node(&yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull}, n.Locate())
		}
		out := c.node(&yaml.Node{Kind: y.Kind, Tag: y.Tag, Value: y.Value, Style: y.Style}, n.Locate())
		for _, item := range n.Items() {
			out.Content = append(out.Content, copyOf(item))
		}
		for _, f := range n.Fields() {
			key := f.Key()
			out.Content = append(out.Content, c.node(&yaml.Node{Kind: key.Kind, Tag: key.Tag, Value: key.Value, Style: key.Style}, f.Locate()), copyOf(f))
		}
		return out
	}
	return Value{copyOf(n)}
}

// Text returns a text that the object says at a node, maybe as a part of what is there.
func (c *Change) Text(text string, at *lint.Node) Value {
	return Value{c.node(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}, at.Locate())}
}

// Scalar returns a number or a boolean, as YAML writes it, that the object says at a node.
func (c *Change) Scalar(text string, at *lint.Node) Value {
	return Value{c.node(&yaml.Node{Kind: yaml.ScalarNode, Value: text}, at.Locate())}
}

// A Pair is a field of a mapping.
type Pair struct {
	Key   string
	Value Value
}

// Map returns a mapping that the object says at a node.
func (c *Change) Map(at *lint.Node, pairs ...Pair) Value {
	place := at.Locate()
	m := c.node(&yaml.Node{Kind: yaml.MappingNode}, place)
	for _, p := range pairs {
		m.Content = append(m.Content, c.node(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.Key}, place), p.Value.node)
	}
	return Value{m}
}

func (c *Change) do(field string, v Value, apply func(root *yaml.Node, field string, value *yaml.Node)) {
	c.edits = append(c.edits, writing{field, v.node, apply})
}

// Set sets a field of the kustomization, instead of what it says there.
func (c *Change) Set(field string, v Value) { c.do(field, v, setField) }

// Append adds an item to a list of the kustomization.
func (c *Change) Append(field string, v Value) { c.do(field, v, appendItem) }

// Replace sets an item of a list of the kustomization, instead of those of the same name.
func (c *Change) Replace(field string, v Value) {
	c.do(field, v, func(root *yaml.Node, field string, value *yaml.Node) {
		if list := fold(root, field); list != nil {
			list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool {
				return text(fold(unalias(n), "name")) == text(fold(value, "name"))
			})
		}
		appendItem(root, field, value)
	})
}

// Add adds the fields of a mapping to one of the kustomization. Where both have one, that of
// the value counts.
func (c *Change) Add(field string, v Value) {
	c.do(field, v, func(root *yaml.Node, field string, value *yaml.Node) {
		have := fold(root, field)
		if have == nil || have.Kind != yaml.MappingNode {
			setField(root, field, value)
			return
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			setField(have, value.Content[i].Value, value.Content[i+1])
		}
	})
}

// Generate says what the kustomization is where there is none: the resources, as paths from its
// directory. at is where the object names the directory.
func (c *Change) Generate(resources []string, at *lint.Node) {
	list := c.node(&yaml.Node{Kind: yaml.SequenceNode}, at.Locate())
	for _, r := range resources {
		list.Content = append(list.Content, c.Text(r, at).node)
	}
	c.generated = c.Map(at, Pair{"resources", Value{list}})
}

// Over returns what the change makes of the objects that a chart rendered, as of a kustomization
// that holds these: a post-renderer. at is where the object says so. What is returned stands
// where the chart has it, or the object.
func (c *Change) Over(ctx context.Context, chart string, in *helm.Inflated, at *lint.Node, o Options) ([]*lint.Resource, []*lint.InputError) {
	own := *c
	own.inflated, own.placed = in, slices.Clone(c.placed) // one change may be at work twice
	list := own.node(&yaml.Node{Kind: yaml.SequenceNode}, at.Locate())
	list.Content = append(list.Content, own.Map(at, Pair{"name", own.Text(filepath.Base(chart), at)}).node)
	own.generated = own.Map(at, Pair{"helmCharts", Value{list}})
	t := newTree(o.Files)
	dir, err := t.resolve(chart)
	if err == nil && !o.Files.IsDir(dir) {
		dir = filepath.Dir(dir)
	}
	t.change, t.changed = &own, dir
	k := t.at(dir)
	if err != nil || k == nil || own.placed[0].Span.Start.Source == nil {
		return in.Resources, nil
	}
	goOffline()
	boundCopies()
	o.change = &own
	built := t.buildOne(ctx, k, o)
	if built.failed || ctx.Err() != nil {
		return in.Resources, built.bundle.Errors
	}
	return built.bundle.Resources, built.bundle.Errors
}

// Then adds what is done to each object once the overlay is built.
func (c *Change) Then(f func(*Made)) { c.then = append(c.then, f) }

// A Made is an object that an overlay was built to.
type Made struct {
	Node *yaml.Node // which may be changed; what is new has no place
	b    *build
}

// Place says that the value of a node is written at another place now.
func (m *Made) Place(n *yaml.Node, span lint.Span) {
	if p := m.b.site(span, roleEntry, entry{}); p.known() {
		set(n, m.b.replaced(p, at(n)))
	}
}

// Through says that the value of a node, which is where it did, is partly written at
// another place.
func (m *Made) Through(n *yaml.Node, span lint.Span, note string) {
	if p := m.b.site(span, roleEntry, entry{}); p.known() {
		set(n, m.b.through(at(n), p, note))
	}
}

// Room returns how many bytes may still be written into the objects of the build.
func (m *Made) Room() int { return maxWritten - m.b.written }

// Grow counts bytes that are written into the object, and the values and keys of what was read
// from them; nil for none. It reports whether the build may grow so much, and what was read is
// no deeper than documents may be; where not, there is no room for more.
func (m *Made) Grow(bytes int, read *yaml.Node) bool {
	var count func(n *yaml.Node, depth int) bool
	count = func(n *yaml.Node, depth int) bool {
		m.b.inserted++
		if depth > maxDepth || m.b.inserted > maxNodes || n.Alias != nil && !count(n.Alias, depth+1) {
			return false
		}
		return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !count(c, depth+1) })
	}
	m.b.written += min(bytes, m.Room())
	if read != nil && !count(read, 0) {
		m.b.written = maxWritten
	}
	return m.Room() > 0
}

// Set sets a field of the object, with the mappings that it needs, as written at a place.
func (m *Made) Set(span lint.Span, value string, path ...string) {
	n := m.Node
	for i, name := range path {
		if n.Kind != yaml.MappingNode {
			return
		}
		next := get(n, name)
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode}
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: name}
			m.Place(key, span)
			m.Place(next, span)
			n.Content = append(n.Content, key, next)
		}
		if i == len(path)-1 {
			next.Kind, next.Tag, next.Value, next.Style, next.Content = yaml.ScalarNode, yaml.NodeTagString, value, 0, nil
			m.Place(next, span)
		}
		n = next
	}
}

// Fail says what is wrong with a node of the object.
func (m *Made) Fail(n *yaml.Node, format string, args ...any) {
	m.b.fail(m.b.locate(at(n)).span, format, args...)
}

// Components returns the directories of the components that it adds to the kustomization in a
// directory.
func (c *Change) Components(dir string) []string {
	var all []string
	for _, w := range c.edits {
		if v := text(w.value); w.field == "components" && v != "" && !remote().MatchString(v) {
			all = append(all, filepath.Join(dir, filepath.FromSlash(v)))
		}
	}
	return all
}

// Key is the same for changes that give the same kustomization.
func (c *Change) Key() string {
	var key strings.Builder
	key.WriteString(c.Namespace)
	if c.generated.node != nil {
		key.WriteString("\x00generated")
	}
	for _, e := range c.edits {
		text, err := yaml.Marshal(clone(e.value))
		fmt.Fprintf(&key, "\x00%s %s%v", e.field, text, err)
	}
	return key.String()
}

// apply changes the kustomization that k holds.
func (c *Change) apply(k *kustomization) {
	if k.generated {
		k.root = clone(c.generated.node)
	}
	if k.root == nil {
		return
	}
	k.authored, k.placed = clone(k.root), c.placed
	for _, e := range c.edits {
		e.apply(k.root, e.field, clone(e.value))
	}
}

func setField(n *yaml.Node, name string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name || strings.EqualFold(n.Content[i].Value, name) && fold(n, name) == unalias(n.Content[i+1]) {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: value.Line, Column: value.Column}, value)
}

func appendItem(root *yaml.Node, name string, item *yaml.Node) {
	list := fold(root, name)
	if list == nil || list.Kind != yaml.SequenceNode {
		list = &yaml.Node{Kind: yaml.SequenceNode, Line: item.Line, Column: item.Column}
		setField(root, name, list)
	}
	list.Content = append(list.Content, item)
}

// span returns where a node of the kustomization stands: in its file, or in the object that
// changes it.
func (k *kustomization) span(n *yaml.Node) lint.Span {
	if i := n.Line - foreignLine; i >= 0 && i < len(k.placed) {
		return k.placed[i].Span
	}
	return lint.NodeSpan(k.src, n)
}

// related returns what a node of a Change was made from.
func (k *kustomization) related(n *yaml.Node) []lint.Related {
	if k != nil && n != nil {
		if i := n.Line - foreignLine; i >= 0 && i < len(k.placed) {
			return k.placed[i].Related
		}
	}
	return nil
}

// Changed returns the overlay in a directory as an object of a controller has it built; nil
// where there is no kustomization.
func Changed(dir string, c *Change, o Options) *Root {
	t := newTree(o.Files)
	real, err := t.resolve(dir)
	if err != nil {
		return nil
	}
	t.change, t.changed = c, real
	k := t.at(real)
	if k == nil {
		return nil
	}
	return &Root{Dir: k.dir, t: t, k: k, o: o, change: c}
}
