package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	privileged = &lint.Rule{ID: "privileged", Summary: "container runs privileged", Severity: lint.Critical, Group: "pod",
		References: []string{"CIS 5.2.2", "PSS baseline"}}
	tag     = &lint.Rule{ID: "image-tag", Summary: "image without a tag", Severity: lint.Medium, Group: "image"}
	probes  = &lint.Rule{ID: "liveness-probe", Summary: "no liveness probe", Severity: lint.Info, Group: "reliability"}
	binding = &lint.Rule{ID: "rbac-cluster-admin-binding", Summary: "binding to cluster-admin", Severity: lint.High, Group: "rbac"}
)

const template = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: {{ .Values.image }}
          securityContext:
            privileged: {{ .Values.privileged }}
`

const values = "image: registry.example/web # latest is pulled\nprivileged: true\n"

// find returns the span of the first occurrence of text.
func find(t *testing.T, src *lint.Source, text string) lint.Span {
	t.Helper()
	i := bytes.Index(src.Data, []byte(text))
	if i < 0 {
		t.Fatalf("%s does not hold %q", src.Path, text)
	}
	return src.Span(i, i+len(text))
}

// example is a report with a finding of each kind that formats tell apart.
func example(t *testing.T) *lint.Report {
	t.Helper()
	tpl := lint.NewSource("deploy/chart/templates/deployment.yaml", []byte(template))
	val := lint.NewSource("deploy/chart/values.yaml", []byte(values))
	rbac := lint.NewSource("deploy/rbac.yaml", []byte("kind: ClusterRoleBinding\nmetadata: {name: ci}\nroleRef: {name: cluster-admin}\nsubjects:\n  - {kind: ServiceAccount, name: ci}\n"))
	masks := &mask.Masks{}
	web := lint.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}
	chart := []lint.Rendering{{Kind: "helm", Root: "deploy/chart"}, {Kind: "helm", Root: "deploy/chart", Variant: "values-prod.yaml"}}
	return &lint.Report{
		Rules: []*lint.Rule{privileged, tag, probes, binding},
		Masks: masks,
		Stats: lint.Stats{Units: 2, Files: 5, Objects: 7, Skipped: 1},
		Findings: []*lint.Finding{
			{Rule: probes, Severity: lint.Info, Message: `container "web" has no livenessProbe`, Help: "add livenessProbe", Object: web,
				Path: "spec.template.spec.containers[name=web].livenessProbe", Span: find(t, tpl, "web\n          image").Start.Source.LineSpan(9),
				Precision: lint.Block, Renderings: chart, Fingerprint: "0001"},
			{Rule: tag, Severity: lint.Medium, Message: `image "registry.example/web" of container "web" has no tag`, Help: "name a version:\n  image: registry.example/web:1.4.2", Object: web,
				Path: "spec.template.spec.containers[name=web].image", Span: find(t, tpl, "{{ .Values.image }}"), Precision: lint.Exact, Renderings: chart, Fingerprint: "0002",
				Related: []lint.Related{{Role: "value", Message: "the value is set here", Span: find(t, val, "registry.example/web")}}},
			{Rule: privileged, Severity: lint.Critical, Message: `container "web" runs privileged`, Help: "remove privileged: true", Object: web,
				Path: "spec.template.spec.containers[name=web].securityContext.privileged", Span: find(t, tpl, "{{ .Values.privileged }}"), Precision: lint.Exact, Renderings: chart, Fingerprint: "0003",
				Related: []lint.Related{{Role: "value", Message: "the value is set here", Span: find(t, val, "true")}}},
			{Rule: binding, Severity: lint.High, Message: `ClusterRoleBinding "ci" binds ServiceAccount "ci" to cluster-admin`, Object: lint.Object{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Name: "ci"},
				Path: "roleRef.name", Span: find(t, rbac, "cluster-admin"), Precision: lint.Exact, Renderings: []lint.Rendering{{Kind: "file", Root: "deploy"}}, Fingerprint: "0004",
				Related: []lint.Related{{Role: "workload", Message: `bound to ServiceAccount "ci"`, Span: find(t, rbac, "{kind: ServiceAccount, name: ci}")}}},
		},
		Errors: []*lint.InputError{
			{Message: "broken YAML: did not find expected key", Span: rbac.LineSpan(2), Rendering: &lint.Rendering{Kind: "file", Root: "deploy"}},
			{Message: "stopped before all rules had run"},
		},
		Suppressed: []*lint.Suppressed{{Finding: &lint.Finding{Rule: privileged, Severity: lint.Critical, Message: `container "agent" runs privileged`, Fingerprint: "0005",
			Span: rbac.LineSpan(5), Precision: lint.Exact}, Reason: "the node agent needs it", By: "comment", Span: rbac.LineSpan(4)}},
	}
}

func write(t *testing.T, format string, r *lint.Report, o Options) string {
	t.Helper()
	var buf bytes.Buffer
	if o.Version == "" {
		o.Version = "1.2.3"
	}
	if err := Formats[format](&buf, r, o); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return buf.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from %s (see it with -update and git diff):\n%s", name, path, got)
	}
}

func TestFormatsWriteTheirGoldenFiles(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) { golden(t, name, write(t, name, example(t), Options{})) })
	}
	t.Run("text narrow", func(t *testing.T) { golden(t, "text-narrow", write(t, "text", example(t), Options{Width: 48})) })
	t.Run("text colour", func(t *testing.T) { golden(t, "text-color", write(t, "text", example(t), Options{Color: true})) })
	t.Run("unix colour", func(t *testing.T) { golden(t, "unix-color", write(t, "unix", example(t), Options{Color: true})) })
}

func TestColourIsDecidedByTheOptionAlone(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	if !strings.Contains(write(t, "text", example(t), Options{Color: true}), "\x1b[") {
		t.Error("Color: true gives no colour under NO_COLOR")
	}
	for _, name := range Names() {
		if strings.Contains(write(t, name, example(t), Options{}), "\x1b") {
			t.Errorf("%s: Color: false gives escape sequences", name)
		}
	}
}

func TestFormatsLeaveTheReportAsItIs(t *testing.T) {
	r := example(t)
	before := write(t, "json", r, Options{})
	for _, name := range Names() {
		write(t, name, r, Options{})
	}
	if write(t, "json", r, Options{}) != before {
		t.Error("a format changed the report")
	}
}

func TestACleanTextReportIsEmpty(t *testing.T) {
	for _, name := range []string{"text", "unix"} {
		if got := write(t, name, &lint.Report{}, Options{}); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestJSONListsAreNeverNull(t *testing.T) {
	bare := &lint.Report{Findings: []*lint.Finding{{Rule: tag}}, Suppressed: []*lint.Suppressed{{Finding: &lint.Finding{Rule: tag}}}, Errors: []*lint.InputError{{}}}
	for _, r := range []*lint.Report{{}, bare, example(t)} {
		text := write(t, "json", r, Options{})
		if strings.Contains(text, "null") || !json.Valid([]byte(text)) {
			t.Errorf("null or no JSON:\n%s", text)
		}
	}
}

// hostile is text that does harm where a format does not escape it.
const hostile = "\x1b[31mred\x1b]0;title\x07\u009b2J\u202eesrever\u200b\r\n::error file=x::injected\n##[command]x\n</failure>]]><script>alert(1)</script> `code` | **bold** ![x](http://evil.example) [y](javascript:x) @everyone #1 \"quoted\" 'single' & % %0A, \x00 \xff end"

// hostileReport has the hostile text in every place that comes from an input.
func hostileReport(t *testing.T) *lint.Report {
	t.Helper()
	src := lint.NewSource("dir/"+hostile+".yaml", []byte("name: "+strings.ReplaceAll(hostile, "\n", " ")+"\n"))
	rendering := lint.Rendering{Kind: "helm", Root: "chart " + hostile, Variant: hostile}
	f := &lint.Finding{
		Rule: privileged, Severity: lint.High, Message: "message " + hostile, Help: "help " + hostile, Path: hostile, Span: src.LineSpan(1), Precision: lint.Exact,
		Object:  lint.Object{APIVersion: hostile, Kind: "Kind" + hostile, Namespace: hostile, Name: hostile},
		Related: []lint.Related{{Role: "value", Message: hostile, Span: src.LineSpan(1)}, {Role: "binding", Message: hostile, Span: src.Span(0, 4)}, {Role: "value", Message: hostile, Span: src.Span(2, 9)}},
		Objects: []lint.Object{{Name: hostile}}, Renderings: []lint.Rendering{rendering}, Fingerprint: "0006",
	}
	return &lint.Report{
		Findings: []*lint.Finding{f}, Masks: &mask.Masks{}, Rules: []*lint.Rule{privileged},
		Errors:     []*lint.InputError{{Message: hostile, Span: src.LineSpan(1), Rendering: &rendering}},
		Suppressed: []*lint.Suppressed{{Finding: f, Reason: hostile, By: "comment", Span: src.LineSpan(1)}},
	}
}

func TestHostileTextReachesNoTerminal(t *testing.T) {
	for _, name := range Names() {
		got := write(t, name, hostileReport(t), Options{})
		if !utf8.ValidString(got) {
			t.Errorf("%s: the output is no UTF-8", name)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && unsafe(r) {
				t.Errorf("%s: the output holds %U", name, r)
			}
		}
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, "::error file=x") || strings.HasPrefix(line, "##[") {
				t.Errorf("%s: a workflow command passes through: %s", name, line)
			}
		}
	}
}

func TestEscapedTextIsOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本 \"q\"": "plain é 日本 \"q\"",
		"a\x1b[31mb":       `a\x1b[31mb`,
		"a\nb\r\tc":        `a\nb\r\tc`,
		"\u202e\u200b":     `\u202e\u200b`,
		"\xff\U000e0041":   `\xff\U000e0041`,
		"\u009b":           `\u009b`,
		"\u2028":           `\u2028`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %s, want %s", in, got, want)
		}
	}
}
