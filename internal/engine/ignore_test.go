package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

// flagged reports every scalar "true" by a rule that is called as its key, in
// kebab-case: privileged: true is a finding of rule "privileged".
func flagged(id string) *lint.Rule {
	return &lint.Rule{ID: id, Severity: lint.High, Run: func(p *lint.Pass) {
		for _, r := range p.Bundle.Resources {
			r.Root.Walk(func(n *lint.Node) bool {
				if n.Name() == id && n.IsTrue() {
					p.Reportf(n, "%s at %s", id, n.Path())
				}
				return true
			})
		}
	}}
}

// ignored runs the rules a, b, c and suppression-hygiene and returns the lines of
// what is reported and of what is suppressed, as "a:3", and the hygiene's messages by line.
func ignored(t *testing.T, o Options, bundles ...*lint.Bundle) (reported, suppressed, hygiene []string) {
	t.Helper()
	for _, id := range []string{"a", "b", "c"} {
		o.Rules = append(o.Rules, config.Enabled{Rule: flagged(id)})
	}
	o.Rules = append(o.Rules, config.Enabled{Rule: SuppressionHygiene})
	r := report(context.Background(), bundles, o)
	for _, e := range r.Errors {
		t.Error(e)
	}
	for _, f := range r.Findings {
		line := fmt.Sprintf("%s:%d", f.Rule.ID, f.Span.Start.Line)
		if f.Rule == SuppressionHygiene {
			hygiene = append(hygiene, fmt.Sprintf("%d: %s", f.Span.Start.Line, f.Message))
		} else {
			reported = append(reported, line)
		}
	}
	for _, s := range r.Suppressed {
		suppressed = append(suppressed, fmt.Sprintf("%s:%d", s.Finding.Rule.ID, s.Finding.Span.Start.Line))
	}
	return reported, suppressed, hygiene
}

func TestCommentsCoverTheirLineAndTheTreeBelow(t *testing.T) {
	const head = "apiVersion: v1\nkind: Thing\nmetadata: {name: x}\n" // lines 1 to 3
	for _, test := range []struct{ name, text, reported, suppressed string }{
		{"on the line", "spec:\n  a: true # manilint:ignore[a] why\n  x: {a: true}\n", "a:6", "a:5"},
		{"on the line above", "spec:\n  # manilint:ignore[a] why\n  a: true\n  x: {a: true}\n", "a:7", "a:6"},
		{"above a mapping", "spec:\n  # manilint:ignore[a] why\n  x:\n    a: true\n\n    y:\n      a: true\n  z:\n    a: true\n", "a:12", "a:7 a:10"},
		{"above a list item", "list:\n  # manilint:ignore[a] why\n  - a: true\n    x:\n      a: true\n  - a: true\n", "a:9", "a:6 a:8"},
		{"above a list as deep as its key", "spec:\n  # manilint:ignore[a] why\n  list:\n  - a: true\n  - a: true\n  x:\n    a: true\n", "a:10", "a:7 a:8"},
		{"inside a list item", "list:\n  - x: 1\n    # manilint:ignore[a] why\n    a: true\n    y: {a: true}\n", "a:8", "a:7"},
		{"of other rules", "spec:\n  # manilint:ignore[a, c] why\n  x: {a: true, b: true, c: true}\n", "b:6", "a:6 c:6"},
		{"two comments", "spec:\n  # manilint:ignore[a] why\n  # a note\n  # manilint:ignore[b] why\n  x: {a: true, b: true, c: true}\n", "c:8", "a:8 b:8"},
		{"with a blank line between", "spec:\n  # manilint:ignore[a] why\n\n  x: {a: true}\n", "", "a:7"},
		{"up to the next document", "spec:\n  x:\n    # manilint:ignore[a] why\n    y:\n      a: true\n---\napiVersion: v1\nkind: Thing\nspec:\n              a: true\n", "a:13", "a:8"},
		{"under no deeper comment", "spec:\n  # manilint:ignore[a] why\n  x:\n    y: 1\n# a note at the margin\n    a: true\n  z: {a: true}\n", "a:10", "a:9"},
		{"in a flow mapping's line", "spec: {x: 1, # manilint:ignore[a] why\n  a: true, y: {\n  a: true}}\n", "a:5 a:6", ""},
		{"in CRLF files", "spec:\r\n  # manilint:ignore[a] why\r\n  x:\r\n    a: true\r\n  a: true\r\n", "a:8", "a:7"},
		{"in a quoted string", "spec:\n  x: \"# manilint:ignore[a] why\"\n  y: {z: \" # manilint:ignore[a] why\", a: true}\n", "a:6", ""},
		{"not behind a word", "spec:\n  x: b#manilint:ignore[a]\n  y: {z: \"#\", a: true} #manilint:ignore[a] why\n", "", "a:6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reported, suppressed, _ := ignored(t, Options{}, bundleOf(t, ".", head+test.text))
			if got := strings.Join(reported, " "); got != test.reported {
				t.Errorf("reported %q, want %q", got, test.reported)
			}
			if got := strings.Join(suppressed, " "); got != test.suppressed {
				t.Errorf("suppressed %q, want %q", got, test.suppressed)
			}
		})
	}
}

