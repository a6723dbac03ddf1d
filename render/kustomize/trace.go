package kustomize

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/builtins" //nolint:staticcheck // no other package names the types of its transformers
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A claim names the place from which a transformer or generator wrote the value
// post at path, where pre was before; pre may be nil.
type claim func(path []string, post, pre *yaml.Node) place

func nobody([]string, *yaml.Node, *yaml.Node) place { return place{} }

// observe runs a transformer and gives what it wrote its places. Where it fails the
// objects are what they were.
func (b *build) observe(w *writer, m resmap.ResMap, inner resmap.Transformer) error {
	nodes := b.look(m)
	if idle(inner) {
		return nil
	}
	if w.kind == "ReplacementTransformer" {
		w.copies = w.replacements(m)
		if err := w.multiplies(); err != nil {
			return err
		}
	}
	var changed []*resource.Resource
	err := contained(func() error { return inner.Transform(m) })
	if err == nil {
		for _, r := range m.Resources() {
			if n, pre := r.YNode(), b.trees[r]; n != nil && pre != nil && !same(pre, n) {
				changed = append(changed, r)
			}
		}
		err = b.grown(m, changed)
	}
	if err != nil {
		if errors.Is(err, errGrown) {
			if b.excesses++; b.excesses > patience {
				b.refusal = errAgain
			}
		}
		// what was half done, or emptied, is as it was before: the rest is built without this entry
		for _, r := range m.Resources() {
			if pre := b.trees[r]; pre != nil && (r.YNode() == nil || !same(pre, r.YNode())) {
				r.SetYNode(clone(pre))
				delete(b.sizes, r)
			}
		}
		return err
	}
	for _, r := range changed {
		n, pre := r.YNode(), b.trees[r]
		if n != nodes[r] {
			level(n, place{}) // made anew from JSON: its lines are those of a passing text
		}
		w.resource(b, r, pre, n)
		b.removals(w, r, pre, n)
		b.trees[r] = snapshot(pre, n)
		b.byNode[n] = b.trees[r]
	}
	return nil
}

// idle reports whether a transformer does nothing, as that of common labels does which krusty adds
// wherever there are other labels.
func idle(t resmap.Transformer) bool {
	labels, ok := t.(*builtins.LabelTransformerPlugin)
	return ok && len(labels.Labels) == 0
}

// look remembers the objects as they are, and returns their roots.
func (b *build) look(m resmap.ResMap) map[*resource.Resource]*yaml.Node {
	nodes := make(map[*resource.Resource]*yaml.Node, m.Size())
	for _, r := range m.Resources() {
		n := r.YNode()
		nodes[r] = n
		b.settle(n)
		if t := b.trees[r]; t == nil || !same(t, n) {
			b.restore(t, n)
			b.trees[r] = snapshot(t, n)
		}
	}
	return nodes
}

// grown reports that a transformer makes the objects hold more nodes than a build may: those
// that it changed, and those that it added.
func (b *build) grown(m resmap.ResMap, changed []*resource.Resource) error {
	before, total := 0, 0
	for _, r := range m.Resources() {
		pre, n := b.trees[r], r.YNode()
		was := b.sizes[r]
		if was == 0 {
			was = size(pre)
			b.sizes[r] = was
		}
		before += was
		is := len(changed) > 0 && changed[0] == r
		if is {
			changed = changed[1:]
		}
		if is || n != nil && pre == nil {
			now := size(n)
			if now > maxNodes && now > was+was/4 {
				return errGrown
			}
			b.sizes[r] = now
		}
		total += b.sizes[r]
	}
	if total > 4*maxNodes && total > before+before/4 {
		return errGrown
	}
	return nil
}

// generated gives the objects that a generator made their places.
func (b *build) generated(w *writer, m resmap.ResMap) {
	for _, r := range m.Resources() {
		level(r.YNode(), place{})
		h := healer{b: b, claim: w.generated()}
		h.heal(nil, r.YNode())
		t := clone(r.YNode())
		b.trees[r] = t
		b.made = append(b.made, t)
	}
}

