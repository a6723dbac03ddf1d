package kustomize

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// What an object changes in a kustomization gives what the kustomization gives with the same
// in it, and is in the object.
func TestChangedOverlays(t *testing.T) {
	const object = `apiVersion: example.org/v1
kind: Deployer
metadata: {name: d}
spec:
  prefix: pre-
  namespace: shop
  image: web=registry.example/web:2
  replicas: 3
  labels:
    team: a
    tier: web
  component: ../extra
  patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
      spec:
        template:
          spec:
            hostPID: true
  - target: {kind: Deployment}
    patch: |-
      - op: add
        path: /spec/template/spec/hostIPC
        value: true
  - path: outside.yaml
`
	const overlay = "resources: [../base]\nnamePrefix: old-\nimages:\n- {name: other, newTag: '1'}\n- {name: web, newName: gone}\ncommonLabels: {tier: old, app: web}\npatches:\n- path: p.yaml\n"
	files := map[string]string{
		"object.yaml": object, "o/kustomization.yaml": overlay,
		"o/p.yaml":                 "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  paused: true\n",
		"base/kustomization.yaml":  "resources: [web.yaml]\n",
		"base/web.yaml":            web,
		"extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [settings.yaml]\n",
		"extra/settings.yaml":      settings,
		// what the overlay is to come to
		"same/kustomization.yaml": "resources: [../base]\nnamePrefix: pre-\nnamespace: shop\nimages:\n- {name: other, newTag: '1'}\n- {name: web, newName: registry.example/web, newTag: '2'}\ncommonLabels: {tier: web, app: web, team: a}\ncomponents: [../extra]\nreplicas:\n- {name: web, count: 3}\npatches:\n- path: ../o/p.yaml\n" +
			"- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: web\n    spec:\n      template:\n        spec:\n          hostPID: true\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /spec/template/spec/hostIPC\n      value: true\n",
	}
	root := write(t, files)
	tree := filetree.New(nil).In(root)
	src, err := tree.Open(filepath.Join(root, "object.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	docs, _ := lint.ParseYAML(src)
	spec := lint.NewResources(docs[0], lint.FileLocator{Source: src})[0].Get("spec")

	c := &Change{By: "Deployer d"}
	c.Set("namePrefix", c.Copy(spec.Get("prefix")))
	c.Set("namespace", c.Copy(spec.Get("namespace")))
	image := spec.Get("image")
	c.Replace("images", c.Map(image, Pair{"name", c.Text("web", image)}, Pair{"newName", c.Text("registry.example/web", image)}, Pair{"newTag", c.Text("2", image)}))
	c.Replace("replicas", c.Map(spec.Get("replicas"), Pair{"name", c.Text("web", spec.Get("replicas"))}, Pair{"count", c.Scalar("3", spec.Get("replicas"))}))
	c.Add("commonLabels", c.Copy(spec.Get("labels")))
	c.Append("components", c.Copy(spec.Get("component")))
	for _, p := range spec.Get("patches").Items() {
		c.Append("patches", c.Copy(p))
	}
	o := Options{Files: tree}
	changed := Changed(filepath.Join(root, "o"), c, o)
	if changed == nil {
		t.Fatal("there is a kustomization")
	}
	got := changed.Build(context.Background(), tree.Record()).Bundle
	if got.Rendering.Variant != "Deployer d" {
		t.Errorf("variant %q", got.Rendering.Variant)
	}
	if said, want := errorsOf(root, got), `object.yaml:28:11: patch "outside.yaml" does not exist`; !strings.HasPrefix(said, want) || strings.Contains(said, "\n") {
		t.Errorf("errors %s, want %s", said, want)
	}
	want := open(root, "same").Bundles[0]
	if text, same := printed(t, got), printed(t, want); text != same {
		t.Errorf("changed:\n%s\nwritten:\n%s", text, same)
	}
	deployment := got.OfKind("Deployment")[0]
	for path, want := range map[string]string{
		"metadata.name":                           "base/web.yaml:4:9 object.yaml:5:11",
		"metadata.namespace":                      "object.yaml:6:14",
		"metadata.labels.team":                    "object.yaml:10:11",
		"metadata.labels.tier":                    "object.yaml:11:11",
		"metadata.labels.app":                     "o/kustomization.yaml:6:32",
		"spec.replicas":                           "object.yaml:8:13",
		"spec.paused":                             "o/p.yaml:6:11 o/kustomization.yaml:8:9",
		"spec.template.spec.hostPID":              "object.yaml:22:22",
		"spec.template.spec.hostIPC":              "object.yaml:27:16",
		"spec.template.spec.containers.[0].image": "object.yaml:7:10 base/web.yaml:10:18",
	} {
		n := deployment.Root
		for _, f := range strings.Split(path, ".") {
			if f == "[0]" {
				n = n.Items()[0]
				continue
			}
			n = n.Get(f)
		}
		place := n.Locate()
		at := spot(root, place.Span)
		for _, r := range place.Related {
			at += " " + spot(root, r.Span)
		}
		if at != want {
			t.Errorf("%s stands at %s, want %s", path, at, want)
		}
	}
	if k := got.Configuration[0]; k.Get("namePrefix").Value() != "old-" {
		t.Errorf("the kustomization is said to have the prefix %q", k.Get("namePrefix").Value())
	}
	if Changed(root, c, o) != nil {
		t.Error("a directory without a kustomization is built")
	}
	if plain := open(root, "o").Bundles[0]; printed(t, plain) == printed(t, got) {
		t.Error("the change stays with the overlay")
	}
}

// printed returns the objects of a bundle as YAML.
func printed(t *testing.T, b *lint.Bundle) string {
	t.Helper()
	var all []string
	for _, r := range b.Resources {
		text, err := yaml.Marshal(clone(r.Root.YAML()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "---\n")
}

// A directory without a kustomization is what one of its manifests gives.
func TestGeneratedOverlays(t *testing.T) {
	root := write(t, map[string]string{
		"object.yaml":                 "apiVersion: example.org/v1\nkind: Deployer\nmetadata: {name: d}\nspec: {path: plain, namespace: shop}\n",
		"plain/web.yaml":              web,
		"plain/sub/s.yaml":            settings,
		"plain/kz/p.yaml":             "apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec: {priority: 1}\n",
		"plain/kz/kustomization.yaml": "resources: [p.yaml]\nnameSuffix: -z\n",
		"same/kustomization.yaml":     "namespace: shop\nresources: [../plain/kz, ../plain/sub/s.yaml, ../plain/web.yaml]\ncommonAnnotations: {}\n",
	})
	tree := filetree.New(nil).In(root)
	src, err := tree.Open(filepath.Join(root, "object.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	docs, _ := lint.ParseYAML(src)
	spec := lint.NewResources(docs[0], lint.FileLocator{Source: src})[0].Get("spec")
	c := &Change{By: "Deployer d"}
	c.Generate([]string{"./kz", "./sub/s.yaml", "./web.yaml"}, spec.Get("path"))
	c.Set("namespace", c.Copy(spec.Get("namespace")))
	seen := 0
	c.Then(func(m *Made) {
		seen++
		m.Set(spec.Get("path").Locate().Span, "x", "metadata", "labels", "added")
	})
	changed := Changed(filepath.Join(root, "plain"), c, Options{Files: tree})
	if changed == nil {
		t.Fatal("the directory is not built")
	}
	got := changed.Build(context.Background(), tree.Record()).Bundle
	if said := errorsOf(root, got); said != "" {
		t.Error(said)
	}
	text, same := printed(t, got), printed(t, open(root, "same").Bundles[0])
	if text = strings.ReplaceAll(text, "  labels:\n    added: x\n", ""); text != same {
		t.Errorf("generated:\n%s\nwritten:\n%s", text, same)
	}
	if seen != 3 {
		t.Errorf("%d objects were changed", seen)
	}
	for _, r := range got.Resources {
		if at := spot(root, r.Get("metadata", "labels", "added").Locate().Span); at != "object.yaml:4:14" {
			t.Errorf("%s: what is added stands at %s", r, at)
		}
	}
	if len(got.Configuration) != 1 { // the one that there is
		t.Errorf("%d kustomizations", len(got.Configuration))
	}
}
