package helm

import (
	"context"
	"slices"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/lint"
)

// InlineValues are values that are in an object, as in spec.values of a Flux
// HelmRelease or valuesInline of a kustomization.
type InlineValues struct {
	Source *lint.Source // the file that holds Node, which has its lines and columns
	Node   *kyaml.Node  // a mapping
}

// A Release is what a kustomization's helmCharts entry says of a chart, apart from
// what [Options] hold.
type Release struct {
	Chart       string // the chart's directory or archive
	Inline      []InlineValues
	Entry       lint.Span // of what could hold values as valuesInline; not valid for none
	InlineUnder bool      // Options.ValueFiles rank over Inline
	IncludeCRDs bool      // the objects of crds/ too
	SkipHooks   bool
	SkipTests   bool // leave out the hooks that helm test runs
}

// Inflated is a rendered chart.
type Inflated struct {
	// Text is the manifests as helm template prints them, in one stream.
	Text string
	// Resources are the objects of Text, in its order. They know their places and
	// belong to no bundle yet.
	Resources []*lint.Resource
	Errors    []*lint.InputError
	Notes     []lint.Note
}

// Inflate renders a chart for a kustomization.
func Inflate(ctx context.Context, r Release, o Options) (inflated *Inflated) {
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	t, failed := openTree(r.Chart, o)
	if failed != nil {
		return &Inflated{Errors: append(t.errs, failed)}
	}
	if failed = t.contain("rendering", func() { inflated = t.inflate(ctx, r, o) }); failed != nil {
		return &Inflated{Errors: append(t.errs, failed)}
	}
	return inflated
}

func (t *tree) inflate(ctx context.Context, r Release, o Options) *Inflated {
	v := variant{files: t.valueFiles(o.ValueFiles), inlineUnder: r.InlineUnder}
	if r.Entry.IsValid() {
		v.rooms = []room{{func() lint.Span { return r.Entry }, []string{"valuesInline"}}}
	}
	var errs []*lint.InputError
	for _, in := range r.Inline {
		layer, err := inlineLayer(in)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v.inline = append(v.inline, layer)
	}
	out, more := t.output(ctx, v, o)
	inflated := &Inflated{Errors: append(append(errs, t.errs...), more...)}
	if out == nil {
		return inflated
	}
	made := out.inflated(func(d *document) bool {
		return !(d.crd && !r.IncludeCRDs || d.hook != "" && r.SkipHooks || d.test() && r.SkipTests)
	}, true)
	made.Notes, made.Errors = out.notes, slices.Concat(inflated.Errors, out.errs)
	return made
}

// inflated returns the objects of some of the documents, and their text if it is wanted.
func (o *output) inflated(keep func(*document) bool, withText bool) *Inflated {
	in := &Inflated{}
	var text strings.Builder
	for _, d := range o.documents(withText) {
		if keep(d) {
			if withText {
				text.WriteString("---\n# Source: " + d.name + "\n" + d.text + "\n")
			}
			in.Resources = append(in.Resources, d.resources...)
		}
	}
	in.Text = text.String()
	return in
}

// inlineLayer makes a layer of values of a node of some file.
func inlineLayer(in InlineValues) (*valueLayer, *lint.InputError) {
	root := lint.NewNode(in.Node)
	layer := &valueLayer{src: in.Source, root: root, data: map[string]any{}}
	text, err := kyaml.NewRNode(in.Node).String()
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &layer.data)
	}
	if err != nil {
		return nil, &lint.InputError{Message: "values are not a mapping: " + err.Error(), Span: lint.NodeSpan(in.Source, in.Node)}
	}
	return layer, nil
}
