package fix

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// around returns the conditions around a word of a template, and whether it is bound.
func around(t *testing.T, text, word string) (conditions []string, bound bool) {
	t.Helper()
	all, err := blocksOf(text)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(text, word)
	for _, s := range all.scopes {
		if s.from <= at && at < s.to {
			return s.conditions, s.bound
		}
	}
	t.Fatalf("%q is in no scope of %q", word, text)
	return nil, false
}

func TestConditionsAroundText(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  []string
		bound bool
	}{
		{"HERE", nil, false},
		{"{{- if .Values.a }}\nHERE\n{{- end }}", []string{".Values.a"}, false},
		{"{{ if and .a (eq .b \"c\") -}} x {{- else }} HERE {{ end }}", []string{`not (and .a (eq .b "c"))`}, false},
		{"{{ if .a }}x{{ else if .b }}HERE{{ end }}", []string{"not (.a)", ".b"}, false},
		{"{{ if .a }}{{ if .b }}x{{ end }}HERE{{ end }}", []string{".a"}, false},
		{"{{/* if */}}{{ if .a }}x{{ end }}HERE", nil, false},
		{"{{ if $a := .b }}HERE{{ end }}", []string{"() := .b"}, true},
		{"{{ $a := .b }}{{ if $a.c }}HERE{{ end }}", []string{"(.b).c"}, false},
		{"{{ $a := .b | quote }}{{ $c := $a }}{{ if eq $c \"d\" }}HERE{{ end }}", []string{`eq ((.b | quote)) "d"`}, false},
		{"{{ $a := .b }}{{ if .c }}{{ $a = .d }}{{ end }}{{ if $a }}HERE{{ end }}", []string{"()"}, true},
		{"{{ $a := .b }}{{ range $a, $b := .c }}{{ end }}{{ if $a }}HERE{{ end }}", []string{"()"}, true},
		{"{{ if .c }}{{ $a := .b }}{{ if $a }}HERE{{ end }}{{ end }}", []string{".c", "()"}, true},
		{"{{ if $.a }}HERE{{ end }}", []string{"$.a"}, false},
		{"{{ range .a }}HERE{{ end }}", nil, true},
		{"{{ with .a }}{{ else }}HERE{{ end }}", nil, true},
		{"{{ define \"a\" }}{{ if .a }}HERE{{ end }}{{ end }}", []string{".a"}, true},
	} {
		conditions, bound := around(t, c.text, "HERE")
		if bound != c.bound || !slices.Equal(conditions, c.want) {
			t.Errorf("%s: %q, bound: %v", c.text, conditions, bound)
		}
	}
}

func TestScalarsOfTemplates(t *testing.T) {
	for rest, want := range map[string]string{
		"web":                            "web",
		"web # the name":                 "web",
		`"{{ .a }}-web"`:                 `"{{ .a }}-web"`,
		"{{ .a }} # of the values":       "{{ .a }}",
		`{{ .a | default "a #b" }}`:      `{{ .a | default "a #b" }}`,
		"{{- include \"a\" . -}}":        "{{- include \"a\" . -}}",
		"":                               "",
		"|":                              "",
		"&name web":                      "",
		"{a: b}":                         "",
		"[a]":                            "",
		"{{ if .a }}b{{ end":             "",
		`{{ include "a" . | nindent 4}}`: "",
	} {
		got, ok := inline(rest)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s is taken over as %q, %v", rest, got, ok)
		}
	}
}

// labels takes over the labels below the key that is the first word of a template.
func labels(t *testing.T, text string) (string, error) {
	t.Helper()
	src := lint.NewSource("a.yaml", []byte(text))
	offset := strings.Index(text, "labels:")
	line := src.Position(offset).Line
	column := offset - src.LineStart(line)
	node := lint.NewNode(&yaml.Node{Kind: yaml.MappingNode})
	p, err := mapping(src, node, offset, column, strings.TrimSpace(src.Line(line)[column+len("labels:"):]), blocks{variables: map[string]string{"$x": ".Release.Name"}})
	if err != nil {
		return "", err
	}
	var lines []string
	p.behind(&lines, 4, at(4)+"matchLabels:")
	return strings.Join(lines, "\n"), nil
}

func TestLabelsOfTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n  labels:\n    b: c\n    {{- if .d }}\n    # why\n    d: {{ .d }}\n    {{- end }}\n  e: f\n": "    matchLabels:\n      b: c\n      {{- if .d }}\n      d: {{ .d }}\n      {{- end }}",
		"labels:\n{{ include \"a\" . | indent 2 }}\nb: c\n":                                               "    matchLabels:\n    {{ include \"a\" . | indent 6 }}",
		"  labels: {{- include \"a\" . | nindent 4 }}\n":                                                  "    matchLabels:\n      {{- include \"a\" . | nindent 6 }}",
		"  labels: {{ include \"a\" . | nindent  4 }}\n":                                                  "    matchLabels:\n      {{- include \"a\" . | nindent  6 }}",
		"        labels: # of pods\r\n          a: b\r\n":                                                 "    matchLabels:\n      a: b",
		"labels: {a: \"{{ .b }}\"}\n":                                                                     "    matchLabels: {a: \"{{ .b }}\"}",
		"labels:\n  a: {{ $x | quote }}\n":                                                                "    matchLabels:\n      a: {{ (.Release.Name) | quote }}",
		"labels:\n  a: {{ $b }}\n":                                                                        "",
		"labels:\n  {{- if .a }}\n  a: b\nc: d\n  {{- end }}\n":                                           "",
		"labels:\nb: c\n":           "",
		"- labels:\n    a: b\n":     "",
		"labels: {{ toYaml .a }}\n": "",
	} {
		got, err := labels(t, text)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q is taken over as\n%s\n%v", text, got, err)
		}
	}
}

// FuzzScopes reads the blocks of templates: whatever the text, a scope is a piece of it.
func FuzzScopes(f *testing.F) {
	for _, text := range []string{"{{ if .a }}b{{ else }}c{{ end }}", "{{ define \"a\" }}{{ range .b }}c{{ end }}{{ end }}", "a {{- /* b */ -}} c", "{{ if"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := blocksOf(text)
		if err != nil {
			return
		}
		for _, s := range all.scopes {
			if s.from < 0 || s.to < s.from || s.to > len(text) {
				t.Errorf("a scope of %q is from %d to %d", text, s.from, s.to)
			}
		}
	})
}
