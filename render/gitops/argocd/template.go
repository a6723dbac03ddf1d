package argocd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// What one ApplicationSet may make: bytes that its templates write for one Application and for
// all, and the values and keys of all its parameters and Applications.
const (
	maxText   = 4 << 20
	maxTexts  = 64 << 20
	maxValues = 1 << 19
)

var (
	errText   = fmt.Errorf("it writes more than %d MiB of text for one Application, the limit", maxText>>20)
	errTexts  = fmt.Errorf("the templates of this ApplicationSet write more than %d MiB of text, the limit", maxTexts>>20)
	errValues = fmt.Errorf("its parameters and Applications have more than %d values and keys, the limit", maxValues)
)

// A templater renders the templates of an ApplicationSet.
type templater struct {
	ctx        context.Context
	goTemplate bool
	missingKey string // of text/template, as missingkey=error
	written    int    // bytes, by all templates
	held       int    // values and keys, by parameters and Applications
}

// ended returns why nothing more is made; nil where more may be.
func (t *templater) ended() error {
	switch {
	case t.ctx.Err() != nil:
		return context.Cause(t.ctx)
	case t.written >= maxTexts:
		return errTexts
	case t.held > maxValues:
		return errValues
	}
	return nil
}

// made is what a template came to.
type made struct {
	text  string
	from  []string // the parameters that it was made of
	segs  []trace.Segment
	error error
}

// errUnknown says that a template needs a parameter that nobody knows here.
var errUnknown = errors.New("it needs a parameter that only the cluster or the network knows")

// functions are those that Argo CD has besides Sprig's and Helm's.
var functions = template.FuncMap{"normalize": normalize, "slugify": slugify}

// render renders templates by one set of parameters.
func (t *templater) render(texts []string, p *params) []made {
	all := make([]made, len(texts))
	if err := t.ended(); err != nil {
		for i := range all {
			all[i].error = err
		}
		return all
	}
	most := min(maxText, maxTexts-t.written)
	if !t.goTemplate {
		for i, text := range texts {
			all[i] = replaced(text, p, most)
			most -= len(all[i].text)
			t.written += len(all[i].text)
		}
		return all
	}
	e := trace.NewEngine(t.ctx, most)
	e.Memory = limits.Memory(t.ctx, trace.MaxMemory)
	e.MissingKey, e.Funcs = t.missingKey, functions
	if p.open {
		e.MissingKey = "missingkey=error"
	}
	values, _ := e.Context(map[string]any{"Values": p.data})["Values"].(map[string]any)
	units := map[string]*trace.Unit{}
	index := map[string]int{}
	for i, text := range texts {
		name := fmt.Sprintf("t%06d", i)
		index[name] = i
		units[name] = &trace.Unit{File: i, Text: text, Values: values}
	}
	r := e.Render(units)
	for i := range all {
		all[i].error = errors.New("it was not rendered: the limits of the run were reached")
	}
	for _, x := range r.Texts {
		t.written += len(x.Text)
		all[index[x.Name]] = made{text: x.Text, from: trace.Names(x.Segs), segs: x.Segs}
	}
	for _, f := range r.Failures {
		all[index[f.Name]].error = errors.New(said(f.Err))
		if p.open {
			all[index[f.Name]].error = errUnknown
		}
	}
	return all
}

var executing = lint.Regexp(`^template: (?:t\d{6}:)(\d+)(?::\d+)?: (?:executing "t\d{6}" at )?`)

// said returns the message of a template's error without the name that it has here.
func said(err error) string { return executing().ReplaceAllString(err.Error(), "") }

var tag = lint.Regexp(`\{\{(.*?)\}\}`)

// replaced replaces the {{tags}} of the old form, as long as the text has at most so many
// bytes. A tag that is no parameter stays.
func replaced(text string, p *params, most int) made {
	var out made
	var b strings.Builder
	end := 0
	for _, at := range tag().FindAllStringSubmatchIndex(text, -1) {
		name := strings.TrimSpace(text[at[2]:at[3]])
		value, known := p.data[name].(string)
		switch {
		case known:
			out.from = append(out.from, name)
		case p.open && name != "":
			out.error = errUnknown
			fallthrough
		default:
			value = text[at[0]:at[1]]
		}
		if b.Len()+len(text)-end+len(value) > most {
			return made{error: errText}
		}
		b.WriteString(text[end:at[0]])
		b.WriteString(value)
		end = at[1]
	}
	b.WriteString(text[end:])
	out.text = b.String()
	return out
}

var noName = lint.Regexp(`[^-a-z0-9.]`)

// normalize makes a name of an object of a text.
func normalize(name string) string {
	name = noName().ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[:min(len(name), 253)], "-.")
}

var noSlug = lint.Regexp(`[^a-z0-9]+`)

