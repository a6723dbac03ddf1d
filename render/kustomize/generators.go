package kustomize

import (
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// generated returns what a generator says of the fields of its object.
func (w *writer) generated() claim {
	src := w.node
	if w.plugin != nil {
		src = w.plugin
	}
	if src == nil {
		return func([]string, *yaml.Node, *yaml.Node) place { return w.b.site(w.k.src.LineSpan(1), roleEntry, entry{}) }
	}
	options := []*yaml.Node{fold(src, "options")}
	if w.plugin == nil {
		options = append(options, fold(w.k.root, "generatorOptions"))
	}
	name := fold(src, "name")
	if name == nil {
		name = get(src, "metadata", "name")
	}
	// that there is such an object at all is what the field's name says
	kind := w.place(src)
	if w.plugin != nil {
		kind = w.place(get(w.plugin, "kind"))
	} else if f := w.fieldName(); f != nil {
		kind = w.place(f)
	}
	whole := w.place(src)
	if name != nil {
		whole = w.place(name)
	}
	return func(path []string, post, _ *yaml.Node) place {
		switch {
		case len(path) == 2 && (path[0] == "data" || path[0] == "binaryData" || path[0] == "stringData"):
			if p := w.datum(src, path[1]); p.known() {
				return p
			}
		case len(path) == 2 && path[1] == "namespace":
			if v := fold(src, "namespace"); v != nil {
				return w.place(v)
			}
			if v := get(src, "metadata", "namespace"); v != nil {
				return w.place(v)
			}
		case len(path) == 1 && path[0] == "type":
			if v := fold(src, "type"); v != nil {
				return w.place(v)
			}
		case len(path) == 3 && path[0] == "metadata":
			for _, o := range options {
				if v := get(fold(o, path[1]), path[2]); v != nil {
					return w.place(v)
				}
			}
		case len(path) == 1 && path[0] == "immutable":
			for _, o := range options {
				if v := fold(o, "immutable"); v != nil {
					return w.place(v)
				}
			}
		}
		if len(path) == 1 {
			return kind
		}
		return whole
	}
}

// fieldName returns the key of the field that the writer's entry is an item of.
func (w *writer) fieldName() *yaml.Node {
	for i := 0; i+1 < len(w.k.root.Content); i += 2 {
		for _, e := range items(w.k.root.Content[i+1]) {
			if unalias(e) == w.node {
				return w.k.root.Content[i]
			}
		}
	}
	return nil
}

// datum returns where the value of a key of a generated ConfigMap or Secret stands:
// in a literal, a file, or a line of an env file.
func (w *writer) datum(src *yaml.Node, key string) place {
	for _, e := range items(fold(src, "literals")) {
		e = unalias(e)
		if k, _, ok := strings.Cut(e.Value, "="); ok && k == key {
			return w.literal(e, key)
		}
	}
	for _, e := range items(fold(src, "files")) {
		e = unalias(e)
		k, file, ok := strings.Cut(e.Value, "=")
		if !ok {
			k, file = filepath.Base(filepath.FromSlash(e.Value)), e.Value
		}
		if k == key {
			if s, err := w.b.open(w.file(file)); err == nil {
				return w.b.site(s.Span(0, len(s.Data)), roleGenerator, w.entry(e))
			}
			return w.place(e)
		}
	}
	envs := append([]*yaml.Node(nil), items(fold(src, "envs"))...)
	if e := fold(src, "env"); e != nil {
		envs = append(envs, e)
	}
	for i := len(envs) - 1; i >= 0; i-- {
		e := unalias(envs[i])
		if s, err := w.b.open(w.file(e.Value)); err == nil {
			if span := envLine(s, key); span.IsValid() {
				return w.b.site(span, roleGenerator, w.entry(e))
			}
		}
	}
	return place{}
}

func (w *writer) entry(n *yaml.Node) entry {
	if w.plugin != nil {
		return entry{}
	}
	return entry{w.k.kustomization, n}
}

// literal narrows the place of key=value to the value.
func (w *writer) literal(e *yaml.Node, key string) place {
	if w.plugin != nil {
		return at(e)
	}
	span := entry{w.k.kustomization, e}.span()
	full := span.Text()
	if i := strings.Index(full, key+"="); i >= 0 && i <= 1 {
		end := len(full)
		if i == 1 && end > 1 && full[end-1] == full[0] {
			end--
		}
		value := full[i+len(key)+1 : end]
		if len(value) > 0 {
			start := span.Start.Offset + i + len(key) + 1
			return w.b.site(span.Start.Source.Span(start, start+len(value)), roleGenerator, entry{})
		}
	}
	return w.b.site(span, roleGenerator, entry{})
}

// envLine returns the span of the value of key in an env file; of its name where
// the value is taken from the environment.
func envLine(s *lint.Source, key string) lint.Span {
	for n := 1; n <= s.Lines(); n++ {
		line := s.LineSpan(n)
		full := line.Text()
		k, value, ok := strings.Cut(full, "=")
		if strings.TrimPrefix(k, "\ufeff") != key {
			continue
		}
		if !ok || value == "" {
			return line
		}
		start := line.Start.Offset + len(k) + 1
		return s.Span(start, start+len(value))
	}
	return lint.Span{}
}
