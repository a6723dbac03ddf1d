package argocd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm/trace"
)

// setTime is how long the generators and templates of one ApplicationSet may take.
const setTime = 30 * time.Second

// A set is an ApplicationSet at work.
type set struct {
	*lint.Resource
	*templater
	by       string
	checkout *source.Checkout
	out      *source.Wanted
}

// A Made is an Application that an ApplicationSet makes.
type Made struct {
	*lint.Resource
	From []string // absolute: the files of the tree that hold parameters of it
}

// Wanted is [Wanted] of the Application.
func (m Made) Wanted(by string, all []*lint.Resource, c *source.Checkout) *source.Wanted {
	w := wanted(&application{Resource: m.Resource, by: by, made: true, checkout: c}, all)
	for _, chart := range w.Charts {
		chart.From = slices.Concat(chart.From, m.From)
	}
	for _, o := range w.Overlays {
		o.From = slices.Concat(o.From, m.From)
	}
	return w
}

// Generated returns the Applications that an ApplicationSet makes of the tree; none for other
// objects. Their nodes stand where their templates do. What cannot be had, and is wrong, is in
// the errors and notes of wanted.
//
// The generators are list, git, matrix and merge:
// https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators/
func Generated(ctx context.Context, by string, r *lint.Resource, c *source.Checkout) (applications []Made, wanted *source.Wanted) {
	if !r.Is("argoproj.io", "ApplicationSet") {
		return nil, nil
	}
	ctx, cancel := limits.Unit(ctx, setTime, func(took time.Duration) error { return fmt.Errorf("not rendered within %v", took) })
	defer cancel()
	spec := r.Get("spec")
	s := &set{Resource: r, by: by, checkout: c, out: &source.Wanted{}, templater: &templater{ctx: ctx, goTemplate: spec.Get("goTemplate").IsTrue(), missingKey: "missingkey=default"}}
	for _, o := range spec.Get("goTemplateOptions").Items() {
		if !missingKeys().MatchString(o.Value()) {
			s.fail(o, "%q is not an option of Go templates; write missingkey=error", o.Value())
			continue
		}
		s.missingKey = o.Value()
	}
	seen := map[[sha256.Size]byte]bool{}
	for _, generator := range spec.Get("generators").Items() {
		own := generatorTemplate(generator)
		for _, p := range s.generate(generator, nil, 0) {
			if s.ended() != nil {
				break
			}
			if len(applications) >= maxApplications {
				s.full(generator)
				return applications, s.out
			}
			app := s.application(p, own)
			if app == nil || s.held > maxValues { // which cuts it off
				continue
			}
			yaml := text(app.Root.YAML())
			s.written += len(yaml)
			if key := sha256.Sum256([]byte(app.Name + "\x00" + yaml)); !seen[key] {
				seen[key] = true
				applications = append(applications, Made{app, p.files()})
			}
		}
		if err := s.ended(); err != nil {
			s.fail(generator, "%v; the rest of its Applications is not rendered", err)
			break
		}
	}
	return applications, s.out
}

func text(n *kyaml.Node) string {
	out, err := kyaml.NewRNode(n).String()
	if err != nil {
		return err.Error()
	}
	return out
}

func (s *set) note(at *lint.Node, lacks, format string, args ...any) {
	n := lint.Note{Message: s.by + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span, Lacks: lacks}
	if !slices.Contains(s.out.Notes, n) {
		s.out.Notes = append(s.out.Notes, n)
	}
}

func (s *set) fail(at *lint.Node, format string, args ...any) {
	s.failed(&lint.InputError{Message: s.by + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

func (s *set) failed(e *lint.InputError) {
	if !slices.ContainsFunc(s.out.Errors, func(f *lint.InputError) bool { return f.Error() == e.Error() }) {
		s.out.Errors = append(s.out.Errors, e)
	}
}

// errs takes over what is wrong with templates.
func (s *set) errs(g *grown) {
	for _, e := range g.errs {
		s.failed(&lint.InputError{Message: s.by + ": " + e.Message, Span: e.Span})
	}
}

// full says that more would be generated than is rendered.
func (s *set) full(at *lint.Node) {
	s.fail(at, "it generates more than %d Applications, the limit; the rest is not rendered", maxApplications)
}

// leftOut says what is left out since it depends on parameters that nobody knows here, as far
// as it decides what is rendered.
func (s *set) leftOut(g *grown) {
	for _, n := range g.unknown {
		if p := n.Path(); !strings.Contains(p, "template.") || strings.Contains(p, "template.spec.source") {
			s.note(n, "", "this depends on a parameter that is not known here, and is left out")
		}
	}
}

// generatorTemplate returns the template of a generator, which outranks that of the set.
func generatorTemplate(generator *lint.Node) *lint.Node {
	for _, f := range generator.Fields() {
		if t := f.Get("template"); t.IsMapping() {
			return t
		}
	}
	return nil
}

// application renders the template with one set of parameters; nil where that fails.
func (s *set) application(p *params, own *lint.Node) *lint.Resource {
	g := &grown{templater: s.templater, params: p, places: locator{}}
	template := s.Get("spec", "template")
	tree := g.grow(template)
	if own != nil {
		if over := g.grow(own); over != nil {
			tree = filled(over, tree)
		}
	}
	if tree == nil || tree.Kind != kyaml.MappingNode {
		return nil
	}
	s.errs(g)
	s.leftOut(g)
	if len(g.errs) > 0 {
		return nil
	}
	if patch := s.Get("spec", "templatePatch"); patch.Value() != "" && !s.patch(g, tree, patch) {
		return nil
	}
	meta := child(tree, "metadata")
	if meta == nil {
		meta = &kyaml.Node{Kind: kyaml.MappingNode}
		put(tree, "metadata", meta)
	}
	if name := child(meta, "name"); name == nil || name.Value == "" {
		put(meta, "name", &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: s.Name})
	}
	if s.Namespace != "" && child(meta, "namespace") == nil {
		put(meta, "namespace", &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: s.Namespace})
	}
	put(tree, "apiVersion", &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: cmp.Or(s.Get("apiVersion").Value(), "argoproj.io/v1alpha1")})
	put(tree, "kind", &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: "Application"})
	if _, ok := g.places[tree]; !ok {
		g.places[tree] = template.Locate()
	}
	made := lint.NewResources(tree, g.places)
	if len(made) != 1 {
		return nil
	}
	return made[0]
}

