package lint

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A Node is a place in the tree of a [Resource]: a value that is there, or one
// that is missing. Asking a missing node for a child gives another missing node,
// never nil, so a rule can follow a path and ask once at its end. Aliases and
// merge keys are followed. A Node is immutable, and has one child for each field and item.
type Node struct {
	yaml   *yaml.Node // nil when missing
	key    *yaml.Node // the key in the parent mapping; nil for list items and roots
	parent *Node
	field  string
	index  int // in the parent sequence, else -1
	res    *Resource

	kids atomic.Pointer[children] // of a mapping or a list that was requested one
}

// children are the nodes below a mapping or a list: made when the first is requested, and
// kept, since rules request the same ones again and again.
type children struct {
	mapping bool
	nodes   []Node
	list    []*Node        // in the order of [Node.Fields] and [Node.Items]
	keys    uint64         // a bit of each field, so that most that are absent cost no search
	places  map[string]int // of the fields in a large mapping
}

// manyFields is from where on fields are found by a table: a scan is faster in small mappings.
const manyFields = 32

// keyBit returns the bit of a key: few keys of one mapping share one.
func keyBit(key string) uint64 {
	h := uint(len(key)) * 7
	if key != "" {
		h += uint(key[0])*13 + uint(key[len(key)-1])*31
	}
	return 1 << (h % 64)
}

// NewNode returns a root node outside any resource, for configuration and patches.
func NewNode(root *yaml.Node) *Node { return &Node{yaml: resolveAlias(root), index: -1} }

func resolveAlias(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Exists reports whether the node is there. An explicit null is there: see [Node.IsNull].
func (n *Node) Exists() bool { return n.yaml != nil }

// IsNull reports whether the node is missing or null; the API server treats both alike.
func (n *Node) IsNull() bool {
	return n.yaml == nil || n.yaml.Kind == yaml.ScalarNode && n.yaml.ShortTag() == "!!null"
}

// IsScalar reports whether the node is a scalar other than null.
func (n *Node) IsScalar() bool {
	return n.yaml != nil && n.yaml.Kind == yaml.ScalarNode && !n.IsNull()
}

// IsMapping reports whether the node is a mapping.
func (n *Node) IsMapping() bool { return n.yaml != nil && n.yaml.Kind == yaml.MappingNode }

// IsSequence reports whether the node is a list.
func (n *Node) IsSequence() bool { return n.yaml != nil && n.yaml.Kind == yaml.SequenceNode }

// Value returns the text of a scalar, unquoted; "" for anything else and for null.
func (n *Node) Value() string {
	if !n.IsScalar() {
		return ""
	}
	return n.yaml.Value
}

// IsString reports whether a scalar is a string to YAML (quoted, or no number, bool or null).
func (n *Node) IsString() bool {
	if !n.IsScalar() {
		return false
	}
	tag := n.yaml.ShortTag()
	return tag == "!!str" || tag == "!!binary" || tag == "!!timestamp"
}

// Bool returns the value of a boolean; ok is false for anything else. The
// YAML 1.1 words (yes, on, …) count: Kubernetes' decoder reads them as booleans. A tag
// outweighs quotes.
func (n *Node) Bool() (value, ok bool) {
	if !n.IsScalar() {
		return false, false
	}
	if style := n.yaml.Style; style&yaml.TaggedStyle != 0 {
		if n.yaml.ShortTag() != "!!bool" {
			return false, false
		}
	} else if style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return false, false
	}
	switch n.yaml.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false, true
	}
	return false, false
}

// IsTrue reports whether the node is the boolean true.
func (n *Node) IsTrue() bool { v, ok := n.Bool(); return ok && v }

// IsFalse reports whether the node is the boolean false.
func (n *Node) IsFalse() bool { v, ok := n.Bool(); return ok && !v }

