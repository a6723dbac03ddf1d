package kustomize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// What a list that a patch or a replacement writes as a whole does not say is missing
// there, though the base has an item of the same name.
func TestPlacesInListsThatAreReplaced(t *testing.T) {
	const base = "metadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: web:1\n        securityContext:\n          runAsNonRoot: true\n          privileged: false\n      - name: side\n        image: side:1\n"
	const deployment, rollout = "apiVersion: apps/v1\nkind: Deployment\n", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n"
	const patched = "metadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n"
	const item = "      - name: web\n        image: web:2\n        securityContext:\n          privileged: true\n"
	inFile := "patches: [{path: p.yaml}]\n"
	for name, c := range map[string]struct {
		kind, fields string
		files        map[string]string
		want         string // of securityContext.runAsNonRoot, of resources, of name, of image
	}{
		"of a custom resource":              {rollout, inFile, map[string]string{"o/p.yaml": rollout + patched + item}, "o/p.yaml:10:9 o/p.yaml:8:15 o/p.yaml:8:15 o/p.yaml:9:16"},
		"of a custom resource, deprecated":  {rollout, "patchesStrategicMerge: [p.yaml]\n", map[string]string{"o/p.yaml": rollout + patched + item}, "o/p.yaml:10:9 o/p.yaml:8:15 o/p.yaml:8:15 o/p.yaml:9:16"},
		"by a directive in the list":        {deployment, inFile, map[string]string{"o/p.yaml": deployment + patched + "      - $patch: replace\n" + item}, "o/p.yaml:11:9 o/p.yaml:9:15 o/p.yaml:9:15 o/p.yaml:10:16"},
		"by a directive above the list":     {deployment, inFile, map[string]string{"o/p.yaml": deployment + "metadata: {name: web}\nspec:\n  template:\n    spec:\n      $patch: replace\n      containers:\n" + item}, "o/p.yaml:11:9 o/p.yaml:9:15 o/p.yaml:9:15 o/p.yaml:10:16"},
		"by a JSON patch":                   {deployment, "patches: [{path: p.yaml, target: {kind: Deployment}}]\n", map[string]string{"o/p.yaml": "- op: replace\n  path: /spec/template/spec/containers\n  value:\n" + item}, "o/p.yaml:6:9 o/p.yaml:4:15 o/p.yaml:4:15 o/p.yaml:5:16"},
		"by a JSON patch of one item":       {rollout, "patchesJson6902: [{path: p.yaml, target: {group: argoproj.io, version: v1alpha1, kind: Rollout, name: web}}]\n", map[string]string{"o/p.yaml": "- op: replace\n  path: /spec/template/spec/containers/0\n  value:\n    name: web\n    image: web:2\n    securityContext: {privileged: true}\n"}, "o/p.yaml:6:5 o/p.yaml:4:11 o/p.yaml:4:11 o/p.yaml:5:12"},
		"by a replacement":                  {deployment, "replacements:\n- source: {kind: Pod, name: from, fieldPath: spec.containers}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers]}]\n", map[string]string{"o/more.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: from}\nspec:\n  containers:\n" + item}, "o/more.yaml:8:9 o/more.yaml:6:15 o/more.yaml:6:15 o/more.yaml:7:16"},
		"and setters after that":            {rollout, inFile + "namePrefix: a-\nlabels: [{pairs: {tier: one}, includeTemplates: true}]\n", map[string]string{"o/p.yaml": rollout + patched + item}, "o/p.yaml:10:9 o/p.yaml:8:15 o/p.yaml:8:15 o/p.yaml:9:16"},
		"not where the list is merged":      {deployment, inFile, map[string]string{"o/p.yaml": deployment + patched + item}, "- o/base.yaml:8:15 o/base.yaml:8:15 o/p.yaml:9:16"},
		"not where items are put in order":  {deployment, inFile, map[string]string{"o/p.yaml": deployment + "metadata: {name: web}\nspec:\n  template:\n    spec:\n      $setElementOrder/containers: [{name: side}, {name: web}]\n      containers:\n" + item}, "- o/base.yaml:8:15 o/base.yaml:8:15 o/p.yaml:10:16"},
		"merged with what another replaced": {deployment, "patches: [{path: p.yaml}, {path: q.yaml}]\n", map[string]string{"o/p.yaml": deployment + patched + "      - $patch: replace\n" + item, "o/q.yaml": deployment + patched + "      - name: web\n        stdin: true\n"}, "o/p.yaml:11:9 o/p.yaml:9:15 o/p.yaml:9:15 o/p.yaml:10:16"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"o/base.yaml": c.kind + base, "o/kustomization.yaml": "resources: [base.yaml]\n" + c.fields}
			for path, text := range c.files {
				files[path] = text
				if path == "o/more.yaml" {
					files["o/kustomization.yaml"] = "resources: [base.yaml, more.yaml]\n" + c.fields
				}
			}
			root := write(t, files)
			b := open(root, "o").Bundles[0]
			if len(b.Errors) > 0 {
				t.Fatal(errorsOf(root, b))
			}
			var web *lint.Node
			for _, r := range b.Resources {
				if r.Kind == "Deployment" || r.Kind == "Rollout" {
					for _, c := range r.Get("spec", "template", "spec", "containers").Items() {
						if c.Get("name").Value() == "web" {
							web = c
						}
					}
				}
			}
			if web == nil {
				t.Fatal("no container")
			}
			var got []string
			for _, n := range []*lint.Node{web.Get("securityContext", "runAsNonRoot"), web.Get("resources"), web.Get("name"), web.Get("image")} {
				p := n.Locate()
				if n.Exists() && n.Name() == "runAsNonRoot" {
					got = append(got, "-")
				} else {
					got = append(got, spot(root, p.Span))
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s\nwant %s", s, c.want)
			}
		})
	}
}

