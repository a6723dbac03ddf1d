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
	i.name, i.tag = lint.CutTag(i.name)
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

// imageEntries edits the entries that decided an image, its tag, its digest or its name: those of
// a kustomization, or of an object that renders one (a Flux Kustomization, a post-renderer).
func (w *finder) imageEntries(place lint.Place, n *lint.Node, kind edit.Kind, value *yaml.Node) []fileEdit {
	if kind != edit.Set || !n.IsScalar() || value.Kind != yaml.ScalarNode {
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
		if !ok {
			continue
		}
		op := &edit.Op{Kind: edit.Set, Place: at, Value: fields}
		switch i := imagesIn(at.Path); {
		case i >= 0 && i+3 <= len(at.Path):
			op.Path = at.Path[:i+2]
		case i >= 0: // as Argo CD writes it: old=new:tag
			old, _, renamed := strings.Cut(f.Node(at).Value, "=")
			if !renamed {
				continue
			}
			op.Value = valueNode(old + "=" + value.Value)
		case len(at.Path) == 2 && at.Path[0].Key == "imageTag": // of an ImageTagTransformer
			op.Path = at.Path[:1]
		default:
			continue
		}
		all = append(all, fileEdit{path: span.Start.Source.File, op: op})
	}
	return all
}

// imagesIn returns where in a path a list of images is, of which it leads to an entry; -1 for
// nowhere. Lists of containers are called so nowhere.
func imagesIn(path []edit.Step) int {
	for i := len(path) - 2; i >= 0; i-- {
		if (path[i].Key == "images" || path[i].Key == "imageTags") && path[i+1].Index >= 0 && !path[i+1].Text {
			return i
		}
	}
	return -1
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
