package edit

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A File is a YAML file whose nodes can be found by where they stand.
type File struct {
	values map[spot]Place
	keys   map[int]Place // of the values of keys, by the offset of the key
	nodes  map[spot]*yaml.Node
	docs   []*yaml.Node
}

type spot struct {
	offset int
	kind   yaml.Kind
}

// Read parses a file. It is nil where the text is no YAML, as that of a template.
func Read(src *lint.Source) *File {
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 || len(docs) == 0 {
		return nil
	}
	f := &File{values: map[spot]Place{}, keys: map[int]Place{}, nodes: map[spot]*yaml.Node{}, docs: docs}
	for i, doc := range docs {
		f.add(src, doc, Place{Doc: i})
	}
	return f
}

func (f *File) add(src *lint.Source, n *yaml.Node, p Place) {
	at := spot{lint.NodeSpan(src, n).Start.Offset, n.Kind}
	if _, known := f.values[at]; !known {
		f.values[at], f.nodes[at] = p, n
	}
	for _, s := range steps(n) {
		below := Place{p.Doc, append(p.Path[:len(p.Path):len(p.Path)], s)}
		if s.Index < 0 {
			f.keys[lint.NodeSpan(src, n.Content[entry(n, s.Key)]).Start.Offset] = below
		}
		f.add(src, child(n, s), below)
	}
}

// Value returns the place of the node of a kind whose content begins at an offset.
func (f *File) Value(offset int, kind yaml.Kind) (Place, bool) {
	p, ok := f.values[spot{offset, kind}]
	return p, ok
}

// Key returns the place of the value of the key that begins at an offset.
func (f *File) Key(offset int) (Place, bool) {
	p, ok := f.keys[offset]
	return p, ok
}

// Node returns the node at a place, nil where there is none.
func (f *File) Node(p Place) *yaml.Node {
	n, err := find(f.docs, p)
	if err != nil {
		return nil
	}
	return n
}

// Up returns the place of what holds a node.
func (p Place) Up() (Place, bool) {
	if len(p.Path) == 0 {
		return p, false
	}
	return Place{p.Doc, p.Path[:len(p.Path)-1]}, true
}
