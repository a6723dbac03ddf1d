package validity

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/manilint/manilint/lint"
)

// A customSchema is the schema that a CustomResourceDefinition of the bundle
// gives for one version of its kind.
type customSchema struct {
	root *lint.Node // openAPIV3Schema
	// loose says that the definition keeps unknown fields, the default of
	// apiextensions.k8s.io/v1beta1.
	loose bool
}

// customKinds are the schemas of the bundle's custom kinds.
type customKinds map[schema.GroupVersionKind]customSchema

func customSchemas(b *lint.Bundle) customKinds {
	all := customKinds{}
	for _, crd := range b.OfKind("CustomResourceDefinition") {
		if crd.Group != "apiextensions.k8s.io" {
			continue
		}
		spec := crd.Get("spec")
		keeps := spec.Get("preserveUnknownFields")
		loose := keeps.IsTrue() || crd.Version == "v1beta1" && !keeps.IsFalse()
		add := func(version, schemaNode *lint.Node) {
			if schemaNode.IsMapping() && version.IsScalar() {
				k := schema.GroupVersionKind{Group: spec.Get("group").Value(), Version: version.Value(), Kind: spec.Get("names", "kind").Value()}
				all[k] = customSchema{schemaNode, loose}
			}
		}
		shared := spec.Get("validation", "openAPIV3Schema")
		add(spec.Get("version"), shared)
		for _, v := range spec.Get("versions").Items() {
			own := v.Get("schema", "openAPIV3Schema")
			if !own.Exists() {
				own = shared
			}
			add(v.Get("name"), own)
		}
	}
	return all
}

func (s customSchema) check(pass *lint.Pass, r *lint.Resource) {
	w := &schemaWalker{walker: walker{pass: pass}, loose: s.loose, kind: r.Kind}
	w.value(r.Get("metadata"), objectMetaType, nil)
	w.object(r.Root, s.root, true)
}

// A schemaWalker compares nodes with the structural schema of a
// CustomResourceDefinition
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
type schemaWalker struct {
	walker
	loose bool
	kind  string
}

func (w *schemaWalker) node(n, s *lint.Node) {
	if n.IsNull() || !s.IsMapping() {
		return // a null that may not be is dropped, or replaced by the default
	}
	if s.Get("x-kubernetes-int-or-string").IsTrue() {
		if _, ok := n.Int(); !ok && !isText(n) {
			w.wrong(n, "an integer or a string")
		}
		return
	}
	switch s.Get("type").Value() {
	case "object":
		if !n.IsMapping() {
			w.wrong(n, "a mapping")
			return
		}
		w.object(n, s, false)
	case "array":
		if !n.IsSequence() {
			w.wrong(n, "a list")
			return
		}
		for _, item := range n.Items() {
			w.node(item, s.Get("items"))
		}
	case "string":
		if !isText(n) {
			w.wrong(n, "a string")
			return
		}
		w.enum(n, s)
	case "boolean":
		if _, ok := n.Bool(); !ok {
			w.wrong(n, "true or false")
		}
	case "integer":
		if _, ok := n.Int(); !ok {
			w.wrong(n, "an integer")
			return
		}
		w.enum(n, s)
	case "number":
		if !n.IsScalar() || n.Tag() != "!!int" && n.Tag() != "!!float" {
			w.wrong(n, "a number")
		}
	}
}

func (w *schemaWalker) enum(n, s *lint.Node) {
	if allowed := s.Get("enum").Strings(); len(allowed) > 0 && !slices.Contains(allowed, n.Value()) {
		// An empty string in the list is no scalar with a text.
		if n.Value() == "" && len(allowed) < len(s.Get("enum").Items()) {
			return
		}
		w.pass.Reportf(n, "%s is %q, which %s does not allow%s", n.Name(), n.Value(), w.kind, lint.Suggest(n.Value(), allowed))
	}
}

func (w *schemaWalker) object(n, s *lint.Node, root bool) {
	properties, additional := s.Get("properties"), s.Get("additionalProperties")
	// Fields of embedded objects that every object has.
	always := []string{"apiVersion", "kind", "metadata"}
	embedded := root || s.Get("x-kubernetes-embedded-resource").IsTrue()
	open := w.loose || s.Get("x-kubernetes-preserve-unknown-fields").IsTrue() || additional.IsTrue()
	for _, f := range n.Fields() {
		p := properties.Get(f.Name())
		switch {
		case embedded && slices.Contains(always, f.Name()), root && f.Name() == "status":
		case p.Exists():
			w.node(f, p)
		case additional.IsMapping():
			w.node(f, additional)
		case open || !properties.IsMapping() || w.tolerated(n, f):
		default:
			var known []string
			for _, p := range properties.Fields() {
				known = append(known, p.Name())
			}
			where := n.Name()
			if n.Index() >= 0 {
				where = n.Parent().Name()
			}
			if root {
				where = w.kind
			}
			f := w.pass.Report(f.KeyNode(), fmt.Sprintf("unknown field %q in %s has no effect: the CustomResourceDefinition of %s lacks it%s", f.Name(), where, w.kind, near(f.Name(), known)))
			f.Relate("schema", properties, "the fields that are known")
		}
	}
	for _, name := range s.Get("required").Strings() {
		child := n.Get(name)
		if child.Exists() || embedded && slices.Contains(always, name) || properties.Get(name, "default").Exists() {
			continue
		}
		f := w.pass.Reportf(child, "%s lacks the field %q, which the CustomResourceDefinition of %s requires", strings.TrimSpace(describePlace(n, w.kind)), name, w.kind)
		f.Help = "add " + name
	}
}

func near(name string, known []string) string {
	if near := lint.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func describePlace(n *lint.Node, kind string) string {
	if n.Parent() == nil {
		return kind
	}
	return n.Path()
}
