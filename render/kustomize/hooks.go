package kustomize

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"sigs.k8s.io/kustomize/api/krusty"
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
// variables: if a release renames one, the linker makes an empty one here; if it changes
// their shape, calling what they hold is undefined. So hooks are installed for releases
// that were examined alone, and where the tables agree with krusty's public list of
// plugins. Else builds go on without: the fields that were set by transformers are
// located by the enclosing block of the file that defines the object, a note says so,
// and TestHooksFitThisRelease fails.

//go:linkname transformerFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.TransformerFactories
var transformerFactories map[int]func() resmap.TransformerPlugin

//go:linkname generatorFactories sigs.k8s.io/kustomize/api/internal/plugins/builtinhelpers.GeneratorFactories
var generatorFactories map[int]func() resmap.GeneratorPlugin

// tested are the releases of kustomize's api whose tables were examined: of another
// one nothing of them is called. An upgrade adds to it once the tests of this package
// pass; TestTheTablesAreDeclaredSo reads the declarations.
var tested = []string{"v0.21.2"}

// observed are the plugins that hooks know how to follow.
var observed = []string{"AnnotationsTransformer", "ImageTagTransformer", "LabelTransformer", "NamespaceTransformer", "PatchJson6902Transformer",
	"PatchStrategicMergeTransformer", "PatchTransformer", "PrefixTransformer", "SuffixTransformer", "ReplacementTransformer", "ReplicaCountTransformer",
	"ConfigMapGenerator", "SecretGenerator", "HelmChartInflationGenerator"}

// hooks installs the hooks, once, and returns why builds cannot be observed; "" where
// they can.
var hooks = sync.OnceValue(func() string {
	return unfit(release(), install)
})

// unfit installs hooks for a release of kustomize and returns why it does not.
func unfit(release string, install func() string) string {
	if !slices.Contains(tested, release) {
		return fmt.Sprintf("this manilint was built with %s of kustomize's api and follows %s alone", cmp.Or(release, "an unknown release"), strings.Join(tested, ", "))
	}
	return install()
}

// hooked reports whether builds can be observed.
func hooked() bool { return hooks() == "" }

// install wraps the plugins in kustomize's tables where they are what they were.
func install() string {
	// the public list is made of the very tables: nothing is called before the two agree
	if all := len(transformerFactories) + len(generatorFactories); all == 0 || all != len(krusty.GetBuiltinPluginNames()) {
		return "kustomize keeps its plugins elsewhere"
	}
	known := map[string]bool{}
	for _, f := range transformerFactories {
		known[pluginKind(f())] = true
	}
	for _, f := range generatorFactories {
		known[pluginKind(f())] = true
	}
	for _, kind := range observed {
		if !known[kind] || !slices.Contains(krusty.GetBuiltinPluginNames(), kind) {
			return "kustomize has no " + kind
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
	return ""
}

// release returns the release of kustomize's api in this program; "" where that is not
// known, or another module stands in for it.
func release() string {
	const api = "sigs.k8s.io/kustomize/api"
	info, ok := debug.ReadBuildInfo()
	if ok && len(info.Deps) > 0 {
		for _, m := range info.Deps {
			if m.Path == api && m.Replace == nil {
				return m.Version
			}
		}
		return ""
	}
	// a test's program holds no list of modules; its files are named by them
	file, _ := runtime.FuncForPC(reflect.ValueOf(krusty.MakeKustomizer).Pointer()).FileLine(0)
	_, after, _ := strings.Cut(filepath.ToSlash(file), api+"@")
	version, _, _ := strings.Cut(after, "/")
	return version
}

func pluginKind(plugin any) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", plugin), "*builtins."), "Plugin")
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
	mark  bool   // it stands for what arrives or is taken: see [build.marked]
	dir   string // of the kustomization
}

func (t *transformer) Config(h *resmap.PluginHelpers, config []byte) error {
	if t.b = buildOf(h); t.b == nil {
		return t.inner.Config(h, config)
	}
	t.dir = h.Loader().Root()
	if t.kind == "PatchStrategicMergeTransformer" {
		t.b.due[t.dir] = true
	}
	if t.mark = isMark(config); t.mark {
		return nil
	}
	t.w = t.b.writer(t.kind, t.dir, config)
	t.parts = func() []*transformer { return nil }
	if refused, lacks := t.w.refused(); refused != "" {
		t.dead = true
		t.b.lacks(lacks, t.w.span(), "%s", refused)
		return nil
	}
	t.parts = sync.OnceValue(func() []*transformer { return t.split(h) })
	if err := t.configure(h, config); err != nil {
		t.dead = true
		if len(t.parts()) == 0 {
			t.b.failed(t.w, err)
		}
	}
	return t.b.stopped()
}

// configure configures what t wraps. What it reads meanwhile are patches, if it applies any.
func (t *transformer) configure(h *resmap.PluginHelpers, config []byte) error {
	t.b.patching = strings.HasPrefix(t.kind, "Patch")
	defer func() { t.b.patching = false }()
	return contained(func() error { return t.inner.Config(h, config) })
}

func (t *transformer) Transform(m resmap.ResMap) error {
	if t.b == nil {
		return t.inner.Transform(m)
	}
	if err := t.b.stopped(); err != nil {
		return err
	}
	if err := t.b.arrive(t.dir, m); err != nil {
		return err
	}
	if err := t.transform(m); err != nil {
		return err
	}
	if t.b.taking && t.dir == t.b.root.dir && t.kind == "ReplacementTransformer" {
		return t.b.take(m)
	}
	return nil
}

func (t *transformer) transform(m resmap.ResMap) error {
	if t.mark {
		return nil
	}
	if !t.dead && !t.w.doubles(m) {
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
			err = p.configure(h, config)
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
	if refused, lacks := g.w.refused(); refused != "" {
		g.dead = true
		g.b.lacks(lacks, g.w.span(), "%s", refused)
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