// From 5.8 on kustomize leaves the namespace of what helmCharts inflates to the chart.
func TestNamespacesOfChartsAreTheirOwn(t *testing.T) {
	chart := map[string]string{
		"base/kustomization.yaml":              "namespace: shop\nresources: [own.yaml]\nhelmCharts:\n- {name: app, releaseName: rel, namespace: agents}\n",
		"base/own.yaml":                        settings,
		"base/charts/app/Chart.yaml":           "apiVersion: v2\nname: app\nversion: 1.0.0\n",
		"base/charts/app/templates/of.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of, namespace: {{ .Release.Namespace }}}\n",
		"base/charts/app/templates/fixed.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fixed, namespace: kube-system}\n",
		"prod/kustomization.yaml":              "namespace: production\nresources: [../base]\n",
		"plugin/kustomization.yaml":            "namespace: shop\ngenerators: [g.yaml]\n",
		"plugin/g.yaml":                        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: app\nreleaseName: rel\nnamespace: agents\nchartHome: ../base/charts\n",
		"below/kustomization.yaml":             "namespace: production\nresources: [none]\n",
		"below/none/kustomization.yaml":        "helmCharts:\n- {name: app, releaseName: rel}\nhelmGlobals: {chartHome: ../../base/charts}\n",
	}
	root := write(t, chart)
	for dir, want := range map[string]string{
		"base": "fixed=kube-system of=agents settings=shop", "prod": "fixed=kube-system of=agents settings=production", "plugin": "fixed=kube-system of=agents",
		"below": "fixed=kube-system of=production", // the chart is told the namespace of the overlay
	} {
		b := open(root, dir).Bundles[0]
		var got []string
		for _, name := range []string{"fixed", "of", "settings"} {
			for _, r := range b.OfKind("ConfigMap") {
				if r.Name == name {
					got = append(got, name+"="+r.Get("metadata", "namespace").Value())
					if r.Get("metadata", "annotations").Exists() {
						t.Errorf("%s: %s keeps kustomize's mark", dir, name)
					}
				}
			}
		}
		if s := strings.Join(got, " "); s != want || len(b.Errors) > 0 {
			t.Errorf("%s: %s, want %s\n%s", dir, s, want, errorsOf(root, b))
		}
	}
}

// What is where a patch belongs is no manifest.
func TestMisplacedPatchesAreNoManifests(t *testing.T) {
	root := write(t, map[string]string{"o/web.yaml": web, "o/p.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\npatches: [p.yaml]\n"})
	res := Load(t.Context(), []string{filepath.Join(root, "o")}, Options{Files: filetree.New(nil).In(root)})
	if !res.Used[filepath.Join(root, "o", "p.yaml")] {
		t.Error("the patch is linted as a manifest")
	}
}

// Documents are told apart at a cost that grows with their number alone; what does not
// is bounded, and said to be.
func TestManyDocuments(t *testing.T) {
	object := func(i string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c" + i + "}\ndata:\n" + strings.Repeat("  # about a\n", 30) + "  a: one\n---\n"
	}
	var patches strings.Builder
	for range 3000 {
		patches.WriteString(object("1"))
	}
	root := write(t, map[string]string{
		"o/kustomization.yaml": "resources: [empty.yaml, some.yaml]\n",
		"o/empty.yaml":         strings.Repeat("---\n", 200000),
		"o/some.yaml":          object("1") + "---\n" + object("2"),
		"p/kustomization.yaml": "resources: [../o]\npatches: [{path: p.yaml}]\n",
		"p/p.yaml":             patches.String(),
	})
	tr := newTree(filetree.New(nil).In(root))
	b := newBuild(tr, tr.at(filepath.Join(root, "o")), Options{Files: tr.files})
	m := b.run(t.Context())
	if m == nil || len(b.errs) > 0 || m.Size() != 2 {
		t.Fatal(b.errs)
	}
	if got := spot(root, b.locate(at(get(m.Resources()[1].YNode(), "data", "a"))).span); got != "o/some.yaml:72:6" {
		t.Errorf("the second object's value stands at %s", got)
	}
	if b.padding > 0 {
		t.Errorf("%d bytes of empty lines for resources", b.padding)
	}
	b = newBuild(tr, tr.at(filepath.Join(root, "p")), Options{Files: tr.files})
	m = b.run(t.Context())
	if m == nil || m.Size() != 2 || len(b.errs) != 1 || !strings.Contains(b.errs[0].Message, "hold too many lines") || spot(root, b.errs[0].Span) != "p/kustomization.yaml:2:18" {
		t.Errorf("said: %v", b.errs)
	}
}

// A kustomization may be a link to a file of another name, which several directories
// share; what it names is searched for where the link lies.
func TestLinkedKustomizations(t *testing.T) {
	root := write(t, map[string]string{"shared/common.yaml": "resources: [web.yaml]\n", "a/web.yaml": web, "b/web.yaml": strings.ReplaceAll(web, "web", "other"), "all/kustomization.yaml": "resources: [../a, ../b]\n"})
	for _, dir := range []string{"a", "b"} {
		if err := os.Symlink(filepath.Join("..", "shared", "common.yaml"), filepath.Join(root, dir, "kustomization.yaml")); err != nil {
			t.Skip(err)
		}
	}
	b := open(root, "all").Bundles[0]
	if len(b.Errors) > 0 || b.Lookup("apps", "Deployment", "", "web") == nil || b.Lookup("apps", "Deployment", "", "other") == nil {
		t.Errorf("%d objects\n%s", len(b.Resources), errorsOf(root, b))
	}
}