func TestACommentAboveAnObjectCoversIt(t *testing.T) {
	const object = "apiVersion: v1\nkind: Thing\nspec: {a: true}\n"
	for name, text := range map[string]string{
		"at the top":                  "# A licence\n\n# manilint:ignore[a] why\n" + object + "---\n" + object,
		"in front of the marker":      "# manilint:ignore[a] why\n---\n" + object + "---\n" + object,
		"behind the marker":           "---\n# manilint:ignore[a] why\n" + object + "---\n" + object,
		"as a template's comment":     "{{/* manilint:ignore[a] why */}}\n" + object + "---\n" + object,
		"with a guard around":         "{{- if .Values.x }}\n# manilint:ignore[a] why\n" + object + "{{- end }}\n---\n" + object,
		"as a comment of three lines": "{{- /*\n  manilint:ignore[a] why\n*/ -}}\n" + object + "---\n" + object,
	} {
		reported, suppressed, _ := ignored(t, Options{}, templateOf(t, text))
		if len(reported) != 1 || len(suppressed) != 1 || suppressed[0] > reported[0] && len(suppressed[0]) == len(reported[0]) {
			t.Errorf("%s: reported %v, suppressed %v; want the first object's finding suppressed", name, reported, suppressed)
		}
	}
	// a values file is one mapping too, but its first key is no object
	values := lint.NewSource("values.yaml", []byte("# manilint:ignore[a] why\nx: 1\na: true\n"))
	if c := findComments(values); len(c) != 1 || c[0].last != 2 {
		t.Errorf("the comment above the first value covers up to line %d", c[0].last)
	}
}

// templateOf makes a bundle of a template's text whose actions render to nothing:
// the nodes are where they are in the template.
func templateOf(t *testing.T, text string) *lint.Bundle {
	t.Helper()
	src := lint.NewSource("templates/x.yaml", []byte(text))
	blank := templateComment().ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	blank = action().ReplaceAllString(blank, "")
	docs, errs := lint.ParseYAML(lint.NewSource("rendered", []byte(blank)))
	for _, e := range errs {
		t.Fatal(e)
	}
	var all []*lint.Resource
	for _, d := range docs {
		all = append(all, lint.NewResources(d, lineLocator{src, nil})...)
	}
	return lint.NewBundle(lint.Rendering{Kind: "helm", Root: "."}, "", all)
}

// lineLocator locates nodes at the line they have in src; related maps the value
// of scalars to a place.
type lineLocator struct {
	src     *lint.Source
	related map[string][]lint.Related
}

func (l lineLocator) Locate(n *lint.Node) lint.Place {
	n = n.Nearest()
	return lint.Place{Span: l.src.LineSpan(n.YAML().Line), Precision: lint.Exact, Related: l.related[n.Path()]}
}

func TestCommentsCoverTemplateActions(t *testing.T) {
	const text = `apiVersion: v1
kind: Thing
spec:
  {{/* manilint:ignore[a] why */}}
  {{- if .Values.x }}
  x:
{{- with .Values.y }}
    a: true
{{- end }}
  {{- end }}
  a: true
  y: {a: true} {{/* manilint:ignore[a] why */}}
  z:
    {{- /* manilint:ignore[a] why */}}
    {{- if .Values.z }}a: true{{ end }}
    w: {a: true}
`
	reported, suppressed, hygiene := ignored(t, Options{}, templateOf(t, text))
	if fmt.Sprint(reported, suppressed, hygiene) != "[a:11 a:16] [a:8 a:12 a:15] []" {
		t.Errorf("reported %v, suppressed %v, hygiene %v", reported, suppressed, hygiene)
	}
	src := lint.NewSource("x.yaml", []byte("spec:\n  # manilint:ignore[a] why\n  x:\n{{- include \"y\" . | nindent 4 }}\n  {{- toYaml .Values.z | nindent 2 }}\n"))
	if c := findComments(src); c[0].last != 4 {
		t.Errorf("the comment covers up to line %d, want the include, which writes deeper, and not toYaml, which does not", c[0].last)
	}
}

