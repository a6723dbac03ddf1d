package flux

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/kustomize"
)

// Wanted returns what a HelmRelease wants to have rendered from its repository; nil for other
// objects. by is the object as reports name it. all are the objects of its unit, and what is
// known of others: sources, ConfigMaps and Secrets. The values are those of valuesFrom, in
// order, under its own: https://fluxcd.io/flux/components/helm/helmreleases/#values
func Wanted(by string, r *lint.Resource, all []*lint.Resource, c *source.Checkout) *source.Wanted {
	if !r.Is("helm.toolkit.fluxcd.io", "HelmRelease") {
		return nil
	}
	w := &source.Wanted{}
	note := func(at *lint.Node, lacks, format string, args ...any) {
		w.Notes = append(w.Notes, lint.Note{Message: by + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span, Lacks: lacks})
	}
	spec := r.Get("spec")
	d := &helm.Deployment{By: by, Namespace: cmp.Or(spec.Get("targetNamespace").Value(), r.Namespace), ReleaseName: releaseName(r)}
	chart := spec.Get("chart", "spec")
	if kind, name, namespace := chartRef(r); kind != "" {
		i := slices.IndexFunc(all, func(o *lint.Resource) bool {
			return o.Is("source.toolkit.fluxcd.io", kind) && o.Name == name && o.Namespace == namespace
		})
		if i < 0 { // it may be an object of another unit: see Lacking
			return nil
		}
		chart = all[i].Get("spec")
		if kind == "OCIRepository" {
			if d.Chart = vendored(chart, c); d.Chart == "" {
				note(spec.Get("chartRef", "name"), chart.Get("url").Value(), "the chart of OCIRepository %q (%s) is not fetched, manilint works offline: what it deploys is not linted; to have it linted, put the chart in this version into the tree", name, chart.Get("url").Value())
				return w
			}
		}
	}
	optional := chart.Get("ignoreMissingValuesFiles").IsTrue()
	if d.Chart == "" {
		name := chart.Get("chart")
		switch kind := chart.Get("sourceRef", "kind").Value(); kind {
		case "GitRepository", "Bucket":
		case "HelmRepository":
			repository := chart.Get("sourceRef", "name").Value()
			note(name, repository+"/"+name.Value(), "chart %q of HelmRepository %q is not fetched, manilint works offline: what it deploys is not linted", name.Value(), repository)
			return w
		default:
			return w
		}
		if url := AddressOf(r, all); url != "" && c.Is(url) == source.No {
			note(name, url, "%q is another repository than this checkout: what it deploys is not linted; if it is the same, name the address under repositories: in the configuration", url)
			return w
		}
		d.Path = name.Value()
	}
	install := spec.Get("install")
	d.NoCRDs = install.Get("crds").Value() == "Skip" || install.Get("skipCRDs").IsTrue()
	d.NoSchema = install.Get("disableSchemaValidation").IsTrue()
	for _, item := range chart.Get("valuesFiles").Items() {
		d.AddFile(item.Value(), true, item, optional)
		d.Instead = true // of the chart's values.yaml
	}
	for _, from := range spec.Get("valuesFrom").Items() {
		addReference(d, from, r, all)
	}
	d.AddNode(spec.Get("values"))
	if !spec.Get("values").Exists() {
		d.Room(spec, "values")
	}
	render(d, spec)
	w.Charts = append(w.Charts, &source.Chart{Deployment: d})
	return w
}

// releaseName returns the name of the release that a HelmRelease makes: what is longer than
// Helm takes is cut, with the beginning of its hash
// (https://github.com/fluxcd/helm-controller/tree/main/internal/release).
func releaseName(r *lint.Resource) string {
	const longest, hash = 53, 12
	name := r.Get("spec", "releaseName").Value()
	if name == "" {
		name = r.Name
		if target := r.Get("spec", "targetNamespace").Value(); target != "" {
			name = target + "-" + r.Name
		}
	}
	if len(name) > longest {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
		name = name[:longest-hash-1] + "-" + sum[:hash]
	}
	return name
}

