package gitops

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
	filetree "github.com/manilint/manilint/render/tree"
)

// What an object says of a chart's values counts as Argo CD and Flux have it; what is
// not applied is said, and so is what is wrong, with the object and the place.
func TestValuesOfObjects(t *testing.T) {
	dir := chartOf(t, "values.yaml", "a: 0\nb: 0\nc: 0\n", "b.yaml", "b: 1\n", "broken.yaml", "b: [\n", "text.txt", "a text",
		"crds/x.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.example.org}\n",
		"templates/out.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: out\ndata:\n  got: {{ toJson (list .Values.a .Values.b .Values.c) | quote }}\n  kube: {{ .Capabilities.KubeVersion.Version }}\n")
	write(t, filepath.Join(dir, "../env/b.yaml"), "b: 2\n")
	argo := func(helm string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec:\n  project: p\n  destination: {namespace: ns}\n  source:\n    repoURL: https://git.example/r.git\n    path: shop\n    helm:\n      " + strings.ReplaceAll(helm, "\n", "\n      ") + "\n"
	}
	sources := func(files, repository string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec:\n  source: {path: gone}\n  sources:\n  - repoURL: https://git.example/r.git\n    path: ./shop/\n    helm: {valueFiles: [" + files + "]}\n  - {repoURL: '" + repository + "', ref: values}\n"
	}
	flux := func(spec string) string {
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: ns}\nspec:\n  " + strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
	}
	const chart = "chart: {spec: {chart: ./shop, sourceRef: {kind: GitRepository, name: r}}}\n"
	const more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: ns}\ndata:\n  values.yaml: |\n    a: 5\n    b: 5\n  one: \"7\"\n  text: \"'8'\"\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: hidden, namespace: ns}\ndata: {values.yaml: YTogOQo=, bad: '!'}\nstringData: {plain: 'b: 9'}\n"
	for _, c := range []struct{ name, object, want, said string }{
		{"Argo CD, nothing", argo("releaseName: x"), "[0,0,0]", ""},
		{"Argo CD, values and files", argo("valueFiles: [b.yaml]\nvalues: |\n  a: 3"), "[3,1,0]", ""},
		{"Argo CD, valuesObject wins", argo("values: |\n  a: 3\nvaluesObject: {b: 4}"), "[0,4,0]", "o.yaml:11:15: Application argocd/app: Argo CD ignores values where valuesObject is set"},
		{"Argo CD, an empty valuesObject wins", argo("values: 'a: 3'\nvaluesObject: {}"), "[0,0,0]", "o.yaml:11:15: Application argocd/app: Argo CD ignores values where valuesObject is set"},
		{"Argo CD, parameters win", argo("valuesObject: {a: 1, b: 1}\nparameters: [{name: a, value: '2'}, {name: b, value: '3', forceString: true}]"), `[2,"3",0]`, ""},
		{"Argo CD, a list and commas", argo("parameters: [{name: a, value: '{x,y}'}, {name: b, value: 'x,y'}]"), `[["x","y"],"x,y",0]`, ""},
		{"Argo CD, the build environment", argo("parameters: [{name: a, value: $ARGOCD_APP_NAME}, {name: b, value: '${ARGOCD_APP_NAMESPACE}-x'}]"), `["app","ns-x",0]`, ""},
		{"Argo CD, file parameters", argo("fileParameters: [{name: a, path: text.txt}]"), `["a text",0,0]`, ""},
		{"Argo CD, a file parameter that is not there", argo("fileParameters: [{name: a, path: no.txt}]"), "", "o.yaml:11:40: Application argocd/app: values file shop/no.txt: no such file or directory"},
		{"Argo CD, a missing file", argo("valueFiles: [b.yaml, no.yaml]"), "", "o.yaml:11:28: Application argocd/app: values file shop/no.yaml: no such file or directory"},
		{"Argo CD, a missing file that may be", argo("valueFiles: [b.yaml, no.yaml]\nignoreMissingValueFiles: true"), "[0,1,0]", ""},
		{"Argo CD, from the root", argo("valueFiles: [/env/b.yaml]"), "[0,2,0]", ""},
		{"Argo CD, beside the chart", argo("valueFiles: [../env/b.yaml]"), "[0,2,0]", ""},
		{"Argo CD, from the network", argo("valueFiles: ['https://example.org/b.yaml']"), "[0,0,0]", "o.yaml:11:20: Application argocd/app: the values file is on the network and is not applied; only files of this tree are read"},
		{"Argo CD, a pattern", argo("valueFiles: ['../env/*.yaml']"), "[0,2,0]", ""},
		{"Argo CD, a pattern from the root", argo("valueFiles: ['/**/b.yaml']"), "[0,1,0]", ""},
		{"Argo CD, a pattern and a file of it", argo("valueFiles: ['/**/b.yaml', /env/b.yaml]"), "[0,2,0]", ""},
		{"Argo CD, a pattern of nothing", argo("valueFiles: ['env/*.yaml']"), "[0,0,0]", "o.yaml:11:20: Application argocd/app: the pattern env/*.yaml matches no values file; correct it, or set ignoreMissingValueFiles"},
		{"Argo CD, a pattern of nothing that may be", argo("valueFiles: ['env/*.yaml']\nignoreMissingValueFiles: true"), "[0,0,0]", ""},
		{"Argo CD, a pattern that is none", argo("valueFiles: ['env/[.yaml']"), "[0,0,0]", "o.yaml:11:20: Application argocd/app: the pattern env/[.yaml is not expanded: a [ is not closed"},
		{"Argo CD, of this repository", sources("$values/env/b.yaml", "git@git.example:r"), "[0,2,0]", ""},
		{"Argo CD, of another repository", sources("$values/env/b.yaml", "https://git.example/other"), "[0,0,0]", "o.yaml:9:25: Application argocd/app: $values/env/b.yaml lies in another repository, \"https://git.example/other\", and is not applied"},
		{"Argo CD, of no source", sources("$other/env/b.yaml", "https://git.example/other"), "[0,0,0]", "o.yaml:9:25: Application argocd/app: $other/env/b.yaml is in another repository, or in none of the sources, and is not applied: none has the ref \"other\""},
		{"Argo CD, a file parameter of a ref", strings.Replace(sources("b.yaml", "git@git.example:r"), "{valueFiles: [b.yaml]}", "{fileParameters: [{name: a, path: $values/shop/text.txt}]}", 1), `["a text",0,0]`, ""},
		{"Argo CD, values that are none", argo("values: '- a'"), "[0,0,0]", "o.yaml:11:15: Application argocd/app: the text of spec.source.helm.values is not a YAML mapping of values; it is not applied"},
		{"Argo CD, a broken parameter", argo("parameters: [{name: 'a[', value: hunter22hunter}]"), "[0,0,0]", "o.yaml:11:40: Application argocd/app: a[ is not set: "},
		{"Argo CD, a version", argo("kubeVersion: 1.29.0\nskipCrds: true"), "[0,0,0] v1.29.0", ""},
		{"Flux, nothing", flux(chart), "[0,0,0]", ""},
		{"Flux, values", flux(chart+"valuesFrom: [{kind: ConfigMap, name: more}]\nvalues: {a: 6}") + more, "[6,5,0]", ""},
		{"Flux, a path", flux(chart+"valuesFrom: [{kind: ConfigMap, name: more}, {kind: ConfigMap, name: more, valuesKey: one, targetPath: b}, {kind: ConfigMap, name: more, valuesKey: text, targetPath: c}]") + more, `[5,7,"8"]`, ""},
		{"Flux, a Secret", flux(chart+"valuesFrom: [{kind: Secret, name: hidden}, {kind: Secret, name: hidden, valuesKey: plain}]") + more, "[9,9,0]", ""},
		{"Flux, a Secret that is none", flux(chart+"valuesFrom: [{kind: Secret, name: hidden, valuesKey: bad}]") + more, "[0,0,0]", `valuesFrom: bad of Secret "hidden" is not base64, and its values are not applied`},
		{"Flux, not there", flux(chart + "valuesFrom:\n- {kind: ConfigMap, name: gone, optional: true}"), "[0,0,0]", `o.yaml:7:29: HelmRelease ns/app: valuesFrom: ConfigMap "gone" is not in this tree, and its values are not applied`},
		{"Flux, no key", flux(chart+"valuesFrom: [{kind: ConfigMap, name: more, valuesKey: no}]") + more, "[0,0,0]", `valuesFrom: ConfigMap "more" has no no, and no values of it are applied`},
		{"Flux, a post-renderer of nothing", flux(chart + "postRenderers: [{kustomize: {}}]"), "[0,0,0]", ""},
		{"Flux, a post-renderer", flux(chart + "postRenderers: [{kustomize: {patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"replace\", \"path\": \"/data/got\", \"value\": \"patched\"}]'}]}}]"), "patched", ""},
		{"Flux, a post-renderer of old", flux(chart + "postRenderers: [{kustomize: {patchesStrategicMerge: [{kind: ConfigMap}]}}]"), "[0,0,0]", "o.yaml:6:32: HelmRelease ns/app: patchesStrategicMerge of a post-renderer is not applied; write patches"},
		{"Flux, a chart of a registry", flux("chartRef: {kind: OCIRepository, name: c}\nvalues: {a: 1}") + "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: c, namespace: ns}\nspec: {url: 'oci://registry.example/charts/shop', ref: {tag: 1.0.0}}\n", "[1,0,0]", ""},
		{"Flux, a range of versions", flux("chartRef: {kind: OCIRepository, name: c}\nvalues: {a: 1}") + "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: c, namespace: ns}\nspec: {url: 'oci://registry.example/charts/shop', ref: {semver: 1.x}}\n", "[1,0,0]", ""},
		{"Flux, an encrypted Secret", flux(chart+"valuesFrom: [{kind: Secret, name: s}]") + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\nstringData: {values.yaml: 'ENC[AES256_GCM,data:x]'}\nsops: {mac: x}\n", "[0,0,0]", `valuesFrom: Secret "s" is encrypted, and its values are not applied`},
		{"Flux, files in place of values.yaml", flux("chart: {spec: {chart: shop, valuesFiles: [shop/b.yaml, env/no.yaml], ignoreMissingValuesFiles: true, sourceRef: {kind: GitRepository, name: r}}}"), "[null,1,null]", ""},
		{"Flux, a HelmChart", flux("chartRef: {kind: HelmChart, name: c}\nvalues: {a: 1}") + "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: c, namespace: ns}\nspec: {chart: shop, sourceRef: {kind: GitRepository, name: r}}\n", "[1,0,0]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects := linttest.Bundle(t, lint.NewSource("o.yaml", []byte(c.object)))
			files := filetree.New(nil).In(filepath.Dir(dir))
			bundles := render(objects.Resources, dir, files)
			if len(bundles) != 1 {
				t.Fatalf("%d renderings", len(bundles))
			}
			b := bundles[0]
			var said []string
			for _, n := range b.Notes {
				said = append(said, n.String())
			}
			for _, e := range b.Errors {
				said = append(said, strings.ReplaceAll(e.Error(), files.Display(dir), "shop"))
			}
			if got := strings.Join(said, "\n"); !strings.Contains(got, c.said) || c.said == "" && got != "" || strings.Contains(got, "hunter22") {
				t.Errorf("said %q, want %q", got, c.said)
			}
			var got string
			for _, r := range b.OfKind("ConfigMap") {
				got = r.Get("data", "got").Value()
				if strings.Contains(c.want, " v") {
					got += " " + r.Get("data", "kube").Value()
				}
			}
			if got != c.want {
				t.Errorf("values %s, want %s", got, c.want)
			}
			if n := len(b.OfKind("CustomResourceDefinition")); n != 1 && got != "" && !strings.Contains(c.object, "skipCrds") || n > 0 && strings.Contains(c.object, "skipCrds") {
				t.Errorf("%d definitions", n)
			}
		})
	}
}

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
	bundles := render(append(b.Resources, b.Resources...), dir, filetree.New(nil))
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
		i := slices.IndexFunc(got.Resources, func(r *lint.Resource) bool { return r.Name == want.name })
		if i < 0 {
			t.Fatalf("no ConfigMap %s", want.name)
		}
		config := got.Resources[i]
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

// render renders all deployments of a chart.
func render(objects []*lint.Resource, chart string, files *filetree.Tree) []*lint.Bundle {
	charts := []string{chart}
	files = files.In(filepath.Dir(chart))
	w := Wanted(context.Background(), objects, objects, func(*lint.Resource) *source.Checkout {
		return source.NewCheckout(files, charts, func() []string { return nil })
	})
	var deployments []*helm.Deployment
	for _, c := range w.Charts {
		deployments = append(deployments, c.Deployment)
	}
	var bundles []*lint.Bundle
	for _, d := range helm.InCharts(deployments, charts, files) {
		bundles = append(bundles, d.Render(context.Background(), helm.Options{Files: files}))
	}
	return bundles
}

// chartOf writes a chart called shop.
func chartOf(t *testing.T, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, filepath.Join(dir, "Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
	for i := 0; i+1 < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