// Int returns the value of an integer; ok is false for anything else, quoted digits included.
func (n *Node) Int() (value int64, ok bool) {
	if !n.IsScalar() || n.yaml.ShortTag() != "!!int" && n.yaml.ShortTag() != "!!float" {
		return 0, false
	}
	if v, err := strconv.ParseInt(strings.ReplaceAll(n.yaml.Value, "_", ""), 0, 64); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(n.yaml.Value, 64) // Helm prints large integers as 1e+06
	if err != nil || f != float64(int64(f)) {
		return 0, false
	}
	return int64(f), true
}

// Get returns the node at a path of mapping keys below n. It never returns nil.
// Of a repeated key the last counts, as in Kubernetes' decoder.
func (n *Node) Get(path ...string) *Node {
	if len(path) == 0 {
		return n
	}
	for i, field := range path {
		child := n.child(field)
		if child == nil {
			return n.missing(path[i:])
		}
		n = child
	}
	return n
}

// missing returns the node at a path of which n does not have the first field.
func (n *Node) missing(path []string) *Node {
	nodes := make([]Node, len(path)) // at once: rules request millions of paths
	for i, field := range path {
		m := &nodes[i]
		m.parent, m.field, m.index, m.res = n, field, -1, n.res
		n = m
	}
	return n
}

// child returns the node of a field, nil where there is none.
func (n *Node) child(field string) *Node {
	c := n.below()
	if c == nil {
		return nil
	}
	if at := c.find(field); at >= 0 {
		return &c.nodes[at]
	}
	return nil
}

// below returns the children of a mapping or a list; nil of anything else.
func (n *Node) below() *children {
	if c := n.kids.Load(); c != nil { // before the YAML is looked at, which is rarely in the cache
		return c
	}
	c := &children{}
	switch {
	case n.IsMapping():
		c.addFields(n)
		c.mapping = true
	case n.IsSequence():
		c.nodes = make([]Node, len(n.yaml.Content))
		for i, item := range n.yaml.Content {
			c.nodes[i].yaml, c.nodes[i].index = resolveAlias(item), i
		}
	default:
		return nil
	}
	c.list = make([]*Node, len(c.nodes))
	for i := range c.nodes {
		c.nodes[i].parent, c.nodes[i].res = n, n.res
		c.list[i] = &c.nodes[i]
	}
	if n.kids.CompareAndSwap(nil, c) {
		return c
	}
	return n.kids.Load() // another rule was quicker: a node has one child for a field
}

// addFields adds the fields of a mapping.
func (c *children) addFields(n *Node) {
	count := len(n.yaml.Content) / 2
	c.nodes = make([]Node, 0, count)
	if count > manyFields {
		c.places = make(map[string]int, count)
	}
	set := func(k, v *yaml.Node) {
		name := keyText(k)
		at := c.find(name)
		if at < 0 {
			at = len(c.nodes)
			if c.places != nil {
				c.places[name] = at
			}
			c.nodes = append(c.nodes, Node{field: name, index: -1})
			c.keys |= keyBit(name)
		}
		c.nodes[at].yaml, c.nodes[at].key = resolveAlias(v), k
	}
	merges := false
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		if k := n.yaml.Content[i]; isMergeKey(k) {
			merges = true
		} else {
			set(k, n.yaml.Content[i+1])
		}
	}
	if merges { // the order is settled for what is written, the values are not
		eachEntry(n.yaml, set)
	}
}

// find returns the place of a field, -1 where there is none.
func (c *children) find(name string) int {
	switch {
	case c.keys&keyBit(name) == 0:
		return -1
	case c.places != nil:
		if at, ok := c.places[name]; ok {
			return at
		}
		return -1
	}
	for i := range c.nodes {
		if c.nodes[i].field == name {
			return i
		}
	}
	return -1
}

// keyText returns the text of a key, which may be an alias.
func keyText(k *yaml.Node) string { return resolveAlias(k).Value }