// vendored returns the chart of the tree that is the one of an OCIRepository, by its name and
// version; "" for none.
func vendored(spec *lint.Node, c *source.Checkout) string {
	name, ref := path.Base(strings.TrimSuffix(spec.Get("url").Value(), "/")), spec.Get("ref")
	found := ""
	for _, chart := range c.Charts {
		have, version := identity(c, chart)
		fits := true
		switch tag, wanted := ref.Get("tag").Value(), ref.Get("semver").Value(); {
		case wanted != "": // which counts over a tag
			fits = helm.Compatible(wanted, version)
		case tag != "":
			fits = strings.TrimPrefix(strings.ReplaceAll(tag, "_", "+"), "v") == strings.TrimPrefix(version, "v")
		}
		if have != name || !fits {
			continue
		}
		if found != "" {
			return ""
		}
		found = chart
	}
	return found
}

var archiveName = lint.Regexp(`^(.+)-(v?[0-9]+\.[0-9]+\.[0-9]+[^/]*)\.tgz$`)

// identity returns the name and the version of a chart.
func identity(c *source.Checkout, chart string) (name, version string) {
	if m := archiveName().FindStringSubmatch(filepath.Base(chart)); m != nil {
		return m[1], m[2]
	}
	src, err := c.Files.Open(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		return "", ""
	}
	docs, _ := lint.ParseYAML(src)
	if len(docs) == 0 {
		return "", ""
	}
	root := lint.NewNode(docs[0])
	return root.Get("name").Value(), root.Get("version").Value()
}

// render has the chart's objects changed by postRenderers and commonMetadata.
func render(d *helm.Deployment, spec *lint.Node) {
	renderers := spec.Get("postRenderers")
	a := &Applied{Change: &kustomize.Change{By: d.By}}
	at, changes := renderers, false
	for _, p := range renderers.Items() {
		for _, patch := range p.Get("kustomize", "patches").Items() {
			if patch.Get("patch").IsScalar() {
				a.Change.Append("patches", a.Change.Copy(patch))
				changes = true
			}
		}
		for _, image := range p.Get("kustomize", "images").Items() {
			if image.IsMapping() {
				a.Change.Replace("images", a.Change.Copy(image))
				changes = true
			}
		}
		for _, field := range []string{"patchesStrategicMerge", "patchesJson6902"} { // of API versions that are no longer served
			if n := p.Get("kustomize", field); len(n.Items()) > 0 {
				d.Note(n.KeyNode(), "%s of a post-renderer is not applied; write patches", field)
			}
		}
	}
	if common := spec.Get("commonMetadata"); common.IsMapping() {
		a.metadata(common)
		if !changes {
			at = common
		}
		changes = true
	}
	if !changes {
		return
	}
	d.PostKey = a.Key()
	d.Post = func(ctx context.Context, in *helm.Inflated, o helm.Options) ([]*lint.Resource, []*lint.InputError) {
		return a.Change.Over(ctx, d.Chart, in, at, kustomize.Options{Files: o.Files, KubeVersion: o.KubeVersion, Late: o.Late})
	}
}

// chartRef returns the kind, name and namespace of the source that a HelmRelease names, "" for
// none.
func chartRef(r *lint.Resource) (kind, name, namespace string) {
	ref := r.Get("spec", "chartRef")
	kind = ref.Get("kind").Value()
	if !r.Is("helm.toolkit.fluxcd.io", "HelmRelease") || kind != "HelmChart" && kind != "OCIRepository" {
		return "", "", ""
	}
	return kind, ref.Get("name").Value(), cmp.Or(ref.Get("namespace").Value(), r.Namespace)
}

// IsSource reports whether an object is what a chartRef names.
func IsSource(r *lint.Resource) bool {
	return r.Is("source.toolkit.fluxcd.io", "HelmChart") || r.Is("source.toolkit.fluxcd.io", "OCIRepository")
}

