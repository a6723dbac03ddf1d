package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// seen is what the templates of the tests see.
func seen(e *Engine) chartutil.Values {
	values := chartutil.Values{
		"name": "web", "on": true, "off": false, "zero": 0, "n": 7, "f": 2.5, "big": int64(1) << 40, "none": nil, "empty": "", "text": "a\nb: c\n", "tpl": `<{{ .Values.name }}>`,
		"list": []any{"a", 1, nil, true, map[string]any{"k": "v"}}, "lists": []any{[]any{"x"}, []any{}}, "map": map[string]any{"b": "2", "a": 1, "n": nil, "sub": map[string]any{"x": "y"}},
		"noMap": map[string]any{}, "noList": []any{}, "strings": []string{"s", "t"}, "ints": []int{3, 1}, "typed": map[string]string{"k": "v"}, "keyed": map[int]string{2: "b", 1: "a"}, "any": map[any]any{"k": "v"},
		"bytes": []byte("ab"), "time": struct{ A, b string }{"A", "b"}, "error": errors.New("an error"),
	}
	top := e.Context(chartutil.Values{"Values": values, "Release": map[string]any{"Name": "r", "Namespace": "ns"}})
	top["Chart"] = struct {
		chart.Metadata
		IsRoot bool
	}{chart.Metadata{Name: "c", Version: "1.2.3", Annotations: map[string]string{"a": "b"}}, true}
	top["Capabilities"], top["Files"], top["Subcharts"] = chartutil.DefaultCapabilities, Files{"a.txt": []byte("one\ntwo\n")}, map[string]any{}
	return top
}

// both renders a template by following it, and by text/template.
func both(text string) (ours, theirs string, ourErr, theirErr error) {
	result := func(render func(*Engine, map[string]*Unit) *Result) (string, error) {
		e := NewEngine(context.Background(), 1<<20)
		top := seen(e)
		r := render(e, map[string]*Unit{
			"c/templates/a.yaml":   {Text: text, Values: top, File: "a"},
			"c/templates/_lib.tpl": {Text: "{{ define \"lib\" }}[{{ . }}]{{ end }}{{ define \"field\" }}{{ .name }}{{ end }}{{ define \"fails\" }}{{ fail \"no\" }}{{ end }}{{ define \"loop\" }}{{ include \"loop\" . }}{{ end }}", Values: top, File: "l"},
		})
		for _, x := range r.Texts {
			if x.Name == "c/templates/a.yaml" {
				return x.Text, nil
			}
		}
		for _, f := range r.Failures {
			return "", f.Err
		}
		return "", errors.New("not rendered")
	}
	ours, ourErr = result(func(e *Engine, units map[string]*Unit) *Result { return e.render(units) })
	theirs, theirErr = result(func(e *Engine, units map[string]*Unit) *Result {
		return e.plain(units, func(string) bool { return true })
	})
	return ours, theirs, ourErr, theirErr
}

