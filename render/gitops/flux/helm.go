package flux

import (
	"cmp"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
)

// Deployments returns the chart that a HelmRelease deploys from a path of a repository; none
// for a chart of a registry, and for other objects. all are the objects of its unit, and what
// is known of others. The values are those of valuesFrom, in
// order, under its own:
// https://fluxcd.io/flux/components/helm/helmreleases/#values
func Deployments(by string, r *lint.Resource, all []*lint.Resource) []*helm.Deployment {
	if !r.Is("helm.toolkit.fluxcd.io", "HelmRelease") {
		return nil
	}
	spec := r.Get("spec")
	chart := spec.Get("chart", "spec")
	if name, namespace := chartRef(r); name != "" {
		for _, other := range all {
			if IsChart(other) && other.Name == name && other.Namespace == namespace {
				chart = other.Get("spec")
			}
		}
	}
	if kind := chart.Get("sourceRef", "kind").Value(); kind != "GitRepository" && kind != "Bucket" {
		return nil
	}
	d := &helm.Deployment{By: by, Path: chart.Get("chart").Value(), Namespace: cmp.Or(spec.Get("targetNamespace").Value(), r.Namespace)}
	d.ReleaseName = spec.Get("releaseName").Value()
	if d.ReleaseName == "" {
		d.ReleaseName = r.Name
		if target := spec.Get("targetNamespace").Value(); target != "" {
			d.ReleaseName = target + "-" + r.Name
		}
	}
	install := spec.Get("install")
	d.NoCRDs = install.Get("crds").Value() == "Skip" || install.Get("skipCRDs").IsTrue()
	d.NoSchema = install.Get("disableSchemaValidation").IsTrue()
	optional := chart.Get("ignoreMissingValuesFiles").IsTrue()
	for _, item := range chart.Get("valuesFiles").Items() {
		d.AddFile(item.Value(), true, item, optional)
		d.Instead = true // of the chart's values.yaml
	}
	for _, from := range spec.Get("valuesFrom").Items() {
		addReference(d, from, r, all)
	}
	d.AddNode(spec.Get("values"))
	if renderers := spec.Get("postRenderers"); len(renderers.Items()) > 0 {
		d.Note(renderers.KeyNode(), "postRenderers are not applied: what they change is linted as the chart renders it")
	}
	return []*helm.Deployment{d}
}

// chartRef returns the HelmChart that a HelmRelease names, "" for none.
func chartRef(r *lint.Resource) (name, namespace string) {
	ref := r.Get("spec", "chartRef")
	if !r.Is("helm.toolkit.fluxcd.io", "HelmRelease") || ref.Get("kind").Value() != "HelmChart" {
		return "", ""
	}
	return ref.Get("name").Value(), cmp.Or(ref.Get("namespace").Value(), r.Namespace)
}

// IsChart reports whether an object is a HelmChart of Flux.
func IsChart(r *lint.Resource) bool { return r.Is("source.toolkit.fluxcd.io", "HelmChart") }

// Lacking returns those of the resources that are HelmReleases of a HelmChart which is
// not among the resources.
func Lacking(resources []*lint.Resource) []*lint.Resource {
	type object struct{ name, namespace string }
	there := map[object]bool{}
	for _, r := range resources {
		if IsChart(r) {
			there[object{r.Name, r.Namespace}] = true
		}
	}
	var lacking []*lint.Resource
	for _, r := range resources {
		if name, namespace := chartRef(r); name != "" && !there[object{name, namespace}] {
			lacking = append(lacking, r)
		}
	}
	return lacking
}

// addReference adds values that a ConfigMap or Secret of the same tree holds; those of
// a cluster are not known.
func addReference(d *helm.Deployment, from *lint.Node, r *lint.Resource, all []*lint.Resource) {
	kind, name, key := from.Get("kind").Value(), from.Get("name").Value(), cmp.Or(from.Get("valuesKey").Value(), "values.yaml")
	at := from.Get("name")
	for _, other := range all {
		if other.Group != "" || other.Kind != kind || kind != "ConfigMap" && kind != "Secret" || other.Name != name || other.Namespace != r.Namespace || other.Bundle != r.Bundle {
			continue
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
