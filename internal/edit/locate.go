package edit

import (
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A File is a YAML file whose nodes can be found by where they stand. Several may ask at once.
type File struct {
	mu     sync.Mutex
	values map[spot]Place
	keys   map[int]Place // of the values of keys, by the offset of the key
	docs   []*yaml.Node
	texts  []*text // that were not looked into
}

// A text is a scalar that may be YAML itself.
type text struct {
	span  lint.Span
	node  *yaml.Node
	place Place
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
	f := &File{values: map[spot]Place{}, keys: map[int]Place{}, docs: docs}
	for i, doc := range docs {
		f.add(src, doc, Place{Doc: i})
	}
	return f
}

func (f *File) add(src *lint.Source, n *yaml.Node, p Place) {
	at := spot{lint.NodeSpan(src, n).Start.Offset, n.Kind}
	if _, known := f.values[at]; !known {
		f.values[at] = p
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && strings.Contains(n.Value, ":") {
		f.texts = append(f.texts, &text{lint.NodeSpan(src, n), n, p})
	}
	for _, s := range steps(n) {
		below := Place{p.Doc, append(p.Path[:len(p.Path):len(p.Path)], s.Step)}
		if s.Index < 0 {
			f.keys[lint.NodeSpan(src, n.Content[s.at-1]).Start.Offset] = below
		}
		f.add(src, n.Content[s.at], below)
	}
}

// look adds the nodes of the texts around an offset.
func (f *File) look(offset int) {
	for i := 0; i < len(f.texts); i++ {
		t := f.texts[i]
		if offset < t.span.Start.Offset || offset >= t.span.End.Offset {
			continue
		}
		f.texts = slices.Delete(f.texts, i, i+1)
		i--
		at := lint.TextOffsets(t.span, t.node)
		src := lint.NewSource("", []byte(t.node.Value))
		in := Read(src)
		if at == nil || in == nil {
			continue
		}
		outer := func(p Place) Place {
			return Place{t.place.Doc, slices.Concat(t.place.Path, []Step{{Index: p.Doc, Text: true}}, p.Path)}
		}
		for s, p := range in.values {
			to := spot{at[s.offset], s.kind}
			if _, known := f.values[to]; !known {
				f.values[to] = outer(p)
			}
		}
		for offset, p := range in.keys {
			if _, known := f.keys[at[offset]]; !known {
				f.keys[at[offset]] = outer(p)
			}
		}
	}
}

// Value returns the place of the node of a kind whose content begins at an offset, which may
// be in the text of a scalar.
func (f *File) Value(offset int, kind yaml.Kind) (Place, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.values[spot{offset, kind}]
	if !ok {
		f.look(offset)
		p, ok = f.values[spot{offset, kind}]
	}
	return p, ok
}

// Key returns the place of the value of the key that begins at an offset.
func (f *File) Key(offset int) (Place, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.keys[offset]
	if !ok {
		f.look(offset)
		p, ok = f.keys[offset]
	}
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
