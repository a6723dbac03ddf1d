package render

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// objects names the objects of a result, and of those that touch the focus.
func objects(res *Result) string {
	var names []string
	for _, b := range slices.Concat(res.Bundles, res.Focused) {
		for _, r := range b.Resources {
			if r.Kind != "Kustomization" && !b.Unselected[r] {
				names = append(names, r.Name)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {containers: [{name: a, image: a}]}\n"

func named(name string) string { return strings.ReplaceAll(pod, "NAME", name) }

// What lies in a chart or next to an overlay is linted as what these make of it, wherever it
// is named from, in a checkout or not.
func TestWhatIsNamedIsLintedAsWhatItBelongsTo(t *testing.T) {
	files := map[string]string{
		"chart/Chart.yaml":             "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"chart/values.yaml":            "name: fromvalues\n",
		"chart/templates/a.yaml":       strings.ReplaceAll(pod, "NAME", "{{ .Values.name }}"),
		"chart/templates/sub/b.yaml":   strings.ReplaceAll(pod, "NAME", "{{ .Values.name }}"),
		"ov/base/kustomization.yaml":   "resources: [a.yaml]\n",
		"ov/base/a.yaml":               named("base"),
		"ov/prod/kustomization.yaml":   "resources: [../base]\npatches: [{path: patches/p.yaml}, {path: json/p.yaml, target: {kind: Pod}}]\npatchesStrategicMerge: [old/p.yaml]\n",
		"ov/prod/patches/p.yaml":       "apiVersion: v1\nkind: Pod\nmetadata: {name: base}\nspec: {hostPID: true}\n",
		"ov/prod/old/p.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: base}\nspec: {hostIPC: true}\n",
		"ov/prod/json/p.yaml":          "[{op: add, path: /spec/hostNetwork, value: true}]\n",
		"ov/prod/more/manifest.yaml":   named("more"),
		"chart/templates/tests/t.yaml": strings.ReplaceAll(pod, "NAME", "{{ .Values.name }}-test"),
	}
	const chart = "fromvalues fromvalues fromvalues-test"
	for _, checkout := range []bool{true, false} {
		if checkout {
			files[".git/HEAD"] = ""
		} else {
			delete(files, ".git/HEAD")
		}
		root := write(t, files)
		for _, c := range []struct{ cwd, path, want, focus string }{
			{"chart/templates", ".", chart, "."},
			{"chart/templates", "a.yaml", chart, "a.yaml"},
			{"chart/templates/sub", "b.yaml", chart, "b.yaml"},
			{"chart/templates/sub", "..", chart, ".."},
			{"chart/templates/sub", "../a.yaml", chart, "../a.yaml"},
			{"chart", "templates", chart, "templates"},
			{".", "chart/templates/sub", chart, "chart/templates/sub"},
			{"ov/prod/patches", ".", "base", "p.yaml"},
			{"ov/prod/patches", "p.yaml", "base", "p.yaml"},
			{"ov/prod/old", ".", "base", "p.yaml"},
			{".", "ov/prod/patches", "base", "ov/prod/patches/p.yaml"},
			{"ov/prod", "patches", "base", "patches/p.yaml"},
			{".", "ov/prod/more", "more", ""},
			{"ov/prod/more", ".", "more", ""},
			{".", "ov/prod", "base more", ""},
		} {
			t.Chdir(filepath.Join(root, filepath.FromSlash(c.cwd)))
			res := Load(t.Context(), []string{c.path}, Options{})
			if got, focus := objects(res), strings.Join(res.Focus, " "); got != c.want || focus != c.focus || len(res.Errors) > 0 {
				t.Errorf("checkout %v, in %s, %s: objects %q, focus %q, said %s", checkout, c.cwd, c.path, got, focus, said(res))
			}
		}
	}
}

func TestTheFocusOnTheWorkingDirectory(t *testing.T) {
	for path, want := range map[string]bool{"a.yaml": true, "sub/a.yaml": true, "../a.yaml": false, "/a.yaml": false, "..a/b": true} {
		if got := (Focus{"."}).Holds(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestCodeOfDependenciesIsNotWalked(t *testing.T) {
	files := map[string]string{
		"vendor/modules.txt": "", "vendor/k8s.io/x/a.yaml": named("go"), "php/vendor/x/a.yaml": named("php"),
		"web/node_modules/x/a.yaml": named("npm"), "sub/vendor/modules.txt": "", "sub/vendor/a.yaml": named("go2"), "a.yaml": named("own"),
	}
	root := write(t, files)
	t.Chdir(root)
	res := Load(t.Context(), []string{"."}, Options{})
	if got := objects(res); got != "own php" {
		t.Errorf("objects %s", got)
	}
	text := said(res)
	for _, dir := range []string{"vendor", "sub/vendor", "web/node_modules"} {
		if !strings.Contains("\n"+text, "\n"+dir+" holds the code of dependencies and is not walked") {
			t.Errorf("%s is not said: %s", dir, text)
		}
	}
	if got := objects(Load(t.Context(), []string{"vendor"}, Options{})); got != "go" {
		t.Errorf("when it is named: %s", got)
	}
}

func TestValuesFilesThatNothingUsesAreSaid(t *testing.T) {
	root := write(t, map[string]string{
		"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/values.yaml": "name: a\n", "chart/templates/a.yaml": named("x"),
		"chart/values-prod.yaml": "name: b\n", "chart/app.yaml": "name: c\n", "chart/flag.values.yaml": "name: c\n", "chart/variant-values.yaml": "name: d\n", "chart/ci/x-values.yaml": "name: e\n",
		"other/Chart.yaml": "apiVersion: v2\nname: o\nversion: 1.0.0\n", "other/values-1.yaml": "", "other/values-2.yaml": "", "other/values-3.yaml": "", "other/values-4.yaml": "", "other/values-5.yaml": "",
		"other/templates/b.yaml": named("y"),
		"app.yaml":               "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app}\nspec: {source: {path: chart, helm: {valueFiles: [variant-values.yaml]}}}\n",
	})
	t.Chdir(root)
	res := Load(t.Context(), []string{"."}, Options{ValueFiles: []string{"chart/flag.values.yaml"}})
	want := "chart/values-prod.yaml looks like a values file, and no rendering uses it; name it under helm: variants: in .manilint.yaml, or pass --values\n" +
		"other/values-1.yaml, other/values-2.yaml, other/values-3.yaml and 2 more look like values files, and no rendering uses them; name them under helm: variants: in .manilint.yaml, or pass --values"
	if text := said(res); text != want {
		t.Errorf("said: %s", text)
	}
}

// A template's action instead of a value is YAML, and is no value of any object.
func TestTemplatesOutsideOfChartsAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"replicas: {{ .Values.replicas }}":                         "a.yaml:4:11: {{ … }} in place of a value; this looks like a template outside a chart",
		"list: [a, {{ .Values.x }}]":                               "a.yaml:4:11: {{ … }}",
		"list:\n  - {{ include \"x\" . }}":                         "looks like a template outside a chart",
		"a: \"{{ .Values.x }}\"":                                   "",
		"# {{ .Values.x }}":                                        "",
		"a: {b: {c: d}} # {{ x }}":                                 "",
		"a: '{{ x }}'\n---\napiVersion: v1\nkind: Pod\nb: {{ x }}": "looks like a template outside a chart",
	} {
		root := write(t, map[string]string{"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: template}\n" + text + "\n", "b.yaml": named("b")})
		t.Chdir(root)
		res := Load(t.Context(), []string{"."}, Options{})
		got := said(res)
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: said %s", text, got)
		}
		if names := objects(res); !strings.Contains(names, "b") || strings.Contains(names, "template") == (want != "" && !strings.Contains(text, "---")) {
			t.Errorf("%s: objects %s", text, names)
		}
	}
}

// A patch that no overlay uses is no manifest; a manifest that none uses is one.
func TestStrayPatchesAreNotManifests(t *testing.T) {
	part := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: part}\nspec: {template: {spec: {containers: [{name: a}]}}}\n"
	files := map[string]string{
		"ov/kustomization.yaml": "resources: [a.yaml]\n", "ov/a.yaml": named("a"),
		"ov/patches/old.yaml": part, "ov/patch-cpu.yaml": part, "ov/patches/whole.yaml": named("whole"), "plain/patch.yaml": strings.ReplaceAll(part, "part", "plain"),
		"ov/d.yaml": strings.ReplaceAll(part, "part", "unpatched"), ".git/HEAD": "",
	}
	root := write(t, files)
	t.Chdir(root)
	for path, want := range map[string]string{".": "a plain unpatched whole", "ov": "a unpatched whole", "ov/patches": "whole", "ov/patches/old.yaml": ""} {
		res := Load(t.Context(), []string{path}, Options{})
		if got := objects(res); got != want {
			t.Errorf("%s: objects %s", path, got)
		}
		if text := said(res); !strings.Contains(text, "ov/patches/old.yaml looks like a patch, and no overlay uses it; it is not linted") {
			t.Errorf("%s: said %s", path, text)
		}
	}
}

// A chart may link to files of its checkout: they are its own, and no manifests next to it.
func TestChartsLinkToFilesOfTheirCheckout(t *testing.T) {
	root := write(t, map[string]string{
		".git/HEAD": "", "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n", "app/values.yaml": "name: linked\n",
		"shared/t.yaml": "{{ if .Values.name }}\n" + strings.ReplaceAll(pod, "NAME", "{{ .Values.name }}") + "{{ end }}\n", "app/templates/t.yaml": "-> ../../shared/t.yaml",
		"shared/dir/u.yaml": "{{ if .Values.name }}\n" + strings.ReplaceAll(pod, "NAME", "{{ .Values.name }}-dir") + "{{ end }}\n", "app/templates/dir": "-> ../../shared/dir",
		"lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\n", "lib/templates/l.yaml": named("lib"), "app/charts/lib": "-> ../../lib",
		"crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: crd}\n", "app/crds/crd.yaml": "-> ../../crd.yaml",
	})
	t.Chdir(root)
	for path, want := range map[string]string{".": "crd lib lib linked linked-dir", "app": "crd lib linked linked-dir"} {
		res := Load(t.Context(), []string{path}, Options{})
		if got := objects(res); got != want || said(res) != "" {
			t.Errorf("%s: objects %s, said %s", path, got, said(res))
		}
	}
}

func TestFileDependenciesOfFileDependencies(t *testing.T) {
	dep := func(name, more string) string {
		return "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n" + more
	}
	root := write(t, map[string]string{
		"charts/umbrella/Chart.yaml":          dep("umbrella", "dependencies: [{name: api, version: 1.x, repository: \"file://../api\"}]\n"),
		"charts/api/Chart.yaml":               dep("api", "dependencies:\n- {name: common, version: 1.x, repository: \"file://../common\"}\n- {name: packed, version: 1.x}\n"),
		"charts/api/templates/a.yaml":         named("api"),
		"charts/common/Chart.yaml":            dep("common", "dependencies: [{name: deep, version: 1.x, repository: \"file://../../other/deep\"}]\n"),
		"charts/common/templates/c":           named("common"),
		"other/deep/Chart.yaml":               dep("deep", ""),
		"other/deep/templates/d.yaml":         named("deep"),
		"charts/api/charts/packed/Chart.yaml": dep("packed", "dependencies: [{name: under, version: 1.x, repository: \"file://../../../under\"}]\n"),
		"charts/under/Chart.yaml":             dep("under", ""),
		"charts/under/templates/u.yaml":       named("under"),
	})
	t.Chdir(root)
	res := Load(t.Context(), []string{"charts/umbrella"}, Options{})
	if got := objects(res); got != "api common deep under" || said(res) != "" {
		t.Errorf("objects %s, said %s", got, said(res))
	}
}
