package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

func bundleOf(t *testing.T, root string, texts ...string) *lint.Bundle {
	t.Helper()
	var all []*lint.Resource
	for i, text := range texts {
		src := lint.NewSource(fmt.Sprintf("%d.yaml", i), []byte(text))
		docs, errs := lint.ParseYAML(src)
		for _, e := range errs {
			t.Fatal(e)
		}
		for _, d := range docs {
			all = append(all, lint.NewResources(d, lint.FileLocator{Source: src})...)
		}
	}
	return lint.NewBundle(lint.Rendering{Kind: "file", Root: root}, "", all)
}

const twoPods = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: x, image: i}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: y, image: i}]}}
`

var everyImage = &lint.Rule{ID: "image", Severity: lint.Low, Run: func(p *lint.Pass) {
	for _, c := range p.Containers() {
		p.Reportf(c.Node.Get("image"), "%s has an image", c)
	}
}}

// report checks bundles as one group.
func report(ctx context.Context, bundles []*lint.Bundle, o Options) *lint.Report {
	return Merge(group(ctx, bundles, o))
}

func group(ctx context.Context, bundles []*lint.Bundle, o Options) Group {
	g := Group{Options: o}
	for _, b := range bundles {
		g.Results = append(g.Results, Check(ctx, b, o))
	}
	return g
}

func TestAPanicInARuleIsContainedAndNamed(t *testing.T) {
	broken := &lint.Rule{ID: "broken", Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			if c.Pod.Resource.Name == "b" {
				panic("no such field")
			}
			p.Report(c.Node, "seen")
		}
	}}
	r := report(context.Background(), []*lint.Bundle{bundleOf(t, ".", twoPods)}, Options{Rules: []config.Enabled{{Rule: broken}, {Rule: everyImage}}})
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
		r := report(context.Background(), []*lint.Bundle{b, a}, Options{Rules: []config.Enabled{{Rule: everyImage}}, Jobs: jobs})
		if len(r.Findings) != 2 || len(r.Findings[0].Renderings) != 2 || r.Findings[0].Renderings[0].Root != "a" {
			t.Errorf("%d findings", len(r.Findings))
		}
	}
}

// What decided the text of a node is no place of a finding about its whole object.
func TestAFindingOfAWholeObjectKeepsWhatGuardsIt(t *testing.T) {
	rule := func(whole bool) *lint.Rule {
		return &lint.Rule{ID: "object", Run: func(p *lint.Pass) { p.Report(p.Resources("Pod")[0].Get("metadata", "name"), "found").Whole = whole }}
	}
	for whole, want := range map[bool]string{true: "[guard workload]", false: "[value guard include workload]"} {
		src := lint.NewSource("x.yaml", []byte(twoPods))
		docs, _ := lint.ParseYAML(src)
		b := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", lint.NewResources(docs[0], decided{lint.FileLocator{Source: src}}))
		r := rule(whole)
		run := r.Run
		r.Run = func(p *lint.Pass) {
			run(p)
			p.Reported()[0].Finding.Relate("workload", p.Resources("Pod")[1].Root, "too")
		}
		var roles []string
		for _, related := range report(context.Background(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: r}}}).Findings[0].Related {
			roles = append(roles, related.Role)
		}
		if got := fmt.Sprint(roles); got != want {
			t.Errorf("whole %v: %s, want %s", whole, got, want)
		}
	}
}

// A decided locator relates what decided a node.
type decided struct{ lint.FileLocator }

func (d decided) Locate(n *lint.Node) lint.Place {
	place := d.FileLocator.Locate(n)
	for _, role := range []string{"value", "guard", "include"} {
		place.Related = append(place.Related, lint.Related{Role: role, Span: d.Source.LineSpan(2)})
	}
	return place
}

func TestTheStrongerRuleWins(t *testing.T) {
	weaker := &lint.Rule{ID: "weaker", YieldsTo: []string{"image"}, Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			p.Report(c.Node.Get("name"), "weaker")
		}
		p.Report(p.Resources("Pod")[0].Get("metadata"), "elsewhere")
	}}
	bundles := []*lint.Bundle{bundleOf(t, ".", twoPods)}
	r := report(context.Background(), bundles, Options{Rules: []config.Enabled{{Rule: weaker}, {Rule: everyImage}}})
	if len(r.Findings) != 3 {
		t.Errorf("%d findings, want two of the stronger and one on no container", len(r.Findings))
	}
	r = report(context.Background(), bundles, Options{Rules: []config.Enabled{{Rule: weaker}}})
	if len(r.Findings) != 3 {
		t.Errorf("%d findings of the weaker rule alone, want all three", len(r.Findings))
	}
}

func TestSecretsAreMaskedInMessagesAndLines(t *testing.T) {
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  pin: 1234\n  password: correct-horse-battery\ndata:\n  token: c3RhcGxlLXRva2Vu\n")
	leak := &lint.Rule{ID: "leak", Run: func(p *lint.Pass) {
		for _, r := range p.Resources("Secret") {
			p.Reportf(r.Get("stringData"), "%s and %s", r.Get("stringData", "password").Value(), "staple-token")
		}
	}}
	r := report(context.Background(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: leak}}})
	if m := r.Findings[0].Message; m != lint.Mask+" and "+lint.Mask {
		t.Errorf("the message is %q", m)
	}
	src := r.Findings[0].Span.Start.Source
	for n, want := range map[int]string{5: "  pin: " + lint.Mask, 6: "  password: " + lint.Mask, 8: "  token: " + lint.Mask} {
		if got := r.Masks.Line(src, n); got != want {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
}

func TestAStoppedRunMasksWhatItShows(t *testing.T) {
	masking := &lint.Rule{ID: "masking", Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			p.Mask(c.Node.Get("image"))
		}
	}}
	b := bundleOf(t, ".", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - image: correct-horse-battery\n")
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for name, o := range map[string]Options{
		"enabled":     {Rules: []config.Enabled{{Rule: masking}, {Rule: everyImage}}, Masking: []*lint.Rule{masking}},
		"not enabled": {Rules: []config.Enabled{{Rule: everyImage}}, Masking: []*lint.Rule{masking}},
	} {
		r := report(ctx, []*lint.Bundle{b}, o)
		if line := r.Masks.Line(b.Resources[0].Root.Locate().Span.Start.Source, 6); line != "    - image: "+lint.Mask {
			t.Errorf("%s: the line is shown as %q", name, line)
		}
		if len(r.Errors) != 1 {
			t.Errorf("%s: errors %v", name, r.Errors)
		}
	}
}

func TestARuleThatPanicsBeforeItMasksShowsNothing(t *testing.T) {
	masking := &lint.Rule{ID: "masking", Run: func(*lint.Pass) { panic("no such field") }}
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - image: i\n      env: [{name: DB_PASSWORD, value: correct-horse-battery}]\n"
	for name, o := range map[string]Options{
		"enabled":     {Rules: []config.Enabled{{Rule: masking}, {Rule: everyImage}}, Masking: []*lint.Rule{masking}},
		"not enabled": {Rules: []config.Enabled{{Rule: everyImage}}, Masking: []*lint.Rule{masking}},
	} {
		b := bundleOf(t, ".", text)
		r := report(context.Background(), []*lint.Bundle{b}, o)
		if line := r.Masks.Line(b.Resources[0].Root.Locate().Span.Start.Source, 7); strings.Contains(line, "horse") {
			t.Errorf("%s: the line is shown as %q", name, line)
		}
		if len(r.Findings) != 1 {
			t.Errorf("%s: %d findings", name, len(r.Findings))
		}
	}
}

// What one bundle, run or broken document holds is hidden in what all others say.
func TestEverySecretIsHiddenInAllThatAReportSays(t *testing.T) {
	const secret = "correct-horse-battery"
	leak := &lint.Rule{ID: "leak", Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			p.Report(c.Node.Get("image"), "the image is "+secret).Help = "not " + secret
			p.Report(c.Node.Get("name"), "the name is "+secret)
		}
	}}
	weaker := &lint.Rule{ID: "weaker", YieldsTo: []string{"leak"}, Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			p.Report(c.Node, "weaker "+secret)
		}
	}}
	pods := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: x\n      image: i # manilint:ignore[leak] " + secret + "\n"
	o := Options{Rules: []config.Enabled{{Rule: leak}, {Rule: weaker}}}
	broken := bundleOf(t, "pods", pods)
	src := lint.NewSource("broken.yaml", []byte("kind: Secret\nstringData:\n  password: "+secret+"\n  a: [\n"))
	_, broken.Errors = lint.ParseYAML(src)
	known := bundleOf(t, "secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: "+secret+"}\n")
	run := func(bundles ...*lint.Bundle) *lint.Report { return report(context.Background(), bundles, o) }
	for name, r := range map[string]*lint.Report{
		"another bundle":    run(bundleOf(t, "pods", pods), known),
		"another run":       Merge(group(t.Context(), []*lint.Bundle{bundleOf(t, "pods", pods)}, o), group(t.Context(), []*lint.Bundle{known}, o)),
		"a broken document": run(broken),
	} {
		if len(r.Findings) == 0 || len(r.Suppressed) == 0 || len(r.Yielded) == 0 {
			t.Fatalf("%s: %d findings, %d suppressed, %d yielded", name, len(r.Findings), len(r.Suppressed), len(r.Yielded))
		}
		for _, f := range slices.Concat(r.Findings, r.Yielded) {
			if strings.Contains(f.Message+f.Help, "horse") {
				t.Errorf("%s: %s, %s", name, f.Message, f.Help)
			}
		}
		for _, s := range r.Suppressed {
			if strings.Contains(s.Finding.Message+s.Finding.Help+s.Reason, "horse") {
				t.Errorf("%s: %s, ignored: %s", name, s.Finding.Message, s.Reason)
			}
		}
	}
}

func TestJoinedReportsKeepEveryObject(t *testing.T) {
	shared := "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: x, image: i}]}\n"
	src := lint.NewSource("shared.yaml", []byte(fmt.Sprintf(shared, "a")))
	bundle := func(root string, names ...string) *lint.Bundle { // one template, rendered for each name
		var all []*lint.Resource
		for _, name := range names {
			docs, errs := lint.ParseYAML(lint.NewSource("shared.yaml", []byte(fmt.Sprintf(shared, name))))
			if len(errs) > 0 {
				t.Fatal(errs[0])
			}
			all = append(all, lint.NewResources(docs[0], lint.FileLocator{Source: src})...)
		}
		return lint.NewBundle(lint.Rendering{Kind: "helm", Root: root}, "", all)
	}
	run := func(b *lint.Bundle) Group {
		return group(context.Background(), []*lint.Bundle{b}, Options{Rules: []config.Enabled{{Rule: everyImage}}})
	}
	r := Merge(run(bundle("one", "a", "b")), run(bundle("two", "c", "d")))
	if len(r.Findings) != 1 || len(r.Findings[0].Objects) != 3 {
		t.Errorf("%d findings, the first with the further objects %v", len(r.Findings), r.Findings[0].Objects)
	}
}

// A badLocator panics on what it cannot place.
type badLocator struct {
	lint.FileLocator
	bad func(*lint.Node) bool
}

func (l badLocator) Locate(n *lint.Node) lint.Place {
	if l.bad(n) {
		panic("no such segment")
	}
	return l.FileLocator.Locate(n)
}

func TestAPanicInALocatorIsContainedAndNamed(t *testing.T) {
	text := twoPods + "  - {apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: correct-horse-battery}}\n"
	for name, bad := range map[string]func(*lint.Node) bool{
		"of one field":  func(n *lint.Node) bool { return n.Name() == "image" && n.Resource().Name == "b" },
		"of one object": func(n *lint.Node) bool { return n.Resource().Name == "b" },
		"of a secret":   func(n *lint.Node) bool { return n.Resource().Name == "s" },
	} {
		src := lint.NewSource("x.yaml", []byte(text))
		docs, errs := lint.ParseYAML(src)
		if len(errs) > 0 {
			t.Fatal(errs[0])
		}
		b := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", lint.NewResources(docs[0], badLocator{lint.FileLocator{Source: src}, bad}))
		leak := &lint.Rule{ID: "leak", Run: func(p *lint.Pass) { p.Report(p.Resources("Pod")[0].Root, "correct-horse-battery") }}
		r := report(context.Background(), []*lint.Bundle{b, bundleOf(t, "other", twoPods)}, Options{Rules: []config.Enabled{{Rule: everyImage}, {Rule: leak}}})
		if len(r.Findings) != 6 {
			t.Errorf("%s: %d findings, want those of both bundles", name, len(r.Findings))
		}
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "no such segment") || !strings.Contains(r.Errors[0].Message, "b\"") && name != "of a secret" {
			t.Errorf("%s: errors %v", name, r.Errors)
		}
		if text := fmt.Sprint(r.Findings[0].Message, r.Findings[1].Message); strings.Contains(text, "horse") {
			t.Errorf("%s: the secret shows: %s", name, text)
		}
	}
}

func TestAPanicInTheLocatorOfAKustomizationIsReported(t *testing.T) {
	src := lint.NewSource("kustomization.yaml", []byte("resources: [a.yaml]\n"))
	docs, _ := lint.ParseYAML(src)
	k := lint.NewKustomization(docs[0], badLocator{lint.FileLocator{Source: src}, func(*lint.Node) bool { return true }})
	r := report(context.Background(), []*lint.Bundle{lint.NewBundle(lint.Rendering{Kind: "kustomize", Root: "."}, "", []*lint.Resource{k})}, Options{})
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "no such segment") {
		t.Errorf("errors %v", r.Errors)
	}
}

func TestTheWorstFindingInAPlaceSpeaksForAll(t *testing.T) {
	graded := &lint.Rule{ID: "graded", Severity: lint.Low, Run: func(p *lint.Pass) {
		for _, r := range p.Resources("Pod") {
			f := p.Reportf(r.Get("spec"), "a low thing")
			if r.Name == "prod" {
				f.Message, f.Help, f.Severity = "the high thing", "fix it", lint.High
			}
		}
	}}
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: []}\n"
	src := lint.NewSource("template.yaml", []byte(fmt.Sprintf(text, "name")))
	var bundles []*lint.Bundle
	for _, name := range []string{"dev", "prod", "test"} {
		docs, _ := lint.ParseYAML(lint.NewSource("template.yaml", []byte(fmt.Sprintf(text, name))))
		bundles = append(bundles, lint.NewBundle(lint.Rendering{Kind: "helm", Root: ".", Variant: name}, "", lint.NewResources(docs[0], lint.FileLocator{Source: src})))
	}
	r := report(context.Background(), bundles, Options{Rules: []config.Enabled{{Rule: graded}}})
	if len(r.Findings) != 1 {
		t.Fatalf("%d findings, want one", len(r.Findings))
	}
	f := r.Findings[0]
	if f.Severity != lint.High || f.Message != "the high thing" || f.Help != "fix it" || f.Object.Name != "prod" || len(f.Renderings) != 3 || len(f.Objects) != 2 {
		t.Errorf("got %s %q %q of %v in %v", f.Severity, f.Message, f.Help, f.Object, f.Renderings)
	}
}

// An oneAction places every node at one action of a template.
type oneAction struct{ src *lint.Source }

func (l oneAction) Locate(*lint.Node) lint.Place {
	return lint.Place{Span: l.src.Span(0, 4), Precision: lint.Block}
}

func TestFieldsThatOneActionWritesAreToldApart(t *testing.T) {
	seen := &lint.Rule{ID: "seen", Run: func(p *lint.Pass) {
		for _, pod := range p.PodSpecs() {
			p.Report(pod.Node.Get("securityContext", "runAsUser"), "the pod's user")
		}
		for _, c := range p.Containers() {
			p.Reportf(c.Node.Get("securityContext", "runAsUser"), "%s has a user", c)
			p.Reportf(c.Node.Get("securityContext", "runAsGroup"), "%s has a group", c)
			for _, m := range c.Get("volumeMounts").Items() {
				p.Reportf(m, "%s mounts %s", c, m.Get("name").Value())
			}
		}
	}}
	spec := "spec: {securityContext: {runAsUser: 0}, containers: [{name: a, securityContext: {runAsUser: 0, runAsGroup: 0}}, {name: b, securityContext: {runAsUser: 0, runAsGroup: 0}, volumeMounts: [{name: v}, {name: w}]}]}"
	src := lint.NewSource("template.yaml", []byte("{{ toYaml .Values }}"))
	var all []*lint.Resource
	for _, text := range []string{
		"{apiVersion: v1, kind: Pod, metadata: {name: p}, " + spec + "}",
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {" + spec + "}}}",
	} {
		docs, errs := lint.ParseYAML(lint.NewSource("rendered", []byte(text)))
		if len(errs) > 0 {
			t.Fatal(errs[0])
		}
		all = append(all, lint.NewResources(docs[0], oneAction{src})...)
	}
	r := report(context.Background(), []*lint.Bundle{lint.NewBundle(lint.Rendering{Kind: "helm", Root: "."}, "", all)}, Options{Rules: []config.Enabled{{Rule: seen}}})
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Message)
	}
	if want := []string{`container "a" has a group`, `container "a" has a user`, `container "b" mounts v`, `container "b" mounts w`, "the pod's user"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJoinedReportsKeepWhatYieldedOnce(t *testing.T) {
	weaker := &lint.Rule{ID: "weaker", YieldsTo: []string{"image"}, Run: func(p *lint.Pass) {
		for _, c := range p.Containers() {
			p.Report(c.Node.Get("name"), "weaker")
		}
	}}
	run := func(root string) Group {
		return group(context.Background(), []*lint.Bundle{bundleOf(t, root, twoPods)}, Options{Rules: []config.Enabled{{Rule: weaker}, {Rule: everyImage}}})
	}
	if r := Merge(run("a"), run("b")); len(r.Yielded) != 2 || len(r.Yielded[0].Renderings) != 2 {
		t.Errorf("%d findings yielded, want two in two renderings", len(r.Yielded))
	}
}

func TestFingerprintsAreUniqueAndStayWhenLinesMove(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: x}]}\n---\n"
	prints := func(text string) (all []string) {
		for _, f := range report(context.Background(), []*lint.Bundle{bundleOf(t, ".", text)}, Options{Rules: []config.Enabled{{Rule: everyImage}}}).Findings {
			all = append(all, f.Fingerprint)
		}
		return all
	}
	one, three := prints(pod), prints("# moved\n"+pod+pod+pod)
	if len(one) != 1 || !slices.Equal(three, []string{one[0], one[0] + ":2", one[0] + ":3"}) {
		t.Errorf("alone %q, of three %q", one, three)
	}
	run := func(text string) *lint.Report {
		return report(context.Background(), []*lint.Bundle{bundleOf(t, ".", text)}, Options{Rules: []config.Enabled{{Rule: everyImage}}})
	}
	joined := report(context.Background(), []*lint.Bundle{bundleOf(t, ".", pod+pod), bundleOf(t, ".", strings.Replace(pod, "{name: web}", "{name: other}", 1))}, Options{Rules: []config.Enabled{{Rule: everyImage}}})
	seen := map[string]bool{}
	for _, f := range joined.Findings {
		seen[f.Fingerprint] = true
	}
	if len(seen) != len(joined.Findings) {
		t.Errorf("%d fingerprints of %d findings", len(seen), len(joined.Findings))
	}
	ignored := run(pod + strings.Replace(pod, "spec:", "# manilint:ignore[image] why\nspec:", 1))
	if len(ignored.Findings) != 1 || len(ignored.Suppressed) != 1 || ignored.Findings[0].Fingerprint == ignored.Suppressed[0].Finding.Fingerprint {
		t.Errorf("%d findings, %d suppressed share a fingerprint", len(ignored.Findings), len(ignored.Suppressed))
	}
}

// A check whose time is over reports what was found before, masked; a rule that does not end is
// left behind.
func TestACheckThatIsStoppedReportsWhatItFound(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stuck := make(chan struct{})
	defer close(stuck)
	var seen atomic.Int32
	ends := &lint.Rule{ID: "ends", Run: func(p *lint.Pass) {
		p.Report(p.Containers()[0].Node, "first")
		cancel(errors.New("too slow"))
		for {
			seen.Add(1)
			p.Report(p.Containers()[0].Node, "more")
		}
	}}
	hangs := &lint.Rule{ID: "hangs", Run: func(p *lint.Pass) {
		p.Report(p.Containers()[0].Node, "lost")
		<-stuck
	}}
	never := &lint.Rule{ID: "never", Run: func(p *lint.Pass) { p.Report(p.Bundle.Resources[0].Root, "never") }}
	masking := &lint.Rule{ID: "masking", Run: func(p *lint.Pass) { p.Mask(p.Containers()[0].Node.Get("image")) }}
	o := Options{Rules: []config.Enabled{{Rule: everyImage}, {Rule: hangs}, {Rule: ends}, {Rule: never}}, Masking: []*lint.Rule{masking}, Jobs: 2}
	r := report(ctx, []*lint.Bundle{bundleOf(t, ".", strings.ReplaceAll(twoPods, "image: i}", "image: verysecretvalue}"))}, o)
	var found []string
	for _, f := range r.Findings {
		found = append(found, f.Message)
	}
	slices.Sort(found)
	if got := strings.Join(found, "; "); got != `container "x" has an image; container "y" has an image; first` || seen.Load() != 1 {
		t.Errorf("found %s; the rule went on %d times", got, seen.Load())
	}
	if len(r.Errors) != 1 || r.Errors[0].Message != ".: stopped before all rules had run: too slow" {
		t.Errorf("errors %v", r.Errors)
	}
	if line := r.Line(r.Findings[0].Span.Start.Source, 5); strings.Contains(line, "verysecretvalue") {
		t.Errorf("not masked: %s", line)
	}
}

// What a rule that masks has not seen is not shown.
func TestACheckThatCannotMaskShowsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stuck := make(chan struct{})
	defer close(stuck)
	masking := &lint.Rule{ID: "masking", Run: func(*lint.Pass) { cancel(); <-stuck }}
	r := report(ctx, []*lint.Bundle{bundleOf(t, ".", twoPods)}, Options{Rules: []config.Enabled{{Rule: everyImage}}, Masking: []*lint.Rule{masking}, Jobs: 2})
	if len(r.Findings) != 0 || len(r.Errors) != 1 {
		t.Errorf("findings %v, errors %v", r.Findings, r.Errors)
	}
}