// isMergeKey reports whether a key brings in the fields of other mappings.
func isMergeKey(k *yaml.Node) bool {
	return k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

// eachEntry calls visit for the entries of a mapping in the order in which Kubernetes'
// decoder sets them: the last one of a key counts, be it written there or merged in. Of
// the mappings that one merge key brings in the first outweighs the others. (YAML's own
// draft, which kustomize follows before its objects come here, lets what is written win.)
func eachEntry(m *yaml.Node, visit func(key, value *yaml.Node)) {
	if m == nil || m.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if !isMergeKey(k) {
			visit(k, v)
			continue
		}
		if v = resolveAlias(v); v.Kind == yaml.SequenceNode {
			for _, c := range slices.Backward(v.Content) {
				eachEntry(resolveAlias(c), visit)
			}
		} else {
			eachEntry(v, visit)
		}
	}
}

// Items returns the elements of a list; none for anything else. The slice must not be changed.
func (n *Node) Items() []*Node {
	if c := n.below(); c != nil && !c.mapping {
		return c.list
	}
	return nil
}

// Fields returns the values of a mapping in the order written, merged ones
// last and each key once; see [Node.Name] and [Node.Key]. None for anything else. The
// slice must not be changed.
func (n *Node) Fields() []*Node {
	if c := n.below(); c != nil && c.mapping {
		return c.list
	}
	return nil
}

// Entries returns the values of a mapping in the order written, a repeated key as
// often as it is written and without what a merge key brings in.
func (n *Node) Entries() []*Node {
	if !n.IsMapping() {
		return nil
	}
	count := len(n.yaml.Content) / 2
	entries, nodes := make([]*Node, count), make([]Node, count)
	for i := range count {
		k, e := n.yaml.Content[2*i], &nodes[i]
		e.yaml, e.key, e.parent, e.field, e.index, e.res = resolveAlias(n.yaml.Content[2*i+1]), k, n, keyText(k), -1, n.res
		entries[i] = e
	}
	return entries
}

// KeyNode returns the key that holds n as a node of the same path, for findings
// about the key itself; n where there is none (list items, roots, missing nodes).
func (n *Node) KeyNode() *Node {
	if n.key == nil {
		return n
	}
	return &Node{yaml: n.key, key: n.key, parent: n.parent, field: n.field, index: n.index, res: n.res}
}

// Strings returns the scalar elements of a list, or the one scalar where a list
// belongs, as text.
func (n *Node) Strings() []string {
	if n.IsScalar() {
		return []string{n.Value()}
	}
	var out []string
	for _, item := range n.Items() {
		if item.IsScalar() {
			out = append(out, item.Value())
		}
	}
	return out
}

// StringMap returns the scalar values of a mapping by key.
func (n *Node) StringMap() map[string]string {
	out := map[string]string{}
	for _, f := range n.Fields() {
		if f.IsScalar() {
			out[f.Name()] = f.Value()
		}
	}
	return out
}

// Walk calls visit for n and every node below it, parents first, in the order
// written; it does not go below a node for which visit returns false.
func (n *Node) Walk(visit func(*Node) bool) {
	if !n.Exists() || !visit(n) {
		return
	}
	for _, c := range n.Items() {
		c.Walk(visit)
	}
	for _, c := range n.Fields() {
		c.Walk(visit)
	}
}

// Name returns the key of n in its mapping; "" for list items and roots.
func (n *Node) Name() string { return n.field }

// Index returns the place of n in its list, from 0; -1 when it is no list item.
func (n *Node) Index() int { return n.index }

// Parent returns the node that holds n, or nil at the root of an object.
func (n *Node) Parent() *Node { return n.parent }

// Resource returns the object that n belongs to; nil outside any.
func (n *Node) Resource() *Resource { return n.res }

// YAML returns the node underneath, with aliases resolved; nil when n is
// missing. It must not be changed.
func (n *Node) YAML() *yaml.Node { return n.yaml }

// Key returns the YAML node of the key that holds n; nil for list items, roots
// and missing nodes. It must not be changed.
func (n *Node) Key() *yaml.Node { return n.key }

// Tag returns the tag of the value in its short form, !!int say, resolved where none is
// written; "" when n is missing.
func (n *Node) Tag() string {
	if n.yaml == nil {
		return ""
	}
	return n.yaml.ShortTag()
}

