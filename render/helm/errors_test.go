package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// chartOf writes a chart; files are path, text, path, text.
func chartOf(t *testing.T, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, filepath.Join(dir, "Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
	write(t, filepath.Join(dir, "templates", "ok.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fine\n")
	for i := 0; i+1 < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	return dir
}

// messages returns the errors of a chart, with paths from the chart's directory.
func messages(t *testing.T, dir string, o Options) (string, *lint.Bundle) {
	t.Helper()
	o.Files = filetree.New(nil).In(filepath.Dir(dir))
	for _, file := range o.ValueFiles {
		o.Files.Give(file)
	}
	b := Load(context.Background(), dir, o)[0]
	var out []string
	for _, e := range b.Errors {
		out = append(out, strings.ReplaceAll(e.Error(), o.Files.Display(dir)+"/", ""))
	}
	return strings.Join(out, "\n"), b
}

// What is wrong is said at its place, and the rest of the chart is rendered.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		o     Options
		want  string
	}{
		{"required", []string{"templates/a.yaml", "a: 1\nb: {{ required \"set b, please\" .Values.b }}\n"}, Options{}, `templates/a.yaml:2:7: the chart refuses these values: set b, please`},
		{"fail in an include", []string{"templates/_h.tpl", "{{ define \"h\" }}\n{{- fail \"never\" }}{{ end }}", "templates/a.yaml", "b: {{ include \"h\" . }}\n"}, Options{}, `templates/_h.tpl:2:5: the chart refuses these values: never`},
		{"fail where lookup finds nothing", []string{"templates/a.yaml", "{{ $s := lookup \"v1\" \"Secret\" \"a\" \"b\" }}\n{{ if not $s }}{{ fail \"create it first\" }}{{ end }}\n"}, Options{}, `templates/a.yaml:2:19: the chart does not render without a cluster, in which its lookup finds nothing: create it first`},
		{"fail in a helper where lookup finds nothing", []string{"templates/a.yaml", "{{ define \"no\" }}{{ fail \"never\" }}{{ end }}\n{{ if not (index (lookup \"v1\" \"Secret\" \"a\" \"b\") \"data\") }}{{ include \"no\" . }}{{ end }}\n"}, Options{}, `without a cluster, in which its lookup finds nothing: never`},
		{"required of what lookup finds", []string{"templates/a.yaml", "a: {{ required \"set a\" (lookup \"v1\" \"Secret\" \"a\" \"b\").data }}\n"}, Options{}, `without a cluster, in which its lookup finds nothing: set a`},
		{"required beside a lookup", []string{"templates/a.yaml", "{{ $s := lookup \"v1\" \"Secret\" \"a\" \"b\" }}{{ if $s }}{{ end }}\na: {{ required \"set a\" .Values.a }}\n"}, Options{}, `templates/a.yaml:2:7: the chart refuses these values: set a`},
		{"nothing to read from", []string{"templates/a.yaml", "b: {{ .Values.x.y.z }}\n"}, Options{}, "templates/a.yaml:1:14: does not render: .Values.x.y.z: cannot read .y: what should hold it is not set"},
		{"broken template", []string{"templates/a.yaml", "a: 1\nb: {{ if }}\n"}, Options{}, "templates/a.yaml:2:1: does not render: missing value for if"},
		{"unknown function", []string{"templates/a.yaml", "b: {{ env \"HOME\" }}\n"}, Options{}, `templates/a.yaml:1:7: function "env" is not one of Helm's`},
		{"unknown function among others", []string{"templates/a.yaml", "env: env # {{ .Values.env | quote }}\nenv: {{ .Values.env }} env {{ quote (env \"env\") }}\n"}, Options{}, `templates/a.yaml:2:38: function "env" is not one of Helm's`},
		{"unknown variable", []string{"templates/a.yaml", "b: {{ quote $v }}\n"}, Options{}, `templates/a.yaml:1:13: does not render: undefined variable "$v"`},
		{"an if without an end", []string{"templates/a.yaml", "{{ if .Values.a }}\n{{ end }}\na:\n  {{- if .Values.b }}\n  b:\n    {{- range .Values.c }}\n    {{- end }}\n"}, Options{}, "templates/a.yaml:4:3: does not render: {{- if .Values.b }} is not closed: an {{ end }} is missing"},
		{"an else without an end", []string{"templates/a.yaml", "{{ if .Values.a }}\n{{ else if .Values.b }}\n{{ else }}\n{{- with .Values.c }}\nx\n"}, Options{}, "templates/a.yaml:4:1: does not render: {{- with .Values.c }} is not closed: an {{ end }} is missing"},
		{"an else if without an end", []string{"templates/a.yaml", "{{ if .Values.a }}\n{{ else if .Values.b }}\n{{ with .Values.c }}\n{{ end }}\n{{ else }}\n"}, Options{}, "templates/a.yaml:1:1: does not render: {{ if .Values.a }} is not closed: an {{ end }} is missing"},
		{"a definition without an end", []string{"templates/_h.tpl", "{{ define \"a\" }}{{ end }}\n{{ define \"b\" }}\n{{ if 1 }}\n{{ end }}\n"}, Options{}, `templates/_h.tpl:2:1: does not render: {{ define "b" }} is not closed: an {{ end }} is missing`},
		{"an if without an end behind a definition", []string{"templates/_h.tpl", "{{ define \"a\" }}{{ end }}\n{{ if 1 }}\n"}, Options{}, `templates/_h.tpl:2:1: does not render: {{ if 1 }} is not closed: an {{ end }} is missing`},
		{"a field of a string", []string{"templates/a.yaml", "b: {{ .Values.a.image.repository }}\n", "values.yaml", "a:\n  image: nginx\n"}, Options{}, "does not render: a.image is a string ("},
		{"a field of a list's string", []string{"templates/a.yaml", "{{ range .Values.a }}{{ .name }}{{ end }}\n", "values.yaml", "a: [b]\n"}, Options{}, "templates/a.yaml:1:25: does not render: .name: cannot read .name: what should hold it is not a mapping"},
		{"a number for a string", []string{"templates/a.yaml", "b: {{ b64enc .Values.a }}\n", "values.yaml", "a: 1\n"}, Options{}, "templates/a.yaml:1:21: does not render: .Values.a: needs a string, not a number"},
		{"an action in values", []string{"values.yaml", "a: 1\nb: {{ .Values.a }}\n"}, Options{}, "values.yaml:2:4: this is read as a mapping in a mapping, since the file is no template: put {{ }} in quotes, or write the value itself"},
		{"values that are a list", []string{"values.yaml", "# none\n- a\n"}, Options{}, "values.yaml:2:1: a mapping is expected here"},
		{"an action in the output", []string{"templates/a.yaml", "a: {{ .Values.a }}\n", "values.yaml", "a: \"{{ .Release.Name }}\"\n"}, Options{}, "templates/a.yaml:1:4: renders to a key that is a mapping or a list, not text: quote what is written here"},
		{"unknown template", []string{"templates/a.yaml", "b: {{ include \"nope\" . }}\n"}, Options{}, `templates/a.yaml:1:7: template "nope" is not defined by any file of the chart or its dependencies`},
		{"an object without a kind", []string{"templates/a.yaml", "apiVersion: v1\nmetadata:\n  name: {{ .Release.Name }}\n"}, Options{}, `templates/a.yaml:3:9: renders to what Helm rejects: the document is not a Kubernetes object without kind; add it`},
		{"broken output", []string{"templates/a.yaml", "a: {{ .Values.v }}\n", "values.yaml", "v: \"[1\"\n"}, Options{}, `templates/a.yaml:1:4: renders to broken YAML`},
		{"tpl of a value", []string{"templates/a.yaml", "a: {{ tpl .Values.v . }}\n", "values.yaml", "u: 1\nv: \"{{ nope }}\"\n"}, Options{}, `values.yaml:2:4: function "nope" is not one of Helm's`},
		{"broken values", []string{"values.yaml", "a: 1\nb: [\n"}, Options{}, "values.yaml:"},
		{"broken Chart.yaml", []string{"Chart.yaml", "name: [\n"}, Options{}, "Chart.yaml:"},
		{"no values file", nil, Options{ValueFiles: []string{"nowhere.yaml"}}, "values file nowhere.yaml: no such file or directory"},
		{"remote values", nil, Options{ValueFiles: []string{"https://example.org/v.yaml"}}, "only files on disk are read"},
		{"bad --set", nil, Options{Set: []string{"a=b,c"}}, "--set a: "},
		{"kube version", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>=1.99'\n"}, Options{}, "Chart.yaml:4:14: the chart needs Kubernetes >=1.99"},
		{"missing dependency", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- name: db\n  version: ^1\n  repository: https://charts.example.org\n"}, Options{}, `Chart.yaml:5:9: dependency "db" is not in charts/, so its templates are not linted; run: helm dependency build `},
		{"disabled missing dependency", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- name: db\n  version: ^1\n  condition: db.enabled\n", "values.yaml", "db: {enabled: false}\n"}, Options{}, ""},
		{"schema", []string{"values.schema.json", `{"properties": {"a": {"properties": {"port": {"type": "integer"}}}, "r": {"$ref": "https://example.org/x.json"}, "f": {"$ref": "file:///etc/passwd"}}}`, "values.yaml", "a:\n  port: yes please\n"}, Options{}, "values.yaml:2:9: the chart's schema refuses a.port: got string, want integer"},
		{"endless text", []string{"templates/a.yaml", "{{ define \"x\" }}{{ range until 4000 }}{{ repeat 1000 \"0123456789\" }}{{ end }}{{ end }}{{ range until 4000 }}{{ template \"x\" }}{{ end }}"}, Options{MaxOutput: 1 << 20}, "the chart writes more than 1048576 bytes"},
		{"a huge number", []string{"templates/a.yaml", "a: {{ repeat 9000000000 \"x\" }}"}, Options{}, `templates/a.yaml:1:7: does not render: repeat 9000000000 "x": requests more text or items than a rendering may create`},
		{"steps past the integers", []string{"templates/a.yaml", "a: {{ untilStep 9223372036854775800 9223372036854775807 3 }}"}, Options{}, "requests more text or items"},
		{"a negative length", []string{"templates/a.yaml", "a: {{ randAlpha -1 | quote }}{{ fail \"reached\" }}"}, Options{}, "reached"},
		{"a dependency without a name", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- version: 1.0.0\n"}, Options{}, "Chart.yaml:5:3: a dependency has no name"},
		{"an alias without a name", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- alias: x\n- {}\n"}, Options{}, "Chart.yaml:5:3: a dependency has no name"},
		{"a requirement without a name", []string{"Chart.yaml", "apiVersion: v1\nname: shop\nversion: 1.0.0\n", "requirements.yaml", "dependencies:\n- version: 1.0.0\n"}, Options{}, "requirements.yaml:2:3: a dependency has no name"},
		{"a schema that branches again and again", []string{"values.schema.json", branching(40), "values.yaml", "a: 1\n"}, Options{}, "values.schema.json:1:1: values.schema.json of chart shop: checking the values takes more than 1048576 steps"},
		{"a schema that branches under not", []string{"values.schema.json", `{"not": ` + branching(40) + `, "definitions": ` + definitions(40) + `}`, "values.yaml", "a: 1\n"}, Options{}, "takes more than 1048576 steps"},
		{"a deep schema", []string{"values.schema.json", strings.Repeat(`{"properties":{"a":`, 3000) + "{}" + strings.Repeat("}}", 3000)}, Options{}, "it is nested deeper than 200 levels"},
		{"an operand with a bracket", []string{"templates/a.yaml", "a: {{ semverCompare (printf \">%s\" .Values.x) \"1.2.3\" }}", "values.yaml", "x: '>x>'\n"}, Options{}, "templates/a.yaml:1:7: does not render: improper constraint"},
		{"a pattern of braces in braces", []string{"templates/a.yaml", "{{ range .Files.Glob \"" + strings.Repeat("{a,", 1_000_000) + "\" }}{{ end }}"}, Options{}, ""},
		{"a pattern of braces in braces, made", []string{"templates/a.yaml", "{{ range .Files.Glob (repeat 3000000 \"{a,\") }}{{ end }}"}, Options{}, ""},
		{"endless objects", []string{"templates/z.yaml", "{{ range until 20001 }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p{{ . }}}{{ end }}"}, Options{}, "templates/z.yaml:1:1: the chart renders more than 20000 objects; the rest is not linted"},
		{"endless time", []string{"templates/a.yaml", "{{ range until 1000000 }}{{ range until 1000000 }}{{ $x := 1 }}{{ end }}{{ end }}"}, Options{Timeout: 200 * time.Millisecond}, "not rendered within 200ms"},
		{"a dict in itself", []string{"templates/a.yaml", "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}a: {{ $d }}"}, Options{}, "a dict or list contains itself"},
		{"a dict in itself, pretty", []string{"templates/a.yaml", "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}a: {{ toYamlPretty $d }}"}, Options{}, "a dict or list contains itself"},
		{"an include of itself", []string{"templates/a.yaml", "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}"}, Options{}, "templates call one another more than 1000 levels deep"},
		{"a template of itself", []string{"templates/a.yaml", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}"}, Options{}, "templates call one another more than 1000 levels deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, b := messages(t, chartOf(t, c.files...), c.o)
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("errors: %s\nwant %s", got, c.want)
			}
			if n := strings.Count(got, "\n"); n > 1 {
				t.Errorf("%d errors for one fault: %s", n+1, got)
			}
			for _, e := range b.Errors {
				if e.Rendering == nil || strings.Contains(e.Message, "__") {
					t.Errorf("error %+v", e)
				}
			}
			switch c.name {
			case "an action in values", "values that are a list", "broken values", "broken Chart.yaml", "no values file", "remote values", "bad --set", "kube version", "endless time", "endless text":
				return
			}
			find(t, b, "ConfigMap", "fine")
		})
	}
}

// A chart that Helm does not load is no chart without a word: each fault is said in plain
// words at its place, also in a subchart.
func TestMetadataThatHelmRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a number for a list", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nkeywords: 5\n"}, `Chart.yaml:4:11: Helm cannot read the file: keywords is a number; a list belongs there`},
		{"text for a list", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nmaintainers: x\n"}, `Chart.yaml:4:14: Helm cannot read the file: maintainers is text; a list belongs there`},
		{"a list for a dependency", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: a\n  - []\n"}, `Chart.yaml:6:5: Helm cannot read the file: dependencies[1] is a list; a mapping belongs there`},
		{"a mapping of dependencies", []string{"Chart.yaml", "apiVersion: v1\nname: shop\nversion: 1.0.0\n", "requirements.yaml", "dependencies:\n  a: 1\n"}, `requirements.yaml:2:3: Helm cannot read the file: dependencies is a mapping; a list belongs there`},
		{"an empty dependency", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: a\n  -\n"}, `Chart.yaml:6:4: an entry of dependencies is empty; write name: and the name of the chart that it requires, or remove it`},
		{"two dependencies of a name", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: a\n  - name: b\n    alias: a\n"}, `Chart.yaml:6:5: more than one dependency is called "a"; give each an alias of its own`},
		{"an alias with a space", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n  - name: a\n    alias: b c\n"}, `Chart.yaml:5:5: the alias of a dependency may contain only letters, digits, - and _`},
		{"an empty maintainer", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\nmaintainers: [null]\n"}, `Chart.yaml:4:15: an entry of maintainers is empty; write its name: or remove it`},
		{"text for true or false", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndeprecated: 'no'\n"}, `Chart.yaml:4:13: Helm cannot read the file: deprecated is text; true or false belongs there`},
		{"a version that is none", []string{"Chart.yaml", "apiVersion: v2\nname: shop\nversion: latest\n"}, `Chart.yaml:3:10: version: "latest" is not a semantic version; write one as 1.2.3`},
		{"no version", []string{"Chart.yaml", "apiVersion: v2\nname: shop\n"}, `Chart.yaml:1:1: the chart has no version; Helm needs one in Chart.yaml`},
		{"a lock of another kind", []string{"Chart.lock", "dependencies: x\n"}, `Chart.lock:1:15: Helm cannot read the file: dependencies is text; a list belongs there`},
		{"a subchart's list", []string{"charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\nkeywords: 5\n"}, `charts/s/Chart.yaml:4:11: Helm cannot read the file: keywords is a number; a list belongs there`},
		{"a subchart's version", []string{"charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: latest\n"}, `charts/s/Chart.yaml:3:10: version: "latest" is not a semantic version`},
		{"a subchart's subchart", []string{"charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n", "charts/s/charts/u/Chart.yaml", "apiVersion: v2\nname: [u]\n"}, `charts/s/charts/u/Chart.yaml:2:7: Helm cannot read the file: name is a list; text belongs there`},
		{"a subchart's values", []string{"charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n", "charts/s/values.yaml", "a: [\n"}, `charts/s/values.yaml:1:1: broken YAML`},
		{"a subchart without a Chart.yaml", []string{"charts/t/values.yaml", "a: 1\n"}, `charts/t:1:1: the directory has no Chart.yaml, without which Helm does not load the chart around it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, b := messages(t, chartOf(t, c.files...), Options{})
			if !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("errors: %s\nwant %s", got, c.want)
			}
			if len(b.Resources) > 0 {
				t.Errorf("%d objects of a chart that does not load", len(b.Resources))
			}
		})
	}
}

// definitions returns n definitions of a schema of which each refers to the next twice.
func definitions(n int) string {
	var out strings.Builder
	out.WriteString("{")
	for i := range n {
		fmt.Fprintf(&out, `"d%d": {"anyOf": [{"$ref": "#/definitions/d%d"}, {"$ref": "#/definitions/d%d"}]}, `, i, i+1, i+1)
	}
	fmt.Fprintf(&out, `"d%d": {"required": ["nothing"]}}`, n)
	return out.String()
}

func branching(n int) string {
	return `{"$ref": "#/definitions/d0", "definitions": ` + definitions(n) + `}`
}

// Which errors of a schema are kept, and what they list, is the same in each run.
func TestSchemaErrorsAreTheSameEachTime(t *testing.T) {
	var values strings.Builder
	for i := range 30 {
		fmt.Fprintf(&values, "k%d: x\nn%d: 1\n", i, i)
	}
	dir := chartOf(t, "values.yaml", values.String(), "values.schema.json", `{"patternProperties": {"^k": {"type": "integer"}}, "additionalProperties": false}`)
	first := ""
	for range 5 {
		got, _ := messages(t, dir, Options{})
		if first == "" {
			first = got
		}
		if got != first || strings.Count(got, "\n") != maxSchemaErrors-1 {
			t.Fatalf("got\n%s\nfirst\n%s", got, first)
		}
	}
}

func TestKeysAndValuesAreInOrder(t *testing.T) {
	dir := chartOf(t, "templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  keys: {{ keys .Values.m .Values.m | join \",\" | quote }}\n  values: {{ values .Values.m | join \",\" | quote }}\n",
		"values.yaml", "m: {e: 5, d: 4, c: 3, b: 2, a: 1}\n")
	errs, b := messages(t, dir, Options{})
	if data := find(t, b, "ConfigMap", "a").Get("data"); errs != "" || data.Get("keys").Value() != "a,b,c,d,e,a,b,c,d,e" || data.Get("values").Value() != "1,2,3,4,5" {
		t.Errorf("%s %v", errs, data.StringMap())
	}
}

// A chart that ran out of time is not tried with other values, and all its renderings
// together have one limit.
func TestOneDeadlineAChart(t *testing.T) {
	dir := chartOf(t, "templates/a.yaml", "{{ range until 1000000 }}{{ range until 1000000 }}{{ $x := 1 }}{{ end }}{{ end }}", "more.yaml", "a: 1\n", "ci/one-values.yaml", "a: 2\n")
	o := Options{Files: filetree.New(nil), Timeout: 300 * time.Millisecond, CIValues: true}
	for range 5 {
		o.Variants = append(o.Variants, []string{filepath.Join(dir, "more.yaml")})
	}
	start := time.Now()
	bundles := Load(context.Background(), dir, o)
	if took := time.Since(start); took > 5*o.Timeout {
		t.Errorf("took %v", took)
	}
	var all strings.Builder
	for _, b := range bundles {
		for _, e := range b.Errors {
			all.WriteString(e.Message + "\n")
		}
	}
	for _, want := range []string{"not rendered within 300ms", "is not rendered with more.yaml: it ran out of time or memory with other values", "is not rendered with ci/one-values.yaml: it ran"} {
		if strings.Count(all.String(), want) != 1 {
			t.Errorf("errors:\n%s\nwant once %s", all.String(), want)
		}
	}
}

func TestPanicsAreContained(t *testing.T) {
	tr := &tree{shown: "shop", named: map[string]*file{"Chart.yaml": {src: lint.NewSource("shop/Chart.yaml", []byte("name: shop\n"))}}}
	var nothing *chart.Chart
	err := tr.contain("rendering", func() { nothing.Metadata = nil })
	if err == nil || !strings.HasPrefix(err.Error(), "shop/Chart.yaml:1:1: rendering chart shop panicked: ") {
		t.Errorf("error %v", err)
	}
	if err := tr.contain("rendering", func() {}); err != nil {
		t.Errorf("error %v", err)
	}
	// No file cache: reading and rendering panic in every way in.
	for _, b := range append(Load(context.Background(), chartOf(t), Options{}), lint.NewBundle(lint.Rendering{}, "", nil))[:1] {
		if len(b.Errors) != 1 || !strings.Contains(b.Errors[0].Message, "panicked") {
			t.Errorf("errors %v", b.Errors)
		}
	}
	if got := Inflate(context.Background(), Release{Chart: chartOf(t)}, Options{}); len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, "panicked") {
		t.Errorf("errors %v", got.Errors)
	}
}

func TestHelmsLogIsNotPrinted(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed)
	hush = sync.OnceFunc(func() { log.SetOutput(io.Discard) })
	dir := chartOf(t, "values.yaml", "password:\n  a: hunter22hunter\nplain: text\n")
	values := filepath.Join(t.TempDir(), "prod.yaml")
	write(t, values, "password: hunter33hunter\nplain: {a: 1}\n")
	o := Options{ValueFiles: []string{values}}
	errs, b := messages(t, dir, o)
	if printed.Len() > 0 || errs != "" {
		t.Errorf("printed %q, errors %q", printed.String(), errs)
	}
	var notes []string
	for _, n := range b.Notes {
		notes = append(notes, n.String()[strings.LastIndex(n.String(), "/")+1:])
	}
	want := "prod.yaml:1:1: password is no mapping here and a mapping in the chart's own values; Helm takes this one, prod.yaml:2:1: plain is a mapping here and no mapping in the chart's own values; Helm takes this one"
	if got := strings.Join(notes, ", "); got != want {
		t.Errorf("notes %s\nwant %s", got, want)
	}
}

func TestNothingOutsideTheChartIsRead(t *testing.T) {
	dir := chartOf(t, "templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  secret: {{ .Files.Get \"link.txt\" | quote }}\n  inside: {{ .Files.Get \"inside.txt\" | quote }}\n  host: {{ getHostByName \"example.org\" | quote }}\n  found: {{ lookup \"v1\" \"Secret\" \"\" \"x\" | toJson | quote }}\n", "real.txt", "mine")
	outside := filepath.Join(t.TempDir(), "secret.txt")
	write(t, outside, "not yours")
	for link, to := range map[string]string{"link.txt": outside, "inside.txt": "real.txt", "loop": "."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	got, b := messages(t, dir, Options{})
	if !strings.Contains(got, "link.txt:1:1: symbolic link link.txt points out of the linted tree") {
		t.Errorf("errors: %s", got)
	}
	data := find(t, b, "ConfigMap", "a").Get("data")
	if data.Get("secret").Value() != "" || data.Get("inside").Value() != "mine" || data.Get("host").Value() != "" || data.Get("found").Value() != "{}" {
		t.Errorf("data: %v", data.StringMap())
	}
}

func TestGeneratedTextIsTheSameEachTime(t *testing.T) {
	template := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ randAlphaNum 5 | lower }}\ndata:\n" +
		"  a: {{ randAlphaNum 8 }}\n  b: {{ uuidv4 }}\n  c: {{ now | date \"2006\" }}\n  d: {{ genPrivateKey \"rsa\" | b64enc }}\n" +
		"  e: {{ (genCA \"ca\" 10).Cert | b64enc }}\n  f: {{ htpasswd \"u\" \"p\" }}\n  g: {{ randInt 3 9 }}\n  h: {{ $ca := genCA \"x\" 1 }}{{ (genSignedCert \"y\" nil nil 1 $ca).Key | b64enc }}\n  i: {{ randBytes 4 }}{{ shuffle \"abc\" }}{{ bcrypt \"x\" }}\n"
	dir := chartOf(t, "templates/a.yaml", template)
	var first string
	for i := range 2 {
		errs, b := messages(t, dir, Options{})
		if errs != "" {
			t.Fatal(errs)
		}
		var text strings.Builder
		for _, r := range b.OfKind("Secret") {
			for _, f := range r.Get("data").Fields() {
				text.WriteString(f.Value() + "\n")
				if place := f.Locate(); f.Name() != "c" && place.Origin != lint.FromGenerated {
					t.Errorf("%s has origin %q", f.Name(), place.Origin)
				}
			}
		}
		if i > 0 && text.String() != first || text.Len() == 0 {
			t.Errorf("run %d gives %q, the first gave %q", i, text.String(), first)
		}
		first = text.String()
	}
}

func TestArchives(t *testing.T) {
	pack := func(prefix string, files map[string][]byte) []byte {
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		w := tar.NewWriter(zip)
		for _, name := range []string{"Chart.yaml", "values.yaml", "templates/a.yaml", "charts/db.tgz"} {
			if data, ok := files[name]; ok {
				if err := w.WriteHeader(&tar.Header{Name: prefix + "/" + name, Size: int64(len(data)), Mode: 0o644}); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(data); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	const object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\ndata:\n  v: {{ .Values.v }}\n"
	db := pack("db", map[string][]byte{"Chart.yaml": []byte("apiVersion: v2\nname: db\nversion: 1.0.0\n"), "values.yaml": []byte("v: 1\n"), "templates/a.yaml": []byte(object)})
	shop := pack("shop", map[string][]byte{"Chart.yaml": []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n"), "values.yaml": []byte("v: 2\ndb:\n  v: 3\n"), "templates/a.yaml": []byte(object), "charts/db.tgz": db})
	path := filepath.Join(t.TempDir(), "shop-1.0.0.tgz")
	write(t, path, string(shop))
	errs, b := messages(t, path, Options{})
	if errs != "" {
		t.Fatal(errs)
	}
	for name, want := range map[string]string{"shop": "shop-1.0.0.tgz/templates/a.yaml:6", "db": "shop-1.0.0.tgz/values.yaml:3"} {
		place := find(t, b, "ConfigMap", name).Get("data", "v").Locate()
		if got := place.Span.Start.String(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	write(t, path, "no archive")
	if errs, _ := messages(t, path, Options{}); !strings.Contains(errs, "shop-1.0.0.tgz") {
		t.Errorf("broken archive: %q", errs)
	}
}

func TestSiblingDependencyIsLinted(t *testing.T) {
	dir := chartOf(t, "Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- name: db\n  version: ^1\n  repository: file://../db\n")
	write(t, filepath.Join(dir, "../db/Chart.yaml"), "apiVersion: v2\nname: db\nversion: 1.2.0\n")
	write(t, filepath.Join(dir, "../db/templates/a.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: db\n")
	errs, b := messages(t, dir, Options{})
	if errs != "" {
		t.Fatal(errs)
	}
	if place := find(t, b, "ConfigMap", "db").Get("metadata", "name").Locate(); !strings.HasSuffix(place.Span.Path(), "/db/templates/a.yaml") || place.Span.Start.Line != 4 {
		t.Errorf("place %v", place.Span.Start)
	}
}
