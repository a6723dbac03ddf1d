package engine

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

type fixedPlace struct{ place lint.Place }

func (p fixedPlace) Locate(*lint.Node) lint.Place { return p.place }

func TestWhatCouldNotBeParsedIsHiddenToo(t *testing.T) {
	for _, text := range []string{
		"kind: Secret\nstringData:\n  password: Kx7-tq2Lm9\n  broken: [\n",
		"kind: Secret\nstringData:\n  password: *Kx7-tq2Lm9\n",
		"kind: Secret\nstringData:\n  password: !Kx7-tq2Lm9 [\n",
		"kind: Secret\nstringData:\n  conf: |\n    Kx7-tq2Lm9\n  broken: [\n",
		"kind: Secret\nstringData:\n  conf: \"\n    Kx7-tq2Lm9\n",
		"kind: Secret\ndata:\n  odd: " + base64.StdEncoding.EncodeToString([]byte("Kx7-tq2Lm9")) + "\n  broken: [\n",
		"kind: Secret\nstringData:\n  Kx7-tq2Lm9\n  broken: [\n",
		"kind: ConfigMap\ndata:\n  DB_PASSWORD: Kx7-tq2Lm9\n  broken: [\n",
		"env:\n  - {name: a, value: [}\n  - dbPassword: '@Kx7-tq2Lm9'\n",
		"kind: Secret\nstringData:\n  password: &Kx7-tq2Lm9 *Kx7-tq2Lm9x\n",
		"kind: Secret\nstringData: {password: Kx7-tq2Lm9, x: [}\n",
		"kind: ConfigMap\ndata:\n  DB_PASS: Kx7-tq2Lm9\n  broken: [\n",
		"kind: ConfigMap\ndata:\n  PGPASS: Kx7-tq2Lm9\n  DB_PW: 'Kx7-tq2Lm9'\n  dbPwd: Kx7-tq2Lm9\n  broken: [\n",
		"env:\n  - name: DB_PASS\n    value: Kx7-tq2Lm9\n  - broken: [\n",
	} {
		src := lint.NewSource("a.yaml", []byte(text))
		_, errs := lint.ParseYAML(src)
		if len(errs) == 0 {
			t.Errorf("%q: no error", text)
		}
		b := lint.NewBundle(lint.Rendering{}, "", nil)
		b.Errors = errs
		rep := report(t.Context(), []*lint.Bundle{b}, Options{})
		for _, e := range rep.Errors {
			if strings.Contains(e.Message, "tq2") {
				t.Errorf("%q: error %q", text, e.Message)
			}
		}
		for n := 1; n <= src.Lines(); n++ {
			if got := rep.Masks.Line(src, n); strings.Contains(got, "tq2") || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte("Kx7-tq2Lm9"))) {
				t.Errorf("%q: line %q", text, got)
			}
		}
		if got := rep.Masks.Redact("said Kx7-tq2Lm9"); strings.Contains(got, "tq2") {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestAPartIsHiddenWhereItStands(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  url: amqp://shop:abc@mq\n  file: |\n    user=shop\n    password=abc\n"))
	docs, _ := lint.ParseYAML(src)
	b := lint.NewBundle(lint.Rendering{}, "", lint.NewResources(docs[0], lint.FileLocator{Source: src}))
	rule := &lint.Rule{ID: "r", Run: func(p *lint.Pass) {
		data := p.Resources("ConfigMap")[0].Get("data")
		p.MaskPart(data.Get("url"), "abc")
		p.MaskPart(data.Get("file"), "abc")
		p.Report(data.Get("file"), "second line").Line = 2
	}}
	rep := report(t.Context(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: rule}}})
	for n, want := range map[int]string{5: "  url: amqp://shop:********@mq", 7: "    user=shop", 8: "    password=********"} {
		if got := rep.Masks.Line(src, n); got != want {
			t.Errorf("line %d: %q", n, got)
		}
	}
	if at := rep.Findings[0].Span; at.Start.Line != 8 || at.Start.Column != 5 || at.Text() != "password=abc" {
		t.Errorf("%v %q", at.Start, at.Text())
	}
}

func TestAFindingAboutALiteralStandsWhereItIsWritten(t *testing.T) {
	template := lint.NewSource("t.yaml", []byte("password: {{ .Values.a }}\n"))
	values := lint.NewSource("values.yaml", []byte("a: |\n  user=x\n  password=Kx7-tq2Lm9\nb: none\n"))
	src := lint.NewSource("out.yaml", []byte("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    user=x\n    password=Kx7-tq2Lm9\n"))
	place := lint.Place{Span: template.LineSpan(1), Precision: lint.Block, Origin: lint.FromValue, Related: []lint.Related{
		{Role: "value", Message: "wrong", Span: values.LineSpan(4)}, {Role: "value", Message: "right", Span: values.Span(3, 41)}, {Role: "guard", Span: values.LineSpan(3)},
	}}
	docs, _ := lint.ParseYAML(src)
	b := lint.NewBundle(lint.Rendering{}, "", lint.NewResources(docs[0], fixedPlace{place}))
	rule := &lint.Rule{ID: "r", Run: func(p *lint.Pass) {
		n := p.Resources("ConfigMap")[0].Get("data", "a")
		p.MaskPart(n, "Kx7-tq2Lm9")
		f := p.Report(n, "leak")
		f.Literal, f.Line = "Kx7-tq2Lm9", 2
	}}
	rep := report(t.Context(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: rule}}})
	f := rep.Findings[0]
	if f.Span.Path() != "values.yaml" || f.Span.Start.Line != 3 || f.Precision != lint.Exact || f.Related[0].Role != "template" || len(f.Related) != 3 {
		t.Errorf("%v %q %v", f.Span.Start, f.Precision, f.Related)
	}
	if got := rep.Masks.Line(values, 3); got != "  password=********" {
		t.Errorf("%q", got)
	}
	if got := rep.Masks.Line(template, 1); got != "password: {{ .Values.a }}" {
		t.Errorf("%q", got)
	}
}
