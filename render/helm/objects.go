package helm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/strvals"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// A Deployment is a chart of the tree as a Flux HelmRelease or an Argo CD Application object
// deploys it.
type Deployment struct {
	Chart string // its directory
	By    string // the object, as reports name it
	// Key is the same for deployments that give the same rendering.
	Key string

	of *deployment
}

// Deployments returns what HelmRelease and Application objects deploy of some charts, with
// the values, release name and namespace of each object. Only charts among those given
// (directories of the same tree) are deployed; the others are somebody else's and are passed
// over. Objects that ask for the same rendering give one.
//
// The fields are those of https://fluxcd.io/flux/components/helm/helmreleases/ and
// https://argo-cd.readthedocs.io/en/stable/user-guide/helm/.
func Deployments(resources []*lint.Resource, charts []string, files *filetree.Tree) []*Deployment {
	return deploymentsOf(resources, resources, charts, files)
}

// deploymentsOf is [Deployments] of what some of the resources deploy.
func deploymentsOf(deployers, resources []*lint.Resource, charts []string, files *filetree.Tree) []*Deployment {
	var all []*Deployment
	seen := map[string]bool{}
	for _, r := range deployers {
		for _, d := range deployments(r, resources) {
			chart := findChart(d.path, charts, files)
			if chart == "" {
				continue
			}
			key := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%v%s", chart, d.name, d.namespace, d.kubeVersion, d.apiVersions, d.key)
			if !seen[key] {
				seen[key] = true
				all = append(all, &Deployment{Chart: chart, By: d.by, Key: key, of: d})
			}
		}
	}
	return all
}

// Render renders the chart as it is deployed. What is wrong is in the errors of the bundle.
func (d *Deployment) Render(ctx context.Context, o Options) *lint.Bundle {
	if o.Late == nil {
		o.Late = &Late{}
	}
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	return d.of.render(ctx, d.Chart, o)
}

// FromObjects renders all deployments of the charts that are given.
func FromObjects(ctx context.Context, resources []*lint.Resource, charts []string, o Options) []*lint.Bundle {
	if o.Late == nil {
		o.Late = &Late{}
	}
	var bundles []*lint.Bundle
	for _, d := range Deployments(resources, charts, o.Files) {
		bundles = append(bundles, d.Render(ctx, o))
	}
	return bundles
}

// A deployment is what an object says of a chart.
type deployment struct {
	by              string // the object, as reports name it: Application argocd/shop
	path            string // of the chart, from the root of a repository
	name, namespace string
	kubeVersion     string
	apiVersions     []string
	variant         variant
	key             string // what else tells deployments of one chart apart
	errs            []*lint.InputError
}