// slugify makes a part of a name of a text, which comes last, behind the most characters it
// may have (50) and whether it may only be cut between words.
func slugify(args ...any) string {
	if len(args) == 0 {
		return ""
	}
	most, whole := 50, false
	for _, a := range args[:len(args)-1] {
		switch x := a.(type) {
		case int:
			most = x
		case bool:
			whole = x
		}
	}
	slug := strings.Trim(noSlug().ReplaceAllString(strings.ToLower(fmt.Sprint(args[len(args)-1])), "-"), "-")
	if most < 1 || len(slug) <= most {
		return slug
	}
	cut := slug[:most]
	if i := strings.LastIndexByte(cut, '-'); whole && slug[most] != '-' && i > 0 {
		cut = cut[:i]
	}
	return strings.Trim(cut, "-")
}

// A locator knows the places of nodes that a template was made into.
type locator map[*kyaml.Node]lint.Place

// Locate returns the place of the template's node; of a missing one that of what should hold it.
func (l locator) Locate(n *lint.Node) lint.Place {
	exact := n.Exists()
	for m := n.Nearest(); m != nil; m = m.Parent() {
		if place, ok := l[m.YAML()]; ok {
			if !exact {
				place.Precision = lint.Block
			}
			return place
		}
		exact = false
	}
	return lint.Place{Precision: lint.FileLevel}
}

// A grown tree is a copy of a tree of templates with their texts.
type grown struct {
	*templater
	params  *params
	places  locator
	texts   map[*kyaml.Node]made
	errs    []*lint.InputError
	unknown []*lint.Node // left out, since nobody knows here what they need
}

// holds reports whether a text is a template.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// grow returns the copy of a tree, nil where a parameter that it needs is not known.
func (g *grown) grow(n *lint.Node) *kyaml.Node {
	var nodes []*kyaml.Node
	var texts []string
	add := func(y *kyaml.Node) {
		if y != nil && y.Kind == kyaml.ScalarNode && isTemplate(y.Value) {
			nodes, texts = append(nodes, y), append(texts, y.Value)
		}
	}
	var gather func(n *lint.Node)
	gather = func(n *lint.Node) {
		add(n.YAML())
		for _, item := range n.Items() {
			gather(item)
		}
		for _, f := range n.Fields() {
			add(f.Key())
			gather(f)
		}
	}
	gather(n)
	g.texts = map[*kyaml.Node]made{}
	if len(texts) > 0 {
		for i, m := range g.render(texts, g.params) {
			g.texts[nodes[i]] = m
		}
	}
	out, _ := g.copy(n)
	return out
}

// copy copies a node. whole is false where something below it was left out.
func (g *grown) copy(n *lint.Node) (out *kyaml.Node, whole bool) {
	y := n.YAML()
	if y == nil {
		return nil, true
	}
	if g.held++; g.held > maxValues {
		return nil, false
	}
	place := n.Locate()
	out = &kyaml.Node{Kind: y.Kind, Tag: y.Tag, Value: y.Value, Style: y.Style}
	whole = true
	switch {
	case n.IsSequence():
		for _, item := range n.Items() {
			c, all := g.copy(item)
			if c == nil || !all && !item.Get("repoURL").Exists() {
				whole = whole && item.Get("repoURL").Exists()
				continue // half an entry is none
			}
			out.Content = append(out.Content, c)
		}
		whole = true
	case n.IsMapping():
		for _, f := range n.Fields() {
			key := &kyaml.Node{Kind: kyaml.ScalarNode, Tag: f.Key().Tag, Value: f.Name(), Style: f.Key().Style}
			if m, ok := g.texts[f.Key()]; ok {
				if m.error != nil {
					g.failed(f, m.error)
					whole = false
					continue
				}
				key.Value = m.text
			}
			c, all := g.copy(f)
			whole = whole && all && c != nil
			if c != nil {
				g.places[key] = lint.Place{Span: place.Span, Precision: lint.Block}
				out.Content = append(out.Content, key, c)
			}
		}
	default:
		if m, ok := g.texts[y]; ok {
			if m.error != nil {
				g.failed(n, m.error)
				return nil, false
			}
			out.Value, out.Tag, out.Style = m.text, "!!str", kyaml.DoubleQuotedStyle
			place.Related = append(slices.Clone(place.Related), g.related(m)...)
		}
	}
	g.places[out] = place
	return out, whole
}

// related says where the parameters of a text stand.
func (g *grown) related(m made) []lint.Related {
	var all []lint.Related
	for _, path := range m.from {
		if at, ok := g.params.place(path); ok {
			r := lint.Related{Role: "value", Message: strings.ReplaceAll(path, "\x00", ".") + " is set here", Span: at}
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

func (g *grown) failed(n *lint.Node, err error) {
	if errors.Is(err, errUnknown) {
		g.unknown = append(g.unknown, n)
		return
	}
	g.errs = append(g.errs, &lint.InputError{Message: "the template does not render: " + err.Error(), Span: n.Locate().Span})
}

// nodeOf returns a tree as a node that knows its places.
func (g *grown) nodeOf(tree *kyaml.Node) *lint.Node {
	scalar := func(text string) *kyaml.Node { return &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: text} }
	root := &kyaml.Node{Kind: kyaml.MappingNode, Content: []*kyaml.Node{scalar("apiVersion"), scalar("v1"), scalar("kind"), scalar("Generated"), scalar("of"), tree}}
	return lint.NewResources(root, g.places)[0].Get("of")
}