func child(n *kyaml.Node, key string) *kyaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func put(n *kyaml.Node, key string, value *kyaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, &kyaml.Node{Kind: kyaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// filled returns a tree with what it lacks of another one.
func filled(over, under *kyaml.Node) *kyaml.Node {
	if under == nil || over.Kind != kyaml.MappingNode || under.Kind != kyaml.MappingNode {
		if len(over.Content) == 0 && over.Value == "" && under != nil {
			return under
		}
		return over
	}
	for i := 0; i+1 < len(under.Content); i += 2 {
		key := under.Content[i].Value
		if have := child(over, key); have != nil {
			put(over, key, filled(have, under.Content[i+1]))
		} else {
			over.Content = append(over.Content, under.Content[i], under.Content[i+1])
		}
	}
	return over
}

// patch merges what templatePatch says into an Application, and reports whether it could. A
// mapping is merged field by field, null takes a field out, and anything else replaces what is
// there.
func (s *set) patch(g *grown, tree *kyaml.Node, at *lint.Node) bool {
	m := s.render([]string{at.Value()}, g.params)[0]
	if errors.Is(m.error, errUnknown) {
		s.note(at, "", "templatePatch depends on a parameter that is not known here, and is not applied")
		return true
	}
	if m.error != nil {
		g.failed(at, m.error)
		s.errs(g)
		return false
	}
	src := lint.NewSource("", []byte(m.text))
	docs, errs := lint.ParseYAML(src)
	span := at.Locate().Span
	if len(docs) == 0 && len(errs) == 0 {
		return true
	}
	if len(errs) > 0 || docs[0].Kind != kyaml.MappingNode {
		why := "it is no mapping"
		if len(errs) > 0 {
			why = errs[0].Message
		}
		s.failed(&lint.InputError{Message: s.by + ": templatePatch renders to something that is not a patch: " + why, Span: span})
		return false
	}
	lines := patchLines(at, span, src, m)
	var place func(n *kyaml.Node)
	place = func(n *kyaml.Node) {
		where := lint.Place{Span: span, Precision: lint.Block}
		line, from := lines(n)
		if line.IsValid() {
			where.Span = line
		}
		if n.Kind == kyaml.ScalarNode {
			where.Related = g.related(made{from: from})
		}
		g.places[n] = where
		for _, c := range n.Content {
			place(c)
		}
	}
	place(docs[0])
	merged(tree, docs[0])
	return true
}

// patchLines returns what finds the line of a literal block that a node of its rendering was
// written in, not valid where that is not known, and the parameters that it was made of.
func patchLines(at *lint.Node, span lint.Span, rendered *lint.Source, m made) func(*kyaml.Node) (line lint.Span, from []string) {
	file := span.Start.Source
	text := at.Value()
	if file == nil || at.YAML().Style&kyaml.LiteralStyle == 0 || !strings.HasPrefix(span.Text(), "|") {
		return func(*kyaml.Node) (lint.Span, []string) { return lint.Span{}, nil }
	}
	return func(n *kyaml.Node) (lint.Span, []string) {
		var paths []string
		line := n.Line
		if m.segs != nil {
			offset := rendered.At(n.Line, n.Column).Offset
			from := -1
			for _, seg := range m.segs {
				if seg.Start <= offset && offset < seg.End {
					from, paths = templateOffset(seg, offset), seg.O.Paths
					break
				}
			}
			if from < 0 || from > len(text) {
				return lint.Span{}, paths
			}
			line = 1 + strings.Count(text[:from], "\n")
		}
		if line = span.Start.Line + line; line > span.End.Line {
			return lint.Span{}, paths
		}
		return file.LineSpan(line), paths
	}
}

// templateOffset returns where in its template a byte of a segment was written, -1 where that
// is not known: the text itself, or the action that wrote it.
func templateOffset(seg trace.Segment, offset int) int {
	if seg.O.Kind == trace.FromText && seg.O.File != nil {
		if seg.Exact {
			return seg.Off + offset - seg.Start
		}
		return seg.Off
	}
	at := -1
	for f := seg.O.Via; f != nil; f = f.Next {
		if f.In != nil && f.In.File != nil {
			at = f.Off
		}
	}
	return at
}

func merged(into, patch *kyaml.Node) {
	for i := 0; i+1 < len(patch.Content); i += 2 {
		key, v := patch.Content[i].Value, patch.Content[i+1]
		have := child(into, key)
		switch {
		case v.Kind == kyaml.ScalarNode && v.ShortTag() == "!!null":
			for j := 0; j+1 < len(into.Content); j += 2 {
				if into.Content[j].Value == key {
					into.Content = slices.Delete(into.Content, j, j+2)
					break
				}
			}
		case have != nil && have.Kind == kyaml.MappingNode && v.Kind == kyaml.MappingNode:
			merged(have, v)
		default:
			put(into, key, v)
		}
	}
}
