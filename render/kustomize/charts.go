package kustomize

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
)

// inflated is a chart rendered for a helmCharts entry. Its objects know their
// places in the chart.
type inflated struct {
	src       *lint.Source
	resources []*lint.Resource
	index     func() map[place]*lint.Node // the objects' nodes by line and column of src, found when first requested
}

func newInflated(src *lint.Source, resources []*lint.Resource) *inflated {
	c := &inflated{src: src, resources: resources}
	c.index = sync.OnceValue(c.pairs) // rules request places at once
	return c
}

func (c *inflated) at(line, col int) *lint.Node { return c.index()[place{line, col}] }

// pairs finds the node that the chart rendered for each node of the text.
func (c *inflated) pairs() map[place]*lint.Node {
	found := map[place]*lint.Node{}
	var pair func(text, rendered *lint.Node)
	pair = func(text, rendered *lint.Node) {
		if !text.Exists() || !rendered.Exists() {
			return
		}
		if p := at(text.YAML()); found[p] == nil || text.IsScalar() {
			found[p] = rendered
		}
		if k := text.Key(); k != nil && found[at(k)] == nil {
			found[at(k)] = rendered
		}
		if theirs := rendered.Items(); len(theirs) > 0 {
			for i, item := range text.Items() {
				if i < len(theirs) {
					pair(item, theirs[i])
				}
			}
		}
		for _, f := range text.Fields() {
			pair(f, rendered.Get(f.Name()))
		}
	}
	docs, _ := lint.ParseYAML(c.src)
	var parsed []*lint.Resource
	for _, d := range docs {
		parsed = append(parsed, lint.NewResources(d, nil)...)
	}
	for i := range min(len(parsed), len(c.resources)) {
		pair(parsed[i].Root, c.resources[i].Root)
	}
	return found
}

// inflate renders the chart of a helmCharts entry where it lies in the tree, with
// this project's engine instead of the helm program.
func (b *build) inflate(w *writer, h *resmap.PluginHelpers, config []byte) (resmap.ResMap, error) {
	var c struct {
		types.HelmGlobals
		types.HelmChart
	}
	if err := k8syaml.Unmarshal(config, &c); err != nil {
		b.failed(w, err)
		return resmap.New(), nil
	}
	if w.k.generated && b.change != nil && b.change.inflated != nil {
		return b.taken(w, h, b.change.inflated)
	}
	chart, ok := b.chartDir(w, c.HelmGlobals, c.HelmChart)
	if !ok {
		return resmap.New(), nil
	}
	o := helm.Options{Files: b.files, ReleaseName: c.ReleaseName, Namespace: c.HelmChart.Namespace, KubeVersion: b.o.KubeVersion, APIVersions: c.ApiVersions, Late: b.o.Late}
	if c.KubeVersion != "" {
		o.KubeVersion = c.KubeVersion
	}
	files := c.AdditionalValuesFiles
	if c.ValuesFile != "" {
		files = append([]string{c.ValuesFile}, files...)
	}
	for _, f := range files {
		if remote().MatchString(f) {
			b.lacks([]string{f}, w.span(), "values file %q is remote and is not fetched, manilint works offline; vendor it into the tree", f)
			return resmap.New(), nil
		}
		real, err := b.resolve(w.file(f))
		if err != nil {
			b.lacks([]string{b.files.Display(w.file(f)), f}, w.span(), "values file %q is not read: %v", f, reason(err))
			return resmap.New(), nil
		}
		o.ValueFiles = append(o.ValueFiles, real)
	}
	release := helm.Release{Chart: chart, IncludeCRDs: c.IncludeCRDs, SkipHooks: c.SkipHooks, SkipTests: c.SkipTests}
	src := w.node
	if w.plugin != nil {
		src = w.plugin
	}
	if values := fold(src, "valuesInline"); values != nil {
		in := helm.InlineValues{Source: w.k.src, Node: values}
		if w.plugin != nil {
			if g := b.find(values.Line); g != nil && g.src != nil {
				in.Source, in.Node = g.authored(values)
			}
		}
		release.Inline = append(release.Inline, in)
		switch c.ValuesMerge {
		case "merge":
			release.InlineUnder = true
		case "replace":
			o.ValueFiles = nil
		}
	}
	if len(release.Inline) == 0 && w.plugin == nil && w.node != nil {
		release.Entry = lint.NodeSpan(w.k.src, w.node)
	}
	out := helm.Inflate(b.ctx, release, o)
	b.errs = append(b.errs, out.Errors...)
	if out.Text == "" {
		return resmap.New(), nil
	}
	m, err := b.charted(w, h, out, b.files.Display(chart))
	if err != nil {
		return nil, err
	}
	by := w.place(src)
	for _, r := range m.Resources() {
		b.settle(r.YNode())
		// kustomize leaves the namespace of such objects to the chart, from 5.8 on
		if err := r.PipeE(yaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
		if k, v := field(get(r.YNode(), "metadata", "annotations"), konfig.HelmGeneratedAnnotation); v != nil {
			set(k, by)
			set(v, by)
		}
	}
	return m, nil
}

// charted returns the objects that a chart was rendered to, each at its place.
func (b *build) charted(w *writer, h *resmap.PluginHelpers, out *helm.Inflated, shown string) (resmap.ResMap, error) {
	in := newInflated(lint.NewSource(shown, []byte(out.Text)), out.Resources)
	return h.ResmapFactory().NewResMapFromBytes(b.await(in.src, segment{role: roleHelm, by: w.entry(w.node), chart: in}))
}

// taken returns the objects of a chart that was rendered before; see [Change.Over].
func (b *build) taken(w *writer, h *resmap.PluginHelpers, out *helm.Inflated) (resmap.ResMap, error) {
	m, err := b.charted(w, h, out, "")
	if err != nil {
		return nil, err
	}
	for _, r := range m.Resources() {
		b.settle(r.YNode())
	}
	return m, nil
}

// chartDir finds the chart of an entry as kustomize does: below chartHome, or
// where it would have put what it pulled.
func (b *build) chartDir(w *writer, g types.HelmGlobals, c types.HelmChart) (string, bool) {
	home := g.ChartHome
	if home == "" {
		home = types.HelmDefaultHome
	}
	if !filepath.IsAbs(home) {
		home = filepath.Join(w.k.dir, filepath.FromSlash(home))
	}
	dirs := []string{filepath.Join(home, c.Name)}
	if c.Version != "" && c.Repo != "" {
		dirs = append([]string{filepath.Join(home, c.Name+"-"+c.Version, c.Name)}, dirs...)
	}
	for _, dir := range dirs {
		real, err := b.resolve(dir)
		if errors.Is(err, errOutside) {
			b.lacks([]string{c.Name, b.files.Display(dir)}, w.span(), "chart %q is outside %s and is not read; lint from a directory that holds both", c.Name, b.inside())
			return "", false
		}
		if err != nil {
			continue
		}
		if b.files.IsFile(filepath.Join(real, "Chart.yaml")) {
			return real, true
		}
	}
	if c.Repo != "" {
		b.lacks([]string{c.Name, b.files.Display(filepath.Join(home, c.Name)), c.Repo, strings.TrimSuffix(c.Repo, "/") + "/" + c.Name}, w.span(), "chart %q of %s is not fetched, manilint works offline; pull it into %s", c.Name, c.Repo, b.files.Display(filepath.Join(home, c.Name)))
	} else {
		b.lacks([]string{c.Name, b.files.Display(filepath.Join(home, c.Name))}, w.span(), "chart %q is not in %s; put it there, or correct chartHome", c.Name, b.files.Display(home))
	}
	return "", false
}
