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

func TestAStoppedRunMasksWhatItShows(t *testing.T) {
	masking := &Rule{ID: "masking", Run: func(p *Pass) {
		for _, c := range p.Containers() {
			p.Mask(c.Node.Get("image"))
		}
	}}
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - image: correct-horse-battery\n")
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for name, o := range map[string]Options{
		"enabled":     {Rules: []Enabled{{Rule: masking}, {Rule: everyImage}}, Masking: []*Rule{masking}},
		"not enabled": {Rules: []Enabled{{Rule: everyImage}}, Masking: []*Rule{masking}},
	} {
		r := Run(ctx, []*Bundle{b}, o)
		if line := r.Masks.Line(b.Resources[0].Root.Locate().Span.Start.Source, 6); line != "    - image: "+Mask {
			t.Errorf("%s: the line is shown as %q", name, line)
		}
		if len(r.Errors) != 1 {
			t.Errorf("%s: errors %v", name, r.Errors)
		}
	}
}

func TestJoinedReportsKeepEveryObject(t *testing.T) {
	shared := "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: x, image: i}]}\n"
	src := NewSource("shared.yaml", []byte(fmt.Sprintf(shared, "a")))
	bundle := func(root string, names ...string) *Bundle { // one template, rendered for each name
		var all []*Resource
		for _, name := range names {
			docs, errs := ParseYAML(NewSource("shared.yaml", []byte(fmt.Sprintf(shared, name))))
			if len(errs) > 0 {
				t.Fatal(errs[0])
			}
			all = append(all, NewResources(docs[0], FileLocator{src})...)
		}
		return NewBundle(Rendering{Kind: "helm", Root: root}, "", all)
	}
	run := func(b *Bundle) *Report {
		return Run(context.Background(), []*Bundle{b}, Options{Rules: []Enabled{{Rule: everyImage}}})
	}
	r := Combine(run(bundle("one", "a", "b")), run(bundle("two", "c", "d")))
	if len(r.Findings) != 1 || len(r.Findings[0].Objects) != 3 {
		t.Errorf("%d findings, the first with the further objects %v", len(r.Findings), r.Findings[0].Objects)
	}
}
