package argocd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/tree"
)

// checkout writes files below a new directory.
func checkout(t testing.TB, files map[string]string) *source.Checkout {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return source.NewCheckout(tree.New(nil).In(root), nil, func() []string { return nil })
}

// generated returns what an ApplicationSet with a spec generates: a line for each Application,
// with the texts of its template's annotations, and one for each error and note.
func generated(t *testing.T, c *source.Checkout, spec string) (lines []string, applications []Made) {
	t.Helper()
	root, _ := c.Files.Jail()
	src := lint.NewSource("set.yaml", []byte("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\nspec:\n  "+strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ")+"\n"))
	src.File = filepath.Join(root, "set.yaml")
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	r := lint.NewResources(docs[0], lint.FileLocator{Source: src})[0]
	applications, wanted := Generated(context.Background(), "ApplicationSet argocd/set", r, c)
	for _, a := range applications {
		line := a.Name
		for _, f := range a.Annotations() {
			line += " " + f
		}
		lines = append(lines, line)
	}
	for _, e := range wanted.Errors {
		lines = append(lines, "error "+e.Error())
	}
	for _, n := range wanted.Notes {
		lines = append(lines, "note "+n.String())
	}
	return lines, applications
}

func TestGenerators(t *testing.T) {
	c := checkout(t, map[string]string{
		"apps/a/x.yaml": "", "apps/b/x.yaml": "", "apps/b/deep/x.yaml": "", "apps/.hidden/x.yaml": "", "apps/file.yaml": "",
		"env/Dev_1/config.json": `{"cluster": {"name": "dev", "ports": [80, 443]}, "size": 2}`,
		"env/prod/config.json":  `[{"cluster": {"name": "prod-a"}}, {"cluster": {"name": "prod-b"}, "size": 1.5}]`,
		"env/prod/more/c.json":  `{"cluster": {"name": "deep"}}`,
		"env/broken.yaml":       "a: [\n",
	})
	const git = "repoURL: https://git.example.org/r"
	template := func(name string) string { return "template: {metadata: {name: '" + name + "'}}" }
	for _, test := range []struct{ name, spec, want string }{
		{"a list", "generators: [{list: {elements: [{k: a, values: {x: '1'}}, {k: b, values: {x: '2'}}]}}]\n" + template("{{k}}-{{ values.x }}"), "a-1\nb-2"},
		{"a list, by Go templates", "goTemplate: true\ngenerators: [{list: {elements: [{k: {m: a}}, {k: {m: b}}]}}]\n" + template(`{{.k.m | upper}}`), "A\nB"},
		{"a list of text", "goTemplate: true\ngenerators: [{list: {elementsYaml: \"- {k: a}\\n- {k: b}\\n\"}}]\n" + template(`{{.k}}`), "a\nb"},
		{"a tag that is none", "generators: [{list: {elements: [{k: a}]}}]\n" + template("{{k}}-{{m}}"), "a-{{m}}"},
		{"a key that is not there", "goTemplate: true\ngenerators: [{list: {elements: [{k: a}]}}]\n" + template("{{.k}}-{{.m}}"), "a-<no value>"},
		{"a key that must be there", "goTemplate: true\ngoTemplateOptions: [missingkey=error]\ngenerators: [{list: {elements: [{k: a}]}}]\n" + template("{{.k}}-{{.m}}"), `error set.yaml:8:31: ApplicationSet argocd/set: the template does not render: <.m>: map has no entry for key "m"`},
		{"an option that is none", "goTemplate: true\ngoTemplateOptions: [strict]\ngenerators: [{list: {elements: [{k: a}]}}]\n" + template("{{.k}}"), "a\nerror set.yaml:6:23: ApplicationSet argocd/set: \"strict\" is not an option of Go templates; write missingkey=error"},
		{"a template that is none", "goTemplate: true\ngenerators: [{list: {elements: [{k: a}, {k: b}]}}]\n" + template("{{.k"), "error set.yaml:7:31: ApplicationSet argocd/set: the template does not render: unclosed action"},
		{"functions of Argo CD's own", "goTemplate: true\ngenerators: [{list: {elements: [{k: 'Feature/A_b.c'}]}}]\n" + template(`{{normalize .k}} {{slugify 8 true .k}} {{slugify .k}}`), "feature-a-b.c feature feature-a-b-c"},
		{"directories", "generators: [{git: {" + git + ", directories: [{path: apps/*}, {path: apps/c}]}}]\n" + template("{{path.basename}}-{{path[0]}}"), "a-apps\nb-apps"},
		{"directories, some left out", "generators: [{git: {" + git + ", directories: [{path: apps/*}, {path: apps/b, exclude: true}, {path: apps/*/*}]}}]\n" + template("{{path.basenameNormalized}}"), "a\ndeep"},
		{"directories, by Go templates", "goTemplate: true\ngenerators: [{git: {" + git + ", pathParamPrefix: git, values: {v: 'v-{{.git.path.basename}}'}, directories: [{path: 'apps/[ab]'}]}}]\n" + template("{{.values.v}}-{{index .git.path.segments 0}}"), "v-a-apps\nv-b-apps"},
		{"a pattern that is none", "generators: [{git: {" + git + ", directories: [{path: 'apps/['}]}}]\n" + template("{{path}}"), `error set.yaml:5:80: ApplicationSet argocd/set: "apps/[" is not a pattern: a [ is not closed`},
		{"files", "generators: [{git: {" + git + ", values: {v: '{{cluster.name}}'}, files: [{path: 'env/*/config.json'}]}}]\n" + template("{{cluster.name}}-{{size}}-{{path.basenameNormalized}}-{{cluster.ports.1}}-{{values.v}}"), "dev-2-dev-1-443-dev\nprod-a-{{size}}-prod-{{cluster.ports.1}}-prod-a\nprod-b-1.5-prod-{{cluster.ports.1}}-prod-b"},
		{"files, by Go templates", "goTemplate: true\ngenerators: [{git: {" + git + ", files: [{path: 'env/**/*.json'}, {path: 'env/prod/*', exclude: true}]}}]\n" + template("{{.cluster.name}}-{{.path.filename}}-{{.size}}"), "dev-config.json-2"},
		{"a file that is broken", "generators: [{git: {" + git + ", files: [{path: env/broken.yaml}]}}]\n" + template("{{a}}"), "error "},
		{"a matrix", "generators: [{matrix: {generators: [{list: {elements: [{dir: apps}, {dir: none}]}}, {git: {" + git + ", directories: [{path: '{{dir}}/*'}]}}]}}]\n" + template("{{dir}}-{{path.basename}}"), "apps-a\napps-b"},
		{"a matrix, by Go templates", "goTemplate: true\ngenerators: [{matrix: {generators: [{git: {" + git + ", directories: [{path: apps/*}]}}, {list: {elements: [{c: x}, {c: z}]}}]}}]\n" + template("{{.path.basename}}-{{.c}}"), "a-x\na-z\nb-x\nb-z"},
		{"a matrix of text", "goTemplate: true\ngenerators: [{matrix: {generators: [{git: {" + git + ", files: [{path: env/Dev_1/config.json}]}}, {list: {elementsYaml: '{{ .cluster.ports | toJson }}'}}]}}]\n" + template("x"), "x"},
		{"a merge", "generators: [{merge: {mergeKeys: [k], generators: [{list: {elements: [{k: a, x: '1'}, {k: b, x: '1'}]}}, {list: {elements: [{k: b, x: '2'}, {k: c, x: '3'}]}}]}}]\n" + template("{{k}}-{{x}}"), "a-1\nb-2"},
		{"a merge without keys", "generators: [{merge: {generators: [{list: {elements: []}}, {list: {elements: []}}]}}]\n" + template("{{k}}"), "error set.yaml:5:17: ApplicationSet argocd/set: a merge needs two generators and a merge key"},
		{"a selector", "generators: [{list: {elements: [{k: a, e: x}, {k: b, e: q}, {k: c}]}, selector: {matchExpressions: [{key: e, operator: In, values: [q]}]}}]\n" + template("{{k}}"), "b"},
		{"labels to select", "generators: [{list: {elements: [{k: a, e: x}, {k: b, e: q}]}, selector: {matchLabels: {e: x}}}]\n" + template("{{k}}"), "a"},
		{"a template of a generator", "generators: [{list: {elements: [{k: a}], template: {metadata: {annotations: {own: '{{k}}'}}}}}]\n" + template("{{k}}"), "a a"},
		{"a cluster", "generators: [{clusters: {values: {v: '1'}}}]\ntemplate: {metadata: {name: '{{name}}', annotations: {v: '{{values.v}}', w: '{{server}}'}}}", "set 1\nnote set.yaml:5:17: ApplicationSet argocd/set: the generator clusters asks the clusters that Argo CD knows and is not judged, manilint works offline; what it makes is rendered as far as it depends on none of its parameters"},
		{"a cluster in a matrix", "goTemplate: true\ngenerators: [{matrix: {generators: [{clusters: {}}, {git: {" + git + ", directories: [{path: apps/*}]}}]}}]\ntemplate: {metadata: {name: '{{.path.basename}}', annotations: {w: '{{.server}}', x: '{{.metadata.labels.x}}'}}}", "a\nb\nnote "},
		{"a cluster in a merge", "generators: [{merge: {mergeKeys: [k], generators: [{list: {elements: [{k: a}]}}, {clusters: {}}]}}]\ntemplate: {metadata: {name: '{{k}}', annotations: {w: '{{server}}'}}}", "a\nnote "},
		{"where a cluster decides what is deployed", "generators: [{clusters: {}}]\ntemplate: {metadata: {name: x}, spec: {source: {path: 'env/{{name}}'}}}", "x\nnote set.yaml:5:17: ApplicationSet argocd/set: the generator clusters asks the clusters that Argo CD knows and is not judged, manilint works offline; what it makes is rendered as far as it depends on none of its parameters\nnote set.yaml:6:57: ApplicationSet argocd/set: this depends on a parameter that is not known here, and is left out"},
		{"hosts", "generators: [{scmProvider: {}}, {pullRequest: {}}, {plugin: {}}, {clusterDecisionResource: {}}, {other: {}}]\n" + template("{{k}}"), "set\nnote set.yaml:5:17: "},
		{"a patch", "generators: [{list: {elements: [{k: a}, {k: b}]}}]\n" + template("{{k}}") + "\ntemplatePatch: |\n  metadata: {annotations: {patched: 'p-{{k}}'}}", "a p-a\nb p-b"},
		{"a patch by Go templates", "goTemplate: true\ngenerators: [{list: {elements: [{k: a, patched: true}, {k: b, patched: false}]}}]\n" + template("{{.k}}") + "\ntemplatePatch: |\n  {{- if .patched }}\n  metadata: {annotations: {patched: 'p-{{.k}}'}}\n  {{- end }}", "a p-a\nb"},
		{"a patch that is none", "generators: [{list: {elements: [{k: a}]}}]\n" + template("{{k}}") + "\ntemplatePatch: 'x: ['", "error set.yaml:7:18: ApplicationSet argocd/set: templatePatch renders to something that is not a patch: "},
		{"a patch that asks a cluster", "generators: [{clusters: {}}]\n" + template("x") + "\ntemplatePatch: 'x: {{name}}'", "x\nnote "},
		{"generators in generators", "generators: [{matrix: {generators: [{list: {elements: [{a: '1'}]}}, {matrix: {generators: [{list: {elements: [{b: '2'}]}}, {list: {elements: [{c: '3'}]}}]}}]}}]\n" + template("{{a}}{{b}}{{c}}"), "123"},
	} {
		t.Run(test.name, func(t *testing.T) {
			lines, _ := generated(t, c, test.spec)
			got := strings.Join(lines, "\n")
			if cut := strings.LastIndex(test.want, "note "); cut >= 0 && strings.HasSuffix(test.want, " ") { // any
				if !strings.HasPrefix(got, test.want) {
					t.Errorf("got %s\nwant %s…", got, test.want)
				}
				return
			}
			if strings.HasSuffix(test.want, " ") {
				if !strings.HasPrefix(got, test.want) {
					t.Errorf("got %s\nwant %s…", got, test.want)
				}
				return
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

// An ApplicationSet generates up to a limit, which is said; what loops ends.
func TestGeneratorsAreBounded(t *testing.T) {
	c := checkout(t, nil)
	var elements []string
	for i := range 100 {
		elements = append(elements, fmt.Sprintf("{n%%d: 'v%d'}", i))
	}
	list := func(i int) string {
		return "{list: {elements: [" + strings.ReplaceAll(strings.Join(elements, ", "), "%d", fmt.Sprint(i)) + "]}}"
	}
	lines, applications := generated(t, c, "generators: [{matrix: {generators: ["+list(1)+", "+list(2)+", "+list(3)+"]}}]\ntemplate: {metadata: {name: '{{n1}}-{{n2}}-{{n3}}'}}")
	if len(applications) != maxApplications || !strings.Contains(lines[len(lines)-1], "it generates more than 1000 Applications, the limit; the rest is not rendered") {
		t.Errorf("%d Applications, %s", len(applications), lines[len(lines)-1])
	}
	lines, _ = generated(t, c, "goTemplate: true\ngenerators: [{list: {elements: [{n: a}]}}]\ntemplate: {metadata: {name: '{{ repeat 1000000000 \"x\" }}'}}")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "error ") {
		t.Errorf("a text without end: %.200s", lines)
	}
}

// What is generated stands where its template does, and names where the parameters stand.
func TestPlacesOfWhatIsGenerated(t *testing.T) {
	c := checkout(t, map[string]string{"env/dev.yaml": "app:\n  tag: one\n"})
	_, applications := generated(t, c, `goTemplate: true
generators:
- git:
    repoURL: https://git.example.org/r
    files:
    - path: env/*.yaml
template:
  metadata:
    name: web
  spec:
    source:
      helm:
        parameters:
        - name: tag
          value: 'v-{{ .app.tag }}'
templatePatch: |
  spec:
    source:
      {{- range $i, $k := list "a" "b" }}
      {{ $k }}: {{ $i }}
      {{- end }}
      path: charts/web`)
	if len(applications) != 1 {
		t.Fatalf("%d Applications", len(applications))
	}
	s := applications[0].Get("spec", "source")
	for _, test := range []struct {
		n    *lint.Node
		want string
	}{
		{s.Get("helm", "parameters").Items()[0].Get("value"), "v-one set.yaml:19:20 value dev.yaml:2:8"},
		{s.Get("helm", "parameters").Items()[0].Get("name"), "tag set.yaml:18:19"},
		{s.Get("b"), "1 set.yaml:24:9"},
		{s.Get("path"), "charts/web set.yaml:26:9"},
		{s.Get("chart"), " set.yaml:16:9"},
	} {
		place := test.n.Locate()
		at := func(s lint.Span) string {
			return fmt.Sprintf("%s:%d:%d", filepath.Base(s.Path()), s.Start.Line, s.Start.Column)
		}
		got := test.n.Value() + " " + at(place.Span)
		for _, r := range place.Related {
			got += " " + r.Role + " " + at(r.Span)
		}
		if got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// What an ApplicationSet makes is bounded, in text and in number, and what is left out is said.
func TestApplicationSetsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("what ends it under the race detector is the time")
	}
	elements := func(n int, more string) string {
		return "[" + strings.Repeat("{n: a"+more+"}, ", n) + "]"
	}
	template := "template: {metadata: {name: '%s'}, spec: {source: {path: a}, info: [{name: a, value: '%s'}]}}"
	wide := ""
	for i := range 1000 {
		wide += fmt.Sprintf(", k%d: v", i)
	}
	for name, c := range map[string]struct{ spec, want string }{
		"tags":       {"generators: [{list: {elements: " + elements(1, ", b: '"+strings.Repeat("x", 1<<16)+"'") + "}}]\n" + fmt.Sprintf(template, "{{n}}", strings.Repeat("{{b}}", 100)), "4 MiB of text for one Application"},
		"one text":   {"generators: [{list: {elements: " + elements(1, "") + "}}]\ngoTemplate: true\n" + fmt.Sprintf(template, "{{.n}}", `{{ repeat 5000000 "x" }}`), "does not render"},
		"all texts":  {"generators: [{list: {elements: " + elements(900, "") + "}}]\n" + fmt.Sprintf(template, "{{n}}", strings.Repeat("x", 1<<17)), "64 MiB"},
		"parameters": {"generators: [{matrix: {generators: [{list: {elements: " + elements(30, wide) + "}}, {list: {elements: " + elements(30, "") + "}}]}}]\n" + fmt.Sprintf(template, "{{n}}", "x"), "524288 values and keys"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, applications := generated(t, checkout(t, nil), c.spec)
			if text := strings.Join(lines, "\n"); !strings.Contains(text, "error ") || !strings.Contains(text, c.want) {
				t.Errorf("%.1000s", text)
			}
			if len(applications) > 1 { // those of one name are the same
				t.Errorf("%d Applications", len(applications))
			}
		})
	}
}
