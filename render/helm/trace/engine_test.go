package trace

import (
	"context"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// rendered renders one template with some values.
func rendered(t *testing.T, e *Engine, text string) *Result {
	t.Helper()
	values := map[string]any{"name": "web", "on": true, "list": []any{"a", "b"}, "sc": map[string]any{"runAsUser": 5.0}}
	top := e.Context(chartutil.Values{"Values": chartutil.Values(values), "Release": map[string]any{"Name": "r"}})
	return e.Render(map[string]*Unit{"c/templates/a.yaml": {Text: text, Values: top, File: "a.yaml"}})
}

const everything = `name: {{ .Values.name | quote }} {{ randAlpha 3 }}{{ $x := "n" }}{{ if .Values.on }}{{ $x = .Values.name }}{{ end }}
{{- range $i, $v := .Values.list }} {{ $i }}={{ $v }}{{ end }} {{ $x }} {{ int64 .Values.sc.runAsUser }} {{ len .Values.list }}
{{- toYaml (merge (dict "privileged" true) .Values.sc) | nindent 2 }} {{ tpl "{{ .Values.name }}" . }} {{ randInt 3 4 }} {{ add1 .Values.sc.runAsUser }}`

// A template that cannot be traced is rendered all the same, and gives the same text.
func TestUntracedTextIsTheSame(t *testing.T) {
	traced := rendered(t, NewEngine(context.Background(), 1<<20), everything)
	broken := NewEngine(context.Background(), 1<<20)
	broken.tracer.actions = nil // following what an action prints panics
	plain := rendered(t, broken, everything)
	if len(traced.Failures) > 0 || len(plain.Failures) > 0 {
		t.Fatal(traced.Failures, plain.Failures)
	}
	if a, b := traced.Texts[0], plain.Texts[0]; a.Text != b.Text || a.Plain || !b.Plain || len(b.Segs) > 0 || len(a.Segs) == 0 || b.File != "a.yaml" {
		t.Errorf("traced %q (%v), plain %q (%v, %d segments)", a.Text, a.Plain, b.Text, b.Plain, len(b.Segs))
	}
}

// What a template requests is no reason to try again without tracing.
func TestRefusalsStand(t *testing.T) {
	for _, text := range []string{`{{ fail "no" }}`, `{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}`, `{{ repeat 99999999 "x" }}`, `{{ .Values.name.a }}`, `{{ nope }}`} {
		if r := rendered(t, NewEngine(context.Background(), 1<<20), text); len(r.Failures) != 1 || len(r.Texts) != 0 {
			t.Errorf("%s: %v, %d texts", text, r.Failures, len(r.Texts))
		}
	}
	if mayBeOurs(Refusal{}) || !mayBeOurs(panicError{"x"}) || !strings.Contains(panicError{"x"}.Error(), "x") {
		t.Error("refusals are tried again, or panics are not")
	}
}