// restore gives values that lost their places those of the tree they had before,
// else those of the generators' objects or of the documents of the same object.
func (b *build) restore(before, n *yaml.Node) {
	if !lost(n) {
		return
	}
	quiet := func(pre *yaml.Node) {
		h := healer{b: b, claim: nobody}
		h.heal(pre, n)
	}
	if before != nil {
		quiet(before)
		if !lost(n) {
			return
		}
	}
	// of its namespace first: a transformer may have set that since
	ofNamespace := func(m *yaml.Node) bool {
		return text(get(m, "metadata", "namespace")) == text(get(n, "metadata", "namespace"))
	}
	for _, own := range []bool{true, false} {
		for i := len(b.made) - 1; i >= 0 && lost(n); i-- {
			if m := b.made[i]; kindOf(m) == kindOf(n) && nameOf(m) == nameOf(n) && ofNamespace(m) == own {
				quiet(m)
			}
		}
	}
	if lost(n) {
		for _, doc := range b.sameObject(n) {
			quiet(doc)
		}
	}
}

// sameObject returns the documents that define the object n, of all files read so far.
func (b *build) sameObject(n *yaml.Node) []*yaml.Node {
	if b.origin == nil {
		b.origin = map[string][]*yaml.Node{}
		slices.Sort(b.read)
		for _, path := range slices.Compact(b.read) {
			for _, doc := range b.documents(path, roleResource) {
				eachObject(doc, func(n *yaml.Node) { b.origin[identity(n)] = append(b.origin[identity(n)], n) })
			}
		}
	}
	return b.origin[identity(n)]
}

// finish gives places to what was written after the last transformer: name
// references, variables, hashes, and annotations of kustomize's own.
func (b *build) finish(m resmap.ResMap) {
	b.origin = nil
	namespaces := map[[2]string]place{}
	for _, r := range m.Resources() {
		n := r.YNode()
		if !b.coarse {
			b.settle(n)
		}
		before := b.byNode[n]
		if before == nil {
			before = b.trees[r]
		}
		h := healer{b: b, claim: nobody}
		if before != nil {
			h.heal(before, n)
		}
		b.restore(nil, n)
		if before != nil {
			b.byNode[n] = before
		}
		if ns := get(n, "metadata", "namespace"); ns != nil && at(ns).known() {
			namespaces[[2]string{ns.Value, nameOf(n)}] = at(ns)
		}
	}
	path := make([]string, 0, 32)
	for _, r := range m.Resources() {
		n := r.YNode()
		if gone := b.removed[r]; gone != nil {
			b.gone[n] = gone
		}
		b.references(n, b.byNode[n], path, namespaces)
		if lost(n) {
			b.orphans(n)
		}
	}
}

// references puts the namespace of a reference that kustomize has rewritten (the
// subjects of a RoleBinding, a webhook's service) at the line that put the object
// referred to into its namespace.
func (b *build) references(n, before *yaml.Node, path []string, namespaces map[[2]string]place) {
	if n.Kind == yaml.SequenceNode {
		for i, c := range n.Content {
			b.references(c, before, append(path, strconv.Itoa(i)), namespaces)
		}
		return
	}
	if k, ns := field(n, "namespace"); ns != nil && len(path) > 1 {
		old := lookup(before, append(path, "namespace"))
		if name := get(n, "name"); name != nil && (!at(ns).known() || before != nil && (old == nil || old.Value != ns.Value)) {
			if p, ok := namespaces[[2]string{ns.Value, name.Value}]; ok {
				if old != nil {
					p = b.replaced(p, at(old))
				}
				set(ns, p)
				if !at(k).known() {
					set(k, p)
				}
			}
		}
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			b.references(n.Content[i+1], before, append(path, n.Content[i].Value), namespaces)
		}
	}
}

// orphans gives what has no place that of buildMetadata, which makes kustomize add
// labels and annotations at the end; else nothing, and the locator says what holds it.
func (b *build) orphans(n *yaml.Node) {
	meta := fold(b.root.root, "buildMetadata")
	if meta == nil {
		return
	}
	for _, f := range []string{"annotations", "labels"} {
		if m := get(n, "metadata", f); m != nil {
			p := b.entry(entry{b.root, meta})
			for _, option := range items(meta) {
				if o := strings.ToLower(option.Value); f == "labels" && o == "managedbylabel" || f == "annotations" && o == "originannotations" {
					p = b.entry(entry{b.root, option})
				}
			}
			for i := 0; i+1 < len(m.Content); i += 2 {
				if !at(m.Content[i+1]).known() {
					set(m.Content[i], p)
					set(m.Content[i+1], p)
				}
			}
		}
	}
}