func TestAnIgnoreInAValuesFileOrABaseCoversTheFinding(t *testing.T) {
	values := lint.NewSource("values.yaml", []byte("web:\n  # manilint:ignore[a] why\n  flag: true\n"))
	template := lint.NewSource("t.yaml", []byte("apiVersion: v1\nkind: Thing\nspec: {a: true}\n"))
	for role, want := range map[string]int{"value": 1, "patch": 1, "base": 1, "template": 1, "guard": 0, "binding": 0} {
		docs, _ := lint.ParseYAML(template)
		b := lint.NewBundle(lint.Rendering{Kind: "helm", Root: "."}, "", lint.NewResources(docs[0], lineLocator{template, map[string][]lint.Related{
			"spec.a": {{Role: role, Span: values.LineSpan(3)}},
		}}))
		if reported, suppressed, _ := ignored(t, Options{}, b); len(suppressed) != want || len(reported) != 1-want {
			t.Errorf("role %s: reported %v, suppressed %v", role, reported, suppressed)
		}
	}
}

func TestAnnotationsCoverTheirObject(t *testing.T) {
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Thing\nmetadata:\n  name: x\n  annotations:\n    manilint.dev/ignore: 'a, b: it is the node agent'\nspec: {a: true, b: true, c: true}\n",
		"apiVersion: v1\nkind: Thing\nmetadata: {name: y}\nspec: {a: true}\n")
	reported, suppressed, hygiene := ignored(t, Options{}, b)
	if fmt.Sprint(reported, suppressed, hygiene) != "[c:7 a:4] [a:7 b:7] []" {
		t.Errorf("reported %v, suppressed %v, hygiene %v", reported, suppressed, hygiene)
	}
	r := report(context.Background(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: flagged("a")}}})
	if s := r.Suppressed[0]; s.By != "annotation" || s.Reason != "it is the node agent" || s.Span.Start.Line != 6 {
		t.Errorf("suppressed by %s at %s: %q", s.By, s.Span.Start, s.Reason)
	}
}

func TestAnnotationsOfAPodTemplateCoverItsPods(t *testing.T) {
	const form = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec:\n  a: true\n  jobTemplate:\n    spec:\n      template:\n" +
		"        metadata: {annotations: {manilint.dev/ignore: 'a: why'}}\n        spec:\n          b: true\n          containers: [{name: c, a: true}]\n"
	reported, suppressed, hygiene := ignored(t, Options{}, bundleOf(t, ".", form))
	if fmt.Sprint(reported, suppressed, hygiene) != "[a:5 b:11] [a:12] []" {
		t.Errorf("reported %v, suppressed %v, hygiene %v", reported, suppressed, hygiene)
	}
}

func TestEveryFieldOfAConfigurationEntryMustMatch(t *testing.T) {
	file := lint.NewSource("deploy/.manilint.yaml", []byte("ignore: []\n"))
	src := lint.NewSource("deploy/apps/pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop}\nspec:\n  containers:\n    - {name: app, a: true}\n    - {name: sidecar, a: true}\n"))
	for name, test := range map[string]struct {
		entry config.Ignore
		want  int
	}{
		"rule alone":          {config.Ignore{}, 2},
		"another rule":        {config.Ignore{Rules: []string{"b"}}, 0},
		"path":                {config.Ignore{Path: "apps/*.yaml"}, 2},
		"path from elsewhere": {config.Ignore{Path: "deploy/apps/*.yaml"}, 0},
		"kind":                {config.Ignore{Kind: "Pod"}, 2},
		"another kind":        {config.Ignore{Kind: "Job"}, 0},
		"namespace":           {config.Ignore{Namespace: "shop"}, 2},
		"another namespace":   {config.Ignore{Namespace: "web"}, 0},
		"name":                {config.Ignore{Name: "web-*"}, 2},
		"another name":        {config.Ignore{Name: "db-*"}, 0},
		"container":           {config.Ignore{Container: "sidecar"}, 1},
		"all but one":         {config.Ignore{Path: "apps/*", Kind: "Pod", Name: "web-1", Container: "init"}, 0},
		"expired":             {config.Ignore{Until: "2026-01-31"}, 0},
		"the last day":        {config.Ignore{Until: "2026-02-01"}, 2},
	} {
		docs, _ := lint.ParseYAML(src)
		b := lint.NewBundle(lint.Rendering{Kind: "file", Root: "deploy"}, "", lint.NewResources(docs[0], lint.FileLocator{Source: src}))
		test.entry.Span, test.entry.Reason = file.LineSpan(1), "why"
		if test.entry.Rules == nil {
			test.entry.Rules = []string{"a"}
		}
		o := Options{Ignores: []config.Ignore{test.entry}, Now: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)}
		if _, suppressed, _ := ignored(t, o, b); len(suppressed) != test.want {
			t.Errorf("%s: suppressed %v, want %d", name, suppressed, test.want)
		}
	}
}

