package helm

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// A Deployment is a chart of the tree as an object of a controller deploys it: an Argo CD
// Application, a Flux HelmRelease. Who reads the object sets the fields and adds the values,
// the weakest first, before [InCharts] and [Deployment.Render].
type Deployment struct {
	By   string // the object, as reports name it: Application argocd/shop
	Path string // of the chart, from the root of a repository

	ReleaseName, Namespace string
	KubeVersion            string
	APIVersions            []string

	NoCRDs, NoTests, NoSchema bool
	// Instead says that the values files replace the chart's own values.yaml.
	Instead bool

	// Post, where it is not nil, makes something else of what the chart renders; PostKey is the
	// same for those that do the same.
	Post    func(context.Context, *Inflated, Options) ([]*lint.Resource, []*lint.InputError)
	PostKey string

	Chart string // its directory, where it is known before [InCharts] finds it
	// Key is the same for deployments that give the same rendering; of [InCharts].
	Key string

	variant variant
	asked   string // what else tells deployments of one chart apart
	errs    []*lint.InputError
}

// InCharts returns the deployments of some charts (directories of the tree), with Chart and
// Key set. The charts of the others are somebody else's. Deployments that give the same
// rendering are returned once.
func InCharts(all []*Deployment, charts []string, files *filetree.Tree) []*Deployment {
	var found []*Deployment
	seen := map[string]bool{}
	for _, d := range all {
		if !slices.Contains(charts, d.Chart) {
			if d.Chart = findChart(d.Path, charts, files); d.Chart == "" {
				continue
			}
		}
		d.Key = fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%v\x00%v%v%v%s", d.Chart, d.ReleaseName, d.Namespace, d.KubeVersion, d.APIVersions, d.NoCRDs, d.NoTests, d.NoSchema, d.asked+"\x00"+d.PostKey)
		if !seen[d.Key] {
			seen[d.Key] = true
			found = append(found, d)
		}
	}
	return found
}

// Compatible reports whether a version is one of a range, as Helm reads them.
func Compatible(constraint, version string) bool {
	return chartutil.IsCompatibleRange(constraint, version)
}

// Render renders the chart as it is deployed. What is wrong is in the errors of the bundle.
func (d *Deployment) Render(ctx context.Context, o Options) *lint.Bundle {
	if o.Late == nil {
		o.Late = &Late{}
	}
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	return d.render(ctx, o)
}