// A healer walks an object as it was and as it is now, and gives each value that
// was written in between the place that wrote it. Values that only lost their
// place, as all do that went through JSON, get it back.
type healer struct {
	b      *build
	claim  claim
	merged bool // by a strategic merge, whose values come with their places
	copies bool // by replacements, which may write the value that was there
	whole  bool // below a list item that was written as a whole: nothing in it is of pre
	root   *yaml.Node
	path   []string // to what is healed; claims keep nothing of it
}

// anew reports whether an item of a list was written as a whole, and not merged into
// the one that was there, and where.
func (h *healer) anew(pre, post *yaml.Node) (place, bool) {
	switch p := at(post); {
	case post.Kind != yaml.MappingNode || pre == nil || !p.known() || p == at(pre):
		return place{}, false
	case h.merged:
		return p, h.b.isPatch(p)
	case h.copies:
		p = h.claim(h.path, post, pre)
		return p, p.known()
	}
	return place{}, false
}

func (h *healer) heal(pre, post *yaml.Node) {
	if pre != nil && pre.Kind != post.Kind {
		pre = nil
	}
	switch post.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(post.Content); i += 2 {
			k, v := post.Content[i], post.Content[i+1]
			pk, pv := field(pre, k.Value)
			h.path = append(h.path, k.Value)
			h.heal(pv, v)
			h.path = h.path[:len(h.path)-1]
			switch {
			case pk != nil && at(pk).known() && (!h.whole || !at(k).known()):
				set(k, at(pk))
			case !at(k).known():
				set(k, h.b.newest(at(v)))
			}
		}
	case yaml.SequenceNode:
		match := align(pre, post)
		for i, e := range post.Content {
			h.path = append(h.path, strconv.Itoa(i))
			p, anew := h.anew(match[i], e)
			if anew = anew && !h.whole; anew {
				h.whole = true
			}
			h.heal(match[i], e)
			if anew {
				h.whole = false
				set(e, p)
			}
			h.path = h.path[:len(h.path)-1]
		}
	default:
		h.scalar(pre, post)
		return
	}
	switch {
	case len(post.Content) == 0:
		h.scalar(pre, post)
	case pre != nil && at(pre).known() && (!h.whole || !at(post).known()):
		set(post, at(pre))
	case !at(post).known():
		set(post, at(post.Content[0]))
	}
}

func (h *healer) scalar(pre, post *yaml.Node) {
	old := place{}
	if pre != nil {
		old = at(pre)
	}
	if at(post).known() {
		switch {
		case old == at(post):
			// replacements change a scalar where it stands
			if pre.Value != post.Value || h.copies {
				if p := h.claim(h.path, post, pre); p.known() {
					set(post, h.b.replaced(p, old))
				}
			}
		case h.merged && !h.whole && old.known() && pre.Value == post.Value && h.identifies(h.path):
			set(post, old) // what a patch repeats to say where it applies
		case h.merged && old.known() && h.b.isPatch(at(post)):
			set(post, h.b.replaced(at(post), old))
		}
		return
	}
	if p := h.claim(h.path, post, pre); p.known() {
		set(post, h.b.replaced(p, old))
	} else if old.known() {
		set(post, old)
	}
}

// isPatch reports whether a place is in a patch, and not yet joined with what it replaced.
func (b *build) isPatch(p place) bool {
	g := b.find(p.line)
	return g != nil && g.role == rolePatch
}

// newest returns the place that was written last at p.
func (b *build) newest(p place) place {
	for {
		g := b.find(p.line)
		if g == nil || !g.over.known() {
			return p
		}
		if g.via.known() {
			return g.via
		}
		p = g.over
	}
}

// identifies reports whether a strategic merge patch repeats the field at path to
// say what it applies to: the object's names, and the merge keys of its lists.
func (h *healer) identifies(path []string) bool {
	switch strings.Join(path, ".") {
	case "apiVersion", "kind", "metadata.name", "metadata.namespace":
		return true
	}
	if len(path) < 2 {
		return false
	}
	if _, err := strconv.Atoi(path[len(path)-2]); err != nil {
		return false
	}
	s := openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: text(get(h.root, "apiVersion")), Kind: kindOf(h.root)})
	for _, p := range path[:len(path)-2] {
		if s == nil {
			return false
		}
		if _, err := strconv.Atoi(p); err == nil {
			s = s.Elements()
		} else {
			s = s.Field(p)
		}
	}
	if s == nil {
		return false
	}
	_, keys := s.PatchStrategyAndKeyList()
	return slices.Contains(keys, path[len(path)-1])
}