func TestIgnoresThatDoNoGoodAreFindings(t *testing.T) {
	const text = `apiVersion: v1
kind: Thing
spec:
  # manilint:ignore[a] until=2026-01-01 the disk is replaced by then
  w: {a: true}
  # manilint:ignore[a, b] why
  x: {a: true}
  # manilint:ignore[aa] why
  y: 1
  # manilint:ignore[off] why
  z: 1
  # manilint:ignore[old] why
  v: {a: true}
`
	renamed := flagged("a")
	renamed.Aliases = []string{"old"}
	o := Options{Now: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), AllRules: []*lint.Rule{renamed, {ID: "off"}, {ID: "aab"}}}
	reported, suppressed, hygiene := ignored(t, o, bundleOf(t, ".", text))
	if want := []string{"a:5"}; !slices.Equal(reported, want) {
		t.Errorf("reported %v, want %v", reported, want)
	}
	if want := []string{"a:7", "a:13"}; !slices.Equal(suppressed, want) {
		t.Errorf("suppressed %v, want %v", suppressed, want)
	}
	want := []string{
		`4: ignore of "a" expired on 2026-01-01`,
		`6: ignore of "b" suppresses nothing`,
		`8: ignore names "aa", which is not a rule; did you mean "a"?`,
	}
	if !slices.Equal(hygiene, want) {
		t.Errorf("hygiene\n%s\nwant\n%s", strings.Join(hygiene, "\n"), strings.Join(want, "\n"))
	}
	if _, _, hygiene := ignored(t, Options{}, bundleOf(t, ".", strings.ReplaceAll(text, "aa]", "a]"))); slices.ContainsFunc(hygiene, func(s string) bool { return strings.Contains(s, "ran out") }) {
		t.Error("an ignore ran out although no day was given")
	}
}

func TestAnIgnoreUsedInOneRenderingIsUsed(t *testing.T) {
	src := lint.NewSource("t.yaml", []byte("apiVersion: v1\nkind: Thing\nspec:\n  # manilint:ignore[a] why\n  a: FLAG\n  # manilint:ignore[b] why\n  x: 1\n"))
	var bundles []*lint.Bundle
	for _, flag := range []string{"true", "false"} {
		docs, _ := lint.ParseYAML(lint.NewSource("rendered", []byte(strings.ReplaceAll(string(src.Data), "FLAG", flag))))
		bundles = append(bundles, lint.NewBundle(lint.Rendering{Kind: "helm", Root: "c", Variant: flag}, "", lint.NewResources(docs[0], lineLocator{src, nil})))
	}
	for range 2 {
		_, suppressed, hygiene := ignored(t, Options{}, bundles...)
		if fmt.Sprint(suppressed, hygiene) != `[a:5] [6: ignore of "b" suppresses nothing]` {
			t.Errorf("suppressed %v, hygiene %v", suppressed, hygiene)
		}
		slices.Reverse(bundles)
	}
	bundles[0].Errors = []*lint.InputError{{Message: "a template did not render"}}
	r := report(context.Background(), bundles, Options{Rules: []config.Enabled{{Rule: flagged("b")}, {Rule: SuppressionHygiene}}})
	if len(r.Findings) != 0 {
		t.Errorf("%s, although a rendering failed", r.Findings[0].Message)
	}
}

func TestABranchThatWasNotRenderedKeepsItsIgnore(t *testing.T) {
	src := lint.NewSource("t.yaml", []byte("apiVersion: v1\nkind: Thing\n{{- if .Values.x }}\n# manilint:ignore[a] why\nspec: {a: true}\n{{- end }}\n"))
	docs, _ := lint.ParseYAML(lint.NewSource("rendered", []byte("apiVersion: v1\nkind: Thing\n")))
	b := lint.NewBundle(lint.Rendering{Kind: "helm", Root: "."}, "", lint.NewResources(docs[0], lineLocator{src, nil}))
	if _, _, hygiene := ignored(t, Options{}, b); len(hygiene) != 0 {
		t.Errorf("%v", hygiene)
	}
}

