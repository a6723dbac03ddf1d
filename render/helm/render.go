package helm

import (
	"context"
	"path"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/engine"

	"github.com/manilint/manilint/lint"
)

// An output is what one rendering of a chart gave.
type output struct {
	crds  []*file
	texts []*text // the templates' texts, sorted by name
	tree  *tree
	errs  []*lint.InputError
}

// A text is what one template rendered to.
type text struct {
	name string // as Helm names templates: chart/templates/web.yaml
	text string
	file *file
}

// A document is one manifest of an output.
type document struct {
	name      string
	text      string
	crd       bool
	hook      string // its helm.sh/hook
	resources []*lint.Resource
}

func (d *document) test() bool { return strings.HasPrefix(d.hook, "test") }

// render renders the chart with one set of values and parses what comes out.
func (t *tree) render(ctx context.Context, v variant, o Options) *lint.Bundle {
	out, errs := t.output(ctx, v, o)
	if out == nil {
		return t.bundle(v.name, o, nil, errs)
	}
	var resources []*lint.Resource
	for _, d := range out.documents() {
		resources = append(resources, d.resources...)
	}
	return t.bundle(v.name, o, resources, append(errs, out.errs...))
}

// output renders the chart with one set of values; nil when it cannot be rendered.
func (t *tree) output(ctx context.Context, v variant, o Options) (*output, []*lint.InputError) {
	l, _, values, errs := t.prepare(v, o)
	if l == nil {
		return nil, errs
	}
	texts, err := engine.Render(l.Chart, values)
	if err != nil {
		return nil, append(errs, &lint.InputError{Message: err.Error(), Span: t.firstLine("Chart.yaml")})
	}
	out := &output{tree: t, crds: t.crds(l.Chart)}
	for name, rendered := range texts {
		if strings.HasPrefix(path.Base(name), "_") || path.Base(name) == "NOTES.txt" {
			continue
		}
		_, rel, _ := strings.Cut(name, "/")
		out.texts = append(out.texts, &text{name, rendered, t.named[rel]})
	}
	sort.Slice(out.texts, func(i, j int) bool { return out.texts[i].name < out.texts[j].name })
	return out, errs
}

// documents parses the output.
func (o *output) documents() []*document {
	var docs []*document
	for _, f := range o.crds {
		parsed, errs := lint.ParseYAML(f.src)
		o.errs = append(o.errs, errs...)
		d := &document{name: f.name, text: string(f.src.Data), crd: true}
		for _, doc := range parsed {
			d.resources = append(d.resources, lint.NewResources(doc, lint.FileLocator{Source: f.src})...)
		}
		docs = append(docs, d)
	}
	for _, x := range o.texts {
		src := lint.NewSource(path.Join(o.tree.shown, x.name), nil)
		if x.file != nil {
			src = x.file.src
		}
		parsed, errs := lint.ParseYAML(lint.NewSource(x.name, []byte(x.text)))
		for _, e := range errs {
			o.errs = append(o.errs, &lint.InputError{Message: "renders to " + e.Message, Span: src.LineSpan(1)})
		}
		for _, doc := range parsed {
			d := &document{name: x.name, text: x.text}
			d.resources = lint.NewResources(doc, coarse{src})
			for _, r := range d.resources {
				d.hook = r.Annotations()["helm.sh/hook"]
			}
			docs = append(docs, d)
		}
	}
	return docs
}

// coarse locates every node at its template file.
type coarse struct{ src *lint.Source }

func (c coarse) Locate(*lint.Node) lint.Place {
	return lint.Place{Span: c.src.LineSpan(1), Precision: lint.FileLevel}
}