// Style returns how the value is written: in quotes, as a block of text, in brackets.
func (n *Node) Style() yaml.Style {
	if n.yaml == nil {
		return 0
	}
	return n.yaml.Style
}

// HasKey reports whether n is the value of a key, which [Node.KeyNode] returns.
func (n *Node) HasKey() bool { return n.key != nil }

// Span returns where n, which exists, is in the source that it was parsed from; see [NodeSpan].
func (n *Node) Span(src *Source) Span { return NodeSpan(src, n.yaml) }

// Identity returns a value that two nodes have in common if they are one in the text: an
// alias and what it stands for, an object and the item of the list that it was. It is
// comparable; that of missing nodes is nil.
func (n *Node) Identity() any {
	if n.yaml == nil {
		return nil
	}
	return n.yaml
}

// Same reports whether two nodes have one [Node.Identity].
func (n *Node) Same(m *Node) bool { return n.yaml == m.yaml }

// RepeatsKeys reports whether a mapping may hold a key twice, be it n or one below; false
// where that is certain.
func (n *Node) RepeatsKeys() bool { return n.yaml != nil && mayRepeat(n.yaml) }

// mayRepeat reports whether a mapping below n may hold a key twice. What has aliases is
// not examined.
func mayRepeat(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	if n.Kind == yaml.MappingNode && repeats(n.Content) {
		return true
	}
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode && mayRepeat(c) {
			return true
		}
	}
	return false
}

// repeats reports whether two keys of a mapping have one text.
func repeats(content []*yaml.Node) bool {
	if len(content) > manyFields {
		seen := make(map[string]bool, len(content)/2)
		for i := 0; i < len(content); i += 2 {
			if seen[content[i].Value] {
				return true
			}
			seen[content[i].Value] = true
		}
		return false
	}
	for i := 2; i < len(content); i += 2 {
		for j := 0; j < i; j += 2 {
			if content[i].Value == content[j].Value {
				return true
			}
		}
	}
	return false
}

// Nearest returns n if it exists, else its nearest ancestor that does.
func (n *Node) Nearest() *Node {
	for !n.Exists() && n.parent != nil {
		n = n.parent
	}
	return n
}

// Missing returns the fields between [Node.Nearest] and n; none when n exists.
func (n *Node) Missing() []string {
	var fields []string
	for ; !n.Exists() && n.parent != nil; n = n.parent {
		fields = append(fields, n.field)
	}
	slices.Reverse(fields)
	return fields
}

// Path returns the path of n from the root of its object, with list items named
// where they have a name: spec.template.spec.containers[name=web].image
func (n *Node) Path() string {
	if n.parent == nil {
		return ""
	}
	return strings.TrimPrefix(n.PathBelow(nil), ".")
}

// PathBelow returns what [Node.Path] adds to that of a node above n, which is not the
// root: .image or [name=web].image.
func (n *Node) PathBelow(above *Node) string {
	var room [128]byte
	return string(n.appendPath(room[:0], above))
}

func (n *Node) appendPath(to []byte, above *Node) []byte {
	if n.parent == nil || n == above {
		return to
	}
	to = n.parent.appendPath(to, above)
	switch {
	case n.index < 0 && strings.ContainsAny(n.field, ".[]"):
		return strconv.AppendQuote(append(to, '.'), n.field)
	case n.index < 0:
		return append(append(to, '.'), n.field...)
	}
	if name := n.child("name"); name != nil && name.IsScalar() {
		return append(append(append(to, "[name="...), name.Value()...), ']')
	}
	return append(strconv.AppendInt(append(to, '['), int64(n.index), 10), ']')
}

// GenericPath is Path with every list item written as [], the same for all
// containers of a pod, say.
func (n *Node) GenericPath() string {
	var parts []string
	for ; n.parent != nil; n = n.parent {
		if n.index >= 0 {
			parts = append(parts, "[]")
		} else {
			parts = append(parts, "."+n.field)
		}
	}
	slices.Reverse(parts)
	return strings.TrimPrefix(strings.Join(parts, ""), ".")
}