func TestAnIgnoreCoversWhatYieldsToTheIgnoredFinding(t *testing.T) {
	const text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: x\n      a: true\n      b: true\n    - name: y\n      a: true\n"
	const annotated = "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {manilint.dev/ignore: 'b: why'}}\nspec: {containers: [{name: x, a: true, b: true}, {name: y, a: true}]}\n"
	low := lint.Low
	for _, c := range []struct {
		name, text    string
		weaker        lint.Severity  // as a reports
		configuration *lint.Severity // of b
		noIgnores     bool
		want          string
	}{
		{"no ignore", text, lint.High, nil, false, "b x, a y"},
		{"the stronger is ignored", strings.Replace(text, "b: true", "b: true # manilint:ignore[b] why", 1), lint.High, nil, false, "a y"},
		{"the configuration lowers the stronger", strings.Replace(text, "b: true", "b: true # manilint:ignore[b] why", 1), lint.High, &low, false, "a y"},
		{"the weaker is worse here", strings.Replace(text, "b: true", "b: true # manilint:ignore[b] why", 1), lint.Critical, nil, false, "a x, a y"},
		{"both are ignored", strings.Replace(text, "    - name: x", "    # manilint:ignore[a, b] why\n    - name: x", 1), lint.Critical, nil, false, "a y"},
		{"another rule is ignored", strings.Replace(text, "b: true", "b: true # manilint:ignore[c] why", 1), lint.High, nil, false, "b x, a y"},
		{"the ignore has run out", strings.Replace(text, "b: true", "b: true # manilint:ignore[b] until=2020-01-01 why", 1), lint.High, nil, false, "b x, a y"},
		{"by annotation", annotated, lint.High, nil, false, "a y"},
		{"ignores are off", annotated, lint.High, nil, true, "b x, a y"},
	} {
		weaker := flagged("a")
		weaker.YieldsTo, weaker.Severity = []string{"b"}, c.weaker
		r := report(context.Background(), []*lint.Bundle{bundleOf(t, ".", c.text)}, Options{
			Rules: []config.Enabled{{Rule: weaker}, {Rule: flagged("b"), Severity: c.configuration}}, NoIgnores: c.noIgnores, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Rule.ID+" "+f.Container)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNoIgnoresReportsEverything(t *testing.T) {
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Thing\nspec:\n  a: true # manilint:ignore[a]\n")
	reported, suppressed, hygiene := ignored(t, Options{NoIgnores: true}, b)
	if len(reported) != 1 || len(suppressed)+len(hygiene) != 0 {
		t.Errorf("reported %v, suppressed %v, hygiene %v", reported, suppressed, hygiene)
	}
}

func TestUnusedEntriesOfTheConfigurationAreReportedByACompleteRunAlone(t *testing.T) {
	file := lint.NewSource(".manilint.yaml", []byte("ignore:\n  - rule: b\n"))
	o := Options{Ignores: []config.Ignore{{Rules: []string{"b"}, Reason: "why", Span: file.LineSpan(2)}}}
	for _, complete := range []bool{true, false} {
		o.Complete = complete
		if _, _, hygiene := ignored(t, o, bundleOf(t, ".", "apiVersion: v1\nkind: Thing\n")); (len(hygiene) == 1) != complete {
			t.Errorf("complete %v: %v", complete, hygiene)
		}
	}
}

func TestPatchesInAKustomizationHoldIgnores(t *testing.T) {
	text := "patches:\n  - patch: |\n      spec:\n        # manilint:ignore[a] why\n        a: true\n"
	if c := findComments(lint.NewSource("overlay/kustomization.yaml", []byte(text))); len(c) != 1 || c[0].last != 5 {
		t.Errorf("%v", c)
	}
	if c := findComments(lint.NewSource("overlay/configmap.yaml", []byte(text))); len(c) != 0 {
		t.Errorf("a comment inside the data of another file: %v", c)
	}
}

func FuzzComments(f *testing.F) {
	for _, seed := range []string{"# manilint:ignore[a] x\na: 1\n", "{{/* manilint:ignore[a] */}}\n---\n", "- - k: |\n  # manilint:ignore[", "\ufeff# manilint:ignore[a]", "{{/*\nmanilint:ignore[a]\n*/}} x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource("f.yaml", []byte(text))
		for _, c := range findComments(src) {
			if c.first < 1 || c.last < c.first || c.last > src.Lines() || c.span.Start.Line > c.first {
				t.Errorf("lines %d to %d of %d", c.first, c.last, src.Lines())
			}
		}
	})
}
