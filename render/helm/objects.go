package helm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// FromObjects renders the charts that Flux HelmRelease and Argo CD Application objects
// deploy, with the values, release name and namespace of each object. Only charts among
// those given (directories of the same tree) are rendered; the others are somebody
// else's and are passed over. Objects that ask for the same rendering give one.
//
// The fields are those of https://fluxcd.io/flux/components/helm/helmreleases/ and
// https://argo-cd.readthedocs.io/en/stable/user-guide/helm/.
func FromObjects(ctx context.Context, resources []*lint.Resource, charts []string, o Options) []*lint.Bundle {
	if o.Late == nil {
		o.Late = &Late{}
	}
	var bundles []*lint.Bundle
	seen := map[string]bool{}
	deadlines := map[string]context.Context{} // of each chart: that of all its deployments
	for _, r := range resources {
		for _, d := range deployments(r, resources) {
			chart := findChart(d.path, charts, o.Files)
			if chart == "" {
				continue
			}
			key := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%v\x00%v", chart, d.name, d.namespace, d.values, d.files, d.set)
			if seen[key] {
				continue
			}
			seen[key] = true
			if deadlines[chart] == nil {
				own, cancel := o.deadline(ctx)
				defer cancel()
				deadlines[chart] = own
			}
			bundles = append(bundles, d.render(deadlines[chart], r, chart, o))
		}
	}
	return bundles
}

// A deployment is what an object says of a chart.
type deployment struct {
	path            string // of the chart, from the root of a repository
	name, namespace string
	files           []string // values files
	fromRoot        bool     // the files are named from the root, not from the chart
	layers          []*valueLayer
	values          string // the layers as text
	set, setString  []string
}

