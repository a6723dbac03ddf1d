package helm

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	filetree "github.com/manilint/manilint/render/tree"
)

func TestChartsThatObjectsDeploy(t *testing.T) {
	dir := chartOf(t, "values.yaml", "replicas: 1\nmode: a\nlevel: 1\n", "prod.yaml", "level: 9\n",
		"templates/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  replicas: {{ .Values.replicas }}\n  mode: {{ .Values.mode }}\n  level: {{ .Values.level }}\n")
	objects := lint.NewSource("objects.yaml", []byte(`apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux}
spec:
  targetNamespace: shop
  releaseName: flux-web
  chart:
    spec:
      chart: ./shop
      valuesFiles: [./shop/prod.yaml]
      sourceRef: {kind: GitRepository, name: repo}
  valuesFrom:
  - {kind: ConfigMap, name: more}
  values:
    replicas: 3
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more, namespace: flux}
data:
  values.yaml: |
    # of the tree
    mode: b
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: argo-web}
spec:
  destination: {namespace: apps}
  source:
    repoURL: https://git.example.org/repo
    path: shop
    helm:
      valueFiles: [prod.yaml]
      values: |
        mode: c
        replicas: 4
      parameters:
      - {name: replicas, value: "5"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: remote}
spec:
  chart: {spec: {chart: shop, sourceRef: {kind: HelmRepository, name: r}}}
`))
	b := linttest.Bundle(t, objects)
	bundles := FromObjects(context.Background(), append(b.Resources, b.Resources...), []string{dir}, Options{Files: filetree.New(nil)})
	if len(bundles) != 2 {
		t.Fatalf("%d renderings, want 2", len(bundles))
	}
	for i, want := range []struct {
		variant, name, namespace string
		data                     map[string]string
	}{
		{"HelmRelease flux/web", "flux-web", "shop", map[string]string{"replicas": "3 objects.yaml:15:15", "mode": "b objects.yaml:23:11", "level": "9 prod.yaml:1:8"}},
		{"Application argo-web", "argo-web", "apps", map[string]string{"replicas": "5 objects.yaml:39:33", "mode": "c objects.yaml:36:15", "level": "9 prod.yaml:1:8"}},
	} {
		got := bundles[i]
		for _, e := range got.Errors {
			t.Error(e)
		}
		if got.Rendering.Variant != want.variant {
			t.Errorf("variant %q, want %q", got.Rendering.Variant, want.variant)
		}
		config := find(t, got, "ConfigMap", want.name)
		if config.Namespace != want.namespace {
			t.Errorf("namespace %q, want %q", config.Namespace, want.namespace)
		}
		for key, v := range want.data {
			n := config.Get("data", key)
			from := ""
			for _, r := range n.Locate().Related {
				if r.Role == "value" {
					from = r.Span.Start.String()
					from = from[strings.LastIndex(from, "/")+1:]
				}
			}
			if n.Value()+" "+from != v {
				t.Errorf("%s: %s is %q from %s, want %s", want.variant, key, n.Value(), from, v)
			}
		}
	}
}

func TestInflate(t *testing.T) {
	docs, _ := lint.ParseYAML(lint.NewSource("kustomization.yaml", []byte("valuesInline:\n  replicas: 7\n")))
	src := lint.NewSource("kustomization.yaml", []byte("valuesInline:\n  replicas: 7\n"))
	inline := []InlineValues{{Source: src, Node: lint.NewNode(docs[0]).Get("valuesInline").YAML()}}
	abs, err := filepath.Abs(odd)
	if err != nil {
		t.Fatal(err)
	}
	got := Inflate(context.Background(), Release{Chart: abs, Inline: inline, SkipTests: true}, Options{Files: filetree.New(nil), ReleaseName: "r"})
	for _, e := range got.Errors {
		t.Error(e)
	}
	docs, errs := lint.ParseYAML(lint.NewSource("inflated", []byte(got.Text)))
	for _, e := range errs {
		t.Error(e)
	}
	if len(docs) != len(got.Resources) || len(docs) == 0 {
		t.Fatalf("%d documents, %d objects", len(docs), len(got.Resources))
	}
	seen := false
	for i, doc := range docs {
		r := got.Resources[i]
		if lint.NewNode(doc).Get("metadata", "name").Value() != r.Name {
			t.Errorf("document %d is not %v", i, r)
		}
		if r.Kind == "CustomResourceDefinition" || r.Name == "probe" {
			t.Errorf("%v was to be left out", r)
		}
		if r.Name == "r-web" {
			seen = true
			place := r.Get("spec", "replicas").Locate()
			if r.Get("spec", "replicas").Value() != "7" || len(place.Related) == 0 || place.Related[0].Span.Start.String() != "kustomization.yaml:2:13" {
				t.Errorf("replicas: %s", shown(place))
			}
		}
	}
	if !seen {
		t.Error("no r-web")
	}
	if with := Inflate(context.Background(), Release{Chart: abs, IncludeCRDs: true}, Options{Files: filetree.New(nil)}); len(with.Resources) != len(got.Resources)+2 {
		t.Errorf("%d objects with definitions and tests, %d without", len(with.Resources), len(got.Resources))
	}
}