// Lacking returns those of the resources that are HelmReleases of a source which is not among
// the resources.
func Lacking(resources []*lint.Resource) []*lint.Resource {
	type object struct{ kind, name, namespace string }
	there := map[object]bool{}
	for _, r := range resources {
		if IsSource(r) {
			there[object{r.Kind, r.Name, r.Namespace}] = true
		}
	}
	var lacking []*lint.Resource
	for _, r := range resources {
		if kind, name, namespace := chartRef(r); kind != "" && !there[object{kind, name, namespace}] {
			lacking = append(lacking, r)
		}
	}
	return lacking
}

// Nearest returns the object of some that is written nearest to another one; nil where there
// is none, or two are as near: they are of two clusters, say.
func Nearest(to *lint.Resource, all []*lint.Resource) *lint.Resource {
	file := func(r *lint.Resource) []string {
		if src := r.Root.Locate().Span.Start.Source; src != nil {
			return strings.Split(filepath.ToSlash(src.File), "/")
		}
		return nil
	}
	here := file(to)
	var found *lint.Resource
	most, tie := -1, false
	for _, r := range all {
		there, n := file(r), 0
		for n < len(here)-1 && n < len(there)-1 && here[n] == there[n] {
			n++
		}
		switch {
		case n > most:
			found, most, tie = r, n, false
		case n == most:
			tie = true
		}
	}
	if tie {
		return nil
	}
	return found
}

// addReference adds values that a ConfigMap or Secret of the same tree holds; those of
// a cluster are not known.
func addReference(d *helm.Deployment, from *lint.Node, r *lint.Resource, all []*lint.Resource) {
	kind, name, key := from.Get("kind").Value(), from.Get("name").Value(), cmp.Or(from.Get("valuesKey").Value(), "values.yaml")
	at := from.Get("name")
	if other := valuesOf(r, all, kind, name); other != nil {
		if encrypted(other) {
			d.Note(at, "valuesFrom: %s %q is encrypted, and its values are not applied", kind, name)
			d.Lacks(name)
			return
		}
		n, text := other.Get("data", key), ""
		switch {
		case kind == "Secret" && other.Get("stringData", key).IsScalar():
			n = other.Get("stringData", key)
			text = n.Value()
		case kind == "Secret":
			decoded, ok := decode(n.Value())
			if !ok {
				d.Note(at, "valuesFrom: %s of Secret %q is not base64, and its values are not applied", key, name)
				return
			}
			text = decoded
		default:
			text = n.Value()
		}
		switch target := from.Get("targetPath").Value(); {
		case !n.IsScalar():
			d.Note(at, "valuesFrom: %s %q has no %s, and no values of it are applied", kind, name, key)
		case target != "":
			addTarget(d, n, target, text)
		default:
			d.AddText(n, text)
		}
		return
	}
	d.Note(at, "valuesFrom: %s %q is not in this tree, and its values are not applied", kind, name)
	d.Lacks(name)
}

// valuesOf returns the ConfigMap or Secret of a name in the namespace of a release: of its own
// unit, else as it is written nearest to it.
func valuesOf(r *lint.Resource, all []*lint.Resource, kind, name string) *lint.Resource {
	var written []*lint.Resource
	for _, o := range all {
		switch {
		case o.Group != "" || o.Kind != kind || kind != "ConfigMap" && kind != "Secret" || o.Name != name:
		case o.Bundle == r.Bundle && o.Namespace == r.Namespace:
			return o
		case o.Bundle == nil && (o.Namespace == r.Namespace || o.Namespace == ""):
			written = append(written, o)
		}
	}
	return Nearest(r, written)
}

// addTarget sets one value by its path; quotes make it text.
func addTarget(d *helm.Deployment, at *lint.Node, path, value string) {
	isText := false
	for _, quote := range []string{"'", `"`} {
		if strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			isText = true
		}
	}
	if isText {
		value = strings.Trim(value, `'"`)
	}
	d.AddSet(at, path, value, isText)
}