// deployments returns the charts that an object deploys from a path of a repository.
func deployments(r *lint.Resource, all []*lint.Resource) []*deployment {
	switch {
	case r.Is("helm.toolkit.fluxcd.io", "HelmRelease"):
		spec := r.Get("spec")
		source := spec.Get("chart", "spec")
		if kind := source.Get("sourceRef", "kind").Value(); kind != "GitRepository" && kind != "Bucket" {
			return nil
		}
		d := &deployment{path: source.Get("chart").Value(), namespace: first(spec.Get("targetNamespace").Value(), r.Namespace), fromRoot: true}
		d.name = spec.Get("releaseName").Value()
		if d.name == "" {
			d.name = r.Name
			if target := spec.Get("targetNamespace").Value(); target != "" {
				d.name = target + "-" + r.Name
			}
		}
		d.files = source.Get("valuesFiles").Strings()
		for _, from := range spec.Get("valuesFrom").Items() {
			d.addReference(from, r, all)
		}
		d.addNode(spec.Get("values"))
		return []*deployment{d}
	case r.Is("argoproj.io", "Application"):
		sources := r.Get("spec", "sources").Items()
		if one := r.Get("spec", "source"); one.IsMapping() {
			sources = append(sources, one)
		}
		var out []*deployment
		for _, source := range sources {
			helm := source.Get("helm")
			if source.Get("path").Value() == "" || source.Get("chart").IsScalar() {
				continue
			}
			d := &deployment{path: source.Get("path").Value(), name: first(helm.Get("releaseName").Value(), r.Name)}
			d.namespace = first(helm.Get("namespace").Value(), r.Get("spec", "destination", "namespace").Value())
			for _, f := range helm.Get("valueFiles").Strings() {
				if !strings.HasPrefix(f, "$") && !strings.Contains(f, "://") {
					d.files = append(d.files, f)
				}
			}
			d.addText(helm.Get("values"))
			d.addNode(helm.Get("valuesObject"))
			for _, p := range helm.Get("parameters").Items() {
				set := p.Get("name").Value() + "=" + strings.ReplaceAll(p.Get("value").Value(), ",", `\,`)
				if p.Get("forceString").IsTrue() {
					d.setString = append(d.setString, set)
				} else {
					d.set = append(d.set, set)
				}
			}
			out = append(out, d)
		}
		return out
	}
	return nil
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// addNode adds values that are a mapping of the object.
func (d *deployment) addNode(n *lint.Node) {
	if !n.IsMapping() {
		return
	}
	layer := &valueLayer{root: n, located: true, data: map[string]any{}}
	text, err := kyaml.NewRNode(n.YAML()).String()
	if err == nil && yaml.Unmarshal([]byte(text), &layer.data) == nil {
		d.layers = append(d.layers, layer)
		d.values += text + "\x00"
	}
}

// addText adds values that are YAML inside a string of an object.
func (d *deployment) addText(n *lint.Node) {
	layer := &valueLayer{data: map[string]any{}, at: n.Locate().Span}
	if !n.IsScalar() || yaml.Unmarshal([]byte(n.Value()), &layer.data) != nil {
		return
	}
	d.values += n.Value() + "\x00"
	d.layers = append(d.layers, layer)
	// In a literal block each line of the values is a line of the file.
	src := layer.at.Start.Source
	if n.YAML().Style&kyaml.LiteralStyle == 0 || src == nil || !strings.HasPrefix(layer.at.Text(), "|") {
		return
	}
	docs, errs := lint.ParseYAML(lint.NewSource("", []byte(n.Value())))
	if len(errs) > 0 || len(docs) == 0 {
		return
	}
	line := layer.at.Start.Line
	indent := 0
	for i := 1; i < 1000; i++ {
		if text := src.Line(line + i); strings.TrimSpace(text) != "" {
			own := strings.SplitN(n.Value(), "\n", i+1)[i-1]
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
	layer.src, layer.root = src, lint.NewNode(docs[0])
}

// addReference adds values that a ConfigMap or Secret of the same tree holds; those of
// a cluster are not known.
func (d *deployment) addReference(from *lint.Node, r *lint.Resource, all []*lint.Resource) {
	key := first(from.Get("valuesKey").Value(), "values.yaml")
	if from.Get("targetPath").IsScalar() {
		return
	}
	for _, other := range all {
		if other.Kind != from.Get("kind").Value() || other.Name != from.Get("name").Value() || other.Namespace != r.Namespace || other.Bundle != r.Bundle {
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			if n := other.Get(field, key); n.IsScalar() && !(other.Kind == "Secret" && field == "data") {
				d.addText(n)
			}
		}
		return
	}
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

// render renders a deployment of a chart.
func (d *deployment) render(ctx context.Context, r *lint.Resource, chart string, o Options) *lint.Bundle {
	o.ReleaseName, o.Namespace = d.name, d.namespace
	o.Set, o.SetString, o.SetFile = append(o.Set[:len(o.Set):len(o.Set)], d.set...), append(o.SetString[:len(o.SetString):len(o.SetString)], d.setString...), nil
	t, failed := openTree(chart, o)
	if failed != nil {
		return t.bundle(r.Kind+" "+r.Name, o, nil, []*lint.InputError{failed})
	}
	base := chart
	if d.fromRoot {
		abs := o.Files.Abs(chart)
		base = strings.TrimSuffix(filepath.ToSlash(abs), strings.Trim(filepath.ToSlash(filepath.Clean("/"+d.path)), "/"))
	}
	v := variant{name: r.Kind + " " + r.Name, inline: d.layers}
	if r.Namespace != "" {
		v.name = r.Kind + " " + r.Namespace + "/" + r.Name
	}
	for _, f := range d.files {
		at := filepath.Join(base, filepath.FromSlash(f))
		if strings.HasPrefix(f, "/") {
			at = filepath.Join(strings.TrimSuffix(chart, filepath.FromSlash(d.path)), filepath.FromSlash(f))
		}
		v.files = append(v.files, valueFile{path: at, shown: o.Files.Display(at)})
	}
	b, _ := t.render(ctx, v, o)
	return b
}