var executed = []string{
	`{{ .Values.name }}{{ .Values.n }}{{ .Values.f }}{{ .Values.big }}{{ .Values.on }}{{ .Values.none }}{{ .Values.gone }}`,
	`{{ .Values.list }}{{ .Values.map }}{{ .Values.strings }}{{ .Values.typed }}{{ .Values.keyed }}{{ .Values.any }}{{ .Values.bytes }}{{ .Values.error }}{{ .Values.time }}`,
	`{{ .Values.map.sub.x }}{{ .Values.map.gone }}{{ .Values.typed.k }}{{ .Values.typed.gone }}{{ .Values.time.A }}{{ .Values.any.k }}`,
	`{{ .Values.gone.deeper }}`, `{{ .Values.none.deeper }}`, `{{ .Values.name.deeper }}`, `{{ .Values.list.deeper }}`, `{{ .Values.time.b }}`, `{{ .Values.time.C }}`, `{{ .Values.n.x }}`, `{{ .gone }}{{ $.gone }}`, `{{ .gone.x }}`, `{{ .Values.keyed.x }}`,
	`{{ with .Values.map }}{{ .a }}{{ .sub.x }}{{ $.Values.name }}{{ else }}no{{ end }}`, `{{ with .Values.none }}x{{ else }}no{{ end }}`, `{{ with .Values.none }}x{{ else with .Values.name }}{{ . }}{{ end }}`, `{{ with $x := .Values.n }}{{ $x }}{{ end }}`,
	`{{ if .Values.on }}a{{ else if .Values.off }}b{{ else }}c{{ end }}{{ if .Values.zero }}d{{ end }}{{ if .Values.noMap }}e{{ end }}{{ if .Values.time }}f{{ end }}{{ if not .Values.empty }}g{{ end }}`,
	`{{ range .Values.list }}<{{ . }}>{{ end }}{{ range .Values.noList }}x{{ else }}none{{ end }}{{ range .Values.none }}x{{ else }}none{{ end }}{{ range .Values.map }}{{ . }};{{ end }}`,
	`{{ range $i, $v := .Values.list }}{{ $i }}={{ $v }};{{ end }}{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }};{{ end }}{{ range $v := .Values.strings }}{{ $v }}{{ end }}{{ range $k, $v := .Values.any }}{{ $k }}{{ $v }}{{ end }}{{ range $k, $v := .Values.keyed }}{{ $k }}{{ $v }}{{ end }}`,
	`{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}{{ range until 3 }}{{ . }}{{ end }}`, `{{ range $i, $j := 3 }}{{ end }}`, `{{ range .Values.name }}{{ end }}`, `{{ range .Values.f }}{{ end }}`,
	`{{ range .Values.list }}{{ if kindIs "int" . }}{{ continue }}{{ end }}{{ if kindIs "bool" . }}{{ break }}{{ end }}<{{ . }}>{{ end }}`,
	`{{ $i := 0 }}{{ $v := "" }}{{ range $i, $v = .Values.list }}{{ end }}{{ $i }}{{ $v }}{{ range $v = .Values.strings }}{{ end }}{{ $v }}`,
	`{{ range .Values.list }}{{ .k }}{{ end }}`, `{{ range $x := .Values.list }}{{ if kindIs "invalid" $x }}{{ $x.k }}{{ end }}{{ end }}`, `{{ range list nil }}{{ .k }}{{ end }}`, `{{ $x := .Values.gone }}{{ $x.y }}`, `{{ range .Values.lists }}{{ range . }}{{ . }}{{ else }}e{{ end }}{{ end }}`,
	`{{ $x := "a" }}{{ if .Values.on }}{{ $x = "b" }}{{ $y := "c" }}{{ $y }}{{ end }}{{ $x }}{{ range .Values.strings }}{{ $x = . }}{{ end }}{{ $x }}`,
	`{{ upper .Values.name }}{{ .Values.name | upper | quote }}{{ "x" | printf "%s-%d" }}`, `{{ upper .Values.n }}`, `{{ upper .Values.gone }}`, `{{ .Values.gone | upper }}`, `{{ upper nil }}`, `{{ upper 1 }}`, `{{ upper }}`, `{{ upper "a" "b" }}`, `{{ add 1 .Values.n 2.7 }}{{ int64 .Values.f }}{{ mul 2 3 4 }}{{ div 7 2 }}`, `{{ div 1 0 }}`,
	`{{ default "d" .Values.none }}{{ .Values.gone | default "e" }}{{ coalesce .Values.none "" .Values.name }}{{ ternary "t" "f" .Values.on }}{{ empty .Values.noMap }}`, `{{ ternary "t" "f" .Values.name }}`, `{{ trunc 2 .Values.name }}{{ trunc .Values.n .Values.name }}`, `{{ trunc "2" .Values.name }}`, `{{ trunc 2.5 "abc" }}`, `{{ until "x" }}`,
	`{{ and .Values.on .Values.name }}{{ or .Values.off .Values.none "z" }}{{ and .Values.off (fail "no") }}{{ or .Values.on (fail "no") }}{{ not .Values.on }}{{ .Values.off | and .Values.on }}{{ .Values.name | or .Values.off }}`, `{{ and }}`, `{{ not }}`, `{{ not 1 2 }}`, `{{ or nil 1 }}`,
	`{{ eq .Values.name "web" }}{{ eq .Values.n 7 }}{{ eq .Values.n 7.0 }}`, `{{ eq .Values.none nil }}{{ ne .Values.name "x" }}{{ eq 1 2 1 }}{{ eq "a" "b" "a" }}{{ eq .Values.on true }}`, `{{ eq }}`, `{{ eq 1 }}`, `{{ eq .Values.map .Values.map }}`, `{{ lt 1 2 }}{{ gt .Values.n 3 }}{{ le "a" "b" }}{{ ge 2.5 .Values.f }}`, `{{ gt .Values.n "x" }}`, `{{ lt .Values.none 1 }}`, `{{ gt .Values.n 3.5 }}`, `{{ lt 1 }}`,
	`{{ len .Values.list }}{{ len .Values.map }}{{ len .Values.name }}{{ len .Values.strings }}`, `{{ len .Values.n }}`, `{{ len .Values.none }}`, `{{ len nil }}`, `{{ index .Values.list 0 }}{{ index .Values.map "a" }}{{ index .Values.map "gone" }}{{ index .Values.map "sub" "x" }}{{ index .Values.strings 1 }}{{ index .Values "name" }}{{ index .Values.keyed 2 }}`, `{{ index .Values.list 9 }}`, `{{ index .Values.list -1 }}`, `{{ index .Values.none "a" }}`, `{{ index .Values.map 1 }}`, `{{ index .Values.list "a" }}`, `{{ index .Values.n 1 }}`, `{{ index .Values.list 2 }}`, `{{ (index .Values.list 4).k }}`, `{{ (index .Values.list 2).k }}`, `{{ index }}`,
	`{{ slice .Values.list 1 3 }}{{ first .Values.list }}{{ last .Values.strings }}{{ rest .Values.strings }}`, `{{ first .Values.name }}`,
	`{{ (dict "a" 1 "b" (list 1 "x" true nil)).b }}{{ (dict "a" (dict "b" "c")).a.b }}{{ get (dict "k" "v") "k" }}{{ hasKey .Values.map "a" }}{{ dig "sub" "x" "no" .Values.map }}{{ pluck "a" .Values.map }}{{ keys .Values.map | sortAlpha }}{{ omit .Values.map "a" }}{{ pick .Values.map "a" "b" }}`,
	`{{ $d := dict "a" 1 }}{{ $_ := set $d "b" "x" }}{{ $d }}{{ unset $d "a" }}{{ $d | toYaml | nindent 2 }}{{ toJson .Values.map }}{{ fromYaml "a: 1\nb: [x]" }}{{ (fromYaml "a: 1").a }}{{ merge (dict "z" 1) .Values.map }}{{ mergeOverwrite (dict "a" 9) .Values.map }}{{ deepCopy .Values.map }}`, `{{ set .Values.n "a" 1 }}`, `{{ hasKey .Values "name" }}{{ keys .Values | len }}`,
	`{{ .Chart.Name }}{{ .Chart.IsRoot }}{{ .Chart.Annotations.a }}{{ .Chart.Version }}{{ .Release.Name }}{{ .Release.Namespace }}{{ .Chart.Gone }}`, `{{ .Chart.Annotations.gone }}`, `{{ .Capabilities.KubeVersion }}{{ .Capabilities.KubeVersion.Version }}{{ .Capabilities.KubeVersion.GitVersion }}{{ .Capabilities.APIVersions.Has "v1" }}{{ $k := .Capabilities.KubeVersion }}{{ $k.GitVersion }}{{ $k }}{{ with .Capabilities.KubeVersion }}{{ .GitVersion }}{{ . }}{{ end }}`, `{{ .Capabilities.APIVersions.Has }}`, `{{ .Capabilities.APIVersions.Has 1 }}`, `{{ "v1" | .Capabilities.APIVersions.Has }}`, `{{ semverCompare ">=1.10-0" .Capabilities.KubeVersion.GitVersion }}{{ (semver "1.2.3").Major }}{{ (semver "1.2.3").Prerelease }}{{ semver "1.2.3" }}`, `{{ .Capabilities.HelmVersion.Version }}{{ .Capabilities.HelmVersion }}`,
	`{{ .Files.Get "a.txt" }}{{ .Files.Get "gone" }}{{ range .Files.Lines "a.txt" }}{{ . }},{{ end }}{{ (.Files.Glob "*").AsConfig }}{{ .Files.AsSecrets }}{{ range $p, $b := .Files.Glob "*.txt" }}{{ $p }}{{ $b }}{{ end }}`, `{{ .Files.Get }}`, `{{ .Files.Get 1 }}`, `{{ .Files.gone }}`, `{{ .Values.AsMap.name }}{{ (.Values.Table "map").a }}{{ .Values.YAML | len }}`, `{{ .Values.Table "gone" }}`, `{{ .Values.name "x" }}`, `{{ .Values.time.A "x" }}`, `{{ "x" | .Values.name }}`, `{{ .Values.on | 1 }}`, `{{ 1 2 }}`, `{{ "a" | "b" }}`, `{{ $x := 1 }}{{ $x 2 }}`, `{{ nil }}`,
	`{{ include "lib" .Values.name }}{{ include "lib" . | len }}{{ template "lib" .Values.n }}{{ template "lib" }}{{ include "lib" nil }}{{ include "field" .Values }}{{ include "field" nil }}{{ template "field" .Values }}`, `{{ include "gone" . }}`, `{{ template "gone" . }}`, `{{ include "fails" . }}`, `{{ include "loop" . }}`, `{{ include "field" .Values.name }}`, `{{ template "field" .Values.name }}`, `{{ include .Values.name }}`, `{{ include 1 . }}`,
	`{{ tpl .Values.tpl . }}{{ tpl "{{ include \"lib\" .Values.name }}" . }}{{ tpl "plain" . }}{{ tpl "{{ define \"own\" }}o{{ end }}{{ template \"own\" . }}" . }}{{ tpl "{{ .gone }}" (dict) }}{{ tpl "{{ tpl .Values.tpl . }}" . }}`, `{{ tpl "{{ .Values.gone.x }}" . }}`, `{{ tpl "{{ if }}" . }}`, `{{ tpl .Values.n . }}`, `{{ tpl "{{ $x := .Values.name }}{{ $x }}" . }}`,
	`{{ required "r" .Values.name }}`, `{{ required "r" .Values.none }}`, `{{ fail "stop" }}`, `{{ lookup "v1" "Secret" "a" "b" }}{{ (lookup "v1" "Secret" "a" "b").data }}`,
	`{{ 1 }}{{ 1.5 }}{{ 'a' }}{{ 0x10 }}{{ 1e3 }}{{ 1i }}{{ true }}{{ "s" }}{{ 1_000 }}`, `{{ 99999999999999999999 }}`, `{{ print 1 2 "a" "b" nil }}{{ printf "%v %s %d %q" .Values.none .Values.name .Values.n .Values.list }}{{ println "x" }}`, `{{ printf "%d" .Values.name }}{{ printf .Values.name }}`, `{{ printf 1 }}`,
	`{{ join "," .Values.list }}{{ join "-" .Values.strings }}{{ splitList "," "a,b" }}{{ (split "," "a,b")._1 }}{{ replace "a" "b" "banana" }}{{ contains "a" "banana" }}{{ regexMatch "^a" "abc" }}{{ regexReplaceAll "a" "banana" "o" }}{{ trimSuffix "a" "banana" }}{{ indent 2 .Values.text }}{{ nindent 2 .Values.text }}{{ b64enc "x" }}{{ sha256sum "x" }}{{ title "a b" }}{{ toString .Values.list }}{{ kindOf .Values.map }}{{ typeOf .Values.n }}{{ has "a" .Values.list }}{{ uniq .Values.strings }}{{ without .Values.list "a" }}{{ append .Values.list 1 }}{{ concat .Values.list .Values.strings }}{{ compact .Values.list }}{{ round 2.55 1 }}{{ max 1 .Values.n 3 }}{{ ceil .Values.f }}{{ html "<a>" }}{{ js "'" }}{{ urlquery "a b" }}{{ cat "a" 1 nil }}{{ toStrings .Values.list }}{{ seq 1 3 }}{{ dateInZone "2006" now "UTC" }}{{ now.Year }}`,
	`a {{- /* c */ -}} b {{- "x" -}} c {{/* d */}}`, `{{ define "x" }}{{ end }}{{ block "y" .Values.name }}<{{ . }}>{{ end }}`, `{{ gone }}`, `{{ $gone }}`, `{{ if }}`, `{{ end }}`, `{{ .Values.name`, `{{ (1).x }}`, `{{ .Values.on.x }}`, `{{ ($).Values.name }}{{ (.).Values.n }}{{ $.Values.map.a }}{{ (.Values).name }}{{ (.Values.map).sub.x }}`, `{{ $.Values }}`, `{{ with . }}{{ .Values.name }}{{ end }}{{ with $ }}{{ .Values.name }}{{ end }}`, `{{ eq (.Values.n | int) 7 }}{{ (.Values.name | upper) | lower }}`, `{{ .Values.name | quote | indent 2 | trim | upper }}`,
}

