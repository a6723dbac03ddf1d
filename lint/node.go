package lint

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A Node is a place in the tree of a [Resource]: a value that is there, or one
// that is missing. Asking a missing node for a child gives another missing node,
// never nil, so a rule can follow a path and ask once at its end. Aliases and
// merge keys are followed. A Node is immutable, and has one child for each field and item.
//
// The nodes of a document that is read here, without yaml.v3, are made with it and lie next to
// each other; a YAML node is made of one when it is requested. Where YAML nodes were there
// first, the nodes over them are made as they are requested.
type Node struct {
	parent *Node
	field  string
	value  string // of a scalar, as yaml.v3 has it

	kids *children // of a mapping or a list, unless it was made of a YAML node
	back *backing  // of a node that was made of a YAML node, and of roots

	line              int32  // unless n was made of a YAML node
	keyLine           int32  // of the key in the parent; of an item of a list its place there
	column, keyColumn uint16 // as their lines
	kind              uint8  // a [yaml.Kind], 0 when missing
	tag               uint8  // of tags; 0 where the YAML node knows
	style, keyStyle   uint8  // a [yaml.Style]; see keyOf and itemOf
}

// A backing is what a few nodes have besides.
type backing struct {
	origin *origin // of a root

	// Of a node that was made of a YAML node: that node, its key in the parent, and the
	// children, of which the first that is requested makes all.
	yaml, key *yaml.Node
	kids      atomic.Pointer[children]
}

// An origin is what all nodes of a tree share.
type origin struct {
	root *Node
	res  *Resource

	once sync.Once
	made atomic.Pointer[map[*Node]made] // once a YAML node was requested of a tree without them
}

// A made pair of YAML nodes is the value and the key of a node.
type made struct{ value, key *yaml.Node }

// children are the nodes below a mapping or a list.
type children struct {
	list   []*Node
	keys   uint64         // a bit of each field, so that most that are absent cost no search
	places map[string]int // of the fields in a large mapping
}

// noChildren are those of what is empty.
var noChildren = &children{}

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

// Kinds of nodes and styles of scalars and collections as yaml.v3 numbers them, in constants.
const (
	sequenceKind, mappingKind, scalarKind   = uint8(1 << 1), uint8(1 << 2), uint8(1 << 3)
	doubleQuoted, singleQuoted, literalText = uint8(1 << 1), uint8(1 << 2), uint8(1 << 3)
	inBrackets                              = uint8(1 << 5)

	unknownKind = 1 << 7 // of a node of yaml.v3 that has none

	// What the style of the key of a node tells besides: that the node stands for its key, or
	// is an item of a list and has none.
	keyOf, itemOf = 1 << 7, 1 << 6
)

// The tags of YAML, by their place in tags.
const (
	noTag = iota
	strTag
	nullTag
	boolTag
	intTag
	floatTag
	timestampTag
	binaryTag
	mapTag
	seqTag
)

var tags = [...]string{strTag: "!!str", nullTag: "!!null", boolTag: "!!bool", intTag: "!!int", floatTag: "!!float",
	timestampTag: "!!timestamp", binaryTag: "!!binary", mapTag: "!!map", seqTag: "!!seq"}

// tagNumber returns the place in tags of a tag in its short form; noTag of any other.
func tagNumber(tag string) uint8 {
	switch tag {
	case "!!str":
		return strTag
	case "!!null":
		return nullTag
	case "!!bool":
		return boolTag
	case "!!int":
		return intTag
	case "!!float":
		return floatTag
	case "!!timestamp":
		return timestampTag
	case "!!binary":
		return binaryTag
	case "!!map":
		return mapTag
	case "!!seq":
		return seqTag
	}
	return noTag
}

// NewNode returns a root node outside any resource, for configuration and patches.
func NewNode(root *yaml.Node) *Node {
	n := &Node{}
	if root = resolveAlias(root); root != nil {
		n.set(root, &backing{})
	}
	return n
}