// Note says of a node of the object what is not applied, or not judged.
func (d *Deployment) Note(at *lint.Node, format string, args ...any) {
	d.variant.notes = append(d.variant.notes, lint.Note{Message: d.By + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

// Lacks says of the last note what is not there; see [lint.InputError.Lacks].
func (d *Deployment) Lacks(name string) {
	d.variant.notes[len(d.variant.notes)-1].Lacks = name
}

// Fail says of a node of the object what is wrong with it.
func (d *Deployment) Fail(at *lint.Node, format string, args ...any) {
	d.errs = append(d.errs, &lint.InputError{Message: d.By + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

// Missing is Fail for something that is not there; see [lint.InputError.Lacks].
func (d *Deployment) Missing(at *lint.Node, name, format string, args ...any) {
	d.Fail(at, format, args...)
	d.errs[len(d.errs)-1].Lacks = []string{name}
}

// AddFile adds a values file, named by a node of the object from the root of the
// repository, or else from the chart.
func (d *Deployment) AddFile(path string, fromRoot bool, at *lint.Node, optional bool) {
	d.variant.files = append(d.variant.files, valueFile{path: path, fromRoot: fromRoot, at: at.Locate().Span, by: d.By, optional: optional})
	d.asked += fmt.Sprintf("\x00%v %s", fromRoot, path)
}

// Files returns the absolute paths of the files that the object names, once the chart is found.
func (d *Deployment) Files(files *filetree.Tree) []string {
	abs, root := d.roots(files)
	var all []string
	o := Options{Files: files}
	for _, f := range d.variant.files {
		all = append(all, f.from(abs, root, o).path)
	}
	for _, set := range d.variant.sets {
		if set.file.path != "" {
			all = append(all, set.file.from(abs, root, o).path)
		}
	}
	return all
}

// roots returns where the chart lies, and the root of its repository.
func (d *Deployment) roots(files *filetree.Tree) (chart, root string) {
	chart = files.Abs(d.Chart)
	return chart, strings.TrimSuffix(filepath.ToSlash(chart), strings.Trim(filepath.ToSlash(filepath.Clean("/"+d.Path)), "/"))
}

// AddNode adds values that are a mapping of the object.
func (d *Deployment) AddNode(n *lint.Node) {
	if !n.Exists() || n.IsNull() {
		return
	}
	layer := &valueLayer{root: n, located: true, data: map[string]any{}}
	text, err := kyaml.NewRNode(n.YAML()).String()
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &layer.data)
	}
	if err != nil || !n.IsMapping() {
		d.Fail(n, "%s is not a mapping of values; it is not applied", n.Path())
		return
	}
	d.variant.inline = append(d.variant.inline, layer)
	d.asked += "\x00" + text
}

// Room says that the object could hold values in fields of a node, and holds none there.
func (d *Deployment) Room(n *lint.Node, fields ...string) {
	d.variant.rooms = append(d.variant.rooms, room{func() lint.Span { return n.Locate().Span }, fields})
}

// AddText adds values that are YAML inside a string of an object, which says text.
func (d *Deployment) AddText(n *lint.Node, text string) {
	if !n.IsScalar() {
		return
	}
	layer := &valueLayer{data: map[string]any{}, at: n.Locate().Span, made: n}
	if yaml.Unmarshal([]byte(text), &layer.data) != nil {
		d.Fail(n, "the text of %s is not a YAML mapping of values; it is not applied", n.Path())
		return
	}
	d.asked += "\x00" + text
	d.variant.inline = append(d.variant.inline, layer)
	if text == n.Value() {
		layer.placeLines(n)
	}
}

// placeLines gives the values of a literal block places of their own: each line of them
// is a line of the file.
func (l *valueLayer) placeLines(n *lint.Node) {
	src := l.at.Start.Source
	if n.Style()&kyaml.LiteralStyle == 0 || src == nil || !strings.HasPrefix(l.at.Text(), "|") {
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

// Set sets a value by its path, as Helm's --set does, or --set-string for text: over the
// values that were added before, under the files of [Deployment.SetFile]. at is where the
// object says it.
func (d *Deployment) Set(at *lint.Node, path, value string, isText bool) {
	if layer := d.setLayer(at, path, value, isText); layer != nil {
		d.variant.sets = append(d.variant.sets, setting{layer: layer})
	}
}

// AddSet adds values as [Deployment.Set] does, but ranks them as AddNode and AddText do: over
// those that were added before, under those that are added later.
func (d *Deployment) AddSet(at *lint.Node, path, value string, isText bool) {
	if layer := d.setLayer(at, path, value, isText); layer != nil {
		d.variant.inline = append(d.variant.inline, layer)
	}
}

// SetFile sets the value at a path to the text of a file, as Helm's --set-file does. The file
// is named from the chart, or with fromRoot from the root of the repository.
func (d *Deployment) SetFile(at *lint.Node, path, file string, fromRoot bool) {
	d.asked += "\x00" + path + " " + file
	d.variant.sets = append(d.variant.sets, setting{key: path, file: valueFile{path: file, fromRoot: fromRoot, at: at.Locate().Span, by: d.By}})
}

// setLayer makes a layer of a value that a node of the object sets by a path, as Helm's
// --set and --set-string do.
func (d *Deployment) setLayer(at *lint.Node, path, value string, isText bool) *valueLayer {
	parse := strvals.ParseInto
	if isText {
		parse = strvals.ParseIntoString
	}
	text := path + "=" + value
	layer := &valueLayer{data: map[string]any{}, at: at.Locate().Span, made: at, set: func(into map[string]any) error { return parse(text, into) }}
	if err := parse(text, layer.data); err != nil {
		var masks mask.Masks
		masks.AddValue(value)
		d.Fail(at, "%s is not set: %s", path, masks.Redact(err.Error()))
		return nil
	}
	d.asked += fmt.Sprintf("\x00%v %s", isText, text)
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

// render renders the deployment of a chart that was found.
func (d *Deployment) render(ctx context.Context, o Options) *lint.Bundle {
	o.ReleaseName, o.Namespace = d.ReleaseName, d.Namespace
	o.KubeVersion = cmp.Or(d.KubeVersion, o.KubeVersion)
	o.APIVersions = append(o.APIVersions[:len(o.APIVersions):len(o.APIVersions)], d.APIVersions...)
	t, failed := openTree(d.Chart, o)
	if failed != nil {
		return t.bundle(d.By, o, nil, append(d.errs, failed))
	}
	abs, root := d.roots(o.Files)
	v := d.variant
	v.name, v.instead, v.noCRDs, v.noTests, v.noSchema = d.By, d.Instead, d.NoCRDs, d.NoTests, d.NoSchema
	if d.Post != nil {
		v.post = func(ctx context.Context, in *Inflated) ([]*lint.Resource, []*lint.InputError) {
			return d.Post(ctx, in, o)
		}
	}
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
