package tree_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// A panic in whatever stage reads a file is an error that names the unit or the file, and
// the units that do not read it give what they give without it.
func TestAPanicInAnyStageIsAnErrorOfItsUnit(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME, namespace: shop}\nspec: {containers: [{name: c, image: \"nginx:1\"}]}\n"
	t.Chdir(tree.Dir(t, map[string]string{
		".git/HEAD":                                       "",
		"good/chart/Chart.yaml":                           "apiVersion: v2\nname: good\nversion: 1.0.0\n",
		"good/chart/templates/good-pod.yaml":              strings.ReplaceAll(pod, "NAME", "good-chart"),
		"good/overlay/kustomization.yaml":                 "resources: [good.yaml]\n",
		"good/overlay/good.yaml":                          strings.ReplaceAll(pod, "NAME", "good-overlay"),
		"plain/manifest.yaml":                             strings.ReplaceAll(pod, "NAME", "plain"),
		"plain/other.yaml":                                strings.ReplaceAll(pod, "NAME", "other"),
		"plain/application.yaml":                          "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec: {source: {path: chart, helm: {valueFiles: [deployed-values.yaml]}}}\n",
		"chart/Chart.yaml":                                "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0}]\n",
		"chart/.helmignore":                               "*.bak\n",
		"chart/values.schema.json":                        "{}",
		"chart/deployed-values.yaml":                      "a: b\n",
		"chart/templates/_helpers.tpl":                    "{{ define \"x\" }}x{{ end }}",
		"chart/templates/template.yaml":                   strings.ReplaceAll(pod, "NAME", "{{ include \"x\" . }}"),
		"chart/crds/crd.yaml":                             "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\n",
		"chart/charts/sub/Chart.yaml":                     "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"chart/charts/sub/sub-values-are-data.txt":        "x",
		"chart/charts/sub/templates/sub-template.yaml":    strings.ReplaceAll(pod, "NAME", "sub"),
		"overlay/kustomization.yaml":                      "resources: [resource.yaml, ../base]\npatches: [{path: patch.yaml}]\ntransformers: [transformer.yaml]\nconfigMapGenerator: [{name: m, files: [data.txt], envs: [data.env]}]\nhelmCharts: [{name: inflated, releaseName: r, valuesFile: inflated-values.yaml}]\n",
		"overlay/resource.yaml":                           strings.ReplaceAll(pod, "NAME", "resource"),
		"overlay/patch.yaml":                              "apiVersion: v1\nkind: Pod\nmetadata: {name: resource, namespace: shop}\nspec: {hostPID: true}\n",
		"overlay/transformer.yaml":                        "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: a-\nfieldSpecs: [{path: metadata/name}]\n",
		"overlay/data.txt":                                "a",
		"overlay/data.env":                                "a=b\n",
		"overlay/inflated-values.yaml":                    "a: b\n",
		"overlay/charts/inflated/Chart.yaml":              "apiVersion: v2\nname: inflated\nversion: 1.0.0\n",
		"overlay/charts/inflated/templates/in-chart.yaml": strings.ReplaceAll(pod, "NAME", "inflated"),
		"base/kustomization.yaml":                         "resources: [in-base.yaml]\n",
		"base/in-base.yaml":                               strings.ReplaceAll(pod, "NAME", "in-base"),
	}))
	whole, errs := names(t, "no such file")
	if len(errs) > 0 || !whole["good-chart"] || !whole["good-overlay"] || !whole["plain"] || !whole["a-resource"] || !whole["sub"] {
		t.Fatalf("without a fault: %v %v", whole, errs)
	}
	for _, name := range []string{"manifest.yaml", "application.yaml", ".helmignore", "values.schema.json", "deployed-values.yaml", "_helpers.tpl", "template.yaml", "crd.yaml",
		"sub-template.yaml", "resource.yaml", "patch.yaml", "transformer.yaml", "data.txt", "data.env", "inflated-values.yaml", "in-chart.yaml", "in-base.yaml"} {
		t.Run(name, func(t *testing.T) {
			got, errs := names(t, name)
			for _, other := range []string{"good-chart", "good-overlay", "other"} {
				if !got[other] {
					t.Errorf("%q is lost: %v", other, got)
				}
			}
			if len(errs) == 0 {
				t.Fatalf("no error; %v", got)
			}
			named := false
			for _, e := range errs {
				named = named || strings.Contains(e, "chart") || strings.Contains(e, "overlay") || strings.Contains(e, name)
			}
			if !named {
				t.Errorf("no error names the unit or the file: %q", errs)
			}
		})
	}
}

// names renders the working directory where reading files of a name panics, and returns
// the names of the objects, and the errors.
func names(t *testing.T, fault string) (map[string]bool, []string) {
	t.Helper()
	type result struct {
		names map[string]bool
		errs  []string
	}
	done := make(chan result, 1)
	go func() {
		r := result{names: map[string]bool{}}
		add := func(errs []*lint.InputError) {
			for _, e := range errs {
				r.errs = append(r.errs, e.Error())
			}
		}
		p := render.NewPlan(context.Background(), []string{"."}, render.Options{Tree: tree.Faulty(fault)})
		add(p.Errors)
		known := map[string]bool{}
		for wave := p.Units; len(wave) > 0; {
			var asks []*render.Unit
			for _, u := range wave {
				if known[u.Key] {
					continue
				}
				known[u.Key] = true
				rendered := u.Render(context.Background())
				for _, b := range rendered.Bundles {
					add(b.Errors)
					for _, res := range b.Resources {
						r.names[res.Name] = true
					}
				}
				add(rendered.Errors)
				asks = append(asks, rendered.Asks...)
			}
			wave = asks
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.names, r.errs
	case <-time.After(time.Minute): // a lock that the panic left behind
		t.Fatal("it does not end")
		return nil, nil
	}
}
