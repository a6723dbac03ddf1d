package lint

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func bundleOf(t *testing.T, root string, texts ...string) *Bundle {
	t.Helper()
	var all []*Resource
	for i, text := range texts {
		src := NewSource(fmt.Sprintf("%d.yaml", i), []byte(text))
		docs, errs := ParseYAML(src)
		for _, e := range errs {
			t.Fatal(e)
		}
		for _, d := range docs {
			all = append(all, NewResources(d, FileLocator{src})...)
		}
	}
	return NewBundle(Rendering{Kind: "file", Root: root}, "", all)
}

const twoPods = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: x, image: i}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: y, image: i}]}}
`

var everyImage = &Rule{ID: "image", Severity: Low, Run: func(p *Pass) {
	for _, c := range p.Containers() {
		p.Reportf(c.Node.Get("image"), "%s has an image", c)
	}
}}

func TestAPanicInARuleIsContainedAndNamed(t *testing.T) {
	broken := &Rule{ID: "broken", Run: func(p *Pass) {
		for _, c := range p.Containers() {
			if c.Pod.Resource.Name == "b" {
				panic("no such field")
			}
			p.Report(c.Node, "seen")
		}
	}}
	r := Run(context.Background(), []*Bundle{bundleOf(t, ".", twoPods)}, Options{Rules: []Enabled{{Rule: broken}, {Rule: everyImage}}})
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, `rule broken failed on Pod "b"`) || r.Errors[0].Span.Start.Line != 6 {
		t.Errorf("errors %v", r.Errors)
	}
	if len(r.Findings) != 3 {
		t.Errorf("%d findings, want those of the other rule and those before the panic", len(r.Findings))
	}
}

func TestOneDefectInOnePlaceIsOneFinding(t *testing.T) {
	a, b := bundleOf(t, "a", twoPods), bundleOf(t, "b", twoPods)
	for _, jobs := range []int{1, 4} {
		r := Run(context.Background(), []*Bundle{b, a}, Options{Rules: []Enabled{{Rule: everyImage}}, Jobs: jobs})
		if len(r.Findings) != 2 || len(r.Findings[0].Renderings) != 2 || r.Findings[0].Renderings[0].Root != "a" {
			t.Errorf("%d findings", len(r.Findings))
		}
	}
}

func TestTheStrongerRuleWins(t *testing.T) {
	weaker := &Rule{ID: "weaker", YieldsTo: []string{"image"}, Run: func(p *Pass) {
		for _, c := range p.Containers() {
			p.Report(c.Node.Get("name"), "weaker")
		}
		p.Report(p.Resources("Pod")[0].Get("metadata"), "elsewhere")
	}}
	bundles := []*Bundle{bundleOf(t, ".", twoPods)}
	r := Run(context.Background(), bundles, Options{Rules: []Enabled{{Rule: weaker}, {Rule: everyImage}}})
	if len(r.Findings) != 3 {
		t.Errorf("%d findings, want two of the stronger and one on no container", len(r.Findings))
	}
	r = Run(context.Background(), bundles, Options{Rules: []Enabled{{Rule: weaker}}})
	if len(r.Findings) != 3 {
		t.Errorf("%d findings of the weaker rule alone, want all three", len(r.Findings))
	}
}

func TestSecretsAreMaskedInMessagesAndLines(t *testing.T) {
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  pin: 1234\n  password: correct-horse-battery\ndata:\n  token: c3RhcGxlLXRva2Vu\n")
	leak := &Rule{ID: "leak", Run: func(p *Pass) {
		for _, r := range p.Resources("Secret") {
			p.Reportf(r.Get("stringData"), "%s and %s", r.Get("stringData", "password").Value(), "staple-token")
		}
	}}
	r := Run(context.Background(), []*Bundle{b}, Options{Rules: []Enabled{{Rule: leak}}})
	if m := r.Findings[0].Message; m != Mask+" and "+Mask {
		t.Errorf("the message is %q", m)
	}
	src := r.Findings[0].Span.Start.Source
	for n, want := range map[int]string{5: "  pin: " + Mask, 6: "  password: " + Mask, 8: "  token: " + Mask} {
		if got := r.Masks.Line(src, n); got != want {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
}
