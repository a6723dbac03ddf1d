package kustomize

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// How transformers are observed.
//
// The line of a node tells who wrote it only where kustomize keeps lines: parsing
// and strategic merges do; setters of fields, JSON patches and replacements do not.
// For those the objects must be seen before and after each transformer. kustomize's
// public packages give no such place. Building each step apart with krusty costs a
// build a step and defers name references wrongly; a checkpoint transformer in
// `transformers:` must be a builtin, an executable or a container, and so cannot call
// us; walking the kustomizations ourselves with api/builtins needs the tables of
// fields, the name references and the variables, all of them internal, and a copy of
// those would not stay identical to kustomize's.
//
// So this file, and no other, reaches into the tables from which krusty makes its
// builtin transformers and generators, and wraps what they make. The tables are
// variables: if a release renames one, the linker makes an empty one here, which
// hooked notices; if it changes their shape, hooked notices by what they make. Then
// builds go on without hooks: the fields that were set by transformers are located
// by the enclosing block of the file that defines the object, and
// TestHooksFitThisRelease fails.

//go:linkname transformerFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.TransformerFactories
var transformerFactories map[int]func() resmap.TransformerPlugin

//go:linkname generatorFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.GeneratorFactories
var generatorFactories map[int]func() resmap.GeneratorPlugin

// offline is what kustomize's HTTP clients, which use the default transport, get of
// the network, whatever a kustomization or a plugin's document gets past the tests
// of their text.
type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, fmt.Errorf("%s is remote and is not fetched, manilint works offline; vendor it into the tree", r.URL.Redacted())
}

// hooked takes the network away from kustomize and installs the hooks, once, and
// reports whether builds can be observed.
var hooked = sync.OnceValue(func() bool {
	http.DefaultTransport = offline{}
	transformers, generators := map[string]bool{}, map[string]bool{}
	for _, f := range transformerFactories {
		transformers[pluginKind(f())] = true
	}
	for _, f := range generatorFactories {
		generators[pluginKind(f())] = true
	}
	for _, kind := range []string{"AnnotationsTransformer", "ImageTagTransformer", "LabelTransformer", "NamespaceTransformer", "PatchJson6902Transformer",
		"PatchStrategicMergeTransformer", "PatchTransformer", "PrefixTransformer", "SuffixTransformer", "ReplacementTransformer", "ReplicaCountTransformer"} {
		if !transformers[kind] {
			return false
		}
	}
	for _, kind := range []string{"ConfigMapGenerator", "SecretGenerator", "HelmChartInflationGenerator"} {
		if !generators[kind] {
			return false
		}
	}
	for key, f := range transformerFactories {
		kind := pluginKind(f())
		transformerFactories[key] = func() resmap.TransformerPlugin { return &transformer{inner: f(), again: f, kind: kind} }
	}
	for key, f := range generatorFactories {
		kind := pluginKind(f())
		generatorFactories[key] = func() resmap.GeneratorPlugin { return &generator{inner: f(), kind: kind} }
	}
	return true
})

func pluginKind(plugin any) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", plugin), "*builtins."), "Plugin")
}

// buildOf returns the build that a plugin is made for, nil for krusty's other users.
func buildOf(h *resmap.PluginHelpers) *build {
	id, err := h.Loader().Load(idFile)
	if err != nil {
		return nil
	}
	b, _ := builds.Load(string(id))
	found, _ := b.(*build)
	if found != nil && found.coarse {
		return nil
	}
	return found
}

// transformer wraps a builtin transformer. An error of it is recorded at its entry
// and the build goes on without it.
type transformer struct {
	inner resmap.TransformerPlugin
	again func() resmap.TransformerPlugin // makes one like inner
	kind  string
	b     *build
	w     *writer
	parts func() []*transformer // what it does in parts; none where that is one
	dead  bool
}

func (t *transformer) Config(h *resmap.PluginHelpers, config []byte) error {
	if t.b = buildOf(h); t.b == nil {
		return t.inner.Config(h, config)
	}
	t.w = t.b.writer(t.kind, h.Loader().Root(), config)
	t.parts = func() []*transformer { return nil }
	if refused := t.w.refused(); refused != "" {
		t.dead = true
		t.b.fail(t.w.span(), "%s", refused)
		return nil
	}
	t.parts = sync.OnceValue(func() []*transformer { return t.split(h) })
	if err := contained(func() error { return t.inner.Config(h, config) }); err != nil {
		t.dead = true
		if len(t.parts()) == 0 {
			t.b.failed(t.w, err)
		}
	}
	return t.b.stopped()
}

func (t *transformer) Transform(m resmap.ResMap) error {
	if t.b == nil {
		return t.inner.Transform(m)
	}
	if err := t.b.stopped(); err != nil {
		return err
	}
	if !t.dead {
		err := t.b.observe(t.w, m, t.inner)
		if err == nil {
			return t.b.stopped()
		}
		if len(t.parts()) == 0 {
			t.b.failed(t.w, err)
			return t.b.stopped()
		}
	}
	for _, p := range t.parts() {
		if p.dead {
			continue
		}
		if err := t.b.observe(p.w, m, p.inner); err != nil {
			t.b.failed(p.w, err)
		}
	}
	return t.b.stopped()
}

// split makes a transformer of each entry of one that takes several, so that what is
// wrong with one does not take the others out.
func (t *transformer) split(h *resmap.PluginHelpers) []*transformer {
	writers := t.w.split()
	parts := make([]*transformer, len(writers))
	for i, w := range writers {
		p := &transformer{inner: t.again(), kind: t.kind, b: t.b, w: w}
		config, err := yaml.Marshal(w.config)
		if err == nil {
			err = contained(func() error { return p.inner.Config(h, config) })
		}
		if err != nil {
			p.dead = true
			t.b.failed(w, err)
		}
		parts[i] = p
	}
	return parts
}

// generator wraps a builtin generator.
type generator struct {
	inner resmap.GeneratorPlugin
	kind  string
	b     *build
	w     *writer
	dead  bool
	chart func() (resmap.ResMap, error)
}

func (g *generator) Config(h *resmap.PluginHelpers, config []byte) error {
	if g.b = buildOf(h); g.b == nil {
		return g.inner.Config(h, config)
	}
	g.w = g.b.writer(g.kind, h.Loader().Root(), config)
	if g.kind == "HelmChartInflationGenerator" {
		g.chart = func() (resmap.ResMap, error) { return g.b.inflate(g.w, h, config) }
		return nil
	}
	if refused := g.w.refused(); refused != "" {
		g.dead = true
		g.b.fail(g.w.span(), "%s", refused)
		return nil
	}
	if err := contained(func() error { return g.inner.Config(h, config) }); err != nil {
		g.dead = true
		g.b.failed(g.w, err)
	}
	return g.b.stopped()
}

func (g *generator) Generate() (resmap.ResMap, error) {
	switch {
	case g.b == nil:
		return g.inner.Generate()
	case g.dead:
		return resmap.New(), nil
	}
	m := resmap.New()
	err := contained(func() (err error) {
		if g.chart != nil {
			m, err = g.chart()
			return err
		}
		g.b.generating = true
		defer func() { g.b.generating = false }()
		if m, err = g.inner.Generate(); err == nil {
			g.b.generated(g.w, m)
		}
		return err
	})
	if err != nil {
		g.b.failed(g.w, err)
		m = resmap.New()
	}
	return m, g.b.stopped()
}
