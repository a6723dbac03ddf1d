package helmfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/tree"
)

const chart = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: out, namespace: '{{ .Release.Namespace }}'}\ndata:\n  got: {{ toJson (omit .Values \"global\") | quote }}\n"

// rendered returns what a helmfile of a tree of files comes to: by release the values that its
// chart sees, and what is said.
func rendered(t *testing.T, files map[string]string) (map[string]string, string) {
	t.Helper()
	outer := t.TempDir()
	root := filepath.Join(outer, "tree")
	files["c/Chart.yaml"] = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	files["c/templates/out.yaml"] = chart
	files["../secret.yaml"] = "password: outside\n"
	for path, text := range files {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := "helmfile.yaml"
	if _, ok := files[name]; !ok {
		name += ".gotmpl"
	}
	view := tree.New(nil).In(root)
	charts := []string{filepath.Join(root, "c")}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w := Wanted(ctx, filepath.Join(root, name), source.NewCheckout(view, charts, func() []string { return nil }))
	got := map[string]string{}
	for _, c := range w.Charts {
		b := c.Render(ctx, helm.Options{Files: view})
		for _, r := range b.OfKind("ConfigMap") {
			value := r.Get("data", "got")
			got[c.By] = value.Value() + " " + r.Namespace
		}
		for _, e := range b.Errors {
			t.Error(e)
		}
	}
	var said []string
	for _, n := range w.Notes {
		said = append(said, strings.ReplaceAll(n.String(), view.Display(root)+"/", ""))
	}
	for _, e := range w.Errors {
		said = append(said, strings.ReplaceAll(e.Error(), view.Display(root)+"/", ""))
	}
	return got, strings.Join(said, "\n")
}

func TestReleases(t *testing.T) {
	t.Setenv("SECRET_OF_THE_MACHINE", "leaked")
	for _, c := range []struct {
		name  string
		files map[string]string
		want  map[string]string // by release
		said  string
	}{
		{"values in their order", map[string]string{
			"helmfile.yaml": "releases:\n- name: a\n  namespace: ns\n  chart: ./c\n  values:\n  - x: 1\n    w: 1\n  - v.yaml\n  - w: 3\n  set: [{name: z, value: 4}, {name: l, values: [a, b]}]\n",
			"v.yaml":        "x: 2\nw: 2\n",
		}, map[string]string{"release a": `{"l":["a","b"],"w":3,"x":2,"z":4} ns`}, ""},
		{"anchors and merge keys", map[string]string{
			"helmfile.yaml": "templates:\n  d: &d\n    namespace: ns\n    values: [{x: 1}]\nreleases:\n- name: a\n  chart: ./c\n  <<: *d\n",
		}, map[string]string{"release a": `{"x":1} ns`}, ""},
		{"templates of releases", map[string]string{
			"helmfile.yaml.gotmpl": "templates:\n  d:\n    namespace: '{{`{{ .Release.Name }}`}}-ns'\n    values: ['conf/{{`{{ .Release.Name }}`}}.yaml']\nreleases:\n- {name: a, chart: ./c, inherit: [{template: d}]}\n- {name: b, chart: ./c, namespace: own, inherit: [{template: d, except: [values]}]}\n",
			"conf/a.yaml":          "x: a\n",
		}, map[string]string{"release a": `{"x":"a"} a-ns`, "release b": `{} own`}, ""},
		{"state values, environments and helmfiles in it", map[string]string{
			"helmfile.yaml.gotmpl":     "values: [{a: 1, b: {c: 1, d: 1}}]\nenvironments:\n  prod: {values: [env.yaml.gotmpl]}\n---\nhelmfiles:\n- path: sub/helmfile.yaml.gotmpl\n  values: [{{ toJson .Values }}]\n",
			"env.yaml.gotmpl":          "b: {c: {{ .Values.a }}2}\nname: {{ .Environment.Name }}\n",
			"sub/helmfile.yaml.gotmpl": "releases:\n- name: s\n  chart: ../c\n  values:\n  - v: {{ toJson .Values }}\n",
		}, map[string]string{"release s of prod": `{"v":{"a":1,"b":{"c":12,"d":1},"name":"prod"}} `}, ""},
		{"the environment is not read", map[string]string{
			"helmfile.yaml.gotmpl": "releases:\n- name: a\n  chart: ./c\n  values:\n  - x: {{ env \"SECRET_OF_THE_MACHINE\" }}\n",
		}, map[string]string{"release a": `{"x":"${SECRET_OF_THE_MACHINE}"} `}, "helmfile.yaml.gotmpl:5:3: the environment variable SECRET_OF_THE_MACHINE is not read: what it sets stays ${SECRET_OF_THE_MACHINE}"},
		{"nothing outside is read", map[string]string{
			"helmfile.yaml.gotmpl": "releases:\n- name: a\n  chart: ./c\n  values: [../secret.yaml]\n- name: b\n  chart: ./c\n  values:\n  - v.yaml.gotmpl\n",
			"v.yaml.gotmpl":        "x: {{ readFile \"../secret.yaml\" }}\n",
		}, map[string]string{}, "helmfile.yaml.gotmpl:4:12: ../secret.yaml is not in this tree: release \"a\" is not linted with it\nhelmfile.yaml.gotmpl:8:5: v.yaml.gotmpl is not rendered: readFile \"../secret.yaml\": it is not in this tree"},
		{"files of the tree are", map[string]string{
			"helmfile.yaml.gotmpl": "releases:\n- name: a\n  chart: ./c\n  values:\n  - x: {{ readFile \"x.txt\" | trim }}\n    there: {{ isFile \"x.txt\" }}\n    b: {{ .Values | getOrNil \"no.where\" | default 7 }}\n",
			"x.txt":                "text\n",
		}, map[string]string{"release a": `{"b":7,"there":true,"x":"text"} `}, ""},
		{"no program is run", map[string]string{
			"helmfile.yaml.gotmpl": "releases:\n- name: a\n  chart: ./c\n  values:\n  - x: {{ exec \"touch\" (list \"here\") }}\n",
		}, map[string]string{}, "helmfile.yaml.gotmpl:1:1: it is not judged from here on: exec: only the machine that runs helmfile knows it"},
		{"what is remote", map[string]string{
			"helmfile.yaml": "bases: ['git::https://git.example/r@b.yaml']\nreleases:\n- {name: a, chart: stable/x}\n- {name: b, chart: ./gone}\n- name: c\n  chart: ./c\n  values: ['https://values.example/v.yaml']\n",
		}, map[string]string{}, "is not fetched, manilint works offline"},
		{"missing files that may be", map[string]string{
			"helmfile.yaml": "helmDefaults: {}\nreleases:\n- {name: a, chart: ./c, missingFileHandler: Warn, values: [gone.yaml, {x: 1}]}\n",
		}, map[string]string{"release a": `{"x":1} `}, ""},
		{"those that are not installed", map[string]string{
			"helmfile.yaml": "values: [{on: {enabled: true}, off: {enabled: false}}]\nreleases:\n- {name: a, chart: ./c, installed: false}\n- {name: b, chart: ./c, condition: off.enabled}\n- {name: d, chart: ./c, condition: on.enabled}\n",
		}, map[string]string{"release d": `{} `}, ""},
		{"a helmfile of itself, and a base of itself", map[string]string{
			"helmfile.yaml": "bases: [base.yaml]\nhelmfiles: [helmfile.yaml, {path: helmfile.yaml}]\nreleases: [{name: a, chart: ./c}]\n",
			"base.yaml":     "bases: [base.yaml]\n",
		}, map[string]string{"release a": `{} `}, ""},
		{"text that is none", map[string]string{"helmfile.yaml": "releases: [\n"}, map[string]string{}, "helmfile.yaml:"},
		{"lists and texts in each other's place", map[string]string{
			"helmfile.yaml": "bases: {a: b}\nenvironments: [x]\nvalues: text\nhelmDefaults: []\nhelmfiles: {path: 1}\ntemplates: [a]\nreleases:\n- text\n- [list]\n- {name: [a], chart: {b: c}}\n- {name: a, chart: ./c, values: {x: 1}, set: {a: b}, inherit: text, labels: []}\n",
		}, map[string]string{"release a": `{} `}, ""},
		{"a template without end", map[string]string{
			"helmfile.yaml.gotmpl": "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}\nreleases: []\n",
		}, map[string]string{}, "it is not judged from here on: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, said := rendered(t, c.files)
			if len(got) != len(c.want) {
				t.Errorf("releases %v, want %v", got, c.want)
			}
			for by, want := range c.want {
				if got[by] != want {
					t.Errorf("%s: %s, want %s", by, got[by], want)
				}
			}
			if !strings.Contains(said, c.said) || c.said == "" && said != "" || strings.Contains(said, "leaked") || strings.Contains(said, "outside") {
				t.Errorf("said %q, want %q", said, c.said)
			}
		})
	}
}

// A value stands where the template has it.
func TestPlacesInTemplates(t *testing.T) {
	src := lint.NewSource("helmfile.yaml.gotmpl", []byte("# comment\na: {{ 1 }}\n{{ if true }}b: text\n{{ end }}\nc: {{ .Values.x }}-x\n"))
	w := &templater{ctx: context.Background()}
	_, l, err := w.render(src, string(src.Data), 0, map[string]any{"Values": map[string]any{"x": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	root, wrong := read(src, l)
	if wrong != nil {
		t.Fatal(wrong)
	}
	for field, want := range map[string]string{"a": "helmfile.yaml.gotmpl:2", "b": "helmfile.yaml.gotmpl:3:17", "c": "helmfile.yaml.gotmpl:5"} {
		if at := root.Get(field).Locate().Span.Start.String(); !strings.HasPrefix(at, want) {
			t.Errorf("%s stands at %s, want %s", field, at, want)
		}
	}
}