// What is executed here gives what text/template gives, its errors included.
func TestExecutesAsTextTemplate(t *testing.T) {
	failed := 0
	for _, text := range executed {
		ours, theirs, ourErr, theirErr := both(text)
		if ours != theirs || (ourErr == nil) != (theirErr == nil) {
			t.Errorf("%s\n  ours   %q %v\n  theirs %q %v", text, ours, ourErr, theirs, theirErr)
			continue
		}
		if theirErr == nil {
			continue
		}
		failed++
		if a, b := worded(ourErr), worded(theirErr); a != b {
			t.Errorf("%s\n  ours   %s\n  theirs %s", text, a, b)
		}
	}
	if failed < 20 || failed > len(executed)-20 {
		t.Errorf("%d of %d templates fail", failed, len(executed))
	}
}

// worded returns an error's text without what may differ: an operand that is nil has no type,
// what a range gives has its own, and tpl says that it is at work.
func worded(err error) string {
	return strings.NewReplacer("wrong type for value; expected string; got interface {}", "invalid value; expected string",
		"in type interface {}", "in type string", "len of nil pointer", "reflect: call of reflect.Value.Type on zero Value",
		"calling tpl: tpl: ", "calling tpl: ").Replace(err.Error())
}

func FuzzExecutesAsTextTemplate(f *testing.F) {
	for _, text := range executed {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range []string{"rand", "shuffle", "uuid", "gen", "bcrypt", "htpasswd", "encryptAES", "derivePassword", "call"} {
			if strings.Contains(text, word) {
				t.Skip("generated by a count of what was generated before")
			}
		}
		ours, theirs, ourErr, theirErr := both(text)
		if theirErr != nil && strings.Contains(theirErr.Error(), "got interface {}") {
			t.Skip("a mapping that is nil is passed on here")
		}
		if ours != theirs || (ourErr == nil) != (theirErr == nil) {
			t.Errorf("%s\n  ours   %q %v\n  theirs %q %v", text, ours, ourErr, theirs, theirErr)
		}
	})
}

// A template that was parsed for one rendering is not changed by it.
func TestParsedTemplatesServeAgain(t *testing.T) {
	var parsed Parsed
	var first *Result
	for range 3 {
		e := NewEngine(context.Background(), 1<<20)
		e.Parsed = &parsed
		r := rendered(t, e, everything)
		if len(r.Failures) > 0 {
			t.Fatal(r.Failures)
		}
		if first == nil {
			first = r
		} else if a, b := first.Texts[0], r.Texts[0]; a.Text != b.Text || fmt.Sprint(len(a.Segs)) != fmt.Sprint(len(b.Segs)) {
			t.Errorf("%q with %d segments, then %q with %d", a.Text, len(a.Segs), b.Text, len(b.Segs))
		}
	}
	if len(parsed.trees) != 1 {
		t.Errorf("%d texts are parsed, want 1", len(parsed.trees))
	}
}