// mergeKeys are the fields by which kustomize's schemas tell list items apart.
var mergeKeys = []string{"name", "containerPort", "mountPath", "port", "key", "ip", "path", "topologyKey", "devicePath", "type", "uid"}

// align finds the items of post in pre: equal ones in order, then those with the
// same merge key, then by index where the lists are of one length.
func align(pre, post *yaml.Node) []*yaml.Node {
	match := make([]*yaml.Node, len(post.Content))
	if pre == nil {
		return match
	}
	used := make([]bool, len(pre.Content))
	next := 0
	for i, e := range post.Content {
		for j := next; j < len(pre.Content); j++ {
			if !used[j] && equal(pre.Content[j], e) {
				match[i], used[j], next = pre.Content[j], true, j+1
				break
			}
		}
	}
	for i, e := range post.Content {
		if match[i] != nil {
			continue
		}
		for _, key := range mergeKeys {
			v := get(e, key)
			if v == nil {
				continue
			}
			for j, p := range pre.Content {
				if w := get(p, key); !used[j] && w != nil && w.Value == v.Value {
					match[i], used[j] = p, true
					break
				}
			}
			break
		}
	}
	if len(pre.Content) == len(post.Content) {
		for i := range match {
			if match[i] == nil && !used[i] {
				match[i], used[i] = pre.Content[i], true
			}
		}
	}
	return match
}

// patched applies the operations of a JSON patch (RFC 6902) to a tree, as
// kustomize does on its JSON, so that each value keeps or gets its place.
func (b *build) patched(tree *yaml.Node, ops *yaml.Node) *yaml.Node {
	root := clone(tree)
	for _, op := range items(ops) {
		pointer := get(op, "path")
		path := tokens(text(pointer))
		from := tokens(text(get(op, "from")))
		switch text(get(op, "op")) {
		case "add", "replace":
			value := clone(unalias(get(op, "value")))
			if value == nil {
				value = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: pointer.Line, Column: pointer.Column}
			}
			root = b.put(root, path, value, pointer, text(get(op, "op")) == "add")
		case "remove":
			cut(root, path)
		case "move":
			if v := lookup(root, from); v != nil {
				cut(root, from)
				root = b.put(root, path, v, pointer, true)
			}
		case "copy":
			if v := lookup(root, from); v != nil {
				root = b.put(root, path, clone(v), pointer, true)
			}
		}
	}
	return root
}

func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	var path []string
	for _, t := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		path = append(path, strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~"))
	}
	return path
}

func (b *build) put(root *yaml.Node, path []string, value, pointer *yaml.Node, add bool) *yaml.Node {
	if len(path) == 0 {
		return value
	}
	parent, last := lookup(root, path[:len(path)-1]), path[len(path)-1]
	join := func(old *yaml.Node) {
		if old.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode {
			set(value, b.replaced(at(value), at(old)))
		}
	}
	switch {
	case parent == nil:
	case parent.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i].Value == last {
				join(parent.Content[i+1])
				parent.Content[i+1] = value
				return root
			}
		}
		parent.Content = append(parent.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: last, Line: pointer.Line, Column: pointer.Column}, value)
	case parent.Kind == yaml.SequenceNode:
		i, err := strconv.Atoi(last)
		switch {
		case last == "-" || add && i == len(parent.Content):
			parent.Content = append(parent.Content, value)
		case err != nil:
		case i < 0:
			i += len(parent.Content)
			if i < 0 {
				return root
			}
			if add {
				i++ // json-patch counts negative indexes from behind the end
			}
			fallthrough
		case i < len(parent.Content):
			if i > len(parent.Content) {
				return root
			}
			if add {
				parent.Content = slices.Insert(parent.Content, i, value)
			} else if i < len(parent.Content) {
				join(parent.Content[i])
				parent.Content[i] = value
			}
		}
	}
	return root
}

func cut(root *yaml.Node, path []string) {
	if len(path) == 0 {
		return
	}
	parent, last := lookup(root, path[:len(path)-1]), path[len(path)-1]
	if parent == nil {
		return
	}
	if parent.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i].Value == last {
				parent.Content = slices.Delete(parent.Content, i, i+2)
				return
			}
		}
	} else if i, err := strconv.Atoi(last); err == nil && parent.Kind == yaml.SequenceNode {
		if i < 0 {
			i += len(parent.Content)
		}
		if i >= 0 && i < len(parent.Content) {
			parent.Content = slices.Delete(parent.Content, i, i+1)
		}
	}
}