// deployments returns the charts that an object deploys from a path of a repository.
func deployments(r *lint.Resource, all []*lint.Resource) []*deployment {
	by := r.Kind + " " + r.Name
	if r.Namespace != "" {
		by = r.Kind + " " + r.Namespace + "/" + r.Name
	}
	var found []*deployment
	switch {
	case r.Is("helm.toolkit.fluxcd.io", "HelmRelease"):
		found = fluxDeployments(by, r, all)
	case r.Is("argoproj.io", "Application"):
		found = argoDeployments(by, r)
	}
	for _, d := range found {
		d.variant.name = by
	}
	return found
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (d *deployment) note(at *lint.Node, format string, args ...any) {
	d.variant.notes = append(d.variant.notes, lint.Note{Message: d.by + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

// lacks says of the last note what is not there; see [lint.InputError.Lacks].
func (d *deployment) lacks(name string) {
	d.variant.notes[len(d.variant.notes)-1].Lacks = name
}

func (d *deployment) fail(at *lint.Node, format string, args ...any) {
	d.errs = append(d.errs, &lint.InputError{Message: d.by + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

// addFile adds a values file, named by a node of the object from the root of the
// repository, or else from the chart.
func (d *deployment) addFile(path string, fromRoot bool, at *lint.Node, optional bool) {
	d.variant.files = append(d.variant.files, valueFile{path: path, fromRoot: fromRoot, at: at.Locate().Span, by: d.by, optional: optional})
	d.key += fmt.Sprintf("\x00%v %s", fromRoot, path)
}

// addNode adds values that are a mapping of the object.
func (d *deployment) addNode(n *lint.Node) {
	if !n.Exists() || n.IsNull() {
		return
	}
	layer := &valueLayer{root: n, located: true, data: map[string]any{}}
	text, err := kyaml.NewRNode(n.YAML()).String()
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &layer.data)
	}
	if err != nil || !n.IsMapping() {
		d.fail(n, "%s is no mapping of values; nothing of it is applied", n.Path())
		return
	}
	d.variant.inline = append(d.variant.inline, layer)
	d.key += "\x00" + text
}

// addText adds values that are YAML inside a string of an object, which says text.
func (d *deployment) addText(n *lint.Node, text string) {
	if !n.IsScalar() {
		return
	}
	layer := &valueLayer{data: map[string]any{}, at: n.Locate().Span}
	if yaml.Unmarshal([]byte(text), &layer.data) != nil {
		d.fail(n, "the text of %s is no YAML mapping of values; nothing of it is applied", n.Path())
		return
	}
	d.key += "\x00" + text
	d.variant.inline = append(d.variant.inline, layer)
	if text == n.Value() {
		layer.placeLines(n)
	}
}

// placeLines gives the values of a literal block places of their own: each line of them
// is a line of the file.
func (l *valueLayer) placeLines(n *lint.Node) {
	src := l.at.Start.Source
	if n.YAML().Style&kyaml.LiteralStyle == 0 || src == nil || !strings.HasPrefix(l.at.Text(), "|") {
		return
	}
	docs, errs := lint.ParseYAML(lint.NewSource("", []byte(n.Value())))
	if len(errs) > 0 || len(docs) == 0 {
		return
	}
	line, indent := l.at.Start.Line, 0
	for i, own := range strings.Split(n.Value(), "\n") {
		if text := src.Line(line + i + 1); strings.TrimSpace(text) != "" {
			indent = len(text) - len(strings.TrimLeft(text, " ")) - (len(own) - len(strings.TrimLeft(own, " ")))
			break
		}
	}
	var shift func(n *kyaml.Node)
	shift = func(n *kyaml.Node) {
		n.Line, n.Column = n.Line+line, n.Column+indent
		for _, c := range n.Content {
			shift(c)
		}
	}
	shift(docs[0])
	l.src, l.root = src, lint.NewNode(docs[0])
}

// setLayer makes a layer of a value that a node of the object sets by a path, as Helm's
// --set and --set-string do.
func (d *deployment) setLayer(at *lint.Node, path, value string, isText bool) *valueLayer {
	parse := strvals.ParseInto
	if isText {
		parse = strvals.ParseIntoString
	}
	text := path + "=" + value
	layer := &valueLayer{data: map[string]any{}, at: at.Locate().Span, set: func(into map[string]any) error { return parse(text, into) }}
	if err := parse(text, layer.data); err != nil {
		var masks mask.Masks
		masks.AddValue(value)
		d.fail(at, "%s is not set: %s", path, masks.Redact(err.Error()))
		return nil
	}
	d.key += fmt.Sprintf("\x00%v %s", isText, text)
	return layer
}

// findChart returns the chart among charts that a path of a repository names, "" where
// none or more than one could be meant.
func findChart(path string, charts []string, files *filetree.Tree) string {
	path = strings.Trim(filepath.ToSlash(filepath.Clean("/"+path)), "/")
	if path == "" {
		return ""
	}
	found := ""
	for _, c := range charts {
		if abs := files.Abs(c); !files.IsDir(abs) || !strings.HasSuffix(filepath.ToSlash(abs), "/"+path) {
			continue
		}
		if found != "" {
			return ""
		}
		found = c
	}
	return found
}

// from returns the file with its path settled, from where the chart and the root of its
// repository lie.
func (f valueFile) from(chart, root string, o Options) valueFile {
	base := chart
	if f.fromRoot {
		base = filepath.FromSlash(root)
	}
	f.path = filepath.Join(base, filepath.FromSlash(f.path))
	f.shown = o.Files.Display(f.path)
	return f
}

// render renders a deployment of a chart.
func (d *deployment) render(ctx context.Context, chart string, o Options) *lint.Bundle {
	o.ReleaseName, o.Namespace = d.name, d.namespace
	o.KubeVersion = first(d.kubeVersion, o.KubeVersion)
	o.APIVersions = append(o.APIVersions[:len(o.APIVersions):len(o.APIVersions)], d.apiVersions...)
	t, failed := openTree(chart, o)
	if failed != nil {
		return t.bundle(d.by, o, nil, append(d.errs, failed))
	}
	abs := o.Files.Abs(chart)
	root := strings.TrimSuffix(filepath.ToSlash(abs), strings.Trim(filepath.ToSlash(filepath.Clean("/"+d.path)), "/"))
	v := d.variant
	v.files = nil
	for _, f := range d.variant.files {
		v.files = append(v.files, f.from(abs, root, o))
	}
	v.sets = nil
	for _, set := range d.variant.sets {
		if set.file.path != "" {
			set.file = set.file.from(abs, root, o)
		}
		v.sets = append(v.sets, set)
	}
	b, _ := t.render(ctx, v, o)
	for _, e := range d.errs {
		e.Rendering = &b.Rendering
	}
	b.Errors = append(b.Errors, d.errs...)
	return b
}