// set lets n stand for a YAML node.
func (n *Node) set(y *yaml.Node, b *backing) {
	n.value, n.style, b.yaml = y.Value, uint8(y.Style), y
	if n.kind = uint8(y.Kind); n.kind == 0 {
		n.kind = unknownKind
	}
	n.tag = tagNumber(y.Tag)
	n.back = b
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Exists reports whether the node is there. An explicit null is there: see [Node.IsNull].
func (n *Node) Exists() bool { return n.kind != 0 }

// IsNull reports whether the node is missing or null; the API server treats both alike.
func (n *Node) IsNull() bool {
	return n.kind == 0 || n.kind == scalarKind && n.hasTag(nullTag)
}

// IsScalar reports whether the node is a scalar other than null.
func (n *Node) IsScalar() bool { return n.kind == scalarKind && !n.hasTag(nullTag) }

// IsMapping reports whether the node is a mapping.
func (n *Node) IsMapping() bool { return n.kind == mappingKind }

// IsSequence reports whether the node is a list.
func (n *Node) IsSequence() bool { return n.kind == sequenceKind }

// hasTag reports whether n, which exists, has a tag.
func (n *Node) hasTag(tag uint8) bool {
	if n.tag != noTag {
		return n.tag == tag
	}
	return n.back.yaml.ShortTag() == tags[tag]
}

// Tag returns the tag of the value in its short form, !!int say, resolved where none is
// written; "" when n is missing.
func (n *Node) Tag() string {
	switch {
	case n.kind == 0:
		return ""
	case n.tag != noTag:
		return tags[n.tag]
	}
	return n.back.yaml.ShortTag()
}

// Style returns how the value is written: in quotes, as a block of text, in brackets.
func (n *Node) Style() yaml.Style { return yaml.Style(n.style) }

// Value returns the text of a scalar, unquoted; "" for anything else and for null.
func (n *Node) Value() string {
	if !n.IsScalar() {
		return ""
	}
	return n.value
}

// IsString reports whether a scalar is a string to YAML (quoted, or no number, bool or null).
func (n *Node) IsString() bool {
	return n.kind == scalarKind && (n.hasTag(strTag) || n.hasTag(binaryTag) || n.hasTag(timestampTag))
}

// Bool returns the value of a boolean; ok is false for anything else. The
// YAML 1.1 words (yes, on, …) count: Kubernetes' decoder reads them as booleans. A tag
// outweighs quotes.
func (n *Node) Bool() (value, ok bool) {
	if !n.IsScalar() {
		return false, false
	}
	if style := n.Style(); style&yaml.TaggedStyle != 0 {
		if !n.hasTag(boolTag) {
			return false, false
		}
	} else if style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return false, false
	}
	switch n.value {
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
	if n.kind != scalarKind || !n.hasTag(intTag) && !n.hasTag(floatTag) {
		return 0, false
	}
	if v, err := strconv.ParseInt(strings.ReplaceAll(n.value, "_", ""), 0, 64); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(n.value, 64) // Helm prints large integers as 1e+06
	if err != nil || f != float64(int64(f)) {
		return 0, false
	}
	return int64(f), true
}

// Get returns the node at a path of mapping keys below n. It never returns nil.
// Of a repeated key the last counts, as in Kubernetes' decoder.
func (n *Node) Get(path ...string) *Node {
	for i, field := range path {
		child := n.child(field)
		if child == nil {
			return n.missing(path[i:])
		}
		n = child
	}
	return n
}

// Has reports whether a node is there at a path below n: that costs less than a node that is
// missing.
func (n *Node) Has(path ...string) bool {
	for _, field := range path {
		if n = n.child(field); n == nil {
			return false
		}
	}
	return n.Exists()
}

// missing returns the node at a path of which n does not have the first field.
func (n *Node) missing(path []string) *Node {
	nodes := make([]Node, len(path)) // at once: rules request millions of paths
	for i, field := range path {
		m := &nodes[i]
		m.parent, m.field = n, field
		n = m
	}
	return n
}

// child returns the node of a field, nil where there is none.
func (n *Node) child(field string) *Node {
	if n.kind != mappingKind {
		return nil
	}
	return n.below().find(field)
}

// below returns the children of a mapping or a list; none of anything else.
func (n *Node) below() *children {
	switch {
	case n.kids != nil:
		return n.kids
	case n.kind == mappingKind || n.kind == sequenceKind:
		return n.children()
	}
	return noChildren
}

// children returns the children of a node that was made of a YAML node.
func (n *Node) children() *children {
	if c := n.back.kids.Load(); c != nil {
		return c
	}
	read := itemsOf
	if n.kind == mappingKind {
		read = fieldsOf
	}
	if c := read(n, n.back.yaml); n.back.kids.CompareAndSwap(nil, c) {
		return c
	}
	return n.back.kids.Load() // another rule was quicker: a node has one child for a field
}

// itemsOf returns the items of a list.
func itemsOf(list *Node, y *yaml.Node) *children {
	content := y.Content
	nodes, backs := make([]Node, len(content)), make([]backing, len(content))
	c := &children{list: make([]*Node, len(content))}
	for i, item := range content {
		n := &nodes[i]
		n.parent, n.keyStyle, n.keyLine, c.list[i] = list, itemOf, int32(i), n
		n.set(resolveAlias(item), &backs[i])
	}
	return c
}

// fieldsOf returns the fields of a mapping.
func fieldsOf(n *Node, y *yaml.Node) *children {
	count := len(y.Content) / 2
	nodes, backs := make([]Node, 0, count), make([]backing, 0, count)
	c := &children{list: make([]*Node, 0, count)}
	if count > manyFields {
		c.places = make(map[string]int, count)
	}
	set := func(k, v *yaml.Node) {
		name := keyText(k)
		m := c.find(name)
		if m == nil {
			if len(nodes) == cap(nodes) { // of what is merged in
				nodes, backs = make([]Node, 0, max(8, cap(nodes))), make([]backing, 0, max(8, cap(nodes)))
			}
			nodes, backs = append(nodes, Node{parent: n, field: name}), append(backs, backing{key: k})
			m = &nodes[len(nodes)-1]
			m.set(resolveAlias(v), &backs[len(nodes)-1])
			c.add(m)
			return
		}
		back := m.back
		back.key = k
		m.set(resolveAlias(v), back)
	}
	merges := false
	for i := 0; i+1 < len(y.Content); i += 2 {
		if k := y.Content[i]; isMergeKey(k) {
			merges = true
		} else {
			set(k, y.Content[i+1])
		}
	}
	if merges { // the order is settled for what is written, the values are not
		eachEntry(y, set)
	}
	c.list = slices.Clip(c.list) // who appends to it gets a copy
	return c
}

// add adds a field that is not there yet.
func (c *children) add(n *Node) {
	if c.places != nil {
		c.places[n.field] = len(c.list)
	}
	c.list = append(c.list, n)
	c.keys |= keyBit(n.field)
}

// find returns a field, nil where there is none.
func (c *children) find(name string) *Node {
	if c.keys&keyBit(name) == 0 {
		return nil
	}
	if c.places != nil {
		if at, ok := c.places[name]; ok {
			return c.list[at]
		}
		return nil
	}
	for _, n := range c.list {
		if n.field == name {
			return n
		}
	}
	return nil
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
	if n.kind != sequenceKind {
		return nil
	}
	return n.below().list
}

// Fields returns the values of a mapping in the order written, merged ones
// last and each key once; see [Node.Name] and [Node.Key]. None for anything else. The
// slice must not be changed.
func (n *Node) Fields() []*Node {
	if n.kind != mappingKind {
		return nil
	}
	return n.below().list
}

// Entries returns the values of a mapping in the order written, a repeated key as
// often as it is written and without what a merge key brings in. The slice must not be changed.
func (n *Node) Entries() []*Node {
	fields := n.Fields()
	if n.kind != mappingKind || n.compact() {
		return fields
	}
	y := n.back.yaml
	count := len(y.Content) / 2
	same := count == len(fields)
	for i := 0; same && i < count; i++ {
		same = !isMergeKey(y.Content[2*i])
	}
	if same {
		return fields
	}
	entries, nodes, backs := make([]*Node, count), make([]Node, count), make([]backing, count)
	for i := range count {
		k, e := y.Content[2*i], &nodes[i]
		e.parent, e.field, entries[i], backs[i].key = n, keyText(k), e, k
		e.set(resolveAlias(y.Content[2*i+1]), &backs[i])
	}
	return entries
}

// RepeatsKeys reports whether a mapping may hold a key twice, be it n or one below; false
// where that is certain.
func (n *Node) RepeatsKeys() bool {
	return n.kind != 0 && !n.compact() && mayRepeat(n.back.yaml)
}

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

// HasKey reports whether n is the value of a key, which [Node.KeyNode] returns.
func (n *Node) HasKey() bool { return n.kind != 0 && n.parent != nil && !n.isItem() }

func (n *Node) isItem() bool { return n.keyStyle&itemOf != 0 }

// KeyNode returns the key that holds n as a node of the same path, for findings
// about the key itself; n where there is none (list items, roots, missing nodes).
func (n *Node) KeyNode() *Node {
	if !n.HasKey() || n.keyStyle&keyOf != 0 {
		return n
	}
	k := &Node{parent: n.parent, field: n.field, keyStyle: keyOf}
	if !n.compact() {
		key := n.back.key
		k.set(key, &backing{key: key})
		return k
	}
	k.value, k.line, k.column = n.field, n.keyLine, n.keyColumn
	k.kind, k.style, k.tag = scalarKind, n.keyStyle, tagOf(n.field, n.keyStyle)
	return k
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
	for _, c := range n.below().list {
		c.Walk(visit)
	}
}

// Name returns the key of n in its mapping; "" for list items and roots.
func (n *Node) Name() string { return n.field }

// Index returns the place of n in its list, from 0; -1 when it is no list item.
func (n *Node) Index() int {
	if !n.isItem() {
		return -1
	}
	return int(n.keyLine)
}

// Parent returns the node that holds n, or nil at the root of an object.
func (n *Node) Parent() *Node { return n.parent }

func (n *Node) root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// Resource returns the object that n belongs to; nil outside any.
func (n *Node) Resource() *Resource {
	if b := n.root().back; b != nil && b.origin != nil {
		return b.origin.res
	}
	return nil
}

// YAML returns the node as yaml.v3 has it, with aliases resolved; nil when n is
// missing. It must not be changed. Of most files none is made until one is requested, and
// then one for each value and key of the object: what [Node.Tag], [Node.Style], [Node.Span]
// and [Node.Identity] tell costs nothing.
func (n *Node) YAML() *yaml.Node {
	if n.kind == 0 {
		return nil
	}
	return n.pair().value
}

// Key returns the YAML node of the key that holds n; nil for list items, roots
// and missing nodes. It must not be changed. See [Node.YAML].
func (n *Node) Key() *yaml.Node {
	if !n.HasKey() {
		return nil
	}
	return n.pair().key
}

// pair returns the YAML nodes of n, which exists. They are made for all of its tree if
// they are not there.
func (n *Node) pair() made {
	if !n.compact() {
		return made{n.back.yaml, n.back.key}
	}
	all := n.root().back.origin.yaml()
	if n.keyStyle&keyOf != 0 {
		key := all[n.parent.child(n.field)].key
		return made{key, key}
	}
	return all[n]
}

// yaml returns the YAML nodes of a tree that was there before them.
func (o *origin) yaml() map[*Node]made {
	o.once.Do(func() {
		m := yamlMaker{}
		m.count(o.root)
		m.nodes, m.lists, m.made = make([]yaml.Node, 0, m.all), make([]*yaml.Node, 0, m.all), make(map[*Node]made, m.values)
		m.value(o.root, nil)
		o.made.Store(&m.made)
	})
	return *o.made.Load()
}

// MadeYAML reports whether [Node.YAML] or [Node.Key] had to make the YAML nodes of an object. A
// test holds the rules to what does without.
func (r *Resource) MadeYAML() bool { return r.Root.back.origin.made.Load() != nil }

// A yamlMaker makes YAML nodes, all at a time.
type yamlMaker struct {
	all, values int
	nodes       []yaml.Node
	lists       []*yaml.Node
	made        map[*Node]made
}

// count counts what value makes.
func (m *yamlMaker) count(n *Node) {
	m.all++
	m.values++
	list := n.below().list
	if n.kind == mappingKind {
		m.all += len(list)
	}
	for _, c := range list {
		if c.back == nil {
			m.count(c)
		}
	}
}

func (m *yamlMaker) node(kind, tag uint8, value string, style uint8, line int32, column uint16) *yaml.Node {
	m.nodes = append(m.nodes, yaml.Node{Kind: yaml.Kind(kind), Tag: tags[tag], Value: value, Style: yaml.Style(style), Line: int(line), Column: int(column)})
	return &m.nodes[len(m.nodes)-1]
}

func (m *yamlMaker) value(n *Node, key *yaml.Node) *yaml.Node {
	y := m.node(n.kind, n.tag, n.value, n.style, n.line, n.column)
	if list := n.below().list; len(list) > 0 {
		size := len(list)
		if n.kind == mappingKind {
			size *= 2
		}
		from := len(m.lists)
		m.lists = slices.Grow(m.lists, size)[:from+size]
		content := m.lists[from : from : from+size]
		for _, c := range list {
			var key *yaml.Node
			if n.kind == mappingKind {
				key = m.node(scalarKind, tagOf(c.field, c.keyStyle), c.field, c.keyStyle, c.keyLine, c.keyColumn)
				content = append(content, key)
			}
			if c.back != nil { // an object of a list is a tree of its own
				content = append(content, c.YAML())
			} else {
				content = append(content, m.value(c, key))
			}
		}
		y.Content = content
	}
	m.made[n] = made{y, key}
	return y
}

// expansion returns the number of nodes that n and what is below it expand to; see the
// function of that name.
func (n *Node) expansion(limit int) int {
	if n.compact() {
		return 0
	}
	return expansion(n.back.yaml, limit)
}

// Identity returns a value that two nodes have in common if they are one in the text: an
// alias and what it stands for. It is comparable; that of missing nodes is nil.
func (n *Node) Identity() any {
	switch {
	case n.kind == 0:
		return nil
	case !n.compact():
		return n.back.yaml
	case n.keyStyle&keyOf != 0:
		return identityOfKey(n.parent.child(n.field))
	}
	return n
}

// An identityOfKey tells the key of a node from the node.
type identityOfKey *Node

// compact reports whether n was there before the YAML node of it, if there is one.
func (n *Node) compact() bool { return n.line > 0 }

// Same reports whether two nodes have one [Node.Identity].
func (n *Node) Same(m *Node) bool {
	return n == m || n.Identity() == m.Identity()
}

// Position returns the line and the column where n, which exists, begins with its tag and
// anchor, as yaml.v3 counts them: from 1, in code points.
func (n *Node) Position() (line, column int) {
	if n.compact() {
		return int(n.line), int(n.column)
	}
	y := n.back.yaml
	return y.Line, y.Column
}

// Span returns where n, which exists, is in the source that it was parsed from; see [NodeSpan].
func (n *Node) Span(src *Source) Span {
	if !n.compact() {
		return NodeSpan(src, n.back.yaml)
	}
	start := src.At(int(n.line), int(n.column)).Offset
	return src.Span(start, n.end(src, start))
}

// end is [nodeEnd] for a node that is not made of a YAML node.
func (n *Node) end(src *Source, start int) int {
	list := n.below().list
	switch {
	case n.kind == scalarKind:
		return scalarEnd(src.Data, start, n.value, n.Style())
	case n.Style()&yaml.FlowStyle != 0:
		return flowEnd(src.Data, start)
	case len(list) > 0:
		last := list[len(list)-1]
		if end := last.Span(src).End.Offset; end > start {
			return end
		}
		if n.kind == mappingKind { // an empty value: end with its key
			return last.KeyNode().Span(src).End.Offset
		}
		if len(list) > 1 {
			return list[len(list)-2].Span(src).End.Offset
		}
	}
	return start
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
	case !n.isItem() && strings.ContainsAny(n.field, ".[]"):
		return strconv.AppendQuote(append(to, '.'), n.field)
	case !n.isItem():
		return append(append(to, '.'), n.field...)
	}
	if name := n.child("name"); name != nil && name.IsScalar() {
		return append(append(append(to, "[name="...), name.Value()...), ']')
	}
	return append(strconv.AppendInt(append(to, '['), int64(n.Index()), 10), ']')
}

// GenericPath is Path with every list item written as [], the same for all
// containers of a pod, say.
func (n *Node) GenericPath() string {
	var parts []string
	for ; n.parent != nil; n = n.parent {
		if n.isItem() {
			parts = append(parts, "[]")
		} else {
			parts = append(parts, "."+n.field)
		}
	}
	slices.Reverse(parts)
	return strings.TrimPrefix(strings.Join(parts, ""), ".")
}
