package kustomize

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A laid text is a file of resources as kustomize is given it: each document stands
// firstLine lines down, so that its lines are none of those that kustomize makes up.
type laid struct {
	text    []byte
	objects []object
}

// An object is what a document of a laid text holds, or an item of its list.
type object struct {
	id    string
	at    place // in the document
	first int   // line of the document in the file
}

// layOut lays the documents of a text, but for those that skip names by their lines.
func layOut(data []byte, skip func(first, last int) bool) laid {
	var out laid
	out.text = lay(kyamlText(data), func(d piece) int {
		if skip != nil && skip(d.first-d.opened, d.last) {
			return -1
		}
		var doc yaml.Node
		if decode(d.text, &doc) == nil && doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
			eachObject(doc.Content[0], func(n *yaml.Node) {
				out.objects = append(out.objects, object{identity(n), at(n), d.first})
			})
		}
		return firstLine
	})
	return out
}

// eachObject calls f for the objects of a document: kustomize takes lists apart.
func eachObject(doc *yaml.Node, f func(*yaml.Node)) {
	if doc = unalias(doc); doc == nil || doc.Kind != yaml.MappingNode {
		return
	}
	if strings.HasSuffix(kindOf(doc), "List") {
		for _, item := range items(get(doc, "items")) {
			eachObject(item, f)
		}
	}
	f(doc)
}

// identity is what tells the objects of one directory apart.
func identity(n *yaml.Node) string {
	return strings.Join([]string{text(get(n, "apiVersion")), kindOf(n), text(get(n, "metadata", "namespace")), nameOf(n)}, "\x00")
}

// layOut lays out a file of resources, once for all builds that read it.
func (t *tree) layOut(src *lint.Source) laid {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.laid[src]; ok {
		return l
	}
	l := layOut(src.Data, nil)
	t.laid[src] = l
	return l
}

// An awaited object has been read and not yet been seen by a hook.
type awaited struct {
	object
	base int // number of the line in front of the file's first
}

// await returns the text of a file of resources for kustomize, and remembers its
// objects until a hook sees them.
func (b *build) await(src *lint.Source, g segment) []byte {
	var l laid
	if skip := b.skip(src, nil); skip != nil || g.chart != nil {
		l = layOut(src.Data, skip)
	} else {
		l = b.layOut(src)
	}
	b.counted(len(l.objects))
	base := b.number(src, g)
	for _, o := range l.objects {
		b.awaited[o.id] = append(b.awaited[o.id], awaited{o, base})
	}
	return l.text
}

// counted adds objects to those of the build, and ends it where they are too many.
func (b *build) counted(objects int) {
	b.objects += objects
	if limit := objectsIn(b.ctx); b.objects > limit {
		b.refusal = fmt.Errorf("it holds too many objects: %w", errTooMany(limit))
	}
}

// settle gives the nodes of an object that a hook sees for the first time the numbers
// of their lines. One that was not read from a file keeps none.
func (b *build) settle(n *yaml.Node) {
	if n == nil || !laidOut(n) {
		return
	}
	id := identity(n)
	by := 0
	list := b.awaited[id]
	for i := len(list) - 1; i >= 0; i-- { // what was read last is seen first
		if o := list[i]; o.at == (place{n.Line - firstLine, n.Column}) {
			by = o.base + o.first - 1 - firstLine
			b.awaited[id] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	var move func(n *yaml.Node)
	move = func(n *yaml.Node) {
		if laidOut(n) {
			if by == 0 {
				set(n, place{})
			} else {
				n.Line += by
			}
		}
		for _, c := range n.Content {
			move(c)
		}
	}
	move(n)
}

// laidOut reports whether a node has the line of a laid text.
func laidOut(n *yaml.Node) bool { return firstLine < n.Line && n.Line < firstNumber }

// number returns the base of the numbers of a whole text, whose segment is like g.
func (b *build) number(src *lint.Source, g segment) int {
	k := numberKey{src, g.role}
	base, ok := b.bases[k]
	if !ok {
		g.src, g.first, g.lines = src, 1, src.Lines()+breaks(src.Data)+1
		base = b.add(g)
		b.bases[k] = base
	}
	return base
}

type numberKey struct {
	src  *lint.Source
	role string
}

// An inlined text is in a scalar of a kustomization.
type inlined struct {
	src    *lint.Source
	by     entry
	inside *embedded
}

// documents returns the documents of a file of the build, at their numbers; what is
// broken is left out.
func (b *build) documents(path, role string) []*yaml.Node {
	k := path + "\x00" + role
	if docs, ok := b.docs[k]; ok {
		return docs
	}
	var docs []*yaml.Node
	in, ok := b.inlined[path]
	if !ok {
		if src, err := b.open(path); err == nil {
			in, ok = inlined{src: src, by: b.roles[src.File].by}, true
		}
	}
	if ok {
		skip := b.skip(in.src, in.inside)
		base := b.number(in.src, segment{role: role, by: in.by, inside: in.inside})
		pieces(kyamlText(in.src.Data), func([]byte) {}, func(d piece) {
			var n yaml.Node
			if skip != nil && skip(d.first-d.opened, d.last) || decode(d.text, &n) != nil || n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
				return
			}
			shift(n.Content[0], base+d.first-1)
			docs = append(docs, n.Content[0])
		})
	}
	b.docs[k] = docs
	return docs
}

func shift(n *yaml.Node, by int) {
	n.Line += by
	for _, c := range n.Content {
		shift(c, by)
	}
}
