package helm

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helmengine "helm.sh/helm/v3/pkg/engine"

	"github.com/manilint/manilint/lint"
)

// Templates that use what charts seldom do.
var templates = []string{
	`{{ range $i, $e := .Values.list }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ if eq $i 3 }}{{ break }}{{ end }}{{ $e }}{{ else }}none{{ end }}`,
	`{{ with .Values.none }}a{{ else with .Values.map }}{{ .k }}{{ else }}c{{ end }}`,
	`{{ block "b" .Values.map }}{{ .k }}{{ end }}{{ template "b" dict "k" "other" }}`,
	`{{ define "d" }}{{ . }}{{ end }}{{ include "d" .Values.s | upper | trunc 3 }}{{ template "d" .Values.n }}`,
	`{{ tpl "{{ define \"in\" }}{{ .Values.s }}{{ end }}{{ include \"in\" . }}{{ tpl \"{{ .Values.n }}\" . }}" . }}`,
	`{{ tpl .Values.tpl . }}{{ tpl "plain" . }}{{ tpl "" . }}{{ tpl "  " . }}{{ tpl "<no value>x" . }}{{ tpl "{{/* c */}}" . }}`,
	`{{ .Values.none }}|{{ .Values.map.none }}|{{ .Values.none | default "d" }}|{{ .Values.e }}|{{ .Values.none | toYaml }}|<no value>`,
	`{{ $x := 1 }}{{ range .Values.list }}{{ $x = add $x 1 }}{{ end }}{{ $x }}{{ $y := .Values.b }}{{ if .Values.s }}{{ $y = false }}{{ end }}{{ $y }}`,
	`{{ $d := dict "a" 1 }}{{ $_ := set $d "b" .Values.s }}{{ $d | toYaml | nindent 2 }}{{ $d.a }}{{ (index .Values.list 0) }}{{ (dict "x" (dict "y" 3)).x.y }}`,
	`{{ int .Values.n | add 1 }}{{ .Values.f }}{{ .Values.big }}{{ .Values.n | toString | quote }}{{ until (int .Values.n) }}{{ eq (int .Values.n) 3 }}{{ printf "%d %v %s" (int .Values.n) .Values.f .Values.s }}`,
	`{{ .Files.Get "f.txt" }}{{ "f.txt" | .Files.Get | indent 2 }}{{ range .Files.Lines "f.txt" }}<{{ . }}>{{ end }}{{ (.Files.Glob "*.txt").AsConfig }}{{ (.Files.Glob "*.txt").AsSecrets }}{{ index .Files "f.txt" | len }}`,
	`{{ .Capabilities.APIVersions.Has "apps/v1" }}{{ .Capabilities.KubeVersion.Version }}{{ semverCompare ">=1.20-0" .Capabilities.KubeVersion.Version }}{{ .Chart.Name }}{{ .Chart.IsRoot }}{{ .Release | toYaml }}{{ .Template.Name }}`,
	`{{ fromYaml (toYaml .Values.map) | toYaml }}{{ (fromYaml "a: [1, x]").a }}{{ fromYamlArray "[1, {b: 2}]" | toJson }}{{ fromJson "{\"a\": true}" | toYaml }}{{ fromYaml ":" }}`,
	`{{ merge (dict "k" "mine") .Values.map | toYaml }}{{ mergeOverwrite (deepCopy .Values.map) (dict "k" "over") | toYaml }}{{ pick .Values.map "k" | toYaml }}{{ omit .Values.map "k" | toYaml }}{{ keys .Values.map | sortAlpha }}{{ values .Values.map | len }}`,
	`{{ splitList "," .Values.csv | join "-" }}{{ (split "," .Values.csv)._0 }}{{ regexReplaceAll "a" .Values.s "b" }}{{ .Values.s | replace "e" "E" | trimPrefix "h" | b64enc | b64dec | sha256sum }}{{ cat .Values.s .Values.n }}{{ .Values.list | first }}{{ .Values.list | last }}{{ dig "map" "k" "z" .Values.AsMap }}`,
	`{{ ternary "t" "f" .Values.b }}{{ coalesce .Values.none .Values.s }}{{ and .Values.s .Values.n }}{{ or .Values.e .Values.s }}{{ not .Values.b }}{{ empty .Values.e }}{{ kindOf .Values.n }}{{ typeOf .Values.map }}{{ typeOf .Values }}{{ kindIs "map" .Values.map }}`,
	`{{- /* c */ -}}  a  {{- "b" -}}  {{ "c" }}  {{- with $v := .Values.s }} {{ $v }} {{ $ | len }} {{- end -}}`,
	`{{ range 3 }}{{ . }}{{ end }}{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }} {{ end }}{{ range tuple 1 "a" .Values.n }}{{ . }}{{ end }}{{ len .Values.list }}{{ slice .Values.s 1 2 }}{{ html "<" }}{{ print .Values.n .Values.s }}`,
	`{{ required "need" .Values.none }}`, `{{ fail "no" }}`, `{{ .Values.s.x }}`, `{{ index .Values.list 99 }}`, `{{ include "nope" . }}`, `{{ if }}`, `{{ toToml .Values.map }}{{ fromToml "a = 1" | toYaml }}`,
	`{{ toYamlPretty .Values.map }}{{ toJson .Values.list }}{{ toPrettyJson .Values.map }}{{ toRawJson .Values.s }}{{ .Values.multi | indent 2 }}{{ .Values.multi | toYaml }}{{ .Values.map | toYaml | trim | nindent 0 }}`,
}

