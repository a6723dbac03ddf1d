package fix

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/lint"
)

// An image is a reference taken apart as kustomize's images do it.
type image struct{ name, tag, digest string }

func imageOf(text string) image {
	var i image
	i.name, i.digest, _ = strings.Cut(text, "@")
	if at := strings.LastIndexByte(i.name, ':'); at > strings.LastIndexByte(i.name, '/') {
		i.name, i.tag = i.name[:at], i.name[at+1:]
	}
	return i
}

// fields are those of an entry that makes one image of another. A tag is repeated: where an
// entry has a digest alone, kustomize leaves the tag out.
// https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/
func (i image) fields(from image) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key, value string) {
		if value != "" {
			m.Content = append(m.Content, valueNode(key), valueNode(value))
		}
	}
	if i.name != from.name {
		add("newName", i.name)
	}
	add("newTag", i.tag)
	add("digest", i.digest)
	return m
}

// imageEntries edits the entries of kustomizations that decided an image: its tag, its digest
// or its name.
func (w *finder) imageEntries(place lint.Place, n *lint.Node, kind edit.Kind, value *yaml.Node) []fileEdit {
	if w.pass.Bundle.Rendering.Kind != "kustomize" || kind != edit.Set || !n.IsScalar() || value.Kind != yaml.ScalarNode {
		return nil
	}
	fields := imageOf(value.Value).fields(imageOf(n.Value()))
	if len(fields.Content) == 0 {
		return nil
	}
	var all []fileEdit
	spans := []lint.Span{place.Span}
	for _, rel := range place.Related {
		spans = append(spans, rel.Span)
	}
	for _, span := range spans {
		f := w.file(span.Start.Source)
		if f == nil {
			continue
		}
		at, ok := f.Value(span.Start.Offset, yaml.ScalarNode)
		if !ok || len(at.Path) == 0 {
			continue
		}
		switch field := at.Path[0].Key; {
		case (field == "images" || field == "imageTags") && len(at.Path) > 2 && at.Path[1].Index >= 0:
			at.Path = at.Path[:2]
		case field == "imageTag" && len(at.Path) > 1: // of an ImageTagTransformer
			at.Path = at.Path[:1]
		default:
			continue
		}
		all = append(all, fileEdit{path: span.Start.Source.File, op: &edit.Op{Kind: edit.Set, Place: at, Value: fields}})
	}
	return all
}

// newImageEntry adds an entry for an image to the kustomization that is rendered.
func (w *finder) newImageEntry(n *lint.Node, kind edit.Kind, value *yaml.Node) (fileEdit, bool) {
	if w.pass.Bundle.Rendering.Kind != "kustomize" || kind != edit.Set || n.Name() != "image" || !n.IsScalar() || value.Kind != yaml.ScalarNode {
		return fileEdit{}, false
	}
	file := w.kustomization()
	from := imageOf(n.Value())
	fields := imageOf(value.Value).fields(from)
	if file == "" || from.name == "" || len(fields.Content) == 0 {
		return fileEdit{}, false
	}
	fields.Content = append([]*yaml.Node{valueNode("name"), valueNode(from.name)}, fields.Content...)
	return fileEdit{path: file, op: &edit.Op{Kind: edit.Add, Fields: []string{"images"}, Value: fields}}, true
}
