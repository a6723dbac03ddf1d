package helmfile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"text/template"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm/trace"
)

// maxText bounds the bytes that one template writes.
const maxText = 4 << 20

// errOutside says that a template wants what only the machine that runs helmfile has.
var errOutside = errors.New("only the machine that runs helmfile knows it")

// A templater renders the templates of one file.
type templater struct {
	ctx      context.Context
	checkout *source.Checkout
	dir      string // of the file that paths are relative to
	env      func(name string)
	read     func(path string)
}

// render renders a text with data, and returns what it came to with a locator of its places.
func (t *templater) render(src *lint.Source, text string, first int, data map[string]any) (string, lint.Locator, error) {
	if !strings.Contains(text, "{{") {
		return text, nil, nil
	}
	e := trace.NewEngine(t.ctx, maxText)
	e.Memory = limits.Memory(t.ctx, trace.MaxMemory)
	e.MissingKey, e.Funcs = "missingkey=error", t.functions()
	values, _ := e.Context(map[string]any{"Values": data})["Values"].(map[string]any)
	r := e.Render(map[string]*trace.Unit{"helmfile": {File: src, Text: text, Values: values}})
	switch {
	case len(r.Failures) > 0:
		return "", nil, errors.New(said(r.Failures[0].Err))
	case len(r.Texts) == 0:
		return "", nil, errors.New("it was not rendered: the limits of the run were reached")
	}
	x := r.Texts[0]
	return x.Text, &locator{rendered: lint.NewSource(src.Path, []byte(x.Text)), segments: x.Segs, src: src, first: first}, nil
}

var (
	executing = lint.Regexp(`^template: helmfile:(\d+)(?::\d+)?: (?:executing "helmfile" at )?`)
	calling   = lint.Regexp(`error calling \w+: `)
)

// said returns the message of a template's error without the name that it has here.
func said(err error) string {
	text := calling().ReplaceAllString(executing().ReplaceAllString(err.Error(), ""), "")
	if _, after, found := strings.Cut(text, ">: "); found { // before it is the action
		return after
	}
	return text
}

// functions are those that helmfile has besides Sprig's and Helm's
// (https://helmfile.readthedocs.io/en/latest/templating_funcs/).
func (t *templater) functions() template.FuncMap {
	unknown := func(what string) func(...any) (any, error) {
		return func(...any) (any, error) { return nil, fmt.Errorf("%s: %w", what, errOutside) }
	}
	// a variable stays one, which no rule takes for a value
	env := func(name string) string {
		t.env(name)
		return "${" + name + "}"
	}
	open := func(path string) (string, error) {
		at := filepath.FromSlash(path)
		if !filepath.IsAbs(at) {
			at = filepath.Join(t.dir, at)
		}
		src, err := t.checkout.Files.Open(at)
		if err != nil {
			return "", fmt.Errorf("readFile %q: it is not in this tree", path)
		}
		t.read(at)
		return string(src.Data), nil
	}
	return template.FuncMap{
		"env": env, "requiredEnv": env,
		"exec": unknown("exec"), "envExec": unknown("envExec"), "fetchSecretValue": unknown("fetchSecretValue"),
		"expandSecretRefs": unknown("expandSecretRefs"), "readDirEntries": unknown("readDirEntries"),
		"readFile": open,
		"isFile":   func(path string) bool { return t.checkout.Files.IsFile(filepath.Join(t.dir, filepath.FromSlash(path))) },
		"isDir":    func(path string) bool { return t.checkout.Files.IsDir(filepath.Join(t.dir, filepath.FromSlash(path))) },
		"get": func(path string, rest ...any) (any, error) {
			if len(rest) == 0 {
				return nil, errors.New("get: no values are given")
			}
			v, ok := lookUp(rest[len(rest)-1], path)
			switch {
			case ok:
				return v, nil
			case len(rest) > 1:
				return rest[0], nil
			}
			return nil, fmt.Errorf("get: there is no %s", path)
		},
		"getOrNil": func(path string, values any) any {
			v, _ := lookUp(values, path)
			return v
		},
		"readDir": func(path string) ([]string, error) {
			entries, err := t.checkout.Files.ReadDir(filepath.Join(t.dir, filepath.FromSlash(path)))
			if err != nil {
				return nil, fmt.Errorf("readDir %q: it is not in this tree", path)
			}
			var all []string
			for _, e := range entries {
				if !e.IsDir() {
					all = append(all, path+"/"+e.Name())
				}
			}
			slices.Sort(all)
			return all, nil
		},
	}
}

// lookUp returns the value at a path with dots.
func lookUp(values any, path string) (any, bool) {
	for _, key := range strings.Split(path, ".") {
		m, ok := values.(map[string]any)
		if !ok {
			return nil, false
		}
		if values, ok = m[key]; !ok {
			return nil, false
		}
	}
	return values, true
}

// A locator places the nodes of a rendered text in the template.
type locator struct {
	rendered *lint.Source
	segments []trace.Segment
	src      *lint.Source
	first    int // the offset in src of the text that was rendered
}

// Locate returns the text of the template that a node is, or the line that wrote it.
func (l *locator) Locate(n *lint.Node) lint.Place {
	at := n.Nearest()
	if at == nil {
		return lint.Place{Span: l.src.LineSpan(1), Precision: lint.FileLevel}
	}
	span := lint.NodeSpan(l.rendered, at.YAML())
	from, to := span.Start.Offset, span.End.Offset
	last := -1
	// the last segment before it that the template itself wrote
	for i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].Start > from }) - 1; i >= 0; i-- {
		g := l.segments[i]
		off := l.own(g)
		if off < 0 {
			continue
		}
		last = off
		if g.O.Kind == trace.FromText && g.Exact {
			if g.Start <= from && to <= g.End && n.Exists() {
				start := l.first + off + from - g.Start
				return lint.Place{Span: l.src.Span(start, start+to-from), Precision: lint.Exact}
			}
			last = off + min(from, g.End) - g.Start
		}
		break
	}
	if last < 0 {
		return lint.Place{Span: l.src.LineSpan(1), Precision: lint.FileLevel}
	}
	return lint.Place{Span: l.src.LineSpan(l.src.Position(min(l.first+last, len(l.src.Data))).Line), Precision: lint.Block}
}

// own returns the offset in the template of a segment, -1 where it has none.
func (l *locator) own(g trace.Segment) int {
	if g.O == nil {
		return -1
	}
	if g.O.Kind == trace.FromText && g.O.File == any(l.src) {
		return g.Off
	}
	for f := g.O.Via; f != nil; f = f.Next {
		if f.In != nil && f.In.File == any(l.src) && f.In.Kind == trace.FromText {
			return f.Off
		}
	}
	return -1
}

// read parses YAML whose nodes know their places.
func read(src *lint.Source, l lint.Locator) (*lint.Node, *lint.InputError) {
	from := src
	if t, ok := l.(*locator); ok {
		from = t.rendered
	} else {
		l = lint.FileLocator{Source: src}
	}
	docs, errs := lint.ParseYAML(from)
	if len(errs) > 0 {
		return nil, &lint.InputError{Message: errs[0].Message, Span: src.LineSpan(1)}
	}
	if len(docs) == 0 {
		return lint.NewNode(&yaml.Node{Kind: yaml.MappingNode}), nil
	}
	return lint.NewKustomization(docs[0], l).Root, nil
}