const fuzzValues = "s: hello\nn: 3\nf: 2.5\nbig: 12345678901\nb: true\ne: \"\"\nlist: [a, b, c, d, 5]\nmap: {k: v, nested: {deep: [1, {x: y}]}}\ntpl: \"{{ .Values.s }}-{{ .Release.Name }}\"\ncsv: a,b,c\nmulti: |\n  one\n  two\n"

// random names the functions that give something else each time or in each place.
var random = regexp.MustCompile(`rand|uuid|shuffle|gen[A-Z]|bcrypt|htpasswd|encryptAES|now|ago|date|Date|repeat|until|seq|DNS|Local|duration|getHost`)

// Whatever the template, the text is Helm's, its segments lie in order inside it, and
// both fail or neither.
func FuzzTextEqualsHelm(f *testing.F) {
	for _, text := range templates {
		f.Add(text, fuzzValues)
	}
	f.Fuzz(func(t *testing.T, text, values string) {
		if len(text) > 1500 || len(values) > 1500 || random.MatchString(text+values) {
			return
		}
		tr := &tree{root: "shop", shown: "shop", byRef: map[*byte]*file{}, named: map[string]*file{}}
		for name, data := range map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": values, "templates/a.yaml": text, "f.txt": "one\ntwo\n"} {
			tr.add(name, lint.NewSource(name, []byte(data)))
		}
		render := func() (*chart.Chart, chartutil.Values, bool) {
			files := make([]*loader.BufferedFile, len(tr.files))
			for i, f := range tr.files {
				files[i] = &loader.BufferedFile{Name: f.Name, Data: f.Data}
			}
			c, err := loader.LoadFiles(files)
			if err != nil {
				return nil, nil, false
			}
			v, err := chartutil.ToRenderValues(c, map[string]any{}, chartutil.ReleaseOptions{Name: "r", Namespace: "n"}, nil)
			return c, v, err == nil
		}
		c, v, ok := render()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		got := tr.execute(ctx, c, v, 1<<20)
		if got.err != nil {
			t.Fatal(got.err)
		}
		for _, fail := range got.Failures {
			if strings.Contains(fail.Err.Error(), "limit") || strings.Contains(fail.Err.Error(), "itself") || ctx.Err() != nil {
				return // what Helm does not bound
			}
		}
		c, v, _ = render()
		want, err := helmengine.Render(c, v)
		if (err != nil) != (len(got.Failures) > 0) {
			t.Fatalf("failures %v, Helm's error %v", got.Failures, err)
		}
		for _, x := range got.Texts {
			if err == nil && x.Text != want[x.Name] {
				t.Errorf("%q, Helm writes %q", x.Text, want[x.Name])
			}
			at := 0
			for _, g := range x.Segs {
				if g.Start < at || g.End < g.Start || g.End > len(x.Text) {
					t.Fatalf("segment %d to %d after %d of %d bytes", g.Start, g.End, at, len(x.Text))
				}
				at = g.End
			}
		}
	})
}
