package lint

import (
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A Node is a place in the tree of a [Resource]: a value that is there, or one
// that is missing. Asking a missing node for a child gives another missing node,
// never nil, so a rule can follow a path and ask once at its end. Aliases and
// merge keys are followed. A Node is immutable.
type Node struct {
	yaml   *yaml.Node // nil when missing
	key    *yaml.Node // the key in the parent mapping; nil for list items and roots
	parent *Node
	field  string
	index  int // in the parent sequence, else -1
	res    *Resource
	// keys has the bit of each key of a mapping that rules ask for many fields, so that
	// those it lacks cost no search; see [Node.sum]. 0 where it was not made.
	keys uint64
}

// sum makes n.keys of a node that is asked for many fields. Merge keys and aliases for
// keys leave the sum out.
func (n *Node) sum() {
	if n.keys != 0 || !n.IsMapping() {
		return
	}
	keys := uint64(1) // no field has the first bit alone: the sum of an empty mapping is made
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		k := n.yaml.Content[i]
		if k.Kind != yaml.ScalarNode || isMergeKey(k) {
			return
		}
		keys |= keyBit(k.Value)
	}
	n.keys = keys
}

// keyBit returns the bit of a key: few keys of one mapping share one.
func keyBit(key string) uint64 {
	h := uint(len(key)) * 7
	if key != "" {
		h += uint(key[0])*13 + uint(key[len(key)-1])*31
	}
	return 1 << (1 + h%63)
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
	nodes := make([]Node, len(path)) // at once: rules ask for millions of paths
	for i, field := range path {
		var key, value *yaml.Node
		if n.keys == 0 || n.keys&keyBit(field) != 0 {
			key, value = lookup(n.yaml, field)
		}
		nodes[i] = Node{yaml: resolveAlias(value), key: key, parent: n, field: field, index: -1, res: n.res}
		n = &nodes[i]
	}
	return n
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

// lookup returns the entry of a key. It is the innermost loop of a run: mappings without
// a merge key, which are nearly all, are only scanned.
func lookup(m *yaml.Node, field string) (key, value *yaml.Node) {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil, nil
	}
	// From the end: the last of a key counts, and what a merge key brings in stands in its place.
	for i := len(m.Content) - 2; i >= 0; i -= 2 {
		k := m.Content[i]
		if isMergeKey(k) {
			return lookupMerged(m, field)
		}
		if k.Kind != yaml.AliasNode && k.Value == field || k.Kind == yaml.AliasNode && keyText(k) == field {
			return k, m.Content[i+1]
		}
	}
	return nil, nil
}

// lookupMerged is lookup in a mapping with merge keys.
func lookupMerged(m *yaml.Node, field string) (key, value *yaml.Node) {
	eachEntry(m, func(k, v *yaml.Node) {
		if keyText(k) == field {
			key, value = k, v
		}
	})
	return key, value
}

// Items returns the elements of a list; none for anything else.
func (n *Node) Items() []*Node {
	if !n.IsSequence() {
		return nil
	}
	items, nodes := make([]*Node, len(n.yaml.Content)), make([]Node, len(n.yaml.Content))
	for i, c := range n.yaml.Content {
		nodes[i] = Node{yaml: resolveAlias(c), parent: n, index: i, res: n.res}
		items[i] = &nodes[i]
	}
	return items
}

// Fields returns the values of a mapping in the order written, merged ones
// last and each key once; see [Node.Name] and [Node.Key]. None for anything else.
func (n *Node) Fields() []*Node {
	if !n.IsMapping() {
		return nil
	}
	count := len(n.yaml.Content) / 2
	fields, nodes := make([]*Node, 0, count), make([]Node, 0, count)
	var places map[string]int // of large mappings; a scan is faster in small ones
	if count > 32 {
		places = make(map[string]int, count)
	}
	find := func(name string) int {
		if places == nil {
			return slices.IndexFunc(fields, func(f *Node) bool { return f.field == name })
		}
		if at, ok := places[name]; ok {
			return at
		}
		return -1
	}
	set := func(k, v *yaml.Node) {
		name := keyText(k)
		if len(nodes) == cap(nodes) {
			nodes = make([]Node, 0, 8) // what is merged in; the nodes so far stay where they are
		}
		nodes = append(nodes, Node{yaml: resolveAlias(v), key: k, parent: n, field: name, index: -1, res: n.res})
		field := &nodes[len(nodes)-1]
		if at := find(name); at >= 0 {
			fields[at] = field
			return
		}
		if places != nil {
			places[name] = len(fields)
		}
		fields = append(fields, field)
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
	return fields
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
		k := n.yaml.Content[2*i]
		nodes[i] = Node{yaml: resolveAlias(n.yaml.Content[2*i+1]), key: k, parent: n, field: keyText(k), index: -1, res: n.res}
		entries[i] = &nodes[i]
	}
	return entries
}

// KeyNode returns the key that holds n as a node of the same path, for findings
// about the key itself; n where there is none (list items, roots, missing nodes).
func (n *Node) KeyNode() *Node {
	if n.key == nil {
		return n
	}
	k := *n
	k.yaml, k.keys = n.key, 0
	return &k
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
	var room [128]byte
	return strings.TrimPrefix(string(n.appendPath(room[:0])), ".")
}

func (n *Node) appendPath(to []byte) []byte {
	if n.parent == nil {
		return to
	}
	to = n.parent.appendPath(to)
	switch {
	case n.index < 0 && strings.ContainsAny(n.field, ".[]"):
		return strconv.AppendQuote(append(to, '.'), n.field)
	case n.index < 0:
		return append(append(to, '.'), n.field...)
	}
	if _, v := lookup(n.yaml, "name"); v != nil {
		if name := (&Node{yaml: resolveAlias(v)}); name.IsScalar() {
			return append(append(append(to, "[name="...), name.Value()...), ']')
		}
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
