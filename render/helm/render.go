package helm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// An output is what one rendering of a chart gave.
type output struct {
	tree      *tree
	values    *valueStack
	crds      []*file
	texts     []*trace.Text // the templates' texts, sorted by name
	failed    bool          // some templates did not render
	namespace string
	errs      []*lint.InputError
	notes     []lint.Note
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

// render renders the chart with one set of values and parses what comes out. failed
// says that some of it did not render.
func (t *tree) render(ctx context.Context, v variant, o Options) (b *lint.Bundle, failed bool) {
	panicked := t.contain("rendering", func() {
		out, errs := t.output(ctx, v, o)
		if out == nil {
			b, failed = t.bundle(v.name, o, nil, errs), true
			return
		}
		in := out.inflated(func(d *document) bool { return !(d.crd && v.noCRDs || d.test() && v.noTests) }, v.post != nil)
		resources := in.Resources
		if v.post != nil {
			var wrong []*lint.InputError
			resources, wrong = v.post(ctx, in)
			errs = append(errs, wrong...)
		}
		b = t.bundle(v.name, o, resources, append(errs, out.errs...))
		b.LeftOut, b.Notes = out.leftOut(), slices.Concat(v.notes, out.notes)
		failed = out.failed
	})
	if panicked != nil {
		return t.bundle(v.name, o, nil, []*lint.InputError{panicked}), true
	}
	return b, failed
}

// output renders the chart with one set of values; nil when it cannot be rendered.
func (t *tree) output(ctx context.Context, v variant, o Options) (*output, []*lint.InputError) {
	if o.Late.has(t.root) {
		return nil, []*lint.InputError{{Message: fmt.Sprintf("chart %s is not rendered with %s: it ran out of time or memory with other values", t.shown, cmp.Or(v.name, "its own values")), Span: t.firstLine("Chart.yaml")}}
	}
	defer func() {
		if limits.Reached(ctx) {
			o.Late.add(t.root)
		}
	}()
	l, values, top, errs := t.prepare(ctx, v, o)
	if l == nil {
		return nil, errs
	}
	r := t.execute(ctx, l.Chart, top, o.maxOutput(ctx))
	if r.err != nil {
		return nil, append(errs, &lint.InputError{Message: fmt.Sprintf("chart %s: %v", t.shown, r.err), Span: t.firstLine("Chart.yaml")})
	}
	out := &output{tree: t, values: values, crds: t.crds(l.Chart), failed: len(r.Failures) > 0, namespace: o.Namespace, notes: l.notes}
	for _, x := range r.Texts {
		if x.Plain {
			out.notes = append(out.notes, lint.Note{Message: "this template could not be followed while it was rendered: its findings are located at the file", Span: (&locator{x: x}).coarse().Span})
		}
		if path.Base(x.Name) != "NOTES.txt" {
			out.texts = append(out.texts, x)
		}
	}
	seen := map[string]bool{}
	for _, f := range r.Failures {
		if errors.As(f.Err, new(trace.MemoryError)) {
			o.Late.add(t.root)
		}
		if e := t.explain(f, r.files, values, o.maxOutput(ctx)); !seen[e.Error()] {
			seen[e.Error()] = true
			errs = append(errs, e)
		}
	}
	if len(errs) > 0 { // a template that fails may say with which password
		var masks mask.Masks
		if v, ok := top["Values"].(chartutil.Values); ok {
			masks.AddSettings(v.AsMap())
		}
		for _, f := range r.Failures { // the names of charts and of their parts are no secret
			masks.AddPublic(strings.FieldsFunc(f.Name, func(c rune) bool { return c == '/' || c == '-' || c == '.' })...)
		}
		for _, e := range errs {
			e.Message = masks.Redact(e.Message)
		}
	}
	return out, errs
}

// maxOutput returns how many bytes one rendering may write: what --limit-memory raises, it
// raises too.
func (o Options) maxOutput(ctx context.Context) int {
	return cmp.Or(o.MaxOutput, limits.Memory(ctx, trace.MaxMemory)/(trace.MaxMemory/defaultMaxOutput))
}

// maxObjects bounds the objects of one rendering. The largest charts in use have a few hundred.
const maxObjects = 20000

// documents parses the output, and stops with an error where it holds too many objects. The
// documents have their text if it is wanted.
func (o *output) documents(withText bool) []*document {
	var docs []*document
	objects := 0
	full := func(at lint.Span, more int) bool {
		if objects += more; objects <= maxObjects {
			return false
		}
		o.errs = append(o.errs, &lint.InputError{Message: fmt.Sprintf("the chart renders more than %d objects; the rest is not linted", maxObjects), Span: at})
		return true
	}
	for _, f := range o.crds {
		parsed, errs := lint.ParseDocuments(f.src)
		o.errs = append(o.errs, errs...)
		d := &document{name: f.name, crd: true}
		if withText {
			d.text = string(f.src.Data)
		}
		for _, doc := range parsed {
			d.resources = append(d.resources, doc.Resources(lint.FileLocator{Source: f.src})...)
		}
		if full(f.src.LineSpan(1), len(d.resources)) {
			return docs
		}
		docs = append(docs, d)
	}
	for _, x := range o.texts {
		adjusted := *x
		adjusted.Text, adjusted.Segs = trace.SplitGlued(x.Text, x.Segs)
		adjusted.Text = firstDocuments(adjusted.Text, maxObjects+1) // more would be parsed without success
		l := &locator{out: o, x: &adjusted, src: lint.NewSource(x.Name, []byte(adjusted.Text))}
		parsed, errs := lint.ParseDocuments(l.src)
		for _, e := range errs {
			place := l.place(e.Span.Start.Offset, max(e.Span.End.Offset, e.Span.Start.Offset+1), false)
			o.errs = append(o.errs, &lint.InputError{Message: "renders to " + e.Message, Span: place.Span})
		}
		for _, doc := range parsed {
			for _, e := range doc.Nameless(l.src) {
				place := l.place(e.Span.Start.Offset, max(e.Span.End.Offset, e.Span.Start.Offset+1), false)
				o.errs = append(o.errs, &lint.InputError{Message: "renders to what Helm rejects: " + e.Message, Span: place.Span})
			}
			if key := structuredKey(doc.Root); key != nil { // YAML allows it, JSON and so Kubernetes does not
				from, to := l.bounds(key)
				o.errs = append(o.errs, &lint.InputError{Message: "renders to a key that is a mapping or a list, not text: quote what is written here", Span: l.place(from, to, false).Span})
			}
			line, _ := doc.Root.Position()
			d := &document{name: x.Name, resources: doc.Resources(l)}
			if full(l.coarse().Span, len(d.resources)) {
				return docs
			}
			for _, r := range d.resources {
				d.hook = r.Annotations()["helm.sh/hook"]
				if o.namespace == "" && l.fromReleaseNamespace(r.Get("metadata", "namespace")) {
					r.Namespace = "" // only the deploy decides
				}
			}
			if withText && len(d.resources) > 0 {
				d.text = documentText(adjusted.Text, l.src, line)
			}
			docs = append(docs, d)
		}
	}
	return docs
}

// firstDocuments returns the beginning of a text, with n documents, and none more but
// empty ones.
func firstDocuments(text string, n int) string {
	held := 0
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.Index(text[at:], "\n---"); i >= 0 {
			end = at + i + len("\n---")
		}
		if strings.TrimLeft(text[at:end], "- \t\r\n") != "" {
			held++
		}
		if held == n {
			return strings.TrimSuffix(text[:end], "---")
		}
		at = end
	}
	return text
}

// documentText returns the lines of the document of a text whose root begins in a line.
func documentText(text string, src *lint.Source, line int) string {
	at := src.LineStart(line)
	start := 0
	i := strings.LastIndex(text[:at], "\n---") + 1
	if strings.HasPrefix(text[i:at], "---") {
		start = i
		if nl := strings.IndexByte(text[i:], '\n'); nl >= 0 && i+nl+1 <= at {
			start = i + nl + 1
		}
	}
	end := len(text)
	if i := strings.Index(text[at:], "\n---"); i >= 0 {
		end = at + i
	}
	return strings.TrimSpace(text[start:end])
}
